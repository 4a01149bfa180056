"""`finemoltex predict`: the table of a library with predictions beside its rows."""

import csv

import pytest


@pytest.fixture
def library(tmp_path):
    file = tmp_path / "library.csv"
    file.write_text("name,smiles\neth,CCO\nbad,C(C\nben,c1ccccc1\n", encoding="utf-8")
    return file


def test_it_writes_the_rows_with_predictions(tuned_folder, library, tmp_path, run):
    done = run("predict", library, tmp_path / "out.csv", "--model", tuned_folder, "--device", "cpu", "--batch_size", 1)
    assert done.stdout == f"{tmp_path / 'out.csv'}: 3 rows, 1 of them without prediction (see `error`).\n"
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["name"] for row in rows] == ["eth", "bad", "ben"]
    assert [bool(row["predicted_toxic"]) for row in rows] == [not row["error"] for row in rows] == [True, False, True]


def test_mistakes_end_with_a_sentence(tuned_folder, library, tmp_path, run):
    for words, message in (
        ([tmp_path / "out.csv", "--smiles_column", "structure"], "has no column 'structure'"),
        ([tmp_path / "out.txt"], "OUTPUT must be a .csv file"),
        ([tmp_path / "out.csv", "--level", "0.9"], "holds no conformal calibration, which --level needs"),
        ([tmp_path / "out.csv", "--neighbours", "3"], "holds no training molecules, which --neighbours needs"),
        ([tmp_path / "out.csv", "--draw_property", "toxic"], "give the folder with --draw too"),
    ):
        done = run("predict", library, *words, "--model", tuned_folder, code=1)
        assert done.stderr.startswith("Error: ") and message in done.stderr and not done.stdout


def test_pictures_of_a_property(tuned_folder, library, tmp_path, run):
    words = ["--model", tuned_folder, "--device", "cpu", "--draw", tmp_path / "maps", "--draw_property", "soluble"]
    run("predict", library, tmp_path / "out.csv", *words)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        pictures = [row["picture"] for row in csv.DictReader(stream)]
    assert pictures == [str(tmp_path / "maps" / "0000001.svg"), "", str(tmp_path / "maps" / "0000003.svg")]
    assert sorted(map(str, (tmp_path / "maps").iterdir())) == [pictures[0], pictures[2]]
