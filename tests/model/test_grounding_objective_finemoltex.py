"""Grounding: the losses fall to nothing at the truth, rows without facts say nothing, and it trains what it should."""

import pytest
import torch

from modeling_finemoltex import FineMolTexForPreTraining
from modeling_finemoltex.model.grounding_objective_finemoltex import count_loss, meaning_loss
from modeling_finemoltex.model.tokens_finemoltex import WordTokens

UNKNOWN = -1
FACTS = torch.tensor([[1, 0, 2], [UNKNOWN] * 3, [0, 0, 5]])


def say(shares, amounts, texts):
    size = len(texts)
    nothing = (torch.zeros(size, 2), torch.zeros(size), torch.zeros(size, 3), torch.tensor(texts))
    return WordTokens(*nothing, torch.tensor(shares), torch.tensor(amounts))


def test_true_counts_cost_nothing_and_unknown_ones_are_left_alone():
    counts = FACTS.clamp(max=3).float().requires_grad_()
    loss = count_loss(counts, FACTS, 3)
    loss.backward()
    assert loss < 0.2
    assert not counts.grad[1].any()
    wrong = count_loss(torch.zeros(3, 3), FACTS, 3)
    assert wrong > 10 and count_loss(torch.zeros(1, 3), FACTS[1:2], 3) == 0


def test_words_that_say_the_conditions_cost_nothing():
    # "two A, no B": at least two and not three of concept 0, none of concept 1.
    conditions = torch.tensor([[[0, 2, 2], [1, 0, 0]], [[UNKNOWN] * 3] * 2])
    right = say(
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.0, 1.0, -1.0], [-1.0, 0.0, 0.0], [9.0, 9.0, 9.0]],
        [0, 0, 1],  # the second text is no query: whatever it says
    )
    assert meaning_loss(right, conditions) < 1e-4
    for change in ({"shares": right.shares.flip(1)}, {"amounts": -right.amounts}):
        assert meaning_loss(right._replace(**change), conditions) > 1
    assert meaning_loss(right, torch.full((2, 1, 3), UNKNOWN)) == 0


def test_the_last_number_stands_for_all_larger_ones():
    five = torch.tensor([[[0, 5, 127]]])
    assert meaning_loss(say([[1.0, 0.0]], [[0.0, 0.0, 1.0]], [0]), five) < 1e-4


@pytest.fixture
def grounded(change_config):
    torch.manual_seed(0)
    sizes = {"size": 8, "num_concepts": 5, "num_text_layers": 1, "num_graph_layers": 1}
    objectives = {"contrastive": None, "masked_modelling": None, "grounding": {}}
    return FineMolTexForPreTraining(change_config(token_config=sizes, objectives=objectives))


def test_gradients_reach_both_sides(grounded, batch):
    rows = len(batch["motif_counts"])
    facts = torch.zeros(rows, 3, dtype=torch.int16)  # the last two facts are in no molecule of the batch
    facts[0] = 1
    conditions = torch.full((rows, 1, 3), UNKNOWN)
    conditions[0, 0] = torch.tensor([2, 1, 127])
    output = grounded(**batch, fact_counts=facts, conditions=conditions)
    output.loss.backward()
    assert set(output.losses) == {"concept", "meaning"}
    for name in ("molecule_concepts", "molecule_tokens", "word_concepts", "word_tokens", "molecule_encoder"):
        gradients = [one.grad for one in grounded.parts()[name].parameters() if one.grad is not None]
        assert any(one.abs().max() > 0 for one in gradients), name
    assert grounded(**batch).loss == 0  # a batch without queries
    with pytest.raises(ValueError, match="facts up to number 5, the model has 5 concepts"):
        grounded(**batch, fact_counts=torch.zeros(rows, 6), conditions=conditions)


def test_a_model_without_concepts_is_told_what_to_set(change_config):
    with pytest.raises(ValueError, match=r"'grounding' needs structural concepts: set `token_config="):
        FineMolTexForPreTraining(change_config(objectives={"grounding": {}}))
