"""The attribution script: tables with planted labels, models trained on them, and scores of their atoms."""

import csv
import json
from pathlib import Path

import pytest

pytest.importorskip("sklearn")

from modeling_finemoltex import FineMolTexForPreTraining

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "evaluate_attribution.py"


@pytest.fixture
def words(tmp_path, config, processor):
    FineMolTexForPreTraining(config).save_pretrained(tmp_path / "demo")
    processor.save_pretrained(tmp_path / "demo")
    smiles = [f"{'C' * length}{end}" for length in range(2, 32) for end in ("C#N", "O")]
    (tmp_path / "pool.smi").write_text("\n".join(smiles) + "\n")
    return [
        *("--model", tmp_path / "demo", "--molecules", tmp_path / "pool.smi", "--output_dir", tmp_path / "out"),
        *("--groups", "nitrile", "--methods", "probe", "--num_explained", "2", "--num_orders", "1"),
    ]


def test_planted_nitriles(run_file, words, tmp_path):
    printed = run_file(SCRIPT, *words)
    with (tmp_path / "out" / "tables" / "nitrile.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert all((row["has_group"] == "1") == row["smiles"].endswith("#N") for row in rows) and len(rows) == 60
    assert [sum(row["split"] == name for row in rows) for name in ("train", "valid", "test")] == [42, 9, 9]
    report = json.loads((tmp_path / "out" / "attribution.json").read_text())
    (entry,) = report["groups"]
    assert (entry["group"], entry["method"], entry["num_molecules"]) == ("nitrile", "probe", 2)
    assert entry["chance"]["mean"] == 0.5 and entry["heteroatoms"]["mean"] == 0.75  # N of C and N
    for name in ("states", "hidden atoms", "in orders", "motifs", "deleted atoms"):
        assert 0 <= entry[name]["mean"] <= 1
    assert f"states {entry['states']['mean']:.3f}" in printed and "mean of the groups" in printed


def test_mistakes_are_one_line(run_file, words):
    with pytest.raises(SystemExit, match="Error: There is no group 'nitril'"):
        run_file(SCRIPT, *words, "--groups", "nitril")
    with pytest.raises(SystemExit, match="Error: Of 60 molecules, 0 have the group 'furan'"):
        run_file(SCRIPT, *words, "--groups", "furan")
