"""A table of molecules is edited row by row, bad rows are told, and an interrupted job goes on."""

import csv
import functools
import json
import multiprocessing

import pytest

from modeling_finemoltex import EditConstraints, SearchEditor, SearchSettings
from modeling_finemoltex.editing import CremMutations, Job, RandomEditor, edit_file, load_editor
from modeling_finemoltex.editing.edit_workers import EditWorkers

PROMPT = "This molecule is an alcohol and has a bond."
JOB = Job(PROMPT, num_edits=3)


class Counter(SearchEditor):
    """Remembers what it was asked, and stops after a number of molecules."""

    def __init__(self, encoder, most=None):
        super().__init__(encoder, constraints=EditConstraints(), settings=SearchSettings(40, 1))
        self.asked, self.most = [], most

    def edit(self, smiles, *words):
        if len(self.asked) == self.most:
            raise KeyboardInterrupt
        self.asked.append(smiles)
        return super().edit(smiles, *words)


@pytest.fixture
def library(tmp_path):
    file = tmp_path / "library.csv"
    file.write_text("name,smiles\nasp,CC(=O)Oc1ccccc1C(=O)O\nbad,C1CC\nsalt,[Na+].[Cl-]\nphe,CCc1ccc(O)cc1\n")
    return file


def read(file):
    with open(file, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_rows_say_what_was_edited_and_why_not(encoder, library, tmp_path, caplog):
    counts, report = edit_file(library, tmp_path / "out.csv", Counter(encoder), JOB, progress_bar=False)
    rows = read(tmp_path / "out.csv")
    assert counts["num_rows"] == 4 and counts["num_errors"] == 2
    assert counts["num_edits"] == sum(bool(row["smiles"]) for row in rows) > 0
    bad = [row for row in rows if row["row"] == "2"]
    assert len(bad) == 1 and bad[0]["note"].startswith("row 2: 'C1CC' is no molecule") and not bad[0]["smiles"]
    assert [row["row"] for row in rows] == sorted(row["row"] for row in rows) and {"1", "4"} <= {
        r["row"] for r in rows
    }
    assert report.proposed > 0 and "row 2" in caplog.text
    first = next(row for row in rows if row["smiles"])
    assert float(first["text_score"]) > 0 and first["changed"] and first["change_MolLogP"]
    assert not (tmp_path / "out.csv.part").exists()


def test_an_interrupted_job_goes_on(encoder, library, tmp_path):
    whole, parts = tmp_path / "whole.csv", tmp_path / "parts.csv"
    edit_file(library, whole, Counter(encoder), JOB, progress_bar=False)
    with pytest.raises(KeyboardInterrupt):
        edit_file(library, parts, Counter(encoder, most=3), JOB, progress_bar=False)
    part = tmp_path / "parts.csv.part"
    assert not parts.exists() and len(part.read_text().splitlines()) == 4
    part.write_text(part.read_text() + '{"row": 4, "sour')  # as a kill leaves it
    rest = Counter(encoder)
    edit_file(library, parts, rest, JOB, progress_bar=False)
    assert rest.asked == ["CCc1ccc(O)cc1"] and parts.read_text() == whole.read_text()


def test_the_work_of_another_job_is_not_taken(encoder, library, tmp_path):
    part = tmp_path / "out.csv.part"
    part.write_text(json.dumps({"prompt": "something else"}) + "\n")
    with pytest.raises(ValueError, match="belongs to another job: it differs in input, prompt, num_edits"):
        edit_file(library, tmp_path / "out.csv", Counter(encoder), JOB)
    with pytest.raises(ValueError, match=r"must be a .csv file, got .*out.txt"):
        edit_file(library, tmp_path / "out.txt", Counter(encoder), JOB)


def test_processes_edit_as_one_does(encoder, library, tmp_path):
    make_editor = functools.partial(RandomEditor, [CremMutations()], EditConstraints(), num_candidates=40)
    alone, shared = tmp_path / "alone.csv", tmp_path / "shared.csv"
    expected = edit_file(library, alone, make_editor, JOB, progress_bar=False)
    found = edit_file(library, shared, make_editor, JOB, progress_bar=False, num_workers=2)
    assert found == expected and shared.read_text() == alone.read_text()
    with pytest.raises(ValueError, match="`num_workers` is 2, and an editor stays in the process that made it"):
        edit_file(library, tmp_path / "out.csv", Counter(encoder), JOB, num_workers=2)


def test_what_keeps_an_editor_from_being_made_is_said_first(library, tmp_path):
    with pytest.raises(ValueError, match="There is no editor 'magic'"):
        edit_file(library, tmp_path / "out.csv", functools.partial(load_editor, "magic", ""), JOB, num_workers=1)
    with pytest.raises(ValueError, match="`num_workers` must be 0 or more, got -1"):
        edit_file(library, tmp_path / "out.csv", functools.partial(load_editor, "magic", ""), JOB, num_workers=-1)
    assert not list(tmp_path.glob("out.csv*"))


def test_a_process_that_dies_is_no_wait_for_ever():
    with EditWorkers(functools.partial(RandomEditor, [CremMutations()]), 1) as workers:
        assert len(workers.begin("CCc1ccccc1", PROMPT, None, 2)()) == 2
        (child,) = multiprocessing.active_children()
        child.kill()
        with pytest.raises(ChildProcessError, match="came to a sudden end.* Give a smaller `num_workers`"):
            workers.begin("CCO", PROMPT)()
