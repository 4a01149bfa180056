"""Matching: its contract, hard negatives and the loss."""

import math

import pytest
import torch
from contracts.objective import ObjectiveContract, take_rows

from modeling_finemoltex import FineMolTexForPreTraining
from modeling_finemoltex.model.matching_objective_finemoltex import MatchingOptions, draw_hard_negatives, matching_loss


class TestMatchingObjective(ObjectiveContract):
    name = "matching"
    options = {"weight": 0.5, "num_negatives": 2}
    losses = ("matching",)

    def expected_of_two_ranks(self, pretrainer, pairs):
        """Every rank draws its negatives from its own pairs: two ranks are two batches."""
        halves = torch.arange(len(pairs["seeds"])).chunk(2)
        return sum(pretrainer(**take_rows(pairs, rows)).loss for rows in halves) / 2

    def test_it_reaches_the_co_attention(self, pretrainer, pairs):
        output = pretrainer(**pairs)
        output.loss.backward()
        assert output.losses["matching"] == pytest.approx(math.log(3), abs=0.7)
        for block in pretrainer.finemoltex.fusion.co_attention:
            assert block.text_attention.query.weight.grad.abs().sum() > 0

    def test_a_head_without_an_opinion_gives_the_log_of_the_number_of_candidates(self, pretrainer, pairs):
        torch.nn.init.zeros_(pretrainer.objectives["matching"].matching_head.score.weight)
        assert pretrainer(**pairs).losses["matching"] == pytest.approx(math.log(3))

    def test_partners_that_share_an_identity_are_never_negatives(self, pretrainer, pairs):
        for name in ("molecule_ids", "text_ids"):
            alike = {**pairs, name: torch.zeros_like(pairs[name])}
            assert pretrainer(**alike).losses["matching"] == 0  # the right one is the only candidate

    def test_other_seeds_draw_other_negatives(self, pretrainer, pairs):
        other = {**pairs, "seeds": pairs["seeds"] + 100}
        assert not torch.equal(pretrainer(**pairs).loss, pretrainer(**other).loss)


def test_without_the_objective_there_is_no_head(config):
    assert "matching" not in FineMolTexForPreTraining(config).objectives


def test_at_least_one_negative_is_needed():
    with pytest.raises(ValueError, match="`num_negatives` must be at least 1: got 0"):
        MatchingOptions(num_negatives=0)


def test_hard_negatives_are_wrong_distinct_and_mostly_the_hardest():
    logits = torch.tensor([[9.0, 8.0, 0.0, 0.0, -9.0]]).repeat(200, 1)
    is_negative = torch.tensor([[False, True, True, True, True]]).repeat(200, 1)
    columns, is_drawn = draw_hard_negatives(logits, is_negative, 2, torch.arange(200), stream=0)
    assert is_drawn.all() and (columns != 0).all() and (columns[:, 0] != columns[:, 1]).all()
    assert (columns == 1).any(1).float().mean() > 0.95
    assert (columns == 4).any(1).float().mean() < 0.05
    again, _ = draw_hard_negatives(logits, is_negative, 2, torch.arange(200), stream=0)
    other, _ = draw_hard_negatives(logits, is_negative, 2, torch.arange(200), stream=1)
    assert torch.equal(columns, again) and not torch.equal(columns, other)


def test_a_row_without_further_negatives_says_so():
    is_negative = torch.tensor([[False, True, False]])
    _, is_drawn = draw_hard_negatives(torch.zeros(1, 3), is_negative, 2, torch.arange(1), stream=0)
    assert is_drawn.tolist() == [[True, False]]


def test_matching_loss_of_equal_logits_is_the_log_of_the_number_of_candidates():
    loss = matching_loss(torch.zeros(4), torch.zeros(4, 3), torch.tensor([True, True, True]).repeat(4, 1))
    assert loss == pytest.approx(math.log(4))
    unequal = torch.tensor([[True, False, False]]).repeat(4, 1)
    assert matching_loss(torch.zeros(4), torch.zeros(4, 3), unequal) == pytest.approx(math.log(2))
