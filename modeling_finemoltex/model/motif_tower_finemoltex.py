"""Motif tokens: atom states -> one token a motif, and one for the molecule."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import initialization

from .molecule_encoder_finemoltex import pool_atoms
from .molecules_finemoltex import Molecules, count_members
from .parts_finemoltex import Part


class FineMolTexMotifTower(nn.Module):
    """Turn atom states into motif tokens; slot 0 starts as a learned [MOL] token plus the mean of the motifs.

    The mean lets the first gradient reach every motif; from a bare token, attention takes much longer to learn. A mean
    forgets how many it averaged, so every token, slot 0 included, knows its number of atoms: the length of a chain.

    Shapes:
        - **input:** atom states `(N, H_graph)`, [`Molecules`], hidden motifs `(B, K + 1)` bool or `None`
        - **output:** motif tokens `(B, K + 1, H)`
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        motifs, fusion = config.motif_config, config.multimodal_config
        self.hides_atoms = motifs.mask_level != "token"
        self.projection = nn.Linear(config.graph_config.hidden_size, fusion.hidden_size)
        self.position_embedding = nn.Embedding(motifs.max_positions, fusion.hidden_size)
        self.size_embedding = nn.Embedding(motifs.max_atom_count, fusion.hidden_size)
        self.molecule_token = nn.Parameter(torch.empty(fusion.hidden_size))
        self.mask_token = nn.Parameter(torch.empty(fusion.hidden_size))
        self.norm = nn.LayerNorm(fusion.hidden_size, eps=fusion.layer_norm_eps)
        self.dropout = nn.Dropout(fusion.hidden_dropout_prob)

    def reset_own_parameters(self, config: Any) -> None:
        """Start the two learned tokens."""
        initialization.normal_(self.molecule_token, std=config.initializer_range)
        initialization.normal_(self.mask_token, std=config.initializer_range)

    def parts(self) -> dict[str, Part]:
        """Declare the map from atoms to tokens, and what the tokens know beside."""
        tokens = (self.position_embedding, self.size_embedding, self.norm)
        return {
            "motif_projection": Part("projection", (self.projection,)),
            "motif_tokens": Part("fusion", tokens, (self.molecule_token, self.mask_token)),
        }

    def forward(self, atom_states: Tensor, molecules: Molecules, hidden_motifs: Tensor | None = None) -> Tensor:
        """Make the tokens; see the shapes above."""
        sizes = count_members(molecules.atom_to_motif, molecules.num_motifs)  # (M,)
        tokens = self.projection(pool_atoms(atom_states, molecules.atom_to_motif, molecules.num_motifs))  # (M, H)
        tokens = tokens + self._embed_sizes(sizes)
        if hidden_motifs is not None:
            # With hidden atoms the state still tells what stands around the hole; without, it tells the answer.
            visible = tokens if self.hides_atoms else torch.zeros_like(tokens)
            masked_tokens = visible + self.mask_token.to(tokens.dtype)  # (M, H)
            tokens = torch.where(molecules.unpad(hidden_motifs)[:, None], masked_tokens, tokens)
        last_position = self.position_embedding.num_embeddings - 1
        tokens = tokens + self.position_embedding(molecules.motif_positions.clamp(max=last_position))  # (M, H)

        sequence = molecules.pad(tokens)  # (B, K + 1, H)
        mean = sequence.sum(1) / molecules.motif_counts[:, None]  # (B, H)
        whole = self._embed_sizes(molecules.atom_counts)  # (B, H)
        sequence[:, 0] = self.molecule_token.to(tokens.dtype) + mean + whole
        return self.dropout(self.norm(sequence))

    def _embed_sizes(self, atom_counts: Tensor) -> Tensor:
        """Embed numbers of atoms; those beyond the table share its last row. `(L,)` -> `(L, H)`."""
        return self.size_embedding(atom_counts.clamp(max=self.size_embedding.num_embeddings - 1))


__all__ = ["FineMolTexMotifTower"]
