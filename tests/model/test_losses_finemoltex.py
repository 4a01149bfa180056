import math

import pytest
import torch

from modeling_finemoltex.model.losses_finemoltex import (
    CONTRASTIVE_LOSSES,
    contrastive_loss,
    ebm_nce,
    masked_prediction_loss,
    sigmoid_nce,
)

B, P = 6, 8


def unit_vectors(rows):
    return torch.nn.functional.normalize(torch.randn(rows, P), dim=-1)


def test_uniform_similarities_give_log_b():
    ones = torch.ones(B, P) / math.sqrt(P)
    loss = contrastive_loss(ones, ones, torch.tensor(10.0))
    torch.testing.assert_close(loss, torch.tensor(math.log(B)))


def test_zero_similarities_give_log_2_for_ebm_nce():
    torch.testing.assert_close(ebm_nce(torch.zeros(B, B), torch.arange(B)), torch.tensor(math.log(2.0)))


def test_zero_similarities_give_the_odds_of_the_batch_for_the_sigmoid_loss():
    """Each decision at its prior: log(B) for the positive, log(B / (B - 1)) for each of the others."""
    loss = sigmoid_nce(torch.zeros(B, B), torch.arange(B))
    torch.testing.assert_close(loss, torch.tensor(math.log(B) + (B - 1) * math.log(B / (B - 1))))


@pytest.mark.parametrize("objective", CONTRASTIVE_LOSSES.values())
def test_aligned_pairs_cost_less_than_shuffled_ones(objective):
    logits = 10 * torch.eye(B)
    rows = torch.arange(B)
    assert objective(logits, rows) < objective(logits, rows.roll(1))


@pytest.mark.parametrize("objective", CONTRASTIVE_LOSSES)
def test_pairs_of_the_same_molecule_or_text_are_no_negatives(objective):
    molecules, texts = unit_vectors(B), unit_vectors(B)
    ids = torch.arange(B)
    repeated = ids.clone()
    repeated[1] = repeated[0]
    scale = torch.tensor(10.0)
    loss = contrastive_loss(molecules, texts, scale, objective, molecule_ids=repeated, text_ids=ids)
    moved_texts, moved_molecules = texts.clone(), molecules.clone()
    moved_texts[1], moved_molecules[1] = -molecules[0], -texts[0]  # would matter if 0 and 1 were negatives
    logits = scale * molecules @ texts.T
    excluded = torch.zeros(B, B, dtype=torch.bool)
    excluded[0, 1] = excluded[1, 0] = True
    function = CONTRASTIVE_LOSSES[objective]
    expected = (function(logits, ids, excluded) + function(logits.T, ids, excluded)) / 2
    torch.testing.assert_close(loss, expected)
    assert not torch.isclose(loss, contrastive_loss(molecules, texts, scale, objective, ids, ids))


def test_uniform_scores_give_log_v_and_nothing_masked_gives_zero():
    loss = masked_prediction_loss(torch.zeros(2, 7), torch.tensor([1, 2]))
    torch.testing.assert_close(loss, torch.tensor(math.log(7)))
    assert masked_prediction_loss(torch.randn(0, 7), torch.zeros(0, dtype=torch.long)) == 0
