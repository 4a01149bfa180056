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


def test_bounds_are_decided_on_the_command_line(run, words, tmp_path, caplog):
    caplog.set_level("INFO")
    starts = ("c1ccccc1", "C1CC1", "F", "Cl", "")
    smiles = [f"{start}{'C' * length}O" for start in starts for length in range(1, 5)]
    lines = ["mol,IC50", *(f"{one},{'>10' if row % 7 == 0 else row}" for row, one in enumerate(smiles))]
    (tmp_path / "measured.csv").write_text("\n".join(lines))
    mine = [*words, "--dataset", tmp_path / "measured.csv", "--output_dir", tmp_path / "mine", "--methods", "probe"]
    mine += ["--task_type", "regression"]
    with pytest.raises(SystemExit, match="Error: .*row 0, column 'IC50': '>10' is a bound .* has 3 in 20 rows"):
        run(*mine)
    run(*mine, "--qualified", "drop")
    assert "guessed the column 'mol' for the molecules (`smiles_column`) and 'IC50' for the labels" in caplog.text
    with pytest.raises(SystemExit, match="was made with `qualified` 'drop', not 'value'"):
        run(*mine, "--qualified", "value")
    file = tmp_path / "mine" / "results.json"
    results = json.loads(file.read_text())
    assert results["sets"]["measured"]["num_rows"] == 20


def test_results_of_earlier_versions_are_added_to(run, words, tmp_path):
    run(*words, "--methods", "probe")
    file = tmp_path / "out" / "results.json"
    results = json.loads(file.read_text())
    for name in ("qualified", "ranges"):
        del results["settings"][name]
    file.write_text(json.dumps(results))
    run(*words, "--methods", "probe", "--seeds", 1)
    with pytest.raises(SystemExit, match="was made with `ranges` 'error', not 'drop'"):
        run(*words, "--ranges", "drop")


def test_it_stays_short():
    assert len(SCRIPT.read_text().splitlines()) <= 120
