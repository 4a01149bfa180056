"""Bootstrap intervals against theory, and the paired comparison."""

import numpy as np
import pytest

from modeling_finemoltex.evaluation import bootstrap_intervals, compare_paired, summarise_queries


def test_interval_of_a_mean_has_the_width_theory_says():
    values = (np.random.default_rng(0).random(2000) < 0.3).astype(float)
    intervals = bootstrap_intervals({"t2m_hits@1": values}, num_samples=2000)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert intervals["t2m_hits@1_low"] == pytest.approx(values.mean() - half, abs=0.003)
    assert intervals["t2m_hits@1_high"] == pytest.approx(values.mean() + half, abs=0.003)


def test_median_is_that_of_the_resampled_ranks():
    ranks = np.random.default_rng(1).integers(1, 50, size=40).astype(float)
    intervals = bootstrap_intervals({"p/t2m_rank": ranks}, num_samples=50, seed=3)
    generator = np.random.default_rng(3)
    medians = [np.median(ranks[generator.integers(40, size=40)]) for _ in range(50)]
    assert intervals["p/t2m_median_rank_low"] == pytest.approx(np.percentile(medians, 2.5))
    assert set(intervals) == {f"p/t2m_{kind}_rank_{bound}" for kind in ("mean", "median") for bound in ("low", "high")}


def test_seeds():
    values = {"a": np.random.default_rng(0).random(30), "b": np.random.default_rng(1).random(20)}
    assert bootstrap_intervals(values, 30, seed=1) == bootstrap_intervals(values, 30, seed=1)
    assert bootstrap_intervals(values, 30, seed=1) != bootstrap_intervals(values, 30, seed=2)


def test_pairing_is_sharper_than_two_intervals():
    generator = np.random.default_rng(0)
    hard = generator.random(500)
    first, second = ({"t2m_mrr": hard + 0.02, "t2m_rank": 1 / hard}, {"t2m_mrr": hard, "t2m_rank": 1 / hard})
    difference = compare_paired(first, second)
    assert difference["t2m_mrr_low"] == pytest.approx(0.02) == difference["t2m_mrr"]
    assert difference["t2m_mean_rank"] == difference["t2m_mean_rank_high"] == 0
    assert "t2m_median_rank" not in difference
    alone = [bootstrap_intervals(system) for system in (first, second)]
    assert alone[0]["t2m_mrr_low"] < alone[1]["t2m_mrr_high"]  # the two overlap


def test_summary():
    assert summarise_queries({"rank": np.array([1.0, 2.0, 6.0])}) == {"mean_rank": 3.0, "median_rank": 2.0}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compare_paired({"a": np.ones(2)}, {"b": np.ones(2)}), "share no figure"),
        (lambda: compare_paired({"a": np.ones(2)}, {"a": np.ones(3)}), "same queries, got 2 and 3"),
        (lambda: bootstrap_intervals({"a": np.ones(2)}, 1), "at least 2"),
        (lambda: bootstrap_intervals({"a": np.ones(2)}, level=95), "between 0 and 1"),
        (lambda: bootstrap_intervals({"a": np.ones(0)}), "no queries"),
    ],
)
def test_bad_input_is_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()
