"""Losses and outputs of every head equal the stored ones.

The arrays are those of a tree whose outputs on the published folders were those of the first release, bit for bit.
After a change that is meant to change outputs, remake them with `python tests/parity/make_arrays.py` and say in the
changelog what changed. Processors differ in the last bits, hence the tolerance.
"""

from pathlib import Path

import pytest
import torch
from parity.settings import compute
from safetensors.torch import load_file

TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}  # processors add in another order
GRADIENTS = {"rtol": 1e-3, "atol": 1e-5}  # sums over the whole batch


@pytest.fixture(scope="module")
def stored():
    return load_file(Path(__file__).with_name("arrays.safetensors"))


@pytest.fixture(scope="module")
def computed(stored):
    batch = {name.removeprefix("batch/"): one for name, one in stored.items() if name.startswith("batch/")}
    return compute(batch)


@pytest.mark.parametrize("head", ["pretraining", "base", "retrieval", "property", "editing"])
def test_outputs_equal_the_stored_ones(stored, computed, head):
    expected = {
        name.removeprefix("output/"): one for name, one in stored.items() if name.startswith(f"output/{head}/")
    }
    found = {name: one for name, one in computed.items() if name.startswith(f"{head}/")}
    assert expected and found.keys() == expected.keys()
    for name, tensor in expected.items():
        tolerance = GRADIENTS if "/gradients/" in name else TOLERANCE
        torch.testing.assert_close(found[name], tensor, msg=lambda text, name=name: f"{name}: {text}", **tolerance)
