import math

import pytest
import torch

from modeling_finemoltex import FineMolTexConfig, FineMolTexForPreTraining
from modeling_finemoltex.model.matching_finemoltex import (
    FineMolTexMatchingHead,
    draw_hard_negatives,
    match_pairs,
    matching_loss,
)


@pytest.fixture
def matching_config(config):
    return FineMolTexConfig(**{**config.to_dict(), "matching_loss_weight": 1.0, "matching_negatives": 2})


def test_pairs_computed_by_length_equal_pairs_computed_one_by_one(matching_config):
    model = FineMolTexForPreTraining(matching_config).eval()
    width = matching_config.multimodal_config.hidden_size
    num_pairs, words, slots = 37, torch.randint(1, 12, (37,)), torch.randint(2, 6, (37,))
    motif_tokens, word_tokens = torch.randn(num_pairs, 6, width), torch.randn(num_pairs, 12, width)
    motif_mask = (torch.arange(6) < slots[:, None]).long()
    word_mask = (torch.arange(12) < words[:, None]).long()
    fusion, head = model.finemoltex.fusion, FineMolTexMatchingHead(matching_config)
    together = match_pairs(fusion, head, motif_tokens, motif_mask, word_tokens, word_mask)
    for row in range(num_pairs):
        pair = (motif_tokens[row, None, : slots[row]], motif_mask[row, None, : slots[row]])
        pair += (word_tokens[row, None, : words[row]], word_mask[row, None, : words[row]])
        alone = match_pairs(fusion, head, *pair)
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=0)


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


def test_training_adds_the_matching_loss_and_reaches_the_co_attention(matching_config, batch):
    model = FineMolTexForPreTraining(matching_config).train()
    seeds = torch.arange(len(batch["motif_counts"]))
    output = model(**batch, mask_seeds=seeds)
    without = FineMolTexConfig(**{**matching_config.to_dict(), "matching_loss_weight": 0.0})
    assert output.matching_loss == pytest.approx(math.log(3), abs=0.7)
    assert not hasattr(FineMolTexForPreTraining(without), "matching_head")
    model.zero_grad()
    model(**batch, mask_seeds=seeds).loss.backward()
    assert model.matching_head.score.weight.grad.abs().sum() > 0
    for block in model.finemoltex.fusion.co_attention:
        assert block.text_attention.query.weight.grad.abs().sum() > 0


def test_partners_that_share_an_identity_are_never_negatives(matching_config, batch):
    model = FineMolTexForPreTraining(matching_config).eval()
    rows = len(batch["motif_counts"])
    one_molecule = torch.zeros(rows, dtype=torch.long)
    output = model(**batch, mask_seeds=torch.arange(rows), molecule_ids=one_molecule)
    assert output.matching_loss == 0  # nothing is wrong, so the right one is the only candidate
