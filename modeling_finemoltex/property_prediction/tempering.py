"""Probabilities made bolder or more careful by one temperature, chosen on validation labels; ranks stay."""

import numpy as np
from scipy.optimize import minimize_scalar

from ..evaluation.property_metrics import MIN_PROBABILITY
from .calibration import MAX_LOG_TEMPERATURE

DOUBT = 1e-3  # kept even where all trees agree: nothing is certain


def temper(predictions: np.ndarray, temperature: float, task_type: str) -> np.ndarray:
    """Divide the logits of probabilities by a temperature.

    Args:
        predictions (`np.ndarray` of shape `(R, K)`): Probabilities, or numbers, which stay as they are.
        temperature (`float`): Above 1 for more careful probabilities.
        task_type (`str`): `"binary"`, `"multiclass"` or `"regression"`.

    Returns:
        `np.ndarray` of shape `(R, K)`: In the order of before, between 0 and 1, and together 1 for `"multiclass"`.

    Example:
    >>> temper(np.array([[0.2], [0.5], [1.0]]), 1.0, "binary").round(3).ravel().tolist()
    [0.201, 0.5, 0.999]
    """
    if task_type == "regression":
        return predictions
    inside = DOUBT + (1 - 2 * DOUBT) * predictions
    scaled = inside ** (1 / temperature)
    if task_type == "binary":
        return scaled / (scaled + (1 - inside) ** (1 / temperature))
    return scaled / scaled.sum(1, keepdims=True)


def choose_temperature(predictions: np.ndarray, labels: np.ndarray, task_type: str) -> float:
    """Choose one temperature for all tasks by the log loss of validation labels.

    Args:
        predictions (`np.ndarray` of shape `(R, K)`): Probabilities of the validation rows.
        labels (`np.ndarray` of shape `(R, K)`, or `(R, 1)` of class numbers): NaN where missing.
        task_type (`str`): `"binary"`, `"multiclass"` or `"regression"`.

    Returns:
        `float`: The temperature; 1.0 in regression, and if no label is known.

    Example:
    >>> choose_temperature(np.array([[0.6], [0.4]]), np.array([[1.0], [0.0]]), "binary") < 0.1
    True
    """
    known = ~np.isnan(labels)
    if task_type == "regression" or not known.any():
        return 1.0

    def log_loss(log_temperature: float) -> float:
        """Log loss at a temperature."""
        found = temper(predictions, float(np.exp(log_temperature)), task_type)
        if task_type == "multiclass":
            rows = np.flatnonzero(known[:, 0])
            right = found[rows, labels[rows, 0].astype(int)]
        else:
            right = np.where(labels == 1, found, 1 - found)[known]
        return float(-np.log(right.clip(MIN_PROBABILITY)).mean())

    bounds = (-MAX_LOG_TEMPERATURE, MAX_LOG_TEMPERATURE)
    return float(np.exp(minimize_scalar(log_loss, bounds=bounds, method="bounded").x))
