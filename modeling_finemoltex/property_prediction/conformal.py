"""Conformal prediction: sets of classes and intervals of numbers that hold the truth as often as was asked.

Split conformal (Papadopoulos et al. 2002), for classes within each true class (Mondrian, Vovk 2012), so that rare ones
are covered as often as frequent ones. What is kept are the errors on the validation rows, so every level can be asked.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..data.atomic_files import write_text

FILE = "conformal.json"
LEVEL = 0.9
TASK_TYPES = ("binary", "multiclass", "regression")
DIGITS = 9  # keep a float32 exactly
NUMBERS, CLASSES = "error", "class"  # the group of a task of numbers, and the one task of several classes


@dataclass(frozen=True)
class ConformalCalibration:
    """The errors of a model on rows that it was not fitted on, and what follows from them for other molecules.

    The promise holds on average over molecules like the validation rows: drawn from the same source in the same way.
    It does not hold for others, such as new scaffolds; [`measure_coverage`] says how much is lost there.

    Args:
        task_type (`str`): `"binary"`, `"multiclass"` or `"regression"`.
        names (sequence of `str`): `K` outputs: tasks or classes.
        errors (mapping): Task -> true class (or `"error"`) -> errors of the validation rows, ascending. An error is 1
            minus the probability of the true class, or the distance from the true number. The task of `multiclass` is
            `"class"`.

    Example:
    >>> labels = np.array([[0.0]] * 9 + [[1.0]] * 9)
    >>> probabilities = np.array([[0.1]] * 9 + [[0.8]] * 9)
    >>> calibration = ConformalCalibration.from_predictions(probabilities, labels, "binary", ["toxic"])
    >>> calibration.predict_sets(np.array([[0.05], [0.5], [0.9]]), level=0.9)[:, 0].tolist()  # "0" and "1" in the set
    [[True, False], [False, False], [False, True]]
    """

    task_type: str
    names: Sequence[str]
    errors: Mapping[str, Mapping[str, Sequence[float]]]

    @classmethod
    def from_predictions(
        cls, predictions: np.ndarray, labels: np.ndarray, task_type: str, names: Sequence[str]
    ) -> "ConformalCalibration":
        """Collect the errors of validation rows.

        Args:
            predictions (`np.ndarray` of shape `(R, K)`): Probabilities of the positive label or of each class, or
                numbers.
            labels (`np.ndarray` of shape `(R, K)`, or `(R, 1)` of class numbers): NaN where missing.
            task_type (`str`): `"binary"`, `"multiclass"` or `"regression"`.
            names (sequence of `str`): `K` tasks or classes.

        Raises:
            ValueError: If the task type is unknown, or the shapes do not agree.
        """
        _check_shapes(predictions, labels, task_type, names)
        errors, groups = _compute_errors(predictions, labels, task_type)  # (R, T), (R, T)
        kept = {
            task: {
                name: sorted(float(f"{error:.{DIGITS}g}") for error in errors[groups[:, place] == number, place])
                for number, name in enumerate(_group_names(task_type, names))
            }
            for place, task in enumerate(_task_names(task_type, names))
        }
        return cls(task_type, list(names), kept)

    @classmethod
    def load(cls, folder: str | Path) -> "ConformalCalibration | None":
        """Read it from a model folder; `None` if it has none.

        Raises:
            ValueError: If the file is not one that `save` wrote.
        """
        file = Path(folder) / FILE
        if not file.is_file():
            return None
        try:
            fields = json.loads(file.read_text(encoding="utf-8"))
            found = cls(fields["task_type"], fields["names"], fields["errors"])
            tasks, groups = _task_names(found.task_type, found.names), _group_names(found.task_type, found.names)
            for task in tasks:
                for group in groups:
                    if not np.isfinite(np.asarray(found.errors[task][group], float)).all():
                        raise ValueError("an error is not finite")
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{file} is no conformal calibration: {error}. Remove it, or fine-tune the model again."
            ) from error
        return found

    def save(self, folder: str | Path) -> None:
        """Write it into a model folder, as JSON."""
        fields = {"task_type": self.task_type, "names": list(self.names), "errors": self.errors}
        write_text(Path(folder) / FILE, json.dumps(fields) + "\n")

    @property
    def tasks(self) -> list[str]:
        """Name of each of the `T` tasks; several classes are one task."""
        return _task_names(self.task_type, self.names)

    @property
    def classes(self) -> list[str]:
        """Name of each of the `C` classes of a task; none in regression."""
        return [] if self.task_type == "regression" else _group_names(self.task_type, self.names)

    def thresholds(self, level: float) -> np.ndarray:
        """Give the largest error that still counts as usual: the k-th smallest of `n`, `k` = ⌈(n + 1) · level⌉.

        Args:
            level (`float`): Share of the molecules whose truth is to be covered, such as 0.9.

        Returns:
            `np.ndarray` of shape `(T, C)`, or `(T, 1)` in regression; infinite where there are too few validation
            rows for the level, so that the class is never left out and the interval has no ends.

        Raises:
            ValueError: If the level is not between 0 and 1.
        """
        check_level(level)
        groups = self.classes or [NUMBERS]
        return np.array([[_threshold(self.errors[task][group], level) for group in groups] for task in self.tasks])

    def predict_sets(self, predictions: np.ndarray, level: float = LEVEL) -> np.ndarray:
        """Tell which classes a molecule may have.

        Args:
            predictions (`np.ndarray` of shape `(R, K)`): Probabilities.
            level (`float`): Share of each class whose set is to hold it.

        Returns:
            `np.ndarray` of shape `(R, T, C)`, bool. All classes: the model cannot tell. None: the molecule is unlike
            any class.

        Raises:
            ValueError: If this is a regression, or the level or the shape is wrong.
        """
        if self.task_type == "regression":
            raise ValueError("Numbers have intervals, not sets: call `predict_intervals`.")
        probabilities = _class_probabilities(self._check(predictions), self.task_type)  # (R, T, C)
        return 1 - probabilities <= self.thresholds(level) + _ROUNDING

    def predict_intervals(self, predictions: np.ndarray, level: float = LEVEL) -> np.ndarray:
        """Put an interval around each predicted number, as wide for every molecule.

        Args:
            predictions (`np.ndarray` of shape `(R, K)`): Numbers in their units.
            level (`float`): Share of the molecules whose interval is to hold the truth.

        Returns:
            `np.ndarray` of shape `(R, K, 2)`: lower and upper ends.

        Raises:
            ValueError: If this is a classification, or the level or the shape is wrong.
        """
        if self.task_type != "regression":
            raise ValueError("Classes have sets, not intervals: call `predict_sets`.")
        half = self.thresholds(level)[:, 0]  # (K,)
        predictions = self._check(predictions)
        return np.stack([predictions - half, predictions + half], axis=-1)

    def _check(self, predictions: np.ndarray) -> np.ndarray:
        predictions = np.asarray(predictions, float)
        if predictions.ndim != 2 or predictions.shape[1] != len(self.names):
            raise ValueError(
                f"Predictions must have a column for each of {list(self.names)[:20]}: got {predictions.shape}."
            )
        return predictions


_ROUNDING = 1e-8  # of probabilities that were written with few digits


def measure_coverage(
    calibration: ConformalCalibration, predictions: np.ndarray, labels: np.ndarray, level: float = LEVEL
) -> dict[str, Any]:
    """Count how often sets or intervals hold the truth, over all labels that are there.

    Args:
        calibration ([`ConformalCalibration`]): Of other rows of the same model.
        predictions (`np.ndarray` of shape `(R, K)`): Probabilities or numbers.
        labels (`np.ndarray` of shape `(R, K)`, or `(R, 1)` of class numbers): NaN where missing.
        level (`float`): The share that is promised.

    Returns:
        `dict` with `level`, `coverage` and `num_labels`; for classes `set_size` (mean number of classes), `decided`
        (share of sets with one class) and `by_class` (class -> coverage, or `None` where it has no label); for one
        task of numbers `width`. `coverage` is `None` without a label.

    Raises:
        ValueError: If the level or a shape is wrong.
    """
    _check_shapes(predictions, labels, calibration.task_type, calibration.names)
    known = ~np.isnan(labels)  # (R, T)
    facts: dict[str, Any] = {"level": level, "num_labels": int(known.sum())}
    if calibration.task_type == "regression":
        ends = calibration.predict_intervals(predictions, level)  # (R, T, 2)
        facts["coverage"] = _share(((ends[..., 0] <= labels) & (labels <= ends[..., 1]))[known])
        widths = 2 * calibration.thresholds(level)[:, 0]
        return facts | ({"width": float(widths[0])} if len(widths) == 1 and math.isfinite(widths[0]) else {})
    sets = calibration.predict_sets(predictions, level)[known]  # (L, C)
    truth = labels[known].astype(int)  # (L,)
    is_held = sets[np.arange(len(truth)), truth]
    return facts | {
        "coverage": _share(is_held),
        "set_size": _share(sets.sum(1)),
        "decided": _share(sets.sum(1) == 1),
        "by_class": {name: _share(is_held[truth == number]) for number, name in enumerate(calibration.classes)},
    }


def check_level(level: float) -> None:
    """Refuse a level that is no share.

    Raises:
        ValueError: If it is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"The level is a share between 0 and 1, such as 0.9: got {level}.")


def _check_shapes(predictions: np.ndarray, labels: np.ndarray, task_type: str, names: Sequence[str]) -> None:
    if task_type not in TASK_TYPES:
        raise ValueError(f"`task_type` must be one of {', '.join(TASK_TYPES)}: got {task_type!r}.")
    rows, columns = len(predictions), 1 if task_type == "multiclass" else len(names)
    if predictions.shape != (rows, len(names)) or labels.shape != (rows, columns):
        raise ValueError(
            f"For {len(names)} names, give predictions (R, {len(names)}) and labels (R, {columns}): got "
            f"{predictions.shape} and {labels.shape}."
        )


def _task_names(task_type: str, names: Sequence[str]) -> list[str]:
    return [CLASSES] if task_type == "multiclass" else list(names)


def _group_names(task_type: str, names: Sequence[str]) -> list[str]:
    return {"regression": [NUMBERS], "binary": ["0", "1"]}.get(task_type) or list(names)


def _class_probabilities(predictions: np.ndarray, task_type: str) -> np.ndarray:
    """Give the probability of every class of every task. `(R, K)` -> `(R, T, C)`."""
    return predictions[:, None] if task_type == "multiclass" else np.stack([1 - predictions, predictions], axis=-1)


def _compute_errors(predictions: np.ndarray, labels: np.ndarray, task_type: str) -> tuple[np.ndarray, np.ndarray]:
    """Give the error of every label, and the number of its group, -1 where it is missing. `(R, T)` both."""
    predictions, known = np.asarray(predictions, float), ~np.isnan(labels)
    if task_type == "regression":
        return np.abs(predictions - labels), np.where(known, 0, -1)
    groups = np.where(known, labels, -1).astype(int)  # (R, T)
    probabilities = _class_probabilities(predictions, task_type)  # (R, T, C)
    return 1 - np.take_along_axis(probabilities, groups.clip(0)[..., None], axis=-1)[..., 0], groups


def _threshold(errors: Sequence[float], level: float) -> float:
    place = math.ceil(round((len(errors) + 1) * level, 9))  # without the rounding, 10 * 0.9 may be above 9
    return float(errors[place - 1]) if place <= len(errors) else math.inf


def _share(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None
