"""The pre-training head: its contract, the sum of its objectives, and what becomes of wrong tables of them."""

import copy
from pathlib import Path

import pytest
import torch
from contracts.head import TextHeadContract, without_dropout

from modeling_finemoltex import OBJECTIVES, FineMolTexForPreTraining, Objective, Terms
from modeling_finemoltex.model.pretraining_finemoltex import add_up, merge_terms


class TestPreTrainingHead(TextHeadContract):
    head_class = FineMolTexForPreTraining
    changes = {"objectives": {"matching": {"weight": 0.5}}}
    own = ("objectives.",)
    num_hidden_states = 24  # six of each pass, the plain and the masked one, and six of each fusion
    num_attentions = 18

    def make_batch(self, processor, molecules):
        numbers = torch.arange(len(molecules))
        return {**super().make_batch(processor, molecules), "seeds": numbers, "molecule_ids": numbers}

    def make_loss(self, model, inputs):
        return model(**inputs).loss


def test_the_loss_is_the_weighted_sum_and_reaches_every_parameter(model, batch):
    model.train()
    output = model(**batch)
    assert list(output.losses) == ["contrastive", "word", "motif"]
    expected = output.losses["contrastive"] + 0.5 * output.losses["word"] + output.losses["motif"]
    torch.testing.assert_close(output.loss.detach(), expected)
    assert not any(loss.requires_grad for loss in output.losses.values())
    output.loss.backward()
    without = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert without == {"finemoltex.logit_scale"}  # fixed unless `learn_temperature`


def test_a_learned_temperature_gets_a_gradient(change_config, batch):
    model = FineMolTexForPreTraining(change_config(learn_temperature=True))
    model(**batch).loss.backward()
    assert model.finemoltex.logit_scale.grad.abs() > 0


def test_contrastive_only_has_no_heads_and_no_second_pass(change_config, batch):
    model = FineMolTexForPreTraining(change_config(objectives={"masked_modelling": None}))
    output = model(**batch)
    assert list(output.losses) == ["contrastive"] and output.counts is None
    assert not list(model.objectives.parameters())
    torch.testing.assert_close(output.loss.detach(), output.losses["contrastive"])


def test_a_cheap_step_is_contrastive_alone(change_config, batch):
    model = FineMolTexForPreTraining(change_config(objectives={"matching": {}})).eval()
    output = model(**batch, costly=False)
    assert list(output.losses) == ["contrastive"] and output.counts is None
    assert output.loss == output.losses["contrastive"] == model(**batch).losses["contrastive"]


def test_without_seeds_the_random_generator_of_torch_draws(model, batch):
    losses = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        losses.append(model(**batch).loss.item())
    assert losses[0] == losses[1] != losses[2]


def test_both_sides_are_needed(model, batch):
    with pytest.raises(ValueError, match="Pre-training needs pairs"):
        model(input_ids=batch["input_ids"])
    del batch["input_ids"]
    with pytest.raises(ValueError, match="Pre-training needs pairs"):
        model(**batch)


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        ({"triplet": {}}, "must name at least one of contrastive, .*: got triplet"),
        ({"contrastive": None, "masked_modelling": None}, "must name at least one of .*: got none"),
        ({"contrastive": {"margin": 1}}, "The objective 'contrastive' has no option margin"),
        ({"contrastive": {"loss": "triplet"}}, "The objective 'contrastive': `loss` must be one of"),
    ],
)
def test_impossible_objectives_are_refused_when_the_model_is_built(change_config, objectives, message):
    with pytest.raises(ValueError, match=message):
        FineMolTexForPreTraining(change_config(objectives=objectives))


def test_losses_have_names_of_their_own():
    one = Terms({"a": torch.ones(())}, {"a": 1.0})
    two = Terms({"b": torch.ones(())}, {"b": 2.0}, {"n": torch.ones(3)})
    merged = merge_terms([one, two])
    assert list(merged.losses) == ["a", "b"] and merged.weights == {"a": 1.0, "b": 2.0}
    assert list(merged.counts) == ["n"] and add_up(merged, torch.zeros(1)) == 3
    with pytest.raises(ValueError, match="Two objectives name a loss 'a'"):
        merge_terms([one, one])


def test_every_objective_is_tested_against_the_contract():
    for name, objective in OBJECTIVES.items():
        assert issubclass(objective, Objective)
        file = Path(__file__).with_name(f"test_{objective.__module__.rpartition('.')[2]}.py")
        text = file.read_text(encoding="utf-8")
        assert "(ObjectiveContract)" in text and f'name = "{name}"' in text, name


def test_gradient_checkpointing_gives_the_same_gradients(config, batch):
    seeds = torch.arange(len(batch["motif_counts"]))
    fresh = FineMolTexForPreTraining(without_dropout(config)).train()
    gradients = []
    for enabled in (False, True):
        model = copy.deepcopy(fresh)  # each with the running statistics of the start
        if enabled:
            model.gradient_checkpointing_enable()
        model(**batch, seeds=seeds).loss.backward()
        gradients.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    for plain, checkpointed in zip(*gradients, strict=True):
        torch.testing.assert_close(checkpointed, plain, atol=1e-5, rtol=1e-4)


def test_steps_on_one_batch_bring_its_losses_down(config, batch):
    model = FineMolTexForPreTraining(without_dropout(config)).train()
    adam, seeds = torch.optim.Adam(model.parameters(), lr=1e-2), torch.arange(10)
    losses = []
    for _ in range(20):
        adam.zero_grad()
        output = model(**batch, seeds=seeds)
        output.loss.backward()
        adam.step()
        losses.append(output.losses)
    for name in losses[0]:
        assert losses[-1][name] < 0.7 * losses[0][name], name
