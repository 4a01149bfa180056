"""Draw training rows from several sources by weight, the same rows whoever asks and wherever a run was resumed."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

from ..data.sources import PairSource


class MixtureSampler(Sampler[int]):
    """Rows of several sources, each source by its weight at the training step that uses them.

    A step's draws depend on the seed and on the step alone: neither on the number of processes (each takes its part
    of one common sequence) nor on any random state (a resumed run draws what it would have drawn). A source is gone
    through in a new random order before any of its rows comes again. An epoch has as many draws as there are rows.

    Args:
        source_ids (`np.ndarray` of shape `(R,)`): Source of every row.
        sources (sequence of `PairSource`): Their weights.
        draws_per_step (`int`): Rows of one optimizer step, over all processes and accumulated batches.
        num_steps (`int`): Steps of the whole training, or 0: that of `num_epochs`.
        num_epochs (`float`): Epochs of the whole training.
        seed (`int`): Seed of draws and orders.
        current_step (callable): Tells the step at which an iteration begins.
        group_ids (`np.ndarray` of shape `(R,)`, *optional*): Rows of one group are drawn one after the other, so that
            they meet in a batch; negative: a group of its own.

    Raises:
        ValueError: If a source with a positive weight has no rows, or no source has a positive weight at some step.
    """

    def __init__(
        self,
        source_ids: np.ndarray,
        sources: Sequence[PairSource],
        draws_per_step: int,
        num_steps: int,
        num_epochs: float,
        seed: int,
        current_step: Callable[[], int],
        group_ids: np.ndarray | None = None,
    ) -> None:
        self.rows = [np.flatnonzero(source_ids == number) for number in range(len(sources))]
        self.groups = [None if group_ids is None else _number_groups(group_ids[rows]) for rows in self.rows]
        self.draws_per_step, self.seed, self.current_step = draws_per_step, seed, current_step
        self.steps_per_epoch = max(1, len(source_ids) // draws_per_step)
        num_steps = num_steps if num_steps > 0 else int(np.ceil(num_epochs * self.steps_per_epoch))
        changes = [source.weight_changes(num_steps) for source in sources]
        self.starts = np.array(sorted({0, *(start for change in changes for start, _ in change)}))  # (phases,)
        weights = np.array([[_weight_at(change, start) for change in changes] for start in self.starts])
        limits = weights.cumsum(axis=1)
        for start, total in zip(self.starts, limits[:, -1], strict=True):
            if total <= 0 and start < num_steps:
                raise ValueError(f"No source has a positive `weight` from step {start} of {num_steps}. Give one.")
        for source, rows, largest in zip(sources, self.rows, weights.max(axis=0), strict=True):
            if largest > 0 and not len(rows):
                raise ValueError(
                    f"The source {source.name} has a positive `weight`, but no rows for training are left."
                )
        self.limits = limits / limits[:, -1:].clip(min=np.finfo(float).tiny)  # (phases, sources), the last drawn is 1

    def __len__(self) -> int:
        """Return the draws of an epoch, whole steps."""
        return self.steps_per_epoch * self.draws_per_step

    def __iter__(self) -> Iterator[int]:
        """Draw the rows of the epoch that the training has reached."""
        epoch = self.current_step() // self.steps_per_epoch
        drawn = np.zeros(len(self.rows), dtype=np.int64)
        for earlier in range(epoch):
            drawn += np.bincount(self._choose_sources(earlier), minlength=len(self.rows))
        chosen = self._choose_sources(epoch)
        draws = np.empty(len(self), dtype=np.int64)
        for source, before in enumerate(drawn.tolist()):
            places = np.flatnonzero(chosen == source)
            draws[places] = self._take(source, before, len(places))
        return iter(draws.tolist())

    def _choose_sources(self, epoch: int) -> np.ndarray:
        """Choose the source of every draw of an epoch: (draws,)."""
        steps = epoch * self.steps_per_epoch + np.arange(len(self)) // self.draws_per_step
        phases = np.searchsorted(self.starts, steps, side="right") - 1
        numbers = np.random.default_rng([self.seed, epoch]).random(len(self))
        return (numbers[:, None] >= self.limits[phases]).sum(axis=1)

    def _take(self, source: int, before: int, count: int) -> np.ndarray:
        """Take rows number `before` to `before + count` of the endless sequence of one source: (count,)."""
        rows = self.rows[source]
        if not count:
            return rows[:0]
        first, last = before // len(rows), (before + count - 1) // len(rows)
        orders = [rows[self._shuffle(source, number)] for number in range(first, last + 1)]
        start = before - first * len(rows)
        return np.concatenate(orders)[start : start + count]

    def _shuffle(self, source: int, number: int) -> np.ndarray:
        """Draw an order of the rows of a source, groups together: (rows of the source,)."""
        generator, groups = np.random.default_rng([self.seed, source, number]), self.groups[source]
        if groups is None:
            return generator.permutation(len(self.rows[source]))
        return self._shuffle_groups(generator, groups)

    def _shuffle_groups(self, generator: np.random.Generator, groups: np.ndarray) -> np.ndarray:
        """Draw an order of groups, each of them whole: (rows of the source,)."""
        return np.argsort(generator.permutation(int(groups.max(initial=-1)) + 1)[groups], kind="stable")


class PairwiseSampler(MixtureSampler):
    """The same, but of each group two rows are drawn one after the other, other twos in each pass.

    Two of many texts of a molecule then meet in a batch, and the batch is full of different molecules all the same.
    """

    def _shuffle_groups(self, generator: np.random.Generator, groups: np.ndarray) -> np.ndarray:
        """Draw the twos, and an order of them: (rows of the source,)."""
        rows = generator.permutation(len(groups))
        rows = rows[np.argsort(groups[rows], kind="stable")]  # group by group, each in a random order
        sizes = np.bincount(groups)
        place = np.arange(len(rows)) - np.repeat(sizes.cumsum() - sizes, sizes)  # within the group
        pairs = np.cumsum(place % 2 == 0) - 1
        return rows[super()._shuffle_groups(generator, pairs)]


def _number_groups(group_ids: np.ndarray) -> np.ndarray:
    """Number the groups of rows from 0 on, a negative one for each row by itself: (R,)."""
    own = np.where(group_ids < 0, -1 - np.arange(len(group_ids)), group_ids)
    return np.unique(own, return_inverse=True)[1]


def _weight_at(changes: Sequence[tuple[int, float]], step: int) -> float:
    """Return the weight in force at a step: 0 before the first change."""
    return next((weight for start, weight in reversed(changes) if start <= step), 0.0)
