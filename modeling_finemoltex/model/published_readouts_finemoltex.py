"""The read-outs of published weights: FineMolTex (KDD 2025), MoleculeSTM, and a molecule encoder alone."""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .molecule_encoder_finemoltex import pool_atoms
from .molecules_finemoltex import Molecules
from .readout_finemoltex import Readout
from .wrapped_layers_finemoltex import input_dtype


class FineMolTexSlotReadout(Readout):
    """The first slot of each stream after all layers of the stream, without the other: FineMolTex as published.

    It has no weights. Molecules and motifs have a place, other groups of atoms have none. Single words are placed by
    their states before the co-attention.
    """

    motif_parts = ("motif_projection", "motif_tokens", "motif_layers")

    def __init__(self, hidden_size: int, embedding_size: int) -> None:
        super().__init__()

    @staticmethod
    def make_text_projection(config: Any) -> nn.Module:
        """Leave texts where they are.

        Raises:
            ValueError: If `projection_dim` asks for another size.
        """
        if config.projection_dim:
            raise ValueError(
                f"`readout` 'slots' projects nothing: leave out `projection_dim` {config.projection_dim}."
            )
        return nn.Identity()

    def forward(self, atom_states: Tensor, group_of_atom: Tensor, num_groups: int) -> Tensor:
        """Refuse groups of atoms, `(N, H_graph)`, that are neither molecules nor motifs.

        Raises:
            ValueError: Always; names what has a place.
        """
        raise ValueError(
            "A model with `readout` 'slots' places molecules and motifs, and no other groups of atoms: use "
            "`place_molecules` or `place_motifs`."
        )

    def read_molecules(self, model: Any, atom_states: Tensor, molecules: Molecules) -> Tensor:
        """Read slot 0 of the motif stream. `(N, H_graph)` -> `(B, H)`, not normalised."""
        return self.run_motifs(model, atom_states, molecules)[:, 0]

    def place_molecules(self, model: Any, atom_states: Tensor, molecules: Molecules) -> Tensor:
        """Place whole molecules. `(N, H_graph)` -> `(B, H)`, L2-normalised, float32."""
        return F.normalize(self.read_molecules(model, atom_states, molecules).float(), dim=-1)

    def place_motifs(self, model: Any, atom_states: Tensor, molecules: Molecules) -> Tensor:
        """Place every motif. `(N, H_graph)` -> `(M, H)`, L2-normalised, float32."""
        states = self.run_motifs(model, atom_states, molecules)  # (B, K + 1, H)
        return F.normalize(molecules.unpad(states).float(), dim=-1)

    def run_motifs(self, model: Any, atom_states: Tensor, molecules: Molecules) -> Tensor:
        """Run the whole motif stream without words. `(N, H_graph)` -> `(B, K + 1, H)`."""
        states = model.encode_motifs(atom_states, molecules)
        return model.fusion.finish_motifs_alone(states, molecules.motif_attention_mask)

    def pool_words(self, model: Any, word_states: Tensor, attention_mask: Tensor) -> Tensor:
        """Run the rest of the text stream and take its first word. `(B, T, H)`, `(B, T)` -> `(B, H)`."""
        return model.fusion.finish_words_alone(word_states, attention_mask)[:, 0]


class FineMolTexTextPooler(nn.Module):
    """The pooler of BERT, and a linear layer into the shared space. `(..., H)` -> `(..., P)`."""

    def __init__(self, hidden_size: int, embedding_size: int) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden_size, hidden_size)
        self.project = nn.Linear(hidden_size, embedding_size)

    def forward(self, states: Tensor) -> Tensor:
        """Place first words, or single ones; see the shapes above."""
        return self.project(torch.tanh(self.dense(states)))


class FineMolTexPooledReadout(Readout):
    """The mean of the atoms through a linear layer, and the pooler of BERT: MoleculeSTM (Liu et al. 2023).

    Shapes:
        - **input:** atom states `(N, H)`, group of each atom `(N,)`, number of groups `G`
        - **output:** `(G, P)`
    """

    def __init__(self, hidden_size: int, embedding_size: int) -> None:
        super().__init__()
        self.project = nn.Linear(hidden_size, embedding_size)

    @staticmethod
    def make_text_projection(config: Any) -> nn.Module:
        """Make the pooler of texts, `(..., H)` -> `(..., P)`."""
        return FineMolTexTextPooler(config.multimodal_config.hidden_size, config.encoder_size)

    def forward(self, atom_states: Tensor, group_of_atom: Tensor, num_groups: int) -> Tensor:
        """Read the groups; see the shapes above."""
        return self.project(pool_atoms(atom_states, group_of_atom, num_groups).to(input_dtype(self.project)))

    def pool_words(self, model: Any, word_states: Tensor, attention_mask: Tensor) -> Tensor:
        """Take the first word. `(B, T, H)`, `(B, T)` -> `(B, H)`."""
        return word_states[:, 0]


class FineMolTexMeanReadout(Readout):
    """The mean of the atom states as it is: a molecule encoder without a shared space.

    Shapes:
        - **input:** atom states `(N, H)`, group of each atom `(N,)`, number of groups `G`
        - **output:** `(G, H)`
    """

    def __init__(self, hidden_size: int, embedding_size: int) -> None:
        super().__init__()
        if hidden_size != embedding_size:
            raise ValueError(
                f"`readout` 'mean' leaves molecules as wide as atoms ({hidden_size}): set `projection_dim` to that, "
                f"not {embedding_size}."
            )

    def forward(self, atom_states: Tensor, group_of_atom: Tensor, num_groups: int) -> Tensor:
        """Read the groups; see the shapes above."""
        return pool_atoms(atom_states.float(), group_of_atom, num_groups)


__all__ = ["FineMolTexMeanReadout", "FineMolTexPooledReadout", "FineMolTexSlotReadout"]
