"""A blend: the mean of several estimators on several blocks of features, task by task."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .estimators import can_fit, make_estimator


class Member(NamedTuple):
    """One estimator of a blend, and the features that it reads side by side."""

    estimator: str  # of ESTIMATORS
    blocks: tuple[str, ...]  # of BLOCKS


class Blend:
    """Estimators of the same tasks, whose predictions are averaged; each that could learn a task counts alike.

    Args:
        members (sequence of [`Member`]): At least one.
        task_type (`str`): `"binary"`, `"multiclass"` or `"regression"`.
        num_outputs (`int`): `K` tasks, or classes.
        fitted (list of `list`, *optional*): For each member what [`fit_member`] made.
        answers (list of `list[float]`, *optional*): For each task what [`answer_alike`] says.

    Raises:
        ValueError: If there is no member.

    Example:
    >>> blend = Blend([Member("extra_trees", ("size",))], "binary", 1)
    >>> sizes = {"size": np.arange(20.0)[:, None]}
    >>> blend.fit(sizes, (np.arange(20.0) > 9)[:, None].astype(float), seed=0).predict(sizes)[[0, 19], 0].tolist()
    [0.0, 1.0]
    """

    def __init__(
        self,
        members: Sequence[Member],
        task_type: str,
        num_outputs: int,
        fitted: list[list[Any]] | None = None,
        answers: list[list[float]] | None = None,
    ) -> None:
        if not members:
            raise ValueError("A blend needs at least one member.")
        self.members, self.task_type, self.num_outputs = list(members), task_type, num_outputs
        self.fitted, self.answers = fitted or [], answers or []

    @property
    def blocks(self) -> list[str]:
        """Names of the blocks that the members read."""
        return list(dict.fromkeys(block for member in self.members for block in member.blocks))

    def fit(
        self, blocks: Mapping[str, np.ndarray], labels: np.ndarray, seed: int, balance_classes: bool = False
    ) -> "Blend":
        """Fit every member to every task.

        Args:
            blocks (mapping of `str` to `np.ndarray` of shape `(R, F)`): Features.
            labels (`np.ndarray` of shape `(R, K)`, or `(R, 1)` of class numbers): NaN where missing.
            seed (`int`): Of everything random.
            balance_classes (`bool`): Weigh classes by their inverse frequency.

        Raises:
            KeyError: If a block is missing.
        """
        self.answers = answer_alike(labels, self.task_type, self.num_outputs)
        self.fitted = [
            fit_member(member, blocks, labels, self.task_type, seed, balance_classes) for member in self.members
        ]
        return self

    def predict(self, blocks: Mapping[str, np.ndarray]) -> np.ndarray:
        """Predict molecules.

        Args:
            blocks (mapping of `str` to `np.ndarray` of shape `(R, F)`): Features, `R` at least 1.

        Returns:
            `np.ndarray` of shape `(R, K)`, float64: Probabilities, or numbers.

        Raises:
            KeyError: If a block is missing.
        """
        return self.average([self.ask(place, blocks) for place in range(len(self.members))])

    def ask(self, place: int, blocks: Mapping[str, np.ndarray]) -> np.ndarray:
        """Predict by one member, `(R, K)`; NaN for the tasks that it could not learn."""
        features = _join(blocks, self.members[place])
        width = self.num_outputs if self.task_type == "multiclass" else 1
        unknown = np.full((len(features), width), np.nan)
        return np.hstack([unknown if one is None else self._predict(one, features) for one in self.fitted[place]])

    def average(self, said: Sequence[np.ndarray]) -> np.ndarray:
        """Average what members say of the tasks that they learned; a task that none did has one answer for all.

        Args:
            said (sequence of `np.ndarray` of shape `(R, K)`): Of [`ask`], of each member.

        Returns:
            `np.ndarray` of shape `(R, K)`, without NaN.
        """
        stacked = np.stack(said)  # (members, R, K)
        known = ~np.isnan(stacked)
        sums, counts = np.where(known, stacked, 0.0).sum(0), known.sum(0)
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.concatenate(self.answers))

    def _predict(self, estimator: Any, features: np.ndarray) -> np.ndarray:
        """Predict one task, `(R, 1)`, or all classes, `(R, K)`."""
        if self.task_type == "regression":
            return estimator.predict(features).reshape(-1, 1)
        probabilities = estimator.predict_proba(features)  # (R, classes seen)
        if self.task_type == "binary":
            return probabilities[:, 1:]
        full = np.zeros((len(features), self.num_outputs))
        full[:, estimator.classes_.astype(int)] = probabilities
        return full


def fit_member(
    member: Member,
    blocks: Mapping[str, np.ndarray],
    labels: np.ndarray,
    task_type: str,
    seed: int,
    balance_classes: bool = False,
) -> list[Any]:
    """Fit one estimator to each task.

    Args:
        member ([`Member`]): Which estimator, on which blocks.
        blocks (mapping of `str` to `np.ndarray` of shape `(R, F)`): Features.
        labels (`np.ndarray` of shape `(R, K)`, or `(R, 1)` of class numbers): NaN where missing.
        task_type (`str`): `"binary"`, `"multiclass"` or `"regression"`.
        seed (`int`): Of everything random.
        balance_classes (`bool`): Weigh classes by their inverse frequency.

    Returns:
        `list`: A fitted estimator for each task, one for `"multiclass"`; `None` where there is too little to learn.
    """
    fitted: list[Any] = []
    for column in labels.T:
        known = np.flatnonzero(~np.isnan(column))
        estimator = None
        if can_fit(member.estimator, task_type, column[known]):
            estimator = make_estimator(member.estimator, task_type, len(known), seed, balance_classes)
            estimator.fit(_join(blocks, member, known), column[known])
        fitted.append(estimator)
    return fitted


def answer_alike(labels: np.ndarray, task_type: str, num_outputs: int) -> list[list[float]]:
    """Give the same answer for all molecules: the mean of the labels of a task, or the shares of the classes.

    Args:
        labels (`np.ndarray` of shape `(R, K)`, or `(R, 1)` of class numbers): NaN where missing.
        task_type (`str`): `"binary"`, `"multiclass"` or `"regression"`.
        num_outputs (`int`): `K`.

    Returns:
        `list` of `list[float]`: One number for each task, or `K` in one list for `"multiclass"`. Without any label,
        0.5, equal shares, or 0 in regression.

    Example:
    >>> answer_alike(np.array([[1.0, np.nan], [0.0, np.nan]]), "binary", 2)
    [[0.5], [0.5]]
    """
    if task_type == "multiclass":
        known = labels[~np.isnan(labels[:, 0]), 0].astype(int)
        counts = np.bincount(known, minlength=num_outputs) if len(known) else np.ones(num_outputs)
        return [(counts / counts.sum()).tolist()]
    unknown = 0.5 if task_type == "binary" else 0.0
    known_columns = [column[~np.isnan(column)] for column in labels.T]
    return [[float(column.mean()) if len(column) else unknown] for column in known_columns]


def _join(blocks: Mapping[str, np.ndarray], member: Member, rows: Any = slice(None)) -> np.ndarray:
    """Put the features of a member side by side, `(R, F)` float32."""
    return np.hstack([blocks[name][rows].astype(np.float32) for name in member.blocks])
