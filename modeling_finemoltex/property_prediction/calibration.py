"""Calibrate predicted probabilities by one temperature, chosen on validation labels."""

from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from ..evaluation.property_metrics import MIN_PROBABILITY

MAX_LOG_TEMPERATURE = 3.0  # a factor of 20 either way; beyond, the labels say nothing about the temperature


def calibrate(model: Any, logits: np.ndarray, labels: np.ndarray) -> float:
    """Choose the calibration temperature of a model by the log loss of its validation probabilities.

    One temperature for all tasks: rankings, and so ROC-AUC, stay as they are, and few labels suffice.

    Args:
        model ([`FineMolTexForPropertyPrediction`]): Its configuration is changed in place.
        logits (`np.ndarray` of shape `(R, K)`): Of the validation rows.
        labels (`np.ndarray` of shape `(R, K)`, or `(R, 1)` of class numbers): NaN where missing.

    Returns:
        `float`: The temperature; 1.0 in regression, and if no label is known.
    """
    config = model.config
    config.property_config.calibration_temperature = 1.0
    if config.problem_type == "regression" or np.isnan(labels).all():
        return 1.0
    scores, known = torch.from_numpy(logits), ~np.isnan(labels)

    def log_loss(log_temperature: float) -> float:
        """Log loss at a temperature."""
        config.property_config.calibration_temperature = float(np.exp(log_temperature))
        probabilities = model.predict(scores).numpy()  # (R, K)
        if config.problem_type == "single_label_classification":
            rows = np.flatnonzero(known[:, 0])
            right = probabilities[rows, labels[rows, 0].astype(int)]
        else:
            right = np.where(labels == 1, probabilities, 1 - probabilities)[known]
        return float(-np.log(right.clip(MIN_PROBABILITY)).mean())

    bounds = (-MAX_LOG_TEMPERATURE, MAX_LOG_TEMPERATURE)
    minimum = minimize_scalar(log_loss, bounds=bounds, method="bounded")
    config.property_config.calibration_temperature = float(np.exp(minimum.x))
    return config.property_config.calibration_temperature
