"""The editing evaluation runs, goes on where it stopped, and refuses to mix settings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modeling_finemoltex import FineMolTexModel

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "evaluate_editing.py"
SOURCES = ("CC(=O)Oc1ccccc1C(=O)O", "CCOC(=O)c1ccc(N)cc1")


@pytest.mark.slow
def test_evaluate_editing_resumes(tmp_path, config, processor):
    FineMolTexModel(config).save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    (tmp_path / "sources.csv").write_text("\n".join(["smiles", *SOURCES]), encoding="utf-8")

    def run(*words, code: int = 0):
        command = [sys.executable, SCRIPT, tmp_path / "sources.csv", "--model", tmp_path / "model"]
        command += ["--output", tmp_path / "results", "--num_candidates", "20", *words]
        environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
        assert done.returncode == code, done.stderr[-2000:]
        return done

    table = run("--prompts", "101", "501").stdout
    raw = tmp_path / "results" / "edits.jsonl"
    whole = raw.read_text()
    entries = [json.loads(line) for line in whole.splitlines()]
    assert len(entries) == 4 * 2 * 2 and {entry["source"] for entry in entries} == set(SOURCES)
    assert "prompts 101-108, mean" in table and (tmp_path / "results" / "table.txt").read_text() == table
    raw.write_text("\n".join(whole.splitlines()[:5]) + '\n{"editor": "sea')  # killed while writing
    assert run("--prompts", "101", "501").stdout == table and raw.read_text() == whole
    assert "other settings than these" in run("--seed", "1", code=1).stderr
