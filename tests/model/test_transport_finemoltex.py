"""Optimal transport: against a loop, against the unregularised optimum, and without a trace of padding or chunks."""

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from scipy.optimize import linear_sum_assignment, linprog

from modeling_finemoltex.model import transport_finemoltex
from modeling_finemoltex.model.transport_finemoltex import align_by_transport, sinkhorn


def plan_by_loops(similarity, epsilon, num_iterations):
    """Sinkhorn's scaling of one table, number by number."""
    rows, columns = [1.0] * len(similarity), [1.0] * len(similarity[0])
    kernel = [[math.exp(value / epsilon) for value in row] for row in similarity]
    for _ in range(num_iterations):
        for t in range(len(rows)):
            rows[t] = 1 / len(rows) / sum(kernel[t][k] * columns[k] for k in range(len(columns)))
        for k in range(len(columns)):
            columns[k] = 1 / len(columns) / sum(kernel[t][k] * rows[t] for t in range(len(rows)))
    return torch.tensor([[kernel[t][k] * rows[t] * columns[k] for k in range(len(columns))] for t in range(len(rows))])


def everything(size):
    return torch.ones(size, dtype=torch.bool)


def unit(*shape):
    return F.normalize(torch.randn(*shape), dim=-1)


@pytest.mark.parametrize("epsilon", [0.3, 0.1, 0.04])  # the last is scaled in logarithms
def test_it_is_what_loops_give(epsilon):
    similarity = unit(5, 4) @ unit(3, 4).T
    plan = sinkhorn(similarity, everything(5), everything(3), epsilon, num_iterations=7)
    torch.testing.assert_close(plan, plan_by_loops(similarity.tolist(), epsilon, 7), atol=1e-6, rtol=1e-4)


def test_both_ways_of_scaling_agree(monkeypatch):
    similarity, is_row, is_column = torch.rand(2, 6, 4), torch.rand(2, 6) < 0.7, torch.rand(2, 4) < 0.7
    plans = []
    for limit in (0.0, 1000.0):
        monkeypatch.setattr(transport_finemoltex, "MAX_EXPONENT", limit)
        plans.append(sinkhorn(similarity, is_row, is_column, 0.2, 5))
    torch.testing.assert_close(*plans)


def test_the_sums_are_the_weights():
    plan = sinkhorn(unit(2, 7, 8) @ unit(2, 4, 8).mT, everything(7), everything(4), 0.2, 60)
    torch.testing.assert_close(plan.sum(-1), torch.full((2, 7), 1 / 7), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(plan.sum(-2), torch.full((2, 4), 1 / 4))


def test_with_little_regularisation_it_is_the_best_assignment():
    similarity = (unit(6, 8) @ unit(6, 8).T).double()
    plan = sinkhorn(similarity, everything(6), everything(6), 0.005, 2000)
    rows, columns = linear_sum_assignment(similarity.numpy(), maximize=True)
    best = similarity[rows, columns].mean()
    torch.testing.assert_close((plan * similarity).sum(), best, atol=1e-3, rtol=0)
    assert plan.argmax(1).tolist() == columns.tolist()


def test_with_little_regularisation_unequal_numbers_reach_the_linear_programme():
    similarity = (unit(5, 8) @ unit(3, 8).T).double()
    plan = sinkhorn(similarity, everything(5), everything(3), 0.005, 2000)
    sums = torch.cat([torch.kron(torch.eye(5), torch.ones(1, 3)), torch.kron(torch.ones(1, 5), torch.eye(3))])
    weights = [1 / 5] * 5 + [1 / 3] * 3
    best = -linprog(-similarity.reshape(-1).numpy(), A_eq=sums.numpy(), b_eq=weights).fun
    assert (plan * similarity).sum().item() == pytest.approx(best, abs=1e-3)


def test_equal_similarities_spread_evenly():
    torch.testing.assert_close(sinkhorn(torch.zeros(4, 5), everything(4), everything(5)), torch.full((4, 5), 1 / 20))


@pytest.mark.parametrize("epsilon", [0.1, 0.01])
def test_padding_gets_nothing_and_changes_nothing(epsilon):
    similarity = unit(5, 4) @ unit(3, 4).T
    wide = torch.cat([torch.cat([similarity, torch.ones(5, 2)], 1), torch.ones(2, 5)])
    plan = sinkhorn(wide, torch.arange(7) < 5, torch.arange(5) < 3, epsilon)
    torch.testing.assert_close(plan[:5, :3], sinkhorn(similarity, everything(5), everything(3), epsilon))
    assert plan[5:].sum() == plan[:, 3:].sum() == 0
    assert (sinkhorn(wide, ~everything(7), everything(5), epsilon) == 0).all()  # a text without words


@pytest.mark.parametrize("max_entries", [1, 60, 2**20])
def test_scores_of_all_pairs_whatever_the_chunks_and_the_order(monkeypatch, max_entries):
    monkeypatch.setattr(transport_finemoltex, "MAX_ENTRIES", max_entries)
    words, lengths = unit(3, 5, 8), [5, 2, 3]
    is_word = torch.arange(5) < torch.tensor(lengths)[:, None]
    owner = torch.tensor([2, 0, 0, 1, 2, 2, 2])  # molecules of 2, 1 and 4 parts, not in order
    parts = unit(7, 8)
    scores = align_by_transport(words, is_word, parts, owner, 3, 0.1, 6)
    for text, length in enumerate(lengths):
        for molecule in range(3):
            similarity = words[text, :length] @ parts[owner == molecule].T
            expected = (plan_by_loops(similarity.tolist(), 0.1, 6) * similarity).sum()
            torch.testing.assert_close(scores[text, molecule], expected, atol=1e-5, rtol=1e-4)


def test_identical_words_and_parts_score_one_and_the_gradient_is_the_plan():
    words = torch.eye(4)[None].requires_grad_()
    scores = align_by_transport(words, everything((1, 4)), torch.eye(4), torch.zeros(4, dtype=torch.long), 1, 0.05)
    torch.testing.assert_close(scores, torch.ones(1, 1), atol=1e-5, rtol=0)
    scores.sum().backward()
    torch.testing.assert_close(words.grad[0], torch.eye(4) / 4, atol=1e-5, rtol=0)
