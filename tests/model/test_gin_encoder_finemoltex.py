"""The GIN encoder: its contract, and what its parts compute."""

import pytest
import torch
from contracts.encoder import EncoderContract

from modeling_finemoltex.model.gin_encoder_finemoltex import FineMolTexBatchNorm, FineMolTexMessagePassing


class TestGINEncoder(EncoderContract):
    name = "gin"


def test_messages_are_neighbours_with_their_bonds_added_up():
    conv = FineMolTexMessagePassing()
    torch.nn.init.constant_(conv.eps, 0.5)
    atoms = torch.tensor([[1.0], [2.0], [-5.0]])
    edges = torch.tensor([[1, 2, 0], [0, 0, 1]])
    received = conv(atoms, edges, torch.tensor([[3.0], [1.0], [0.0]]))
    # Atom 0 hears 2 + 3 and relu(-5 + 1), atom 1 hears 1, atom 2 nobody.
    torch.testing.assert_close(received, torch.tensor([[5 + 1.5], [1 + 3.0], [-7.5]]))


@pytest.mark.parametrize(
    ("has_hidden_atoms", "is_frozen", "num_atoms", "is_counted"),
    [(False, False, 6, True), (True, False, 6, False), (False, True, 6, False), (False, False, 1, False)],
)
def test_statistics_count_unmasked_passes_of_several_atoms_alone(has_hidden_atoms, is_frozen, num_atoms, is_counted):
    norm = FineMolTexBatchNorm(4).requires_grad_(not is_frozen).train()
    states = torch.randn(num_atoms, 4) + 3
    output = norm(states, has_hidden_atoms)
    assert torch.equal(norm.running_mean, torch.zeros(4)) != is_counted
    if not is_counted:
        torch.testing.assert_close(output, states, atol=1e-4, rtol=1e-4)  # a mean of 0 and a variance of 1
