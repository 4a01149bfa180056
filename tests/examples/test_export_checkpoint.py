"""A training run and an evaluation report become a folder for the Hub that tells nothing of the machine."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from safetensors.torch import load_file

from modeling_finemoltex import FineMolTexForPreTraining

ROOT = Path(__file__).resolve().parents[2]
FACTS = "dataset: a few alcohols\nwidget:\n  texts: [an alcohol]\n  smiles: [CCO, C]\n"


@pytest.fixture
def run(tmp_path, config, processor) -> Path:
    """What `examples/pretrain.py` leaves, and a report of `examples/evaluate_retrieval.py` about it."""
    folder = tmp_path / "run"
    FineMolTexForPreTraining(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    log = [{"step": 1, "eval_validation/t2m_mrr": 0.1}]
    training = {
        "global_step": 7,
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 1,
        "learning_rate": 0.001,
        "muon_learning_rate": 0.02,
        "lr_scheduler_type": "cosine",
        "seed": 3,
    }
    summary = {"settings": {"split": "scaffold", "seed": 3}, "splits": {}, "removed": {}}
    report = {
        "tasks": {"mine": {"queries": 2}},
        "figures": {"model": {"mine/t2m_hits@1": 0.5}},
        "ranks": {"model": [1, 2]},
        "arguments": {"model": "/secret/run", "pool": ["/secret/a.csv", "/secret/b.csv"], "rerank": 0},
    }
    (folder / "preparation").mkdir()
    for name, content in (
        ("trainer_state.json", {"log_history": log}),
        ("training_args.json", training),
        ("preparation/summary.json", summary),
        ("report.json", report),
    ):
        (folder / name).write_text(json.dumps(content))
    (folder / "facts.yaml").write_text(FACTS)
    return folder


@pytest.fixture
def export(run, run_file):
    """Function that exports the run with some more words."""
    return lambda *words: run_file(ROOT / "examples" / "export_checkpoint.py", "--run", run, *words)


def test_export_writes_weights_card_log_and_figures(run, export, tmp_path):
    output = tmp_path / "exported"
    export("--output", output, "--facts", run / "facts.yaml", "--reports", run / "report.json")
    weights = load_file(output / "model.safetensors").values()
    assert {weight.dtype for weight in weights if weight.is_floating_point()} == {torch.float16}
    card = ModelCard.load(output / "README.md")
    assert "50.00 %" in card.text and "(Muon: 0.02)" in card.text and "a few alcohols" in card.text
    assert {answer["label"] for answer in card.data.widget[0]["output"]} == {"CCO", "C"}
    (figures,) = json.loads((output / "evaluation_results.json").read_text())
    assert figures["arguments"] == {"model": "run", "pool": ["a.csv", "b.csv"], "rerank": 0} and "ranks" not in figures
    assert json.loads((output / "training_log.json").read_text())[0]["step"] == 1
    assert not [file for file in output.iterdir() if b"/secret" in file.read_bytes()]


def test_the_card_shows_what_is_answered_wrongly(run, export, tmp_path):
    smiles = ["CCO", "CCO", "c1ccccc1", "CC(=O)O", "CCN"]  # of two equal molecules, at most one text ranks above
    lines = [json.dumps({"smiles": one, "text": f"text {row}"}) for row, one in enumerate(smiles)]
    queries = run / "queries.jsonl"
    queries.write_text("\n".join(lines))
    export("--output", tmp_path / "exported", "--queries", queries)
    facts = yaml.safe_load((tmp_path / "exported" / "card_facts.yaml").read_text(encoding="utf-8"))
    assert 1 <= len(facts["failures"]) <= 4  # one molecule is the first for each text, and it is not theirs
    for one in facts["failures"]:
        assert one["rank"] > 1 and one["right"] == smiles[int(one["text"].split()[1])] != one["first"]


def test_encoders_are_averaged_with_those_of_the_stage_before(run, export, tmp_path, config):
    earlier, output = tmp_path / "earlier", tmp_path / "exported"
    shutil.copytree(run, earlier)
    FineMolTexForPreTraining(config).save_pretrained(earlier)
    export("--output", output, "--full_precision", "--average_with", earlier, "--average_weight", "0.25")
    before, after, mean = (load_file(folder / "model.safetensors") for folder in (earlier, run, output))
    for name, tensor in mean.items():
        weight = 0.25 if "text_encoder" in name or "readout" in name else 1.0
        if "text_encoder" in name or "readout" in name or ".fusion." in name:
            torch.testing.assert_close(tensor, before[name].lerp(after[name], weight))
    assert json.loads((output / "training_log.json").read_text())[1]["step"] == 8  # 7 of the first stage, and 1
    assert "Then, from there" in (output / "README.md").read_text()
