"""The property script: a table of methods on a set by name, resumed by the same command, errors in one line."""

import json
from pathlib import Path

import pytest

pytest.importorskip("sklearn")

from modeling_finemoltex import FineMolTexForPreTraining

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "finetune_property.py"


@pytest.fixture
def words(tmp_path, config, processor):
    """Arguments for a small BBBP, with one row that cannot be parsed."""
    FineMolTexForPreTraining(config).save_pretrained(tmp_path / "demo")
    processor.save_pretrained(tmp_path / "demo")
    starts = ("c1ccccc1", "C1CC1", "c1ccsc1", "", "F", "Cl")
    smiles = [f"{start}{'C' * length}{end}" for start in starts for length in (1, 2) for end in "NO"]
    smiles.append("C(C")
    lines = ["num,name,p_np,smiles", *(f"{row},x,{int('N' in one)},{one}" for row, one in enumerate(smiles))]
    (tmp_path / "bbbp.csv").write_text("\n".join(lines) + "\n")
    return [
        *("--model", tmp_path / "demo", "--dataset", "bbbp", "--data_dir", tmp_path, "--output_dir", tmp_path / "out"),
        *("--split", "random", "--epochs", "1", "--methods", "probe", "fine_tuned"),
    ]


@pytest.fixture
def run(run_file):
    return lambda *words: run_file(SCRIPT, *words)


def test_a_table_and_more_seeds_later(run, words, tmp_path):
    printed = run(*words)
    assert "bbbp: left out the unparsable rows 24." in printed
    assert "| pre-trained, linear probe |" in printed and "| pre-trained, fine-tuned |" in printed
    first = json.loads((tmp_path / "out" / "results.json").read_text())
    run(*words, "--seeds", 0, 1)
    second = json.loads((tmp_path / "out" / "results.json").read_text())
    assert second["runs"][:2] == first["runs"] and [run["seed"] for run in second["runs"]] == [0, 0, 1, 1]
    assert second["sets"]["bbbp"]["unparseable"] == {"24": "C(C"}


def test_mistakes_are_one_line(run, words):
    with pytest.raises(SystemExit, match="Error: .*has no column 'p_pn'"):
        run(*words, "--label_columns", "p_pn")
    with pytest.raises(SystemExit, match="Error: Unknown method 'svm'"):
        run(*words, "--methods", "svm")


def test_it_stays_short():
    assert len(SCRIPT.read_text().splitlines()) <= 120
