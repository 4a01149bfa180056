"""Draw training rows from several sources by weight, the same rows whoever asks and wherever a run was resumed."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import datasets
import numpy as np
from torch.utils.data import Sampler

from ..data.sources import PairSource


class RowIds(NamedTuple):
    """What tells the training rows apart when they are drawn; one entry each."""

    source_ids: np.ndarray  # (R,) source of every row
    group_ids: np.ndarray | None = None  # (R,) rows of a group are drawn together; negative: a group of its own
    text_ids: np.ndarray | None = None  # (R,) which text; negative: a text of its own
    neighbours: np.ndarray | None = None  # (R, K) rows like each row, the nearest first; negative: none


class MixtureSampler(Sampler[int]):
    """Rows of several sources, each source by its weight at the training step that uses them.

    A step's draws depend on the seed and on the step alone: neither on the number of processes (each takes its part
    of one common sequence) nor on any random state (a resumed run draws what it would have drawn). A source is gone
    through in a new random order before any of its rows comes again. With `molecules_per_text`, a pass has so many
    rows of each text at most, and the passes take turns among them: all have come before one comes again. With
    `similar_together`, a row is followed by so many of its neighbours as make up that number and have not come yet. An
    epoch has as many draws as one pass through every source.

    Args:
        rows (`RowIds`): Source of every row, and where they count, groups, texts and neighbours.
        sources (sequence of `PairSource`): Their weights, `molecules_per_text` and `similar_together`.
        draws_per_step (`int`): Rows of one optimizer step, over all processes and accumulated batches.
        num_steps (`int`): Steps of the whole training, or 0: that of `num_epochs`.
        num_epochs (`float`): Epochs of the whole training.
        seed (`int`): Seed of draws and orders.
        current_step (callable): Tells the step at which an iteration begins.

    Raises:
        ValueError: If a source with a positive weight has no rows, no source has a positive weight at some step, or
            a source has `molecules_per_text` and the rows have no `text_ids`, or `similar_together` and no neighbours.
    """

    def __init__(
        self,
        rows: RowIds,
        sources: Sequence[PairSource],
        draws_per_step: int,
        num_steps: int,
        num_epochs: float,
        seed: int,
        current_step: Callable[[], int],
    ) -> None:
        self.draws_per_step, self.seed, self.current_step = draws_per_step, seed, current_step
        self.rows = [np.flatnonzero(rows.source_ids == number) for number in range(len(sources))]
        self.groups = [None if rows.group_ids is None else _number_groups(rows.group_ids[one]) for one in self.rows]
        self.turns = [self._plan_turns(number, source, rows.text_ids) for number, source in enumerate(sources)]
        self.chains = [self._plan_chains(number, source, rows.neighbours) for number, source in enumerate(sources)]
        self.lengths = [len(self._list_pass(number, 0)) for number in range(len(sources))]  # of a pass
        self.steps_per_epoch = max(1, sum(self.lengths) // draws_per_step)
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
        rows, length = self.rows[source], self.lengths[source]
        if not count:
            return rows[:0]
        first, last = before // length, (before + count - 1) // length
        orders = [rows[self._shuffle(source, number)] for number in range(first, last + 1)]
        start = before - first * length
        return np.concatenate(orders)[start : start + count]

    def _shuffle(self, source: int, number: int) -> np.ndarray:
        """Draw an order of the rows of a pass, groups together: (rows of the pass,)."""
        generator, groups = np.random.default_rng([self.seed, source, number]), self.groups[source]
        places, chains = self._list_pass(source, number), self.chains[source]
        if chains is not None:
            return chains.shuffle(generator, places)
        if groups is None:
            return places[generator.permutation(len(places))]
        return places[self._shuffle_groups(generator, groups[places])]

    def _list_pass(self, source: int, number: int) -> np.ndarray:
        """List the rows of a source that come in a pass: (rows of the pass,)."""
        turns = self.turns[source]
        return np.arange(len(self.rows[source])) if turns is None else turns.list_pass(number)

    def _plan_turns(self, number: int, source: PairSource, text_ids: np.ndarray | None) -> "_Turns | None":
        """Line up the rows of each text in a random order, if not all of them come in a pass."""
        if source.molecules_per_text is None:
            return None
        if text_ids is None:
            raise ValueError(
                f"The source {source.name} has `molecules_per_text`, but the rows have no `text_ids` to tell equal "
                "texts. `featurize_pairs` gives them."
            )
        texts = _number_groups(text_ids[self.rows[number]])
        order, places = _line_up(np.random.default_rng([self.seed, number, 0, 1]), texts)
        turns = np.empty_like(places)
        turns[order] = places
        return _Turns(turns, np.bincount(texts)[texts], source.molecules_per_text)

    def _plan_chains(self, number: int, source: PairSource, neighbours: np.ndarray | None) -> "_Chains | None":
        """Number the neighbours of a source within it, if similar rows are to follow each other."""
        if source.similar_together is None:
            return None
        if neighbours is None:
            raise ValueError(
                f"The source {source.name} has `similar_together`, but nothing tells which rows are alike. "
                "`find_similar_pairs` does, with a model that is trained already."
            )
        rows = self.rows[number]
        place = np.full(len(neighbours) + 1, -1, dtype=np.int64)  # the last one is that of row -1
        place[rows] = np.arange(len(rows))
        return _Chains(place[neighbours[rows]], source.similar_together)

    def _shuffle_groups(self, generator: np.random.Generator, groups: np.ndarray) -> np.ndarray:
        """Draw an order of groups, each of them whole: (rows of the pass,)."""
        return np.argsort(generator.permutation(int(groups.max(initial=-1)) + 1)[groups], kind="stable")


class PairwiseSampler(MixtureSampler):
    """The same, but of each group two rows are drawn one after the other, other twos in each pass.

    Two of many texts of a molecule then meet in a batch, and the batch is full of different molecules all the same.
    """

    def _shuffle_groups(self, generator: np.random.Generator, groups: np.ndarray) -> np.ndarray:
        """Draw the twos, and an order of them: (rows of the pass,)."""
        rows, places = _line_up(generator, groups)
        pairs = np.cumsum(places % 2 == 0) - 1
        return rows[super()._shuffle_groups(generator, pairs)]


class _Turns(NamedTuple):
    """The turn of each row among those of its text."""

    turns: np.ndarray  # (rows of the source,) from 0 on within the text
    sizes: np.ndarray  # (rows of the source,) rows of the text
    limit: int  # rows of a text in a pass

    def list_pass(self, number: int) -> np.ndarray:
        """List the rows whose turn it is, `limit` of each text or all if there are fewer: (rows of the pass,)."""
        return np.flatnonzero((self.turns - number * self.limit) % self.sizes < self.limit)


class _Chains(NamedTuple):
    """Rows that are drawn one after the other because they are alike."""

    neighbours: np.ndarray  # (rows of the source, K), numbered within the source; negative: none
    length: int  # rows of a chain

    def shuffle(self, generator: np.random.Generator, places: np.ndarray) -> np.ndarray:
        """Draw an order of some rows, chain by chain: (rows,) -> (rows,)."""
        is_left = np.zeros(len(self.neighbours) + 1, dtype=bool)  # the last one is that of no row
        is_left[places] = True
        order: list[int] = []
        for place in generator.permutation(places).tolist():
            if is_left[place]:
                others = self.neighbours[place]
                chain = [place, *others[is_left[others] & (others != place)][: self.length - 1].tolist()]
                is_left[chain] = False
                order += chain
        return np.array(order, dtype=np.int64)


def _line_up(generator: np.random.Generator, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw an order of the rows of each group: (R,) -> rows, group by group, and the place of each in its group."""
    rows = generator.permutation(len(groups))
    rows = rows[np.argsort(groups[rows], kind="stable")]
    sizes = np.bincount(groups)
    return rows, np.arange(len(rows)) - np.repeat(sizes.cumsum() - sizes, sizes)


def _number_groups(group_ids: np.ndarray) -> np.ndarray:
    """Number the groups of rows from 0 on, a negative one for each row by itself: (R,)."""
    own = np.where(group_ids < 0, -1 - np.arange(len(group_ids)), group_ids)
    return np.unique(own, return_inverse=True)[1]


def choose_pairs(rows: datasets.Dataset, num_pairs: int, sources: Sequence[PairSource], seed: int) -> np.ndarray:
    """Choose rows for what is fitted after a training: of each source its share by weight, or all that it has.

    Args:
        rows (`datasets.Dataset`): With `source_ids`, if there are several sources.
        num_pairs (`int`): `n` at most.
        sources (sequence of `PairSource`): What `source_ids` number.
        seed (`int`): Of the choice.

    Returns:
        `np.ndarray` of shape `(n,)`: Rows, ascending.
    """
    generator = np.random.default_rng(seed)
    if not sources or "source_ids" not in rows.column_names:
        return np.sort(generator.permutation(len(rows))[:num_pairs])
    weights = np.array([source.weight_changes(1)[-1][1] for source in sources])
    source_ids = rows.with_format("numpy")["source_ids"][:]
    shares = np.round(num_pairs * weights / weights.sum()).astype(int)
    drawn = [generator.permutation(np.flatnonzero(source_ids == place))[:share] for place, share in enumerate(shares)]
    return np.sort(np.concatenate(drawn))


def _weight_at(changes: Sequence[tuple[int, float]], step: int) -> float:
    """Return the weight in force at a step: 0 before the first change."""
    return next((weight for start, weight in reversed(changes) if start <= step), 0.0)
