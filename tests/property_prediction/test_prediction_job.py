"""Predicting a file: rows as they were, predictions beside them, a reason where there is none."""

import csv
import functools
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rdkit import Chem

from modeling_finemoltex import FineMolTexForPropertyPrediction
from modeling_finemoltex.data import MoleculeFile
from modeling_finemoltex.property_prediction import PropertyPredictor, predict_file, prediction_job
from tests.faults import full_disk, kill_during, time_of


@pytest.fixture(scope="module")
def predictor(tuned_folder):
    return PropertyPredictor.from_pretrained(tuned_folder, device="cpu")


@pytest.fixture
def library(tmp_path):
    file = tmp_path / "library.csv"
    file.write_text('name,smiles,note\neth,CCO,"a, ""b"""\nbad,C(C,x\n,c1ccccc1,\nshort\nasp,OCC,\n', encoding="utf-8")
    return file


def read(file):
    with open(file, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_rows_stay_and_errors_say_why(predictor, library, tmp_path):
    counts = predict_file(MoleculeFile(library, keep_cells=True), tmp_path / "out.csv", predictor, batch_size=2)
    assert counts == {"num_rows": 5, "num_errors": 2}
    rows = read(tmp_path / "out.csv")
    added = ["predicted_toxic", "predicted_soluble", "nearest_training_tanimoto", "error"]
    assert list(rows[0]) == ["name", "smiles", "note", *added]
    assert [row["name"] for row in rows] == ["eth", "bad", "", "short", "asp"]
    assert rows[0]["note"] == 'a, "b"'
    assert (
        rows[1]["error"].startswith("line 3: RDKit cannot parse the SMILES 'C(C'") and not rows[1]["predicted_toxic"]
    )
    assert rows[3]["error"] == "line 5: it has 1 cells, the header has 3"
    expected = predictor.predict(["CCO", "c1ccccc1", "OCC"])
    found = [[float(rows[place][name]) for name in added[:2]] for place in (0, 2, 4)]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert [rows[place]["nearest_training_tanimoto"] for place in (0, 2, 4)] == ["1.000", "1.000", "1.000"]
    np.testing.assert_allclose(found[0], found[2])  # one molecule, two spellings


def test_batches_windows_and_workers_change_nothing(predictor, tmp_path, molecules):
    file = tmp_path / "library.smi"
    file.write_text("".join(f"{smiles} m{place}\n" for place, smiles in enumerate([*molecules] * 5)))
    outputs = []
    for batch_size, num_workers in ((64, 0), (3, 0), (2, 1)):
        source = MoleculeFile(file, keep_cells=True)
        predict_file(source, tmp_path / "out.csv", predictor, batch_size, num_workers)
        outputs.append([float(row["predicted_toxic"]) for row in read(tmp_path / "out.csv")])
    assert len(outputs[0]) == 50
    np.testing.assert_allclose(outputs[1:], [outputs[0]] * 2, atol=1e-5)


def test_parquet_and_sdf(predictor, tmp_path):
    pq.write_table(pa.table({"smiles": ["CCO", None], "mass": [46.07, None]}), tmp_path / "t.parquet")
    predict_file(MoleculeFile(tmp_path / "t.parquet", keep_cells=True), tmp_path / "out.csv", predictor)
    rows = read(tmp_path / "out.csv")
    assert rows[0]["mass"] == "46.07" and rows[0]["predicted_toxic"] and rows[1]["error"]
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("OCC"))
    (tmp_path / "t.sdf").write_text(f"ethanol{block}$$$$\n")
    predict_file(MoleculeFile(tmp_path / "t.sdf", keep_cells=True), tmp_path / "out.csv", predictor)
    (row,) = read(tmp_path / "out.csv")
    assert (row["smiles"], row["id"]) == ("CCO", "ethanol") and row["predicted_toxic"] == rows[0]["predicted_toxic"]


def test_rows_are_read_as_they_are_needed(predictor, tmp_path, monkeypatch):
    """Constant memory: never more than one window between the file and the output."""
    file = tmp_path / "library.smi"
    file.write_text("CCO\n" * 200)
    source, ahead = MoleculeFile(file, keep_cells=True), [0, 0]
    original, write = type(source).__iter__, prediction_job._write_rows

    def count_read(self):
        for row in original(self):
            ahead[0] += 1
            yield row

    def count_written(rows, *rest):
        ahead[1] = max(ahead[1], ahead[0])
        ahead[0] -= len(rows)
        return write(rows, *rest)

    monkeypatch.setattr(MoleculeFile, "__iter__", count_read)
    monkeypatch.setattr(prediction_job, "_write_rows", count_written)
    predict_file(source, tmp_path / "out.csv", predictor, batch_size=2)
    assert ahead[1] <= 16


def test_the_output_appears_when_it_is_complete(predictor, library, tmp_path, monkeypatch):
    monkeypatch.setattr(PropertyPredictor, "predict_window", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        predict_file(MoleculeFile(library, keep_cells=True), tmp_path / "out.csv", predictor)
    assert [file.name for file in tmp_path.iterdir()] == ["library.csv"]


def test_what_cannot_be_done(predictor, library, tmp_path, base_folder, change_config):
    source = MoleculeFile(library, keep_cells=True)
    with pytest.raises(ValueError, match=r"`output` must be a .csv file, got .*out.parquet"):
        predict_file(source, tmp_path / "out.parquet", predictor)
    with pytest.raises(ValueError, match="make it with `keep_cells=True`"):
        predict_file(MoleculeFile(library), tmp_path / "out.csv", predictor)
    taken = tmp_path / "taken.csv"
    taken.write_text("smiles,error\nC,\n")
    with pytest.raises(ValueError, match="has a column 'error' already"):
        predict_file(MoleculeFile(taken, keep_cells=True), tmp_path / "out.csv", predictor)
    with pytest.raises(ValueError, match="holds no trained property prediction model.*classifier.bias"):
        PropertyPredictor.from_pretrained(base_folder)
    with pytest.raises(ValueError, match="cannot be loaded as a model with its processor"):
        PropertyPredictor.from_pretrained(tmp_path / "absent")
    reader = FineMolTexForPropertyPrediction(change_config(property_config={"with_text": True}))
    with pytest.raises(ValueError, match="reads a text beside each molecule"):
        PropertyPredictor(reader, predictor.processor)


def test_named_classes(change_config, processor, library, tmp_path):
    labels = {0: "low", 1: "mid", 2: "high"}
    model = FineMolTexForPropertyPrediction(change_config(id2label=labels, problem_type="single_label_classification"))
    predict_file(MoleculeFile(library, keep_cells=True), tmp_path / "out.csv", PropertyPredictor(model, processor))
    rows = read(tmp_path / "out.csv")
    scores = {name: float(rows[0][f"predicted_{name}"]) for name in labels.values()}
    assert sum(scores.values()) == pytest.approx(1, abs=1e-4)
    assert rows[0]["predicted_class"] == max(scores, key=scores.get) and rows[1]["predicted_class"] == ""
    assert "nearest_training_tanimoto" not in rows[0]


def test_a_full_disk_keeps_the_old_predictions(predictor, library, tmp_path):
    output = tmp_path / "out.csv"
    output.write_text("old")
    with full_disk(200), pytest.raises(OSError, match="out.csv cannot be written: .* What was there is unchanged"):
        predict_file(MoleculeFile(library, keep_cells=True), output, predictor)
    assert output.read_text() == "old" and sorted(path.name for path in tmp_path.iterdir()) == [
        "library.csv",
        "out.csv",
    ]


def test_two_jobs_with_one_output_do_not_mix(predictor, tmp_path):
    """The second one runs from start to end while the first is under way."""
    files = [tmp_path / "one.smi", tmp_path / "two.smi"]
    for file, length in zip(files, (600, 4), strict=True):
        file.write_text("CCO\n" * length)
    first, output = iter_rows_with_a_break(files[0]), tmp_path / "out.csv"
    first.at_break = lambda: predict_file(MoleculeFile(files[1], keep_cells=True), output, predictor)
    predict_file(first, output, predictor, batch_size=2)
    assert len(read(output)) == 600 and not list(tmp_path.glob(".*"))


def iter_rows_with_a_break(file):
    """A file that does something else after its first hundred rows."""

    class Interrupted(MoleculeFile):
        def __iter__(self):
            for number, row in enumerate(super().__iter__()):
                if number == 100:
                    self.at_break()
                yield row

    return Interrupted(file, keep_cells=True)


@pytest.mark.slow
def test_killed_at_twenty_moments(predictor, tmp_path):
    file, output, moments = tmp_path / "library.smi", tmp_path / "out.csv", random.Random(0)
    file.write_text("CC(=O)Oc1ccccc1C(=O)O aspirin\n" * 300)
    predict = functools.partial(predict_file, MoleculeFile(file, keep_cells=True), output, predictor, 8)
    duration = time_of(predict)
    whole = output.read_text()
    for turn in range(20):
        old = "old" if turn % 2 else None
        output.write_text(old) if old else output.unlink(missing_ok=True)
        kill_during(predict, moments.uniform(0, duration))
        assert (output.read_text() if output.exists() else None) in (old, whole)
    predict()
    assert output.read_text() == whole
