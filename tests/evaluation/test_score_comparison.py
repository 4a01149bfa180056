"""Better and equal wrong candidates, and what figures they give."""

import numpy as np
import pytest
import torch

from modeling_finemoltex.evaluation import RetrievalSetting
from modeling_finemoltex.evaluation.pools import lay_out_pools
from modeling_finemoltex.evaluation.score_comparison import choose_in_batches, compare_candidates, rank_values

TEXTS, MOLECULES = torch.eye(4), torch.tensor([[1.0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0.5, 0.8]])
NEGATIVES = np.array([[1, 2], [0, 2], [3, 0], [2, 1]])


def compare(**fields):
    setting = RetrievalSetting((2, 3), directions=("t2m",), **fields)
    (pool,) = lay_out_pools(setting, 4, 0, 0)
    return compare_candidates(TEXTS, MOLECULES, pool, NEGATIVES, setting, None)


def test_wrong_candidates_ahead_of_and_level_with_the_pair():
    better, equal, chosen = compare()
    assert better.tolist() == [0, 0, 0, 0] and equal.tolist() == [1, 3, 0, 0]
    assert chosen["choose_one_of_2"].tolist() == [0.5, 0.5, 1, 1]
    assert chosen["choose_one_of_3"].tolist() == [0.5, pytest.approx(1 / 3), 1, 1]


def test_equal_molecules_are_right_together():
    _, equal, _ = compare(molecule_ids=[0, 0, 1, 2])
    assert equal.tolist() == [0, 2, 0, 0]


def test_a_reranker_decides_about_the_best():
    setting = RetrievalSetting((), directions=("t2m",))
    (pool,) = lay_out_pools(setting, 4, 0, 0)

    def worst_first(direction, queries, candidates):
        return (candidates != queries[:, None]).astype(float)

    none = np.empty((4, 0), dtype=np.int64)
    better, equal, _ = compare_candidates(TEXTS, TEXTS, pool, none, setting, (worst_first, 3))
    assert better.tolist() == [2, 2, 2, 2] and equal.tolist() == [0, 0, 0, 0]
    with pytest.raises(ValueError, match=r"one finite score per candidate, shape \(4, 3\)"):
        compare_candidates(TEXTS, TEXTS, pool, none, setting, (lambda *given: np.zeros(3), 3))


def test_choosing_in_batches_sees_one_batch():
    (pool,) = lay_out_pools(RetrievalSetting((), directions=("t2m",)), 4, 0, 0)
    assert choose_in_batches(TEXTS, MOLECULES, pool, 2).tolist() == [0.5, 0.5, 1, 1]


def test_figures_are_expectations_over_ties():
    values = rank_values(np.array([0.0, 3.0]), np.array([1.0, 0.0]), (1, 5))
    assert values["hits@1"].tolist() == [0.5, 0] and values["hits@5"].tolist() == [1, 1]
    assert values["mrr"].tolist() == [0.75, pytest.approx(0.25)] and values["rank"].tolist() == [1.5, 4]
