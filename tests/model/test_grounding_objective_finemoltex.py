"""Grounding: the losses fall to nothing at the truth, rows without facts say nothing, and it trains what it should."""

import pytest
import torch
from contracts.head import without_dropout
from contracts.objective import ObjectiveContract, take_rows

from modeling_finemoltex import FineMolTexForPreTraining
from modeling_finemoltex.model.grounding_objective_finemoltex import count_loss, meaning_loss, presence_loss

UNKNOWN = -1
FACTS = torch.tensor([[1, 0, 2], [0, 0, 5]])


def say(shares, amounts, texts):
    return torch.tensor(shares), torch.tensor(amounts), torch.tensor(texts)


def test_true_counts_cost_nothing():
    assert count_loss(FACTS.clamp(max=3).float(), FACTS, 3) < 0.3
    assert count_loss(torch.zeros(2, 3), FACTS, 3) > 10


def test_presence_is_that_of_independent_atoms_and_its_gradient_does_not_vanish():
    held = torch.tensor([[-9.0, 2.0], [-9.0, -1.0]], requires_grad=True)  # two atoms of one molecule, two concepts
    absence = -torch.nn.functional.softplus(held).sum(0, keepdim=True)
    loss = presence_loss(absence, torch.tensor([[1, 0]]))
    absent = (1 - held.detach().sigmoid()).prod(0)
    torch.testing.assert_close(loss.detach(), -(1 - absent[0]).log() - absent[1].log(), rtol=1e-3, atol=1e-3)
    loss.backward()
    torch.testing.assert_close(held.grad[:, 0], torch.tensor([-0.5, -0.5]), rtol=1e-2, atol=1e-2)


def test_words_that_say_the_conditions_cost_nothing():
    # "two A, no B": at least two and not three of concept 0, none of concept 1.
    conditions = torch.tensor([[[0, 2, 2], [1, 0, 0]], [[UNKNOWN] * 3] * 2])
    right = say(
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.0, 1.0, -1.0], [-1.0, 0.0, 0.0], [9.0, 9.0, 9.0]],
        [0, 0, 1],  # the second text is no query: whatever it says
    )
    shares, amounts, texts = right
    assert meaning_loss(*right, conditions) < 1e-4
    assert meaning_loss(shares.flip(1), amounts, texts, conditions) > 1
    assert meaning_loss(shares, -amounts, texts, conditions) > 1
    assert meaning_loss(*right, torch.full((2, 1, 3), UNKNOWN)) == 0


def test_the_last_number_stands_for_all_larger_ones():
    five = torch.tensor([[[0, 5, 127]]])
    assert meaning_loss(*say([[1.0, 0.0]], [[0.0, 0.0, 1.0]], [0]), five) < 1e-4


class TestGroundingObjective(ObjectiveContract):
    name = "grounding"
    losses = ("concept", "meaning")

    @pytest.fixture
    def objective_config(self, change_config):
        sizes = {"size": 8, "num_concepts": 5, "num_text_layers": 1, "num_graph_layers": 1}
        others = {"contrastive": None, "masked_modelling": None}
        return without_dropout(change_config(objectives={self.name: {}, **others}, token_config=sizes))

    @pytest.fixture
    def pairs(self, batch):
        """Molecule `i` has fact `i % 2` once and facts 3 and 4 never, and text `i` asks for the former."""
        numbers = torch.arange(len(batch["motif_counts"]))
        facts = torch.nn.functional.one_hot(numbers % 2, 3).to(torch.int16)
        asked = torch.stack([numbers % 2, torch.ones_like(numbers), torch.full_like(numbers, 127)], dim=-1)
        return {**batch, "seeds": numbers, "fact_counts": facts, "conditions": asked[:, None]}

    def expected_of_two_ranks(self, pretrainer, pairs):
        """The own layers of molecules normalise by the batch of their rank."""
        half = len(pairs["seeds"]) // 2
        halves = torch.arange(2 * half).chunk(2)
        return sum(pretrainer(**take_rows(pairs, rows)).loss for rows in halves) / 2

    def test_gradients_reach_both_sides(self, pretrainer, pairs):
        pretrainer(**pairs).loss.backward()
        molecules, words = (
            ("molecule_concepts", "molecule_encoder"),
            ("word_concepts", "concept_layers", "text_encoder"),
        )
        for name in molecules + words:
            gradients = [one.grad for one in pretrainer.parts()[name].parameters() if one.grad is not None]
            assert any(one.abs().max() > 0 for one in gradients), name

    def test_a_batch_without_queries_says_nothing(self, pretrainer, batch):
        assert pretrainer(**batch).loss == 0

    def test_rows_without_facts_change_nothing(self, pretrainer, pairs):
        pretrainer.eval()
        some = torch.arange(0, len(pairs["seeds"]), 2)
        alone = pretrainer(**take_rows(pairs, some)).losses
        others = torch.ones(len(pairs["seeds"]), dtype=torch.bool).index_fill(0, some, False)
        facts, asked = pairs["fact_counts"].clone(), pairs["conditions"].clone()
        facts[others], asked[others] = UNKNOWN, UNKNOWN
        together = pretrainer(**{**pairs, "fact_counts": facts, "conditions": asked}).losses
        torch.testing.assert_close(together, alone)

    def test_more_facts_than_concepts_are_refused(self, pretrainer, pairs):
        pairs["fact_counts"] = torch.zeros(len(pairs["seeds"]), 6)
        with pytest.raises(ValueError, match="facts up to number 5, the model has 5 concepts"):
            pretrainer(**pairs)


def test_a_model_without_concepts_is_told_what_to_set(change_config):
    with pytest.raises(ValueError, match=r"'grounding' needs structural concepts: set `token_config="):
        FineMolTexForPreTraining(change_config(objectives={"grounding": {}}))
