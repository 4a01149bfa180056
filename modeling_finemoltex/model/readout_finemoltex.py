"""Read-out: atom states of a molecule, a motif or an atom -> its place in the shared space."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .molecule_encoder_finemoltex import pool_atoms
from .molecules_finemoltex import count_members
from .wrapped_layers_finemoltex import input_dtype

TYPICAL_ATOM_COUNT = 16  # of a molecule; brings sums to the scale of means


class FineMolTexReadout(nn.Module):
    """Read groups of atoms, whole molecules or single motifs: mean and sum of their states, through an MLP.

    The mean tells what a group is made of, the sum how much of it there is.

    Shapes:
        - **input:** atom states `(N, H)`, group of each atom `(N,)`, number of groups `G`
        - **output:** `(G, P)`
    """

    def __init__(self, hidden_size: int, embedding_size: int) -> None:
        super().__init__()
        self.expand = nn.Linear(2 * hidden_size, 2 * hidden_size)
        self.contract = nn.Linear(2 * hidden_size, embedding_size)

    def forward(self, atom_states: Tensor, group_of_atom: Tensor, num_groups: int) -> Tensor:
        """Read the groups; see the shapes above."""
        sizes = count_members(group_of_atom, num_groups)  # (G,)
        means = pool_atoms(atom_states.float(), group_of_atom, num_groups)  # (G, H)
        sums = means * sizes[:, None] / TYPICAL_ATOM_COUNT  # (G, H)
        pooled = torch.cat([means, sums], dim=-1).to(input_dtype(self.expand))  # (G, 2H)
        return self.contract(F.gelu(self.expand(pooled)))


__all__ = ["FineMolTexReadout"]
