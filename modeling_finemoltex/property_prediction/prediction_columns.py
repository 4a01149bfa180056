"""What stands beside a prediction on request: conformal sets or intervals, nearest training molecules, a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..data.atomic_files import write_text
from .atom_attribution import attribute_atoms, attribute_deleted_atoms, choose_output, draw_atoms
from .conformal import LEVEL, ConformalCalibration, check_level
from .predictor import PropertyPredictor
from .training_molecules import TrainingMolecules

SEPARATOR = "|"  # between the classes of a set
MISSING = (
    "{folder!r} holds no {noun}, which {option} needs. Fine-tune the model again with this version: "
    "examples/finetune_property.py."
)


class PredictionColumns(Protocol):
    """Columns that [`predict_file`] adds behind the predictions.

    Attributes:
        names: Of the columns.
    """

    names: list[str]

    def write_cells(self, row: int, smiles: str, predictions: np.ndarray) -> list[str]:
        """Write the cells of one molecule, as many as names.

        Args:
            row (`int`): Number of the row in the file, from 0.
            smiles (`str`): The molecule.
            predictions (`np.ndarray` of shape `(K,)`): What was predicted for it.
        """
        ...


class SetColumns:
    """The classes that a molecule may have at a level, one column a task; `0|1` where the model cannot tell.

    Args:
        calibration ([`ConformalCalibration`]): Of a classification.
        level (`float`): Share of the molecules whose set is to hold the truth.
    """

    def __init__(self, calibration: ConformalCalibration, level: float = LEVEL) -> None:
        check_level(level)
        self.calibration, self.level = calibration, level
        is_one = calibration.task_type == "multiclass"
        self.names = ["predicted_set"] if is_one else [f"predicted_set_{task}" for task in calibration.tasks]

    def write_cells(self, row: int, smiles: str, predictions: np.ndarray) -> list[str]:
        """Write one set a task, empty if the molecule is unlike any class. `(K,)`."""
        sets = self.calibration.predict_sets(predictions[None], self.level)[0]  # (T, C)
        classes = self.calibration.classes
        return [SEPARATOR.join(name for name, is_in in zip(classes, one, strict=True) if is_in) for one in sets]


class IntervalColumns:
    """The interval around each predicted number at a level: its lower and its upper end.

    Args:
        calibration ([`ConformalCalibration`]): Of a regression.
        level (`float`): Share of the molecules whose interval is to hold the truth.
    """

    def __init__(self, calibration: ConformalCalibration, level: float = LEVEL) -> None:
        check_level(level)
        self.calibration, self.level = calibration, level
        self.names = [f"predicted_{task}_{end}" for task in calibration.tasks for end in ("low", "high")]

    def write_cells(self, row: int, smiles: str, predictions: np.ndarray) -> list[str]:
        """Write two ends a task. `(K,)`."""
        ends = self.calibration.predict_intervals(predictions[None], self.level)[0]  # (K, 2)
        return [f"{end:.6g}" for end in ends.ravel()]


class NeighbourColumns:
    """The nearest training molecules: SMILES, label and Tanimoto similarity of each.

    Args:
        training ([`TrainingMolecules`]): Of the model.
        number (`int`): How many.

    Raises:
        ValueError: If the number is below 1.
    """

    def __init__(self, training: TrainingMolecules, number: int) -> None:
        if number < 1:
            raise ValueError(f"The number of neighbours must be 1 or more: got {number}.")
        self.training, self.number = training, number
        parts = ("", "_label", "_tanimoto")
        self.names = [f"neighbour_{rank}{part}" for rank in range(1, number + 1) for part in parts]

    def write_cells(self, row: int, smiles: str, predictions: np.ndarray) -> list[str]:
        """Write three cells a neighbour; a label of one task alone, of several as `task=label`. `(K,)`."""
        cells = []
        for one in self.training.find_nearest(smiles, self.number):
            named = len(self.training.tasks) > 1
            labels = [f"{task}={label}" if named else label for task, label in one.labels.items()]
            cells += [one.smiles, "; ".join(labels), f"{one.tanimoto:.3f}"]
        return cells + [""] * (len(self.names) - len(cells))


class PictureColumn:
    """The name of a picture that shows which atoms raise and which lower a prediction.

    The atoms of a model of this package tell their share; where the predictor has no `model`, atoms are deleted.

    Args:
        predictor ([`PropertyPredictor`], or anything with `columns` and `predict`): What predicts.
        folder (`str` or `Path`): Where the pictures go, named by the row of the file.
        output (`str` or `int`): Task or class, by name or number.

    Raises:
        ValueError: If there is no such output.
    """

    def __init__(self, predictor: Any, folder: str | Path, output: str | int = 0) -> None:
        self.predictor, self.folder = predictor, Path(folder)
        self.output, self.names = choose_output(predictor.columns, output), ["picture"]

    def write_cells(self, row: int, smiles: str, predictions: np.ndarray) -> list[str]:
        """Draw one molecule, and write the name of the file. `(K,)`."""
        if getattr(self.predictor, "model", None) is None:
            effects = attribute_deleted_atoms(self.predictor.predict, smiles, self.output)
        else:
            effects = attribute_atoms(self.predictor.model, self.predictor.processor, smiles, self.output)
        file = self.folder / f"{row + 1:07d}.svg"
        write_text(file, str(draw_atoms(smiles, effects)))
        return [str(file)]


def choose_columns(
    predictor: PropertyPredictor,
    folder: str | Path,
    level: float | None = None,
    neighbours: int = 0,
    pictures: str | Path | None = None,
    output: str | int = 0,
) -> list[PredictionColumns]:
    """Make the columns that are asked for, from what fine-tuning left in a model folder.

    Args:
        predictor ([`PropertyPredictor`]): The model.
        folder (`str` or `Path`): Its folder.
        level (`float`, *optional*): Sets or intervals at this level.
        neighbours (`int`): Nearest training molecules.
        pictures (`str` or `Path`, *optional*): Folder for pictures.
        output (`str` or `int`): Task or class that the pictures are about.

    Returns:
        `list` of [`PredictionColumns`].

    Raises:
        ValueError: If the folder lacks what a column needs, or it belongs to another model, or an argument is wrong.
    """
    columns: list[PredictionColumns] = []
    if level is not None:
        check_level(level)
        columns.append(_make_trust_column(predictor, folder, level))
    if neighbours:
        training = TrainingMolecules.load(folder)
        if training is None:
            raise ValueError(MISSING.format(folder=str(folder), noun="training molecules", option="--neighbours"))
        columns.append(NeighbourColumns(training, neighbours))
    if pictures is not None:
        columns.append(PictureColumn(predictor, pictures, output))
    return columns


def list_names(columns: Sequence[PredictionColumns]) -> list[str]:
    """List the names of all columns."""
    return [name for one in columns for name in one.names]


def _make_trust_column(predictor: Any, folder: str | Path, level: float) -> PredictionColumns:
    calibration = ConformalCalibration.load(folder)
    if calibration is None:
        raise ValueError(MISSING.format(folder=str(folder), noun="conformal calibration", option="--level"))
    if list(calibration.names) != predictor.columns:
        raise ValueError(
            f"The conformal calibration in {str(folder)!r} is of {list(calibration.names)[:20]}, the model predicts "
            f"{predictor.columns[:20]}. Remove the file, or fine-tune the model again."
        )
    is_number = calibration.task_type == "regression"
    return IntervalColumns(calibration, level) if is_number else SetColumns(calibration, level)
