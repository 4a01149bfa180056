"""Motif tokens of the published FineMolTex weights (KDD 2025): positions are numbers, slot 0 starts empty."""

from typing import Any

import torch
from torch import Tensor, nn

from .molecule_encoder_finemoltex import pool_atoms
from .molecules_finemoltex import Molecules
from .parts_finemoltex import Part


class FineMolTexScalarMotifTower(nn.Module):
    """Turn atom states into motif tokens, with the position of a motif as one number. Slot 0 is a zero vector.

    Sizes are not told, and a hidden motif is a zero vector too. A motif that owns no atom, as published fragmentations
    make some, is the bias of the projection.

    Shapes:
        - **input:** atom states `(N, H_graph)`, [`Molecules`], hidden motifs `(B, K + 1)` bool or `None`
        - **output:** motif tokens `(B, K + 1, H)`
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        fusion = config.multimodal_config
        self.projection = nn.Linear(config.graph_config.hidden_size, fusion.hidden_size)
        self.position = nn.Linear(1, fusion.hidden_size)
        self.norm = nn.LayerNorm(fusion.hidden_size, eps=fusion.layer_norm_eps)
        self.dropout = nn.Dropout(fusion.hidden_dropout_prob)

    def parts(self) -> dict[str, Part]:
        """Declare the map from atoms to tokens, and what the tokens know beside."""
        return {
            "motif_projection": Part("projection", (self.projection,)),
            "motif_tokens": Part("fusion", (self.position, self.norm)),
        }

    def forward(self, atom_states: Tensor, molecules: Molecules, hidden_motifs: Tensor | None = None) -> Tensor:
        """Make the tokens; see the shapes above."""
        tokens = self.project(atom_states, molecules)  # (M, H)
        if hidden_motifs is not None:
            tokens = torch.where(molecules.unpad(hidden_motifs)[:, None], torch.zeros_like(tokens), tokens)
        positions = molecules.pad(molecules.motif_positions.to(tokens.dtype))  # (B, K + 1)
        return self.dropout(self.norm(molecules.pad(tokens) + self.position(positions[..., None])))

    def project(self, atom_states: Tensor, molecules: Molecules) -> Tensor:
        """Average the atoms of every motif and project them. `(N, H_graph)` -> `(M, H)`."""
        return self.projection(pool_atoms(atom_states, molecules.atom_to_motif, molecules.num_motifs))


__all__ = ["FineMolTexScalarMotifTower"]
