"""The editing evaluation runs, goes on where it stopped, and refuses to mix settings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rdkit import Chem

from modeling_finemoltex import FineMolTexModel
from modeling_finemoltex.data.similarity import compute_similarities

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "evaluate_editing.py"
KINDS = ("random edit", "search", "figures")
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

    asked = ("--prompts", "101", "501", "--similarities", "0.4", "0.6")
    table = run(*asked).stdout
    raw = tmp_path / "results" / "edits.jsonl"
    whole = raw.read_text()
    entries = [json.loads(line) for line in whole.splitlines()]
    # Three editors with and without the judge, two similarities, two prompts and two molecules.
    assert len(entries) == 3 * 2 * 2 * 2 * 2 and {entry["source"] for entry in entries} == set(SOURCES)
    assert "prompts 101-108, mean" in table and (tmp_path / "results" / "table.txt").read_text() == table
    assert "similarity ≥ 0.4" in table and "similarity ≥ 0.6" in table and "new_brenk_alert" in table
    for entry in entries:
        near = float(entry["editor"].rpartition(" ")[2])
        source = Chem.MolFromSmiles(entry["source"])
        answers = list(map(Chem.MolFromSmiles, entry["answers"]))
        assert all(similarity >= near for similarity in compute_similarities(source, answers))
    figures = json.loads((tmp_path / "results" / "report_0.6.json").read_text())["figures"]
    assert list(figures) == [f"{kind}{end}" for end in ("", ", no judge") for kind in KINDS]
    assert figures["search"]["editing_101-108/new_reactive_group"] == 0
    bound = figures["figures, no judge"]["editing_101-108/one_answer_hit"]
    assert bound == 1 == figures["figures"]["editing_101-108/right_way"]
    raw.write_text("\n".join(whole.splitlines()[:5]) + '\n{"editor": "sea')  # killed while writing
    assert run(*asked).stdout == table and raw.read_text() == whole
    assert "other settings than these" in run("--seed", "1", code=1).stderr
