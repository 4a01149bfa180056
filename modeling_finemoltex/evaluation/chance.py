"""What embeddings that know nothing reach: a vector at random for each distinct molecule and text.

Equal texts get equal vectors, and so do equal molecules. That is not a random order of the rows: where texts repeat
there are fewer things to choose among, and a query with many right answers has the best of them counted. Of the
anatomical level of ATC, for instance, there are 14 texts; nineteen negatives name about ten of them, and a random
embedding chooses right one time in ten, not in twenty.

Cosines of one query with independent random vectors come in any order with the same probability. So for a query with
`n` distinct candidates of which `c` are right, the best right one is the first of `c` in a random order of `n`. From
that hits@1, ranks and choices follow exactly; so do the other figures where no wrong candidate repeats. Where some do,
hits@k and reciprocal ranks are means over `NUM_ORDERS` random orders of each query, from a fixed seed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .pools import Pool, RetrievalSetting, lay_out_pools, negatives_of
from .score_comparison import rank_values

NUM_ORDERS = 256  # of each query: over 1,000 queries hits@k then varies by less than 0.1 %
MAX_ORDERS = 1 << 16  # of the queries that have the same prospect


class Prospect(NamedTuple):
    """The distinct candidates of one query."""

    num_items: int
    ties: np.ndarray  # (c,): wrong candidates that are the same item as each right one
    wrong_sizes: np.ndarray  # (s,): how often an item that is wrong occurs in the pool
    num_wrong: np.ndarray  # (s,): number of such items

    @property
    def first_hit(self) -> float:
        """Probability that the best candidate is right, with ties broken at random."""
        return float((1 / (1 + self.ties)).sum() / self.num_items)

    @property
    def rank(self) -> float:
        """Expected rank of the best right candidate."""
        num_rows = float(self.wrong_sizes @ self.num_wrong)  # each is ahead of all right ones once in c + 1
        return 1 + num_rows / (len(self.ties) + 1) + self.ties.mean() / 2

    @property
    def has_repeats(self) -> bool:
        """Whether some wrong candidate occurs twice, or is the same item as a right one."""
        return bool(self.ties.any() or (self.wrong_sizes > 1).any())


def score_at_random(
    setting: RetrievalSetting, num_pairs: int, num_extra_molecules: int = 0, num_extra_texts: int = 0
) -> dict[str, np.ndarray]:
    """Compute the expected scores of random embeddings, equal for equal molecules and texts.

    Without ids every row counts as an item of its own.

    Args:
        setting (`RetrievalSetting`): As in `score_queries`. Its ids say what is equal, even if duplicates are wrong.
        num_pairs (`int`): `R`.
        num_extra_molecules (`int`): `X`.
        num_extra_texts (`int`): `Y`.

    Returns:
        `dict[str, np.ndarray]`: The keys and shapes of `score_queries`.

    Example:
    >>> texts = ["an acid", "a base", "an acid", "a salt"]  # three texts to choose among
    >>> setting = RetrievalSetting(choose_from=(), hits_at=(1,), text_ids=texts, directions=("m2t",))
    >>> score_at_random(setting, num_pairs=4)["m2t_hits@1"].round(3).tolist()
    [0.333, 0.333, 0.333, 0.333]
    """
    values: dict[str, np.ndarray] = {}
    pools = lay_out_pools(setting, num_pairs, num_extra_molecules, num_extra_texts)
    negatives = negatives_of(setting, pools[0], num_pairs)
    for pool in pools:
        scores = _score_ranks(pool, setting)
        choices = pool.items[np.concatenate([pool.queries[:, None], negatives[pool.queries]], axis=1)]  # (Q, T_max)
        scores |= {f"choose_one_of_{size}": _choose(choices[:, :size]) for size in setting.choose_from}
        if setting.in_batch:
            scores[f"in_batch_{setting.in_batch}"] = _choose_in_batches(pool, setting.in_batch)
        values |= {f"{pool.direction}_{name}": array for name, array in scores.items()}
    return values


def _foresee(pool: Pool) -> tuple[list[Prospect], np.ndarray]:
    """Sort the candidates of every query into right and wrong items: the prospects, and whose is which (Q,)."""
    size_of_item = np.bincount(pool.items)  # (n,)
    size_counts = np.bincount(size_of_item)  # number of items of each size
    rows_of_code = [_group_rows(codes) for codes in pool.codes]
    # Most queries have one right answer that nothing equals: they share a prospect.
    is_alone = size_of_item[pool.items[pool.queries]] == 1  # (Q,)
    for codes in pool.codes:
        is_alone &= np.bincount(codes + 1)[codes[pool.queries] + 1] == 1
    prospects: list[Prospect] = []
    known: dict[tuple[int, ...], int] = {}
    places = np.empty(len(pool.queries), dtype=np.int64)
    for place, (row, alone) in enumerate(zip(pool.queries.tolist(), is_alone.tolist(), strict=True)):
        key = () if alone else tuple(int(codes[row]) for codes in pool.codes) or (row,)
        if key not in known:
            parts = [rows[codes[row]] for rows, codes in zip(rows_of_code, pool.codes, strict=True)]
            right = np.unique(np.concatenate(parts)) if parts else np.array([row])
            items, counts = np.unique(pool.items[right], return_counts=True)  # (c,) each
            wrong_counts = size_counts - np.bincount(size_of_item[items], minlength=len(size_counts))
            sizes = np.flatnonzero(wrong_counts)
            known[key] = len(prospects)
            prospects.append(Prospect(len(size_of_item), size_of_item[items] - counts, sizes, wrong_counts[sizes]))
        places[place] = known[key]
    return prospects, places


def _group_rows(codes: np.ndarray) -> list[np.ndarray]:
    """List the rows of each code from 0 on."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.searchsorted(codes[order], np.arange(codes.max() + 1)))[1:]


def _score_ranks(pool: Pool, setting: RetrievalSetting) -> dict[str, np.ndarray]:
    """Compute hits, reciprocal ranks and ranks: (Q,) each."""
    generator = np.random.default_rng(setting.seed)
    prospects, places = _foresee(pool)
    rows = []
    for prospect, num_queries in zip(prospects, np.bincount(places).tolist(), strict=True):
        if prospect.has_repeats:
            row = _simulate(prospect, setting.hits_at, min(num_queries * NUM_ORDERS, MAX_ORDERS), generator)
        else:
            row = _derive(prospect, setting.hits_at)
        exact = {"hits@1": prospect.first_hit} if 1 in setting.hits_at else {}
        rows.append({**row, **exact, "rank": prospect.rank})
    return {name: np.array([row[name] for row in rows])[places] for name in rows[0]}


def _derive(prospect: Prospect, hits_at: Sequence[int]) -> dict[str, float]:
    """Compute hits and reciprocal rank where all candidates differ, from the chance that the first `b` are wrong."""
    num_wrong = prospect.num_items - len(prospect.ties)
    places = np.arange(num_wrong + 1)
    tails = np.cumprod(np.concatenate([[1.0], (num_wrong - places) / (prospect.num_items - places)]))
    hits = {f"hits@{k}": float(1 - tails[min(k, len(tails) - 1)]) for k in hits_at}
    return hits | {"mrr": float(-np.diff(tails) @ (1 / (places + 1)))}


def _simulate(
    prospect: Prospect, hits_at: Sequence[int], num_orders: int, generator: np.random.Generator
) -> dict[str, float]:
    """Average hits and reciprocal rank over random orders."""
    # Scores even between 0 and 1: the best of c, and how many of the wrong items exceed it.
    best = generator.random(num_orders) ** (1 / len(prospect.ties))  # (orders,)
    ahead = generator.binomial(prospect.num_wrong[:, None], 1 - best)  # (s, orders)
    equal = generator.choice(prospect.ties, num_orders)
    values = rank_values((prospect.wrong_sizes @ ahead).astype(float), equal.astype(float), hits_at)
    return {name: float(array.mean()) for name, array in values.items()}


def _choose(items: np.ndarray) -> np.ndarray:
    """Choose one of `T`, the first of which is right: (Q, T) items -> (Q,)."""
    num_items = 1 + (np.diff(np.sort(items, axis=1), axis=1) != 0).sum(axis=1)
    return 1 / (num_items * (items == items[:, :1]).sum(axis=1))


def _choose_in_batches(pool: Pool, size: int) -> np.ndarray:
    """Choose among the pairs of each batch of consecutive queries: (Q,)."""
    starts = range(0, len(pool.queries), size)
    batches = [pool.batch(pool.queries[start : start + size]) for start in starts]
    shares = []
    for batch in batches:
        prospects, places = _foresee(batch)
        shares.append(np.array([prospect.first_hit for prospect in prospects])[places])
    return np.concatenate(shares)
