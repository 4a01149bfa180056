"""The critic: its gradients, closed forms, and that each side learns from its own loss alone."""

import pytest
import torch
from contracts.objective import ObjectiveContract, as_batch

from modeling_finemoltex import FineMolTexForPreTraining
from modeling_finemoltex.model.critic_objective_finemoltex import CriticOptions, FineMolTexCritic
from modeling_finemoltex.model.masking_finemoltex import hash_uniform
from modeling_finemoltex.model.objectives_finemoltex import encode_pairs


class TestCritic(ObjectiveContract):
    name = "critic"
    options = {"hidden_sizes": [16, 8]}
    losses = ("critic", "generator")


@pytest.fixture
def pretrainer(change_config):
    objectives = {"critic": {"hidden_sizes": [16, 8], "weight": 0.5}, "contrastive": None, "masked_modelling": None}
    return FineMolTexForPreTraining(change_config(objectives=objectives)).eval()


@pytest.fixture
def pairs(batch):
    return {**batch, "seeds": torch.arange(len(batch["motif_counts"]))}


@pytest.fixture
def means(pretrainer, pairs):
    """Means of the words and of the atoms of each pair, one pair at a time."""
    model, batch = pretrainer.finemoltex, as_batch(pairs)
    encoded = encode_pairs(model, batch, {"word_states"})
    real = [states[mask == 1].mean(0) for states, mask in zip(encoded.word_states, batch.attention_mask, strict=True)]
    fake = [
        model.motif_tower.projection(encoded.atom_states[batch.molecules.molecule_of_atom == number]).mean(0)
        for number in range(len(real))
    ]
    return torch.stack(real).detach(), torch.stack(fake).detach()


def test_gradients_equal_those_of_autograd_twice():
    critic, inputs = FineMolTexCritic(6, [8, 5]), torch.randn(7, 6).requires_grad_()
    (expected,) = torch.autograd.grad(critic(inputs).sum(), inputs, create_graph=True)
    actual = critic.differentiate(inputs.detach())
    torch.testing.assert_close(actual, expected)
    by_formula, by_autograd = (
        torch.autograd.grad((one.norm(dim=-1) - 1).square().mean(), list(critic.parameters()), materialize_grads=True)
        for one in (actual, expected)
    )
    for one, other in zip(by_formula, by_autograd, strict=True):
        torch.testing.assert_close(one, other)


def test_losses_are_those_computed_pair_by_pair(pretrainer, pairs, means):
    critic, losses = pretrainer.objectives["critic"].critic, pretrainer(**pairs).losses
    expected = 0.0
    for real, fake, seed in zip(*means, pairs["seeds"], strict=True):
        share = hash_uniform(seed[None], 1, 4)[0]
        mixed = (share * real + (1 - share) * fake)[None].requires_grad_()
        (gradient,) = torch.autograd.grad(critic(mixed).sum(), mixed)
        expected += critic(fake[None]) - critic(real[None]) + 10 * (gradient.norm() - 1) ** 2
    torch.testing.assert_close(losses["critic"], (expected / len(means[0])).squeeze().detach(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(losses["generator"], -critic(means[1]).mean().detach(), rtol=1e-4, atol=1e-4)


def test_a_critic_that_sees_nothing_costs_the_penalty(pretrainer, pairs):
    torch.nn.init.zeros_(pretrainer.objectives["critic"].critic.score.weight)
    losses = pretrainer(**pairs).losses
    assert losses["critic"].item() == pytest.approx(10.0) and losses["generator"] == 0


def test_each_side_learns_from_its_own_loss_alone(pretrainer, pairs):
    objective, batch = pretrainer.objectives["critic"], as_batch(pairs)
    encoded = encode_pairs(pretrainer.finemoltex, batch, objective.reads)
    terms = objective(pretrainer.finemoltex, encoded, batch)
    critic = list(objective.parameters())
    encoders = [one for one in pretrainer.finemoltex.parameters() if one.requires_grad]

    def gradients_of(loss, parameters):
        return torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)

    assert all(one is not None for one in gradients_of(terms.losses["critic"], critic))
    assert all(one is None for one in gradients_of(terms.losses["critic"], encoders))
    assert all(one is None for one in gradients_of(terms.losses["generator"], critic))
    reached = gradients_of(terms.losses["generator"], [encoded.atom_states, encoded.word_states])
    assert reached[0].abs().sum() > 0 and reached[1] is None


def test_evaluation_computes_the_same_losses(pretrainer, pairs):
    expected = pretrainer(**pairs).losses
    for context in (torch.no_grad, torch.inference_mode):
        with context():
            for name, loss in pretrainer(**pairs).losses.items():
                torch.testing.assert_close(loss, expected[name])


def test_autocast_and_half_precision_give_finite_float32(pretrainer, pairs):
    with torch.autocast("cpu", torch.bfloat16):
        mixed = pretrainer(**pairs).loss
    mixed.backward()
    half = pretrainer.bfloat16()(**pairs).loss
    for loss in (mixed, half):
        assert loss.dtype == torch.float32 and loss.isfinite()
    assert all(one.grad.isfinite().all() for one in pretrainer.objectives.parameters())


def test_it_is_declared_an_adversary(pretrainer):
    part = pretrainer.parts()["critic"]
    assert part.kind == "adversary"
    assert [id(one) for one in part.parameters()] == [id(one) for one in pretrainer.objectives.parameters()]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_sizes": []}, r"`hidden_sizes` must name a positive width a layer: got \[\]"),
        ({"hidden_sizes": (8, 0)}, r"`hidden_sizes` must name a positive width a layer: got \[8, 0\]"),
        ({"penalty": -1.0}, "`penalty` must not be negative: got -1.0"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CriticOptions(**options)
