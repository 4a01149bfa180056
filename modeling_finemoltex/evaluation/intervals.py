"""Bootstrap intervals over queries, and the paired comparison of two systems on the same queries."""

import math
from collections.abc import Mapping

import numpy as np


def summarise_queries(values: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Average values per query; a `rank` gives a mean and a median.

    Args:
        values (mapping of `str` to `(Q,)`): As `score_queries` returns them, also under longer names.

    Returns:
        `dict[str, float]`: The same keys, `..._rank` replaced by `..._mean_rank` and `..._median_rank`.

    Example:
    >>> summarise_queries({"t2m_mrr": np.array([1.0, 0.5]), "t2m_rank": np.array([1.0, 2.0])})
    {'t2m_mrr': 0.75, 't2m_mean_rank': 1.5, 't2m_median_rank': 1.5}
    """
    metrics = {}
    for key, array in values.items():
        metrics[_mean_name(key)] = math.fsum(array) / len(array)  # equal values keep their mean to the last digit
        if key.endswith("rank"):
            metrics[key.removesuffix("rank") + "median_rank"] = float(np.median(array))
    return metrics


def bootstrap_intervals(
    values: Mapping[str, np.ndarray], num_samples: int = 1000, level: float = 0.95, seed: int = 0
) -> dict[str, float]:
    """Compute percentile intervals of the figures of `summarise_queries` by resampling queries.

    Queries are what a protocol samples; candidates stay as they are. Values of equal length are resampled together.

    Args:
        values (mapping of `str` to `(Q,)`): Values per query.
        num_samples (`int`): Resamples.
        level (`float`): Share of the resampled figures inside the interval.
        seed (`int`): Seed of the resampling: equal seeds and lengths give equal resamples.

    Returns:
        `dict[str, float]`: `{key}_low` and `{key}_high` for each key of `summarise_queries`.

    Raises:
        ValueError: If `num_samples` or `level` cannot give an interval, or there are no queries.

    Example:
    >>> bootstrap_intervals({"t2m_mrr": np.ones(5)}, num_samples=10)
    {'t2m_mrr_low': 1.0, 't2m_mrr_high': 1.0}
    """
    return _percentiles(_resample(values, num_samples, seed), level)


def compare_paired(
    first: Mapping[str, np.ndarray],
    second: Mapping[str, np.ndarray],
    num_samples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, float]:
    """Compare two systems query by query: the mean of `first - second`, with its interval.

    Far sharper than two separate intervals, since what makes a query hard makes it hard for both.

    Args:
        first (mapping of `str` to `(Q,)`): As `score_queries` returns it.
        second (mapping of `str` to `(Q,)`): The same for the same queries in the same order.
        num_samples (`int`): As in `bootstrap_intervals`.
        level (`float`): As in `bootstrap_intervals`.
        seed (`int`): As in `bootstrap_intervals`.

    Returns:
        `dict[str, float]`: For each key that both have `{key}`, `{key}_low` and `{key}_high`, ranks as `mean_rank`.
        An interval without 0 tells the systems apart; more is better except for ranks.

    Raises:
        ValueError: If they share no key, or the number of queries differs.

    Example:
    >>> compare_paired({"t2m_mrr": np.ones(5)}, {"t2m_mrr": np.full(5, 0.5)}, num_samples=10)
    {'t2m_mrr': 0.5, 't2m_mrr_low': 0.5, 't2m_mrr_high': 0.5}
    """
    shared = [key for key in first if key in second]
    if not shared:
        raise ValueError(f"The systems share no figure: got {sorted(first)} and {sorted(second)}.")
    for key in shared:
        if np.shape(first[key]) != np.shape(second[key]):
            raise ValueError(
                f"{key}: the systems must answer the same queries, got {len(first[key])} and {len(second[key])}."
            )
    differences = {key: np.asarray(first[key]) - second[key] for key in shared}
    # A median of differences is no difference of medians, so ranks are compared by their mean alone.
    intervals = _percentiles(_resample(differences, num_samples, seed, with_medians=False), level)
    means = {_mean_name(key): float(array.mean()) for key, array in differences.items()}
    return means | intervals


def _mean_name(key: str) -> str:
    """Name the average of a value per query."""
    return f"{key.removesuffix('rank')}mean_rank" if key.endswith("rank") else key


def _percentiles(figures: dict[str, np.ndarray], level: float) -> dict[str, float]:
    """Cut the tails off resampled figures."""
    if not 0 < level < 1:
        raise ValueError(f"`level` must be between 0 and 1, the share inside the interval: got {level}.")
    intervals: dict[str, float] = {}
    for key, samples in figures.items():
        low, high = np.percentile(samples, (50 * (1 - level), 50 * (1 + level)))
        intervals |= {f"{key}_low": float(low), f"{key}_high": float(high)}
    return intervals


def _resample(
    values: Mapping[str, np.ndarray], num_samples: int, seed: int, with_medians: bool = True
) -> dict[str, np.ndarray]:
    """Draw the figures of all values, those of equal length from the same queries: (num_samples,) each."""
    if num_samples < 2:
        raise ValueError(f"`num_samples` must be at least 2 to give an interval: got {num_samples}.")
    figures: dict[str, np.ndarray] = {}
    for length in dict.fromkeys(len(array) for array in values.values()):
        if not length:
            raise ValueError("There are no queries to resample.")
        keys = [key for key, array in values.items() if len(array) == length]
        matrix = np.stack([values[key] for key in keys], axis=1).astype(np.float64)  # (Q, K)
        orders = {key: np.argsort(values[key]) for key in keys if with_medians and key.endswith("rank")}
        middle = np.array([(length - 1) // 2, length // 2])
        means = np.empty((num_samples, len(keys)))
        medians = {key: np.empty(num_samples) for key in orders}
        generator = np.random.default_rng(seed)
        for sample in range(num_samples):
            counts = np.bincount(generator.integers(length, size=length), minlength=length)
            means[sample] = counts @ matrix / length
            for key, order in orders.items():
                places = np.searchsorted(np.cumsum(counts[order]), middle, side="right")
                medians[key][sample] = values[key][order[places]].mean()
        figures |= {_mean_name(key): column for key, column in zip(keys, means.T, strict=True)}
        figures |= {f"{key.removesuffix('rank')}median_rank": column for key, column in medians.items()}
    return figures
