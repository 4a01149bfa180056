"""Fixtures: a tiny model with everything that completes a vector or scores a token, and its export.

Exporting takes most of a minute of work, so all processes of a parallel run share one export.
"""

import os
from pathlib import Path

import pytest

TOKENS = {"size": 8, "num_concepts": 7, "num_concept_counts": 2, "num_graph_layers": 1, "num_text_layers": 1}
TOKENS |= {"full_words": 4, "num_counts": 1}
COUNTS = {"size": 6, "num_text_buckets": 64, "num_molecule_buckets": 32, "shortest": 2, "longest": 2, "radius": 1}
SCALING = {"num_centres": 5, "num_neighbours": 2}
LAYERS = {"graph_config": {"num_layers": 1}, "text_config": {"num_hidden_layers": 1}}


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory) -> Path:
    """A folder of all processes of this run."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "exported-model"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def whole_encoder(shared_folder, change_config, processor):
    """The encoder of a saved model with tokens, concepts, counts and scaling, all of them random."""
    from modeling_finemoltex import MoleculeTextEncoder
    from modeling_finemoltex.data.atomic_files import locked_folder

    folder = shared_folder / "model"
    with locked_folder(shared_folder, waits=True):
        if not folder.is_dir():
            config = change_config(token_config=TOKENS, count_config=COUNTS, scaling_config=SCALING, **LAYERS)
            _save_model(config, processor, folder)
    return MoleculeTextEncoder.from_pretrained(str(folder))


@pytest.fixture(scope="session")
def onnx_export(shared_folder, whole_encoder) -> Path:
    """The folder of its export."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from modeling_finemoltex.data.atomic_files import locked_folder
    from modeling_finemoltex.export import export_model

    folder = shared_folder / "export"
    with locked_folder(shared_folder, waits=True):
        if not folder.is_dir():
            export_model(shared_folder / "model", folder)
    return folder


def _save_model(config, processor, folder: Path) -> None:
    """Save a model in which nothing is zero."""
    import torch

    from modeling_finemoltex import FineMolTexModel

    torch.manual_seed(0)
    model = FineMolTexModel(config).eval()
    parts = (model.fitted, model.word_tokens, model.molecule_tokens.concepts)
    for parameter in (one for part in parts for one in part.parameters()):
        torch.nn.init.normal_(parameter, std=0.3)
    model.fitted.counts.texts.spell(processor.tokenizer.get_vocab(), processor.tokenizer.all_special_ids)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
