"""Estimators of scikit-learn on fixed features, by name, for classes and for numbers."""

from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.svm import SVC, SVR

NUM_TREES = 200
FOLDS = 3  # of the training rows, that turn margins of a support-vector machine into probabilities
MAX_QUANTILES = 500
MAX_SVM_ROWS = 5_000  # its time grows with their square: beyond, forests go without it
FORESTS = {
    "forest": (RandomForestClassifier, RandomForestRegressor),
    "extra_trees": (ExtraTreesClassifier, ExtraTreesRegressor),
}
# Trees of numbers that look at all features are slow and no better; this is the share that Breiman proposed.
SHARE_OF_FEATURES = 1 / 3
ESTIMATORS = (*FORESTS, "boosting", "svm")


def make_estimator(name: str, task_type: str, num_rows: int, seed: int, balance_classes: bool = False) -> Any:
    """Make an estimator that was not fitted.

    Args:
        name (`str`): One of `ESTIMATORS`: random forest, extra trees, gradient-boosted trees, or a support-vector
            machine on quantile-scaled features.
        task_type (`str`): `"binary"`, `"multiclass"` or `"regression"`.
        num_rows (`int`): Of the training, which limits the quantiles.
        seed (`int`): Of everything random.
        balance_classes (`bool`): Weigh classes by their inverse frequency.

    Raises:
        ValueError: If there is no such estimator.

    Example:
    >>> type(make_estimator("svm", "regression", 100, 0)).__name__
    'TransformedTargetRegressor'
    """
    if name not in ESTIMATORS:
        raise ValueError(f"Unknown estimator {name!r}: choose among {', '.join(ESTIMATORS)}.")
    is_numbers = task_type == "regression"
    weight: dict[str, Any] = {} if is_numbers else {"class_weight": "balanced" if balance_classes else None}
    if name in FORESTS:
        share: dict[str, Any] = {"max_features": SHARE_OF_FEATURES} if is_numbers else {}
        return FORESTS[name][is_numbers](NUM_TREES, random_state=seed, n_jobs=-1, **weight, **share)
    if name == "boosting":
        boosting: Any = HistGradientBoostingRegressor if is_numbers else HistGradientBoostingClassifier
        return boosting(random_state=seed, **weight)
    quantiles = min(MAX_QUANTILES, num_rows * (FOLDS - 1) // FOLDS)
    scaler = QuantileTransformer(n_quantiles=quantiles, output_distribution="normal", random_state=seed)
    pipeline = make_pipeline(scaler, SVR() if is_numbers else SVC(**weight))
    if is_numbers:
        return TransformedTargetRegressor(pipeline, transformer=StandardScaler())
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return CalibratedClassifierCV(pipeline, cv=folds, ensemble=False)


def can_fit(name: str, task_type: str, labels: np.ndarray) -> bool:
    """Tell whether there is something to learn from, and enough of it.

    Args:
        name (`str`): One of `ESTIMATORS`; a support-vector machine needs some labels of each class in every fold, and
            takes `MAX_SVM_ROWS` at most.
        task_type (`str`): `"binary"`, `"multiclass"` or `"regression"`.
        labels (`np.ndarray` of shape `(R,)`): None missing.

    Example:
    >>> labels = np.array([0.0, 0.0, 0.0, 1.0])
    >>> can_fit("forest", "binary", labels), can_fit("svm", "binary", labels)
    (True, False)
    """
    is_svm = name == "svm"
    if len(labels) == 0 or (is_svm and len(labels) > MAX_SVM_ROWS):
        return False
    if task_type == "regression":
        return not is_svm or len(labels) >= FOLDS
    counts = np.unique(labels, return_counts=True)[1]
    return len(counts) > 1 and (not is_svm or int(counts.min()) >= FOLDS)
