"""`measure_overlap.py` counts molecules that training tables hold, by themselves or in a salt."""

import json
import runpy
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "measure_overlap.py"


def test_salts_and_stereoisomers_are_found(tmp_path, monkeypatch, capsys):
    (tmp_path / "pairs.csv").write_text("smiles,text\nCCN.Cl,a salt\nC[C@H](N)C(=O)O,alanine\nC((,none\n")
    (tmp_path / "library.csv").write_text("smiles\nCCN\nNCC\nC[C@@H](N)C(=O)O\nCl\nCCCN.Cl\n")
    words = ["--train", "pairs.csv", "--sets", "library.csv", "--output", "overlap.json"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), *words])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    report = json.loads((tmp_path / "overlap.json").read_text())
    found = {"molecules": 4, "found": {"pairs": 2}, "in_training": {"pairs": 0.5}}
    assert report == {"train": {"pairs": 2}, "sets": {"library": found}}
    assert "library, 4 molecules: 2 (50.0%) in pairs" in capsys.readouterr().out
