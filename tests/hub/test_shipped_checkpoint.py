"""The folders under `hub_cards/` that hold weights: complete, small, with today's code, and as good as they say."""

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoModel, AutoModelForPreTraining, AutoProcessor

from modeling_finemoltex import AutoModelForMoleculeEditing, LatentOptimizationEditor, SearchEditor
from modeling_finemoltex.data.identifiers import canonical_smiles
from modeling_finemoltex.embedding import MoleculeTextEncoder

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path.parent for path in (ROOT / "hub_cards").glob("*/model.safetensors"))
SMALL = ROOT / "hub_cards" / "finemoltex-small"
EDITING = ROOT / "hub_cards" / "finemoltex-small-molecule-editing"
CLASSES = {SMALL: AutoModelForPreTraining, EDITING: AutoModelForMoleculeEditing}
PARTS = ("modeling_finemoltex", "processors", "hub_cards")
SOURCES = {file.name: file for part in PARTS for file in (ROOT / part).glob("*.py")}

each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def test_both_are_shipped():
    assert sorted(CLASSES) == FOLDERS


@each_folder
def test_it_fits_in_50_megabytes(folder):
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) <= 50e6


@each_folder
def test_its_code_is_the_code_of_this_repository(folder):
    copies = sorted(folder.glob("*.py"))
    assert copies
    different = [copy.name for copy in copies if copy.read_bytes() != SOURCES[copy.name].read_bytes()]
    assert not different, f"run examples/export_checkpoint.py again, or copy {different}"


@each_folder
def test_every_weight_is_there_and_finite(folder):
    model, report = CLASSES[folder].from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    assert all(weight.isfinite().all() for weight in model.state_dict().values() if weight.is_floating_point())


def test_the_examples_of_the_card_are_answers_of_the_model():
    widget = ModelCard.load(SMALL / "README.md").data.widget
    model = AutoModel.from_pretrained(SMALL)
    encoder = MoleculeTextEncoder(model.eval(), AutoProcessor.from_pretrained(SMALL))
    for example in widget:
        smiles = [answer["label"] for answer in example["output"]]
        logits = (
            encoder.encode_texts([example["text"]]) @ encoder.encode_molecules(smiles).T / model.config.temperature
        )
        probabilities = torch.from_numpy(logits).softmax(-1)[0]
        stated = torch.tensor([answer["score"] for answer in example["output"]])
        torch.testing.assert_close(probabilities, stated, atol=2e-3, rtol=0)


def test_the_training_log_is_strict_json_and_improves():
    log = json.loads((SMALL / "training_log.json").read_text(encoding="utf-8"))
    ranks = [entry["eval_validation/t2m_mrr"] for entry in log if "eval_validation/t2m_mrr" in entry]
    assert ranks[-1] > ranks[0]


@pytest.mark.parametrize(
    ("end", "opposite", "name", "change"),
    [
        ("is soluble in water", "is insoluble in water", "MolLogP", -0.4),  # -0.8 and -2.1 when it was shipped
        ("has more hydrogen bond donors", "has fewer hydrogen bond donors", "NumHDonors", 1.0),  # 2.2 and 2.6
    ],
)
def test_a_search_does_what_the_sentence_asks(end, opposite, name, change):
    editor = SearchEditor(MoleculeTextEncoder.from_pretrained(str(EDITING)))
    for source in ("CC(=O)Oc1ccccc1C(=O)O", "O=C(NC1CCCCC1)c1ccc(Cl)cc1"):
        edits = editor.edit(source, f"This molecule {end}.", f"This molecule {opposite}.", 5)
        assert len(edits) == 5 and all(edit.similarity >= 0.4 for edit in edits)
        mean = sum(edit.property_changes[name] for edit in edits) / 5
        assert mean / change > 1, mean


def test_the_generator_gives_molecules_back_and_moves_them():
    pytest.importorskip("selfies")
    editor = LatentOptimizationEditor.from_pretrained(str(EDITING), only_admissible=False)
    sources = ["CC(=O)Nc1ccc(O)cc1", "O=C(NC1CCCCC1)c1ccc(Cl)cc1", "COc1ccc(CCN2CCOCC2)cc1", "Cc1ccc(S(N)(=O)=O)cc1"]
    given = editor.coder.decode(editor.coder.encode([editor.coder.tokenize(one) for one in sources]))
    assert given == [canonical_smiles(one) for one in sources]
    answers = editor.edit_many(sources, "This molecule is soluble in water.")
    assert all(canonical_smiles(edit.smiles) for edits in answers for edit in edits)
    assert any(edit.smiles != source for edits, source in zip(answers, given, strict=True) for edit in edits)
