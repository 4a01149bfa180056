"""What a retrieval protocol fixes before any system is scored: who asks, among what, and which answers are right."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

DIRECTIONS = ("t2m", "m2t")


@dataclass(frozen=True, eq=False)
class RetrievalSetting:
    """What a protocol fixes, whatever the system: who asks, which answers are right, what is counted.

    Args:
        choose_from (sequence of `int`): `T` of T-choose-one: the pair against `T - 1` negatives, nested across `T`.
        hits_at (sequence of `int`): `k` of hits@k over the full pool.
        seed (`int`): Seed of the negatives when none are given.
        negatives (`np.ndarray` of shape `(R, >= max(choose_from) - 1)`, *optional*): Fixed negatives as row numbers,
            the same for both directions (see `load_negatives`); used as they are, whatever the ids say.
        molecule_ids (integers or strings, *optional*): Rows with one id are the same molecule. One per pair, `(R,)`,
            or one per pair and extra molecule, `(R + X,)`.
        text_ids (integers or strings, *optional*): Rows with one id have the same text; shapes likewise.
        duplicates (`str`): `"right"`: what shares an id with the pair is as right as the pair; `"wrong"`: only the
            pair itself is, as published protocols count. Without ids there is no difference.
        queries (`(Q,)` integers, *optional*): Rows that ask; the others are candidates only. All by default.
        in_batch (`int`, *optional*): Also choose among the pairs of one batch of this many consecutive queries.
        directions (sequence of `str`): Of `"t2m"` and `"m2t"`.

    Raises:
        ValueError: If `duplicates`, `directions` or `in_batch` has another value.
    """

    choose_from: Sequence[int] = (4, 10, 20)
    hits_at: Sequence[int] = (1, 5, 10, 20)
    seed: int = 0
    negatives: np.ndarray | None = None
    molecule_ids: Any = None
    text_ids: Any = None
    duplicates: str = "right"
    queries: Any = None
    in_batch: int | None = None
    directions: Sequence[str] = DIRECTIONS

    def __post_init__(self) -> None:
        """Refuse values that would silently count something else."""
        if self.duplicates not in ("right", "wrong"):
            raise ValueError(f"`duplicates` must be 'right' or 'wrong': got {self.duplicates!r}.")
        if not self.directions or not set(self.directions) <= set(DIRECTIONS):
            raise ValueError(f"`directions` must be some of {DIRECTIONS}: got {tuple(self.directions)!r}.")
        if self.in_batch is not None and self.in_batch < 2:
            raise ValueError(f"`in_batch` must be at least 2, the pair and one other: got {self.in_batch}.")


@dataclass(frozen=True, eq=False)
class Pool:
    """One direction: the rows that ask, which candidates are right for each other, and which are the same item."""

    direction: str
    queries: np.ndarray  # (Q,)
    num_candidates: int
    # (C,) each: equal codes are right for each other, -1 for nothing. Of the kind searched for, then of the kind that
    # asks; those that were given.
    codes: list[np.ndarray]
    items: np.ndarray  # (C,): numbered from 0; equal numbers are one molecule, or one text

    def batch(self, rows: np.ndarray) -> "Pool":
        """Take some pairs `(b,)` as a pool of their own, in which all ask."""
        codes, items = [codes[rows] for codes in self.codes], _number_items(self.items[rows])
        return Pool(self.direction, np.arange(len(rows)), len(rows), codes, items)


def lay_out_pools(
    setting: RetrievalSetting, num_pairs: int, num_extra_molecules: int, num_extra_texts: int, with_ids: bool = False
) -> list[Pool]:
    """Lay out the candidates of each direction; ids stay away where duplicates are wrong, unless `with_ids`."""
    queries = _check_queries(setting.queries, num_pairs)
    extras = {"molecule_ids": num_extra_molecules, "text_ids": num_extra_texts}
    codes: dict[str, np.ndarray] = {}
    for name, num_extra in extras.items():
        values = getattr(setting, name)
        if values is not None:
            codes[name] = _id_codes(values, name, num_pairs, num_extra)
    equal = codes
    if setting.duplicates == "wrong" and not with_ids:
        codes = {}  # checked all the same
    pools = []
    for direction in setting.directions:
        searched, asking = extras if direction == "t2m" else reversed(extras)
        size = num_pairs + extras[searched]
        items = _number_items(_pad(equal[searched], size) if searched in equal else np.full(size, -1))
        kinds = [codes[searched]] if searched in codes else []
        kinds += [codes[asking][:num_pairs]] if asking in codes else []
        pools.append(Pool(direction, queries, size, [_pad(kind, size) for kind in kinds], items))
    return pools


def _number_items(codes: np.ndarray) -> np.ndarray:
    """Give each code a number from 0, and each unknown one (-1) a number of its own: (C,)."""
    unknown = codes < 0
    codes = np.where(unknown, codes.max(initial=0) + 1 + np.cumsum(unknown), codes)
    return np.unique(codes, return_inverse=True)[1].reshape(-1)


def _pad(codes: np.ndarray, size: int) -> np.ndarray:
    """Mark further candidates as unlike all others: (C,)."""
    return np.concatenate([codes, np.full(size - len(codes), -1)])


def _check_queries(queries: Any, num_pairs: int) -> np.ndarray:
    """Check the rows that ask: (Q,) int64."""
    rows = np.arange(num_pairs) if queries is None else np.asarray(queries)
    if rows.ndim != 1 or not len(rows) or rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= num_pairs:
        raise ValueError(f"`queries` must be row numbers in [0, {num_pairs}), at least one: got {queries!r}.")
    return rows.astype(np.int64)


def hits_ceiling(
    setting: RetrievalSetting, num_pairs: int, num_extra_molecules: int = 0, num_extra_texts: int = 0
) -> dict[str, float]:
    """Compute the best Hits@1 that any model can reach when duplicates count as errors.

    Equal texts get equal scores. Of pairs with equal texts, only one molecule's can rank first. If the pool holds `c`
    copies of this molecule, they tie, and each is first in one of `c` orders.

    Args:
        setting (`RetrievalSetting`): Its ids say what is equal.
        num_pairs (`int`): `R`.
        num_extra_molecules (`int`): `X`.
        num_extra_texts (`int`): `Y`.

    Returns:
        `dict[str, float]`: `unique_text_share` and `{t2m,m2t}_ceiling_hits@1`; empty unless both ids are given.
    """
    if setting.molecule_ids is None or setting.text_ids is None:
        return {}
    ceilings: dict[str, float] = {}
    for pool in lay_out_pools(setting, num_pairs, num_extra_molecules, num_extra_texts, with_ids=True):
        searched, asking = pool.codes
        asked, paired = asking[pool.queries], searched[pool.queries]  # (Q,) each
        groups, first, counts = np.unique(
            np.stack([asked, paired]), axis=1, return_index=True, return_counts=True
        )  # groups (2, G): equal queries of equal pairs
        copies = np.bincount(searched + 1)[paired[first] + 1]  # (G,)
        best = np.zeros(asked.max() + 1)
        np.maximum.at(best, groups[0], counts / copies)
        ceilings[f"{pool.direction}_ceiling_hits@1"] = float(best.sum() / len(asked))
        texts = asking if pool.direction == "t2m" else searched
        ceilings["unique_text_share"] = float((np.bincount(texts + 1)[texts[pool.queries] + 1] == 1).mean())
    return ceilings


def load_negatives(index_file: str | Path) -> np.ndarray:
    """Read fixed negatives: line `i` holds the comma-separated row numbers of row `i`'s negatives.

    Args:
        index_file (`str` or `Path`): Text file, one line per row, as MoleculeSTM publishes them.

    Returns:
        `np.ndarray` of shape `(R, K)`, int64, `K` the length of the shortest line; a protocol of `T` uses the first
        `T - 1` columns.

    Raises:
        ValueError: If the file is empty or a line holds something else than non-negative row numbers.
    """
    rows = []
    with Path(index_file).open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            cells = line.strip().split(",")
            if not all(cell.strip().isdecimal() for cell in cells):
                raise ValueError(
                    f"{index_file}, line {number}: expected comma-separated row numbers, got {line.strip()!r}."
                )
            rows.append([int(cell) for cell in cells])
    if not rows:
        raise ValueError(f"{index_file} is empty: expected one line of comma-separated row numbers per pair.")
    width = min(map(len, rows))
    return np.asarray([row[:width] for row in rows], dtype=np.int64)


def _id_codes(values: Any, name: str, num_pairs: int, num_extra: int) -> np.ndarray:
    """Number the distinct ids of one kind: (R,) or (R + X,) int64."""
    values = np.asarray(values.cpu() if isinstance(values, Tensor) else values)
    if values.shape not in ((num_pairs,), (num_pairs + num_extra,)):
        extra = f", or those and {num_extra} of the extra rows" if num_extra else ""
        raise ValueError(f"`{name}` must have one id per pair: got shape {values.shape} for {num_pairs} pairs{extra}.")
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def count_correct(ids: list[np.ndarray], num_rows: int) -> np.ndarray:
    """Count the right candidates of each of the first `num_rows` rows, its own pair included: (R,) int64."""
    if not ids:
        return np.ones(num_rows, dtype=np.int64)
    sizes = sum(np.bincount(codes + 1)[codes[:num_rows] + 1] for codes in ids)
    if len(ids) == 2:  # rows that share both were counted twice
        both = np.unique(np.stack(ids), axis=1, return_inverse=True)[1].reshape(-1)
        sizes = sizes - np.bincount(both)[both[:num_rows]]
    return np.asarray(sizes)


def negatives_of(setting: RetrievalSetting, pool: Pool, num_pairs: int) -> np.ndarray:
    """Draw or check the negatives, which are other pairs in both directions: (R, T_max - 1) int64."""
    count = max(setting.choose_from, default=1) - 1
    if setting.negatives is not None:
        return _check_negatives(setting.negatives, num_pairs, count)
    codes = [codes[:num_pairs] for codes in pool.codes]
    return draw_negatives(codes, count_correct(codes, num_pairs), count, setting.seed)


def choices_that_fit(sizes: Sequence[int], molecule_ids: Any, text_ids: Any) -> tuple[int, ...]:
    """Keep those `T` of T-choose-one for which every row has `T - 1` wrong candidates, as drawing them needs.

    Args:
        sizes (sequence of `int`): The `T` wanted.
        molecule_ids, text_ids (integers or strings, `(R,)` each): Rows with one id are right for each other.
    """
    codes = [np.unique(ids, return_inverse=True)[1] for ids in (molecule_ids, text_ids)]
    num_wrong = len(codes[0]) - int(count_correct(codes, len(codes[0])).max(initial=0))
    return tuple(size for size in sizes if size - 1 <= num_wrong)


def draw_negatives(ids: list[np.ndarray], num_correct: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Draw `count` distinct wrong rows for each row, in random order: (R, count) int64."""
    num_rows = len(num_correct)
    short = np.flatnonzero(num_rows - num_correct < count)
    if len(short):
        raise ValueError(
            f"Choosing one of {count + 1} needs {count} wrong candidates per row: row {short[0]} has "
            f"{num_rows - num_correct[short[0]]} in a pool of {num_rows} rows. Give more rows or a smaller "
            "`choose_from`."
        )
    generator = np.random.default_rng(seed)
    negatives = np.empty((num_rows, count), dtype=np.int64)
    for row in range(num_rows):
        # At most num_correct of these are right answers, so enough wrong ones remain.
        drawn = generator.choice(num_rows, size=min(num_rows, count + num_correct[row]), replace=False)
        wrong = drawn != row
        for codes in ids:
            wrong &= codes[drawn] != codes[row]
        negatives[row] = drawn[wrong][:count]
    return negatives


def _check_negatives(negatives: Any, num_rows: int, count: int) -> np.ndarray:
    """Check given negatives and keep the first `count` columns: (R, count) int64."""
    negatives = np.asarray(negatives)
    if negatives.ndim != 2 or len(negatives) != num_rows or negatives.shape[1] < count:
        raise ValueError(
            f"`negatives` must have {num_rows} rows of at least {count} row numbers: got shape {negatives.shape}."
        )
    negatives = negatives[:, :count].astype(np.int64)
    wrong = (negatives < 0) | (negatives >= num_rows) | (negatives == np.arange(num_rows)[:, None])
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"`negatives` must be other rows in [0, {num_rows}): row {row} names row {negatives[row, column]}."
        )
    return negatives
