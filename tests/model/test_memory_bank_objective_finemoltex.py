"""The memory bank objective: closed forms, the hardest others by hand, and who is no negative."""

import pytest
import torch
from contracts.objective import ObjectiveContract, as_batch, repeat_a_molecule, take_rows
from torch import nn

from modeling_finemoltex import FineMolTexForPreTraining
from modeling_finemoltex.model.memory_bank_objective_finemoltex import MemoryBankOptions, batch_hard_triplet
from modeling_finemoltex.model.objectives_finemoltex import encode_pairs

CONTRASTIVE_OFF = {"contrastive": None, "masked_modelling": None}


class TestTriplet(ObjectiveContract):
    name = "memory_bank"
    losses = ("memory_bank",)

    @pytest.fixture
    def pairs(self, batch):
        return repeat_a_molecule(batch)


class TestInfoNce(ObjectiveContract):
    name = "memory_bank"
    options = {"loss": "info_nce", "slots": 5, "heads": 2}
    losses = ("memory_bank",)


class TestFaithful(ObjectiveContract):
    name = "memory_bank"
    options = {"faithful": True}
    losses = ("memory_bank",)

    def test_two_ranks_give_the_loss_and_the_gradients_of_one_process(self, pretrainer, pairs, tmp_path, monkeypatch):
        """Statistics of half a batch differ from those of the whole one: BatchNorm stays on its running statistics."""
        monkeypatch.setattr(nn.BatchNorm1d, "train", lambda self, mode=True: nn.Module.train(self, False))
        super().test_two_ranks_give_the_loss_and_the_gradients_of_one_process(pretrainer, pairs, tmp_path)


def stack_embeds(model, pairs):
    """Place the texts and the molecules by the bank."""
    objective, batch = model.objectives["memory_bank"], as_batch({**pairs, **pairs["molecules"].__dict__})
    encoded = encode_pairs(model.finemoltex, batch, objective.reads)
    molecules, texts = objective.embed(model.finemoltex, encoded, batch)
    return torch.cat([texts, molecules])


def random_embeds(rows):
    generator = torch.Generator().manual_seed(rows)
    return torch.nn.functional.normalize(torch.randn(rows, 6, generator=generator), dim=-1)


def test_the_hardest_others_are_those_of_a_search_by_hand():
    embeds, ids = random_embeds(8), [0, 1, 2, 1, 0, 1, 2, 1]  # four texts, then their molecules; 1 and 3 are equal
    same = torch.tensor(ids)[:, None] == torch.tensor(ids)
    expected = 0.0
    for i in range(8):
        distances = [((embeds[i] - embeds[j]) ** 2).sum().sqrt() for j in range(8)]
        farthest = max(distances[j] for j in range(8) if ids[i] == ids[j])
        nearest = min(distances[j] for j in range(8) if ids[i] != ids[j])
        expected += max(0.0, float(farthest - nearest + 0.3)) / 8
    assert batch_hard_triplet(embeds, embeds, same, ~same, 0.3).item() == pytest.approx(expected, rel=1e-5)


def test_equal_embeddings_give_the_margin_and_finite_gradients():
    embeds = random_embeds(1).expand(6, -1).clone().requires_grad_()
    same = torch.eye(3, dtype=torch.bool).repeat(2, 2)
    loss = batch_hard_triplet(embeds, embeds, same, ~same, 0.3)
    loss.backward()
    assert loss.item() == pytest.approx(0.3) and embeds.grad.isfinite().all()


def test_distant_pairs_cost_nothing():
    embeds, same = torch.eye(4).repeat(2, 1), torch.eye(4, dtype=torch.bool).repeat(2, 2)
    assert batch_hard_triplet(embeds, embeds, same, ~same, 0.3) == 0


def test_equal_molecules_and_texts_are_positives(change_config, batch):
    config = change_config(objectives={"memory_bank": {}, **CONTRASTIVE_OFF})
    model = FineMolTexForPreTraining(config).eval()
    rows = torch.tensor([1, 2, 3, 1])
    pairs = take_rows({**batch, "seeds": torch.arange(len(batch["motif_counts"]))}, rows)
    apart, equal = torch.arange(4), torch.tensor([0, 1, 2, 0])
    assert model(**pairs, molecule_ids=apart, text_ids=apart).loss > 0.3  # its copy is nearer than its own text
    losses = [model(**pairs, molecule_ids=one, text_ids=two).loss for one, two in ((equal, apart), (apart, equal))]
    stacked, same = stack_embeds(model, pairs), (equal[:, None] == equal).repeat(2, 2)
    for loss in losses:
        torch.testing.assert_close(loss, batch_hard_triplet(stacked, stacked, same, ~same, 0.3))


def test_what_may_answer_a_query_is_neither_positive_nor_negative(change_config, batch):
    config = change_config(objectives={"memory_bank": {}, **CONTRASTIVE_OFF})
    model = FineMolTexForPreTraining(config).eval()
    numbers = torch.arange(len(batch["motif_counts"]))
    pairs = take_rows({**batch, "seeds": numbers}, numbers[:3])
    conditions = torch.full((3, 1, 3), -1)
    conditions[0, 0] = torch.tensor([0, 1, 9])  # text 0 asks for at least one of fact 0, which molecule 1 has
    facts = torch.tensor([[1], [2], [0]])
    loss = model(**pairs, fact_counts=facts, conditions=conditions).loss
    stacked, own = stack_embeds(model, pairs), torch.eye(3, dtype=torch.bool)
    is_negative = ~own
    is_negative[0, 1] = is_negative[1, 0] = False
    expected = batch_hard_triplet(stacked, stacked, own.repeat(2, 2), is_negative.repeat(2, 2), 0.3)
    torch.testing.assert_close(loss, expected)


def test_muon_leaves_the_slots_alone(change_config):
    from modeling_finemoltex.training.parameter_groups import build_parameter_groups

    model = FineMolTexForPreTraining(change_config(objectives={"memory_bank": {}, **CONTRASTIVE_OFF}))
    groups = build_parameter_groups(model, 0.1, 0.0, {}, muon_learning_rate=0.5)
    slots = model.objectives["memory_bank"].bank.slots.weight
    (name,) = [group["name"] for group in groups if any(one is slots for one in group["params"])]
    assert name == "other" and slots.std() > 0.8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "hinge"}, "`loss` must be one of"),
        ({"slots": 0}, "`slots` must be at least 1: got 0"),
        ({"slots": 1, "faithful": True}, "`slots` must be at least 2: got 1. One of them is frozen"),
        ({"heads": 0}, "`heads` must be at least 1: got 0"),
        ({"margin": -0.1}, "`margin` must not be negative: got -0.1"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MemoryBankOptions(**options)


def test_heads_that_do_not_fit_the_width_are_refused(change_config):
    with pytest.raises(ValueError, match="has 3 heads, which do not divide the width 32"):
        FineMolTexForPreTraining(change_config(objectives={"memory_bank": {"heads": 3}}))
