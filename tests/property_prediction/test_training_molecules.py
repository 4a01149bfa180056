"""The nearest training molecules with their labels, from a file that anybody can read."""

import numpy as np
import pytest
from datasets import Dataset

pytest.importorskip("sklearn")

from modeling_finemoltex.data.property_tables import PropertyTable
from modeling_finemoltex.property_prediction import TrainingMolecules

SMILES = ["CCCO", "not a molecule", "c1ccccc1", "CCO", "CCO"]
LABELS = [["1", ""], ["0", "0"], ["0", "2.5"], ["1", "7"], ["0", ""]]


@pytest.fixture
def training():
    return TrainingMolecules(SMILES, LABELS, ["soluble", "mass"])


def test_nearest_first(training):
    found = training.find_nearest("OCC", 3)
    assert [one.smiles for one in found] == ["CCO", "CCO", "CCCO"]
    assert [one.labels for one in found] == [{"soluble": "1", "mass": "7"}, {"soluble": "0"}, {"soluble": "1"}]
    assert found[0].tanimoto == found[1].tanimoto == 1 > found[2].tanimoto > 0
    assert len(training.find_nearest("OCC", 10)) == 4
    assert training.find_nearest("C(", 3) == TrainingMolecules([], [], ["soluble"]).find_nearest("C", 3) == []


def test_the_file(training, tmp_path):
    assert TrainingMolecules.load(tmp_path) is None
    training.save(tmp_path)
    file = tmp_path / "training_molecules.csv"
    assert file.read_text().splitlines()[:2] == ["smiles,soluble,mass", "CCCO,1,"]
    again = TrainingMolecules.load(tmp_path)
    assert again.find_nearest("OCC", 4) == training.find_nearest("OCC", 4)
    for text in ("", "smiles\nC\n", "smiles,soluble\nC\n"):
        file.write_text(text)
        with pytest.raises(ValueError, match="is no table of a molecule and its labels"):
            TrainingMolecules.load(tmp_path)
    with pytest.raises(ValueError, match="a row of 1 labels for each of 2 molecules: got 1 rows"):
        TrainingMolecules(["C", "CC"], [["1"]], ["soluble"])


@pytest.mark.parametrize(
    ("task_type", "labels", "classes", "written"),
    [
        ("binary", [[1.0], [np.nan]], [], [["1"], [""]]),
        ("multiclass", [[1.0], [0.0]], ["low", "high"], [["high"], ["low"]]),
        ("regression", [[-0.1], [1e-12]], [], [["-0.1"], ["1e-12"]]),
    ],
)
def test_labels_as_people_write_them(task_type, labels, classes, written):
    rows = Dataset.from_dict({"smiles": ["C", "CC"]})
    table = PropertyTable("t", rows, np.arange(2), ["C", "CC"], np.array(labels), ["y"], task_type, classes, {})
    assert TrainingMolecules.from_table(table).labels == written
