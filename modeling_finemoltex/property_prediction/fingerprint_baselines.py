"""Baselines on ECFP4 (random forest, logistic or ridge regression) and on descriptors (boosted trees), by task."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge

from ..data.property_tables import PropertyTable
from ..evaluation.property_metrics import compute_property_metrics, selection_score
from .descriptors import MOST, compute_descriptors
from .fingerprints import compute_fingerprints

NUM_TREES = 500
STRENGTHS = (0.01, 0.1, 1.0, 10.0)  # inverse penalties of the linear models, chosen by the validation metric


def fit_forest(parts: Mapping[str, PropertyTable], seed: int, balance_classes: bool = False) -> dict[str, np.ndarray]:
    """Predict validation and test rows by a random forest per task.

    Args:
        parts (mapping): `"train"`, `"valid"` and `"test"` rows.
        seed (`int`): Of the trees.
        balance_classes (`bool`): Weigh classes by their inverse frequency.

    Returns:
        `dict` of `"valid"` and `"test"`: predictions `(R, K)`, probabilities or numbers.
    """
    options: dict[str, Any] = {"n_estimators": NUM_TREES, "random_state": seed, "n_jobs": os.cpu_count()}
    if parts["train"].task_type == "regression":
        estimator: Any = RandomForestRegressor(**options)
    else:
        estimator = RandomForestClassifier(**options, class_weight="balanced" if balance_classes else None)
    return _fit_tasks(estimator, parts, _featurize(parts))


def fit_linear(parts: Mapping[str, PropertyTable], seed: int, balance_classes: bool = False) -> dict[str, np.ndarray]:
    """Predict by a penalised linear model per task; the validation metric chooses one penalty for all tasks.

    Args:
        parts (mapping): `"train"`, `"valid"` and `"test"` rows.
        seed (`int`): Of the solver.
        balance_classes (`bool`): Weigh classes by their inverse frequency.

    Returns:
        `dict` of `"valid"` and `"test"`: predictions `(R, K)`, probabilities or numbers.
    """
    train, valid = parts["train"], parts["valid"]
    features = _featurize(parts)
    best: tuple[float, dict[str, np.ndarray]] | None = None
    for strength in STRENGTHS:
        if train.task_type == "regression":
            estimator: Any = Ridge(alpha=1 / strength)
        else:
            weight = "balanced" if balance_classes else None
            estimator = LogisticRegression(C=strength, max_iter=1000, random_state=seed, class_weight=weight)
        predictions = _fit_tasks(estimator, parts, features)
        metrics = compute_property_metrics(predictions["valid"], valid.labels, valid.task_type, valid.label_names)
        score = selection_score(metrics)
        if best is None or score > best[0]:
            best = (score, predictions)
    return best[1] if best is not None else {}


def fit_boosting(
    parts: Mapping[str, PropertyTable], seed: int, balance_classes: bool = False
) -> dict[str, np.ndarray]:
    """Predict by gradient-boosted trees on the descriptors of RDKit, a set of trees per task.

    Args:
        parts (mapping): `"train"`, `"valid"` and `"test"` rows.
        seed (`int`): Of the trees.
        balance_classes (`bool`): Weigh classes by their inverse frequency.

    Returns:
        `dict` of `"valid"` and `"test"`: predictions `(R, K)`, probabilities or numbers.
    """
    if parts["train"].task_type == "regression":
        estimator: Any = HistGradientBoostingRegressor(random_state=seed)
    else:
        weight = "balanced" if balance_classes else None
        estimator = HistGradientBoostingClassifier(random_state=seed, class_weight=weight)
    return _fit_tasks(estimator, parts, {name: _describe(part.smiles) for name, part in parts.items()})


def _describe(smiles: Sequence[str]) -> np.ndarray:
    """Compute the descriptors of molecules, `(R, D)`; NaN where one is not defined, which the trees allow."""
    rows = compute_descriptors(smiles)
    rows[~(np.abs(rows) < MOST)] = np.nan
    return rows


def _featurize(parts: Mapping[str, PropertyTable]) -> dict[str, csr_matrix]:
    """Compute the fingerprints of every part, `(R, 2048)` each."""
    return {name: csr_matrix(compute_fingerprints(part.smiles)).astype(np.float32) for name, part in parts.items()}


def _fit_tasks(
    estimator: Any, parts: Mapping[str, PropertyTable], features: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Fit one estimator to each task in turn, and predict."""
    train = parts["train"]
    predictions: dict[str, np.ndarray] = {
        name: np.zeros((len(parts[name].smiles), len(train.label_names))) for name in ("valid", "test")
    }
    for task in range(train.labels.shape[1]):
        known = np.flatnonzero(~np.isnan(train.labels[:, task]))
        labels = train.labels[known, task]
        columns = slice(None) if train.task_type == "multiclass" else slice(task, task + 1)
        if len(known) == 0:
            continue
        if train.task_type != "regression" and len(np.unique(labels)) == 1:
            for name in predictions:  # nothing to learn: the only class that there is
                if train.task_type == "multiclass":
                    predictions[name][:, int(labels[0])] = 1.0
                else:
                    predictions[name][:, columns] = labels[0]
            continue
        estimator.fit(features["train"][known], labels)
        for name in predictions:
            predictions[name][:, columns] = _predict(estimator, features[name], train)
    return predictions


def _predict(estimator: Any, features: Any, train: PropertyTable) -> np.ndarray:
    """Predict one task, `(R, 1)`, or all classes, `(R, K)`."""
    if train.task_type == "regression":
        return estimator.predict(features)[:, None]
    probabilities = estimator.predict_proba(features)  # (R, classes seen)
    if train.task_type == "binary":
        return probabilities[:, 1:]
    full = np.zeros((features.shape[0], len(train.classes)))
    full[:, estimator.classes_.astype(int)] = probabilities
    return full
