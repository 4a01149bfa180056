"""A tiny model with everything that completes a vector or scores a token, and its export."""

import pytest
import torch

TOKENS = {"size": 8, "num_concepts": 7, "num_concept_counts": 3, "num_graph_layers": 1, "num_text_layers": 1}
TOKENS |= {"full_words": 4}
COUNTS = {"size": 6, "num_text_buckets": 64, "num_molecule_buckets": 32}


@pytest.fixture(scope="session")
def whole_encoder(tmp_path_factory, change_config, processor):
    """The encoder of a saved model with tokens, concepts, counts and scaling, all of them random."""
    from modeling_finemoltex import FineMolTexModel, MoleculeTextEncoder

    torch.manual_seed(0)
    scaling = {"num_centres": 5, "num_neighbours": 2}
    model = FineMolTexModel(change_config(token_config=TOKENS, count_config=COUNTS, scaling_config=scaling)).eval()
    parts = (model.fitted, model.word_tokens, model.molecule_tokens.concepts)
    for parameter in (one for part in parts for one in part.parameters()):
        torch.nn.init.normal_(parameter, std=0.3)
    model.fitted.counts.texts.spell(processor.tokenizer.get_vocab(), processor.tokenizer.all_special_ids)
    folder = tmp_path_factory.mktemp("whole") / "model"
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return MoleculeTextEncoder.from_pretrained(str(folder))


@pytest.fixture(scope="session")
def exported(tmp_path_factory, whole_encoder):
    """The folder of its export."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from modeling_finemoltex.export import export_model

    folder = tmp_path_factory.mktemp("exported") / "export"
    return export_model(whole_encoder.fingerprint["name_or_path"], folder)


@pytest.fixture
def copied(exported, tmp_path):
    """A copy of the export that a test may spoil."""
    import shutil

    return shutil.copytree(exported, tmp_path / "copied")


@pytest.fixture(scope="session")
def onnx_encoder(exported):
    """The encoder of the export."""
    from modeling_finemoltex.runtime import OnnxMoleculeTextEncoder

    return OnnxMoleculeTextEncoder(exported)
