"""`examples/evaluate_captioning.py`: captions of a model beside the nearest and the true ones, as JSON and a table."""

import json
from pathlib import Path

import pytest

from tests.captioning.conftest import caption_arguments, captioner_folder, captions_file  # noqa: F401

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "evaluate_captioning.py"


def test_the_report_has_a_row_for_each_writer(captioner_folder, captions_file, tmp_path, run_file):  # noqa: F811
    pytest.importorskip("nltk")
    pytest.importorskip("rouge_score")
    words = ("--model", captioner_folder, "--file", captions_file, "--output_dir", tmp_path, "--max_pairs", 4)
    printed = run_file(SCRIPT, *words)
    figures = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["figures"]
    nearest = figures["nearest training caption (ECFP4)"]
    quoting = figures["model, quoting"]
    assert {"bleu_2", "bleu_4", "rouge_l", "num_statements", "num_false"} < set(nearest) & set(figures["model"])
    assert set(quoting) == set(nearest)
    assert nearest["rouge_l"] > 0.5  # most of these molecules are in the memory, with their captions
    assert "bleu_2" not in figures["written by people"] and figures["written by people"]["num_statements"] > 0
    rows = [json.loads(line) for line in (tmp_path / "captions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 4 and all(row["model"] and 0 <= row["similarity"] <= 1 for row in rows)
    assert printed.count("\n") == 6 and (tmp_path / "table.md").read_text(encoding="utf-8") in printed
