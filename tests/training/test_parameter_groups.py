import pytest
from torch import nn

from modeling_finemoltex import FineMolTexForPreTraining
from modeling_finemoltex.training.muon import MuonWithAdamW
from modeling_finemoltex.training.parameter_groups import KIND_OF_RATE, build_parameter_groups

RATES = {"graph": 1.0, "projection": 2.0, "text": 3.0, "head": None}


def test_every_parameter_is_in_exactly_one_group(model):
    groups = build_parameter_groups(model, 0.1, 0.01, RATES)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in model.parameters() if parameter.requires_grad)
    assert len(set(grouped)) == len(grouped)


def test_parts_have_their_own_rates(model):
    groups = {group["name"]: group["lr"] for group in build_parameter_groups(model, 0.1, 0.01, RATES)}
    assert {groups["graph"], groups["graph_no_decay"]} == {1.0}
    assert groups["projection"] == 2.0
    assert groups["text"] == 3.0
    assert groups["head"] == groups["other"] == 0.1  # no rate of its own


def test_norms_and_biases_have_no_decay(model):
    for group in build_parameter_groups(model, 0.1, 0.01, RATES):
        assert group["weight_decay"] == (0.0 if group["name"].endswith("_no_decay") else 0.01)
    no_decay = {
        id(parameter)
        for group in build_parameter_groups(model, 0.1, 0.01, RATES)
        if group["weight_decay"] == 0
        for parameter in group["params"]
    }
    for module in model.modules():
        if isinstance(module, nn.LayerNorm | nn.BatchNorm1d):
            assert {id(parameter) for parameter in module.parameters()} <= no_decay
        if isinstance(module, nn.Linear) and module.bias is not None:
            assert id(module.bias) in no_decay and id(module.weight) not in no_decay


def test_frozen_parameters_are_left_out(model):
    model.finemoltex.text_encoder.requires_grad_(False)
    names = {group["name"] for group in build_parameter_groups(model, 0.1, 0.01, RATES)}
    assert names.isdisjoint({"text", "text_no_decay"})


def test_unknown_part_is_an_error(model):
    with pytest.raises(ValueError, match="grpah"):
        build_parameter_groups(model, 0.1, 0.01, {"grpah": 1.0})


def test_every_parameter_is_in_the_group_of_its_part(model):
    groups = build_parameter_groups(model, 0.1, 0.01, RATES)
    group_of = {id(one): group["name"].removesuffix("_no_decay") for group in groups for one in group["params"]}
    rates = {kind: rate for rate, kind in KIND_OF_RATE.items()}
    for name, part in model.parts().items():
        found = {group_of[id(one)] for one in part.parameters() if one.requires_grad}
        assert found <= {rates.get(part.kind, "other")}, name
    names = {name: group_of.get(id(parameter)) for name, parameter in model.named_parameters()}
    assert names["finemoltex.fusion.text_layers.0.attention.query.weight"] == "other"
    assert names["objectives.masked_modelling.motif_head.table.weight"] == "head"
    assert names["objectives.masked_modelling.word_head.dense.weight"] == "other"


def test_a_wrapped_model_has_the_same_groups(model):
    wrapped = nn.DataParallel(model)
    plain, groups = (build_parameter_groups(one, 0.1, 0.01, RATES) for one in (model, wrapped))
    assert [group["name"] for group in plain] == [group["name"] for group in groups]
    assert [len(group["params"]) for group in plain] == [len(group["params"]) for group in groups]


def test_muon_gets_the_maps_and_nothing_else(model):
    groups = build_parameter_groups(model, 0.1, 0.01, RATES, muon_learning_rate=0.5)
    (muon,) = [group for group in groups if group["muon"]]
    assert (muon["name"], muon["lr"], muon["weight_decay"]) == ("muon", 0.5, 0.01)
    chosen = {id(parameter) for parameter in muon["params"]}
    names = {name for name, parameter in model.named_parameters() if id(parameter) in chosen}
    assert "finemoltex.fusion.text_layers.0.attention.query.weight" in names
    assert "finemoltex.graph_encoder.layers.0.expand.weight" in names
    assert not any("embedding" in name or "head.table" in name or name.endswith("bias") for name in names)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in model.parameters() if parameter.requires_grad)


def test_adversaries_have_adam_without_decay_or_momentum(change_config):
    model = FineMolTexForPreTraining(change_config(objectives={"critic": {}}))
    groups = build_parameter_groups(model, 0.1, 0.01, {**RATES, "adversary": 4.0}, muon_learning_rate=0.5)
    others = [group for group in groups if group["name"] != "adversary_no_decay"]
    assert len(others) == len(groups) - 1 and not any("betas" in group for group in others)
    optimizer = MuonWithAdamW(groups, betas=(0.8, 0.98))
    (adversary,) = [group for group in optimizer.param_groups if group["name"] == "adversary_no_decay"]
    assert {id(one) for one in adversary["params"]} == {id(one) for one in model.objectives["critic"].parameters()}
    assert (adversary["lr"], adversary["weight_decay"], adversary["muon"]) == (4.0, 0.0, False)
    assert adversary["betas"] == (0.0, 0.9) and optimizer.param_groups[-1]["betas"] == (0.8, 0.98)
