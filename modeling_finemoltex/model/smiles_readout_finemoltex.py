"""The read-out of the SMILES Transformer: four pools of the tokens of a molecule (Honda et al. 2019)."""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .molecule_encoder_finemoltex import pool_atoms
from .molecules_finemoltex import Molecules
from .readout_finemoltex import Readout
from .smiles_encoder_finemoltex import NUM_POOLS
from .wrapped_layers_finemoltex import input_dtype


class FineMolTexPoolReadout(Readout):
    """Mean and maximum of the tokens and the first token after the last two layers, through an MLP.

    The encoder `smiles` lays the pools of a molecule beside the state of each of its atoms. A motif or an atom has no
    first token: its pools are the mean and the maximum of its atoms, and zeros. So what a motif is placed by comes
    from its own tokens.

    Shapes:
        - **input:** atom states `(N, H)`, group of each atom `(N,)`, number of groups `G`
        - **output:** `(G, P)`
    """

    def __init__(self, hidden_size: int, embedding_size: int) -> None:
        super().__init__()
        self.width = hidden_size // (1 + NUM_POOLS)
        if hidden_size % (1 + NUM_POOLS):
            raise ValueError(
                f"`readout` 'pools' reads the encoder 'smiles', whose `hidden_size` has {1 + NUM_POOLS} parts: "
                f"{hidden_size} cannot be divided by that. Use the read-out 'atoms' for another encoder."
            )
        self.expand = nn.Linear(NUM_POOLS * self.width, NUM_POOLS * self.width)
        self.contract = nn.Linear(NUM_POOLS * self.width, embedding_size)

    def forward(self, atom_states: Tensor, group_of_atom: Tensor, num_groups: int) -> Tensor:
        """Read groups of atoms by their own tokens; see the shapes above."""
        tokens = atom_states[:, : self.width]  # (N, W)
        means = pool_atoms(tokens, group_of_atom, num_groups)  # (G, W)
        index = group_of_atom[:, None].expand_as(tokens)  # (N, W)
        highest = torch.zeros_like(means).scatter_reduce(0, index, tokens, "amax", include_self=False)  # (G, W)
        return self._place(torch.cat([means, highest, torch.zeros_like(means), torch.zeros_like(means)], dim=-1))

    def read_molecules(self, model: Any, atom_states: Tensor, molecules: Molecules) -> Tensor:
        """Read whole molecules by their four pools. `(N, H)` -> `(B, P)`, not normalised."""
        return self._place(self.pool_molecules(atom_states, molecules))

    def place_molecules(self, model: Any, atom_states: Tensor, molecules: Molecules) -> Tensor:
        """Place whole molecules. `(N, H)` -> `(B, P)`, L2-normalised, float32."""
        return F.normalize(self.read_molecules(model, atom_states, molecules).float(), dim=-1)

    def pool_molecules(self, atom_states: Tensor, molecules: Molecules) -> Tensor:
        """Give the four pools of each molecule, its fingerprint. `(N, H)` -> `(B, 4W)`."""
        # All atoms of a molecule have the same: the first one has them too.
        atoms = torch.arange(len(atom_states), device=atom_states.device)
        firsts = atoms.new_full((molecules.num_molecules,), len(atom_states) - 1)
        firsts = firsts.scatter_reduce(0, molecules.molecule_of_atom, atoms, "amin")  # (B,)
        return atom_states.index_select(0, firsts)[:, self.width :]

    def _place(self, pools: Tensor) -> Tensor:
        return self.contract(F.gelu(self.expand(pools.to(input_dtype(self.expand)))))


__all__ = ["FineMolTexPoolReadout"]
