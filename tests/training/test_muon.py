"""Muon and AdamW as one optimizer: the same steps as each alone, one schedule, one checkpoint."""

import copy

import pytest
import torch
from torch import nn

from modeling_finemoltex.training import muon as muon_module
from modeling_finemoltex.training.muon import MuonWithAdamW, orthogonalize


@pytest.fixture
def layers():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def make_groups(layers) -> list[dict]:
    parameters = list(layers.parameters())
    return [
        {"params": [p for p in parameters if p.ndim == 2], "lr": 0.02, "weight_decay": 0.1, "muon": True},
        {"params": [p for p in parameters if p.ndim == 1], "lr": 0.01, "weight_decay": 0.0, "muon": False},
    ]


def descend(layers, optimizers, steps: int) -> None:
    inputs = torch.linspace(-1, 1, 30).reshape(5, 6)
    for _ in range(steps):
        layers(inputs).square().sum().backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()


def assert_equal(first, second) -> None:
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has Muon from 2.9 on")
def test_a_step_is_one_of_muon_and_one_of_adamw(layers, monkeypatch):
    monkeypatch.setattr(muon_module, "is_bf16_native", lambda device: True)  # as torch computes everywhere
    twin = copy.deepcopy(layers)
    descend(layers, [MuonWithAdamW(make_groups(layers), betas=(0.9, 0.98))], 4)
    matrices, vectors = make_groups(twin)
    muon = torch.optim.Muon(matrices["params"], lr=0.02, weight_decay=0.1)
    descend(twin, [muon, torch.optim.AdamW(vectors["params"], lr=0.01, weight_decay=0.0, betas=(0.9, 0.98))], 4)
    assert_equal(layers, twin)


def test_schedules_reach_both(layers):
    optimizer = MuonWithAdamW(make_groups(layers))
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.0)
    before = copy.deepcopy(layers)
    descend(layers, [optimizer], 1)
    assert_equal(layers, before)


def test_a_resumed_optimizer_goes_on_as_if_never_stopped(layers):
    optimizer = MuonWithAdamW(make_groups(layers))
    descend(layers, [optimizer], 2)
    twin, state = copy.deepcopy(layers), copy.deepcopy(optimizer.state_dict())
    descend(layers, [optimizer], 3)
    resumed = MuonWithAdamW(make_groups(twin))
    resumed.load_state_dict(state)
    descend(twin, [resumed], 3)
    assert_equal(layers, twin)


def test_only_matrices_are_for_muon(layers):
    with pytest.raises(ValueError, match=r"Muon trains matrices: got a parameter of shape \(8,\)"):
        MuonWithAdamW([{"params": [layers[0].bias], "lr": 0.02, "weight_decay": 0.0, "muon": True}])


@pytest.mark.parametrize("shape", [(8, 3), (3, 8), (5, 5)])
def test_orthogonalized_matrices_have_singular_values_near_one(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    values = torch.linalg.svdvals(orthogonalize(matrix).float())
    assert values.min() > 0.5
    assert values.max() < 1.5
