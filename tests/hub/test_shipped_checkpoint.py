"""The folders under `hub_cards/` that hold weights: complete, small, with today's code, and as good as they say."""

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoModel, AutoModelForPreTraining, AutoProcessor

from modeling_finemoltex.retrieval import MoleculeTextEncoder

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path.parent for path in (ROOT / "hub_cards").glob("*/model.safetensors"))
SMALL = ROOT / "hub_cards" / "finemoltex-small"
PARTS = ("modeling_finemoltex", "processors", "hub_cards")
SOURCES = {file.name: file for part in PARTS for file in (ROOT / part).glob("*.py")}

each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def test_small_is_shipped():
    assert SMALL in FOLDERS


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
    model, report = AutoModelForPreTraining.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    assert all(weight.isfinite().all() for weight in model.state_dict().values() if weight.is_floating_point())


@each_folder
def test_the_examples_of_its_card_are_its_answers(folder):
    widget = ModelCard.load(folder / "README.md").data.widget
    model = AutoModel.from_pretrained(folder)
    encoder = MoleculeTextEncoder(model.eval(), AutoProcessor.from_pretrained(folder))
    for example in widget:
        smiles = [answer["label"] for answer in example["output"]]
        logits = (
            encoder.encode_texts([example["text"]]) @ encoder.encode_molecules(smiles).T / model.config.temperature
        )
        probabilities = torch.from_numpy(logits).softmax(-1)[0]
        stated = torch.tensor([answer["score"] for answer in example["output"]])
        torch.testing.assert_close(probabilities, stated, atol=2e-3, rtol=0)


@each_folder
def test_the_training_log_is_strict_json_and_improves(folder):
    log = json.loads((folder / "training_log.json").read_text(encoding="utf-8"))
    ranks = [entry["eval_validation/t2m_mrr"] for entry in log if "eval_validation/t2m_mrr" in entry]
    assert ranks[-1] > ranks[0]
