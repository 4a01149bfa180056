"""Figures of property prediction: per task and averaged, over the labels that are there."""

from collections.abc import Sequence
from typing import Any

import numpy as np

try:
    from sklearn import metrics
except ImportError as error:
    raise ImportError('Property metrics need scikit-learn: pip install "finemoltex[properties]"') from error

from .calibration_metrics import brier_score, expected_calibration_error

FIGURES = ("roc_auc", "pr_auc", "log_loss", "brier", "ece", "rmse", "mae", "relative_rmse")
WITH_UNIT = ("rmse", "mae")  # in units of the label, so of one task alone
MIN_PROBABILITY = 1e-12  # probability that a log loss takes for zero


def compute_property_metrics(
    predictions: np.ndarray, labels: np.ndarray, task_type: str, names: Sequence[str]
) -> dict[str, Any]:
    """Score predictions task by task.

    Args:
        predictions (`np.ndarray` of shape `(R, K)`): Probabilities of the positive label or of each class, or numbers.
        labels (`np.ndarray` of shape `(R, K)`, or `(R, 1)` of class numbers): NaN where missing.
        task_type (`str`): `"binary"`, `"multiclass"` or `"regression"`.
        names (sequence of `str`, length `K`): Tasks or classes.

    Returns:
        `dict` with `per_task` (name -> figures) and the means over the tasks that have each figure: `roc_auc`,
        `pr_auc`, `log_loss`, `brier` and `ece` (expected calibration error) for classes (one against the rest, for
        `multiclass`, and `accuracy`), `rmse`, `mae` and `relative_rmse` for numbers; `num_tasks` and
        `num_scored_tasks`. ROC-AUC and PR-AUC need both labels: a task with a single one has neither, and a mean over
        no task is missing. Several tasks of numbers have several units, so only `relative_rmse` has a mean: the RMSE
        over the standard deviation of the labels, 1 for a constant.
    """
    accuracy = {}
    if task_type == "multiclass":
        known = ~np.isnan(labels[:, 0])
        classes = np.where(known, labels[:, 0], 0).astype(int)  # (R,)
        if known.any():
            accuracy["accuracy"] = float((predictions.argmax(1) == classes)[known].mean())
        labels = np.where(known[:, None], np.eye(len(names))[classes], np.nan)  # (R, K)
    score = _score_numbers if task_type == "regression" else _score_labels
    per_task = {}
    for task, name in enumerate(names):
        known = ~np.isnan(labels[:, task])
        per_task[name] = score(predictions[known, task], labels[known, task]) if known.any() else {}
    means = {
        figure: float(np.mean([values[figure] for values in per_task.values() if figure in values]))
        for figure in FIGURES
        if (len(names) == 1 or figure not in WITH_UNIT) and any(figure in values for values in per_task.values())
    }
    deciding = "rmse" if task_type == "regression" else "roc_auc"
    scored = sum(deciding in values for values in per_task.values())
    return {**means, **accuracy, "num_tasks": len(names), "num_scored_tasks": scored, "per_task": per_task}


def selection_score(figures: dict[str, Any]) -> float:
    """Give the validation figure that chooses among models, larger is better.

    ROC-AUC, or the negative error of numbers, over the deviation of the labels if there are several tasks; where no
    task has both labels, the negative log loss.

    Args:
        figures (`dict`): As returned by [`compute_property_metrics`].

    Raises:
        ValueError: If there was no label to score.
    """
    for figure, sign in (("roc_auc", 1.0), ("rmse", -1.0), ("relative_rmse", -1.0), ("log_loss", -1.0)):
        if figure in figures:
            return sign * figures[figure]
    raise ValueError("The validation rows have no label at all, so nothing can choose a model. Take another split.")


def _score_labels(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Score one yes-or-no task; `(R,)` each, no label missing."""
    probabilities = probabilities.clip(0, 1)  # rounding may lead a step beyond
    right = np.where(labels == 1, probabilities, 1 - probabilities).astype(float)
    figures = {
        "log_loss": float(-np.log(right.clip(MIN_PROBABILITY)).mean()),
        "brier": brier_score(probabilities, labels),
        "ece": expected_calibration_error(probabilities, labels),
    }
    if len(np.unique(labels)) == 2:
        figures["roc_auc"] = float(metrics.roc_auc_score(labels, probabilities))
        figures["pr_auc"] = float(metrics.average_precision_score(labels, probabilities))
    return figures


def _score_numbers(predictions: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Score one task of numbers; `(R,)` each, no label missing."""
    rmse = float(metrics.root_mean_squared_error(labels, predictions))
    return {
        "rmse": rmse,
        "relative_rmse": rmse / (float(labels.std()) or 1.0),
        "mae": float(metrics.mean_absolute_error(labels, predictions)),
    }
