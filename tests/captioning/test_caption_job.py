"""A table of molecules is described row by row, bad rows are told, and an interrupted job goes on."""

import csv

import pytest

from modeling_finemoltex import Captioner, caption_file


@pytest.fixture
def library(tmp_path):
    file = tmp_path / "library.csv"
    file.write_text("name,smiles\nalc,CCO\nbad,C1CC\nsalt,[Na+].[Cl-]\nempty,\nme,C\n", encoding="utf-8")
    return file


class Stopping(Captioner):
    """Stops before the batch in which a molecule stands."""

    def __init__(self, captioner, at=None):
        super().__init__(captioner.parts, checks=True)
        self.at, self.asked = at, []

    def write(self, smiles):
        if self.at in smiles:
            raise KeyboardInterrupt
        self.asked += smiles
        return super().write(smiles)


def read(file):
    with open(file, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_rows_have_captions_or_say_why_not(captioner, library, tmp_path, caplog):
    counts = caption_file(library, tmp_path / "out.csv", Stopping(captioner), "model", 2, progress_bar=False)
    rows = read(tmp_path / "out.csv")
    assert counts["num_rows"] == 5 and counts["num_errors"] == 2 and [row["row"] for row in rows] == list("12345")
    assert rows[1]["error"].startswith("row 2: RDKit cannot parse the SMILES 'C1CC'") and not rows[1]["caption"]
    assert rows[3]["error"].startswith("row 4: ") and "row 2" in caplog.text
    assert rows[0]["caption"] == captioner.write(["CCO"])[0].text and rows[0]["num_false"].isdecimal()
    assert counts["num_false"] <= counts["num_statements"] and not (tmp_path / "out.csv.part").exists()


def test_an_interrupted_job_goes_on(captioner, library, tmp_path):
    whole, parts = tmp_path / "whole.csv", tmp_path / "parts.csv"
    caption_file(library, whole, Stopping(captioner), "model", 2, progress_bar=False)
    with pytest.raises(KeyboardInterrupt):
        caption_file(library, parts, Stopping(captioner, "C"), "model", 2, progress_bar=False)
    assert not parts.exists()
    rest = Stopping(captioner)
    caption_file(library, parts, rest, "model", 2, progress_bar=False)
    assert rest.asked == ["C"] and parts.read_text() == whole.read_text()


def test_another_job_another_suffix_and_no_batch_are_refused(captioner, library, tmp_path):
    output = tmp_path / "out.csv"
    with pytest.raises(KeyboardInterrupt):
        caption_file(library, output, Stopping(captioner, "C"), "model", 2, progress_bar=False)
    with pytest.raises(ValueError, match="belongs to another job: it differs in model"):
        caption_file(library, output, Stopping(captioner), "another", 2, progress_bar=False)
    with pytest.raises(ValueError, match="must be a .csv file"):
        caption_file(library, tmp_path / "out.txt", captioner, "model")
    with pytest.raises(ValueError, match="`batch_size` must be at least 1: got 0"):
        caption_file(library, output, captioner, "model", batch_size=0)
