"""What stands beside predictions on request: sets, intervals, neighbours, pictures."""

import csv
import shutil

import numpy as np
import pytest

pytest.importorskip("sklearn")

from modeling_finemoltex.property_prediction import (
    ConformalCalibration,
    IntervalColumns,
    NeighbourColumns,
    PictureColumn,
    PropertyPredictor,
    SetColumns,
    TrainingMolecules,
    choose_columns,
    draw_atoms,
    predict_file,
)


@pytest.fixture(scope="module")
def folder(tuned_folder, tmp_path_factory):
    """The tuned folder with what fine-tuning leaves beside the model."""
    folder = tmp_path_factory.mktemp("trusted") / "model"
    shutil.copytree(tuned_folder, folder)
    predictions, labels = np.tile([[0.2, 0.6]], (30, 1)), np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]] * 10)
    ConformalCalibration.from_predictions(predictions, labels, "binary", ["toxic", "soluble"]).save(folder)
    TrainingMolecules(["CCO", "c1ccccc1"], [["1", "0"], ["", "1"]], ["toxic", "soluble"]).save(folder)
    return folder


@pytest.fixture(scope="module")
def predictor(folder):
    return PropertyPredictor.from_pretrained(folder, device="cpu")


def test_sets_name_the_classes():
    labels = np.array([[0.0]] * 9 + [[1.0]] * 9)
    predictions = np.array([[0.3]] * 9 + [[0.7]] * 9)  # an error of 0.3 is usual in either class
    binary = SetColumns(ConformalCalibration.from_predictions(predictions, labels, "binary", ["toxic"]), 0.9)
    assert binary.names == ["predicted_set_toxic"]
    cells = [binary.write_cells(0, "C", np.array([one])) for one in (0.1, 0.5, 0.9)]
    assert cells == [["0"], [""], ["1"]]
    wide = ConformalCalibration.from_predictions(1 - predictions, labels, "binary", ["toxic"])
    assert SetColumns(wide, 0.9).write_cells(0, "C", np.array([0.5])) == ["0|1"]
    shares = np.tile([[0.6, 0.3, 0.1]], (27, 1))
    three = ConformalCalibration.from_predictions(
        shares, np.repeat([[0.0], [1.0], [2.0]], 9, axis=0), "multiclass", ["low", "mid", "high"]
    )
    columns = SetColumns(three, 0.9)
    assert columns.names == ["predicted_set"] and columns.write_cells(0, "C", shares[0]) == ["low|mid|high"]


def test_intervals_have_two_ends():
    calibration = ConformalCalibration.from_predictions(
        np.zeros((9, 2)), np.array([[1.0, 10.0]] * 9), "regression", ["a", "b"]
    )
    columns = IntervalColumns(calibration, 0.9)
    assert columns.names == ["predicted_a_low", "predicted_a_high", "predicted_b_low", "predicted_b_high"]
    assert columns.write_cells(0, "C", np.array([5.0, 5.0])) == ["4", "6", "-5", "15"]
    # Nine rows tell nothing of 95 %.
    assert IntervalColumns(calibration, 0.95).write_cells(0, "C", np.array([5.0, 5.0])) == ["-inf", "inf"] * 2


def test_neighbours_have_three_cells_each(folder):
    columns = NeighbourColumns(TrainingMolecules.load(folder), 3)
    assert columns.names[:4] == ["neighbour_1", "neighbour_1_label", "neighbour_1_tanimoto", "neighbour_2"]
    cells = columns.write_cells(0, "OCC", np.zeros(2))
    assert cells[:3] == ["CCO", "toxic=1; soluble=0", "1.000"]
    assert cells[3:5] == ["c1ccccc1", "soluble=1"] and cells[6:] == [""] * 3
    alone = NeighbourColumns(TrainingMolecules(["CCO"], [["7"]], ["mass"]), 1)
    assert alone.write_cells(0, "OCC", np.zeros(1)) == ["CCO", "7", "1.000"]
    with pytest.raises(ValueError, match="1 or more: got -1"):
        NeighbourColumns(TrainingMolecules.load(folder), -1)


def test_a_file_with_everything(folder, predictor, tmp_path):
    (tmp_path / "library.smi").write_text("CCO eth\nC(C bad\nc1ccccc1 ben\n")
    columns = choose_columns(
        predictor, folder, level=0.8, neighbours=1, pictures=tmp_path / "pictures", output="soluble"
    )
    predict_file(tmp_path / "library.smi", tmp_path / "out.csv", predictor, columns=columns)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    added = [name for one in columns for name in one.names]
    assert list(rows[0])[-len(added) - 1 :] == [*added, "error"]
    assert [row["neighbour_1"] for row in rows] == ["CCO", "", "c1ccccc1"]
    assert rows[1]["error"] and not any(rows[1][name] for name in added)
    found = predictor.predict(["CCO"])
    sets = columns[0].calibration.predict_sets(found, 0.8)[0]
    expected = ["|".join(name for name, is_in in zip("01", one, strict=True) if is_in) for one in sets]
    assert [rows[0]["predicted_set_toxic"], rows[0]["predicted_set_soluble"]] == expected
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert [str(file) for file in pictures] == [rows[0]["picture"], rows[2]["picture"]]
    assert [file.name for file in pictures] == ["0000001.svg", "0000003.svg"]
    assert all(file.read_text().rstrip().endswith("</svg>") for file in pictures)


def test_pictures_of_a_predictor_without_a_model(tmp_path):
    class Counter:
        columns = ("oxygens",)

        def predict(self, smiles):
            return np.array([[one.count("O")] for one in smiles], float)

    file = tmp_path / "0000008.svg"
    assert PictureColumn(Counter(), tmp_path, "oxygens").write_cells(7, "CCO", np.array([1.0])) == [str(file)]
    assert file.read_text() == draw_atoms("CCO", np.array([0.0, 0.0, 1.0]))


def test_what_a_folder_lacks(tuned_folder, folder, predictor, tmp_path):
    assert choose_columns(predictor, tuned_folder) == []
    with pytest.raises(ValueError, match="holds no conformal calibration, which --level needs. Fine-tune"):
        choose_columns(predictor, tuned_folder, level=0.9)
    with pytest.raises(ValueError, match="holds no training molecules, which --neighbours needs"):
        choose_columns(predictor, tuned_folder, neighbours=2)
    with pytest.raises(ValueError, match="no output 'mass'"):
        choose_columns(predictor, folder, pictures=tmp_path, output="mass")
    with pytest.raises(ValueError, match="share between 0 and 1, such as 0.9: got 90"):
        choose_columns(predictor, folder, level=90)
    ConformalCalibration.from_predictions(np.zeros((9, 1)), np.zeros((9, 1)), "binary", ["other"]).save(tmp_path)
    with pytest.raises(ValueError, match=r"is of \['other'\], the model predicts \['toxic', 'soluble'\]"):
        choose_columns(predictor, tmp_path, level=0.9)
