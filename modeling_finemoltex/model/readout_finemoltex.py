"""Read-outs: states of a molecule, a motif, an atom or a text -> its place in the shared space."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .chunking_finemoltex import average_tokens
from .molecule_encoder_finemoltex import pool_atoms
from .molecules_finemoltex import Molecules, count_members
from .wrapped_layers_finemoltex import input_dtype

TYPICAL_ATOM_COUNT = 16  # of a molecule; brings sums to the scale of means


class Readout(nn.Module):
    """Place what the encoders make of molecules and texts in the shared space.

    A new read-out is a subclass and a line in `READOUTS`; `config.readout` names it. The base class reads any group of
    atoms alike, and the mean of the words of a text.

    Attributes:
        motif_parts: Parts of the motif stream that the embedding of a molecule comes from. A model without text has
            them too, then.

    Shapes:
        - **input:** atom states `(N, H_graph)`, group of each atom `(N,)`, number of groups `G`
        - **output:** `(G, P')`
    """

    motif_parts: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def make_text_projection(config: Any) -> nn.Module:
        """Make the module that places pooled texts and single words, `(..., H)` -> `(..., P')`."""
        width = config.multimodal_config.hidden_size
        return nn.Linear(width, config.projection_dim) if config.projection_dim else nn.Identity()

    def forward(self, atom_states: Tensor, group_of_atom: Tensor, num_groups: int) -> Tensor:
        """Read groups of atoms; see the shapes above."""
        raise NotImplementedError(f"{type(self).__name__} has no `forward`.")

    def read_molecules(self, model: Any, atom_states: Tensor, molecules: Molecules) -> Tensor:
        """Read whole molecules of a [`FineMolTexModel`]. `(N, H_graph)` -> `(B, P')`, not normalised."""
        return self(atom_states, molecules.molecule_of_atom, molecules.num_molecules)

    def place_molecules(self, model: Any, atom_states: Tensor, molecules: Molecules) -> Tensor:
        """Place whole molecules. `(N, H_graph)` -> `(B, P')`, L2-normalised, float32."""
        return model.place_atoms(atom_states, molecules.molecule_of_atom, molecules.num_molecules)

    def place_motifs(self, model: Any, atom_states: Tensor, molecules: Molecules) -> Tensor:
        """Place every motif. `(N, H_graph)` -> `(M, P')`, L2-normalised, float32."""
        return model.place_atoms(atom_states, molecules.atom_to_motif, molecules.num_motifs)

    def pool_words(self, model: Any, word_states: Tensor, attention_mask: Tensor) -> Tensor:
        """Pool the word states of texts. `(B, T, H)`, `(B, T)` -> `(B, H)`."""
        return average_tokens(word_states, attention_mask)


class FineMolTexReadout(Readout):
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


__all__ = ["FineMolTexReadout", "Readout"]
