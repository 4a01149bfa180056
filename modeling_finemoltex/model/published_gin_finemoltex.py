"""Molecule encoders of published weights: GIN with the features of OGB, and GIN with self-loops (Hu et al. 2020)."""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .gin_encoder_finemoltex import FineMolTexBatchNorm, FineMolTexGINEncoder, FineMolTexGraphLayer
from .molecule_encoder_finemoltex import FineMolTexFeatureEmbedding

SELF_LOOP = (4, 0)  # type and direction of the bond of an atom with itself


class FineMolTexPresentFeatures(FineMolTexFeatureEmbedding):
    """Embeddings of the first features of OGB: as many tables are read as there are columns, the others add nothing.

    FineMolTex was trained with two columns of nine, MoleculeSTM with all of them, on the same tables.
    """

    def indicate(self, features: Tensor, is_masked: Tensor | None = None) -> Tensor:
        """Mark the table rows of the features that there are. `(L, F)`, `(L,)` -> `(L, R)`."""
        given = features.shape[1]
        padded = F.pad(features, (0, max(0, len(self.table_sizes) - given)))  # (L, F')
        indicators = super().indicate(padded, is_masked)  # (L, R)
        present = sum(self.table_sizes[:given])
        return F.pad(indicators[:, :present], (0, indicators.shape[1] - present))


class FineMolTexOGBLayer(FineMolTexGraphLayer):
    """A layer of GIN that reads the bond features that there are; see [`FineMolTexGraphLayer`] for the shapes."""

    embedding_class = FineMolTexPresentFeatures


class FineMolTexOGBEncoder(FineMolTexGINEncoder):
    """GIN as FineMolTex, MoleculeSTM and GraphMVP published it; see [`MoleculeEncoder`] for the shapes."""

    layer_class = FineMolTexOGBLayer
    embedding_class = FineMolTexPresentFeatures


class FineMolTexSelfLoopLayer(nn.Module):
    r"""A layer of GIN in which an atom is a neighbour of itself (Hu et al. 2020).

    \(m_i = \sum_{j \in N(i) \cup \{i\}} (h_j + e_{ji})\), then an MLP, BatchNorm, ReLU and dropout.

    Shapes:
        - **input:** atom states `(N, H)`, edge index `(2, E)`, indicators of the bond features `(E, R)`
        - **output:** `(N, H)`
    """

    def __init__(self, config: Any, is_last: bool) -> None:
        super().__init__()
        width = config.hidden_size
        self.bond_embedding = FineMolTexPresentFeatures(config.bond_feature_sizes, width)
        self.expand = nn.Linear(width, 2 * width)
        self.contract = nn.Linear(2 * width, width)
        self.norm = FineMolTexBatchNorm(width)
        self.activation = nn.Identity() if is_last else nn.ReLU()
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, atom_states: Tensor, edge_index: Tensor, bonds: Tensor, has_hidden_atoms: bool = False
    ) -> Tensor:
        """Run the layer; see the shapes above."""
        loop = self.bond_embedding.indicate(edge_index.new_tensor([SELF_LOOP]))  # (1, R)
        own = atom_states + self.bond_embedding(loop)  # (N, H)
        messages = atom_states.index_select(0, edge_index[0]) + self.bond_embedding(bonds)  # (E, H)
        received = torch.index_add(own, 0, edge_index[1], messages)  # (N, H)
        atom_states = self.norm(self.contract(F.relu(self.expand(received))), has_hidden_atoms)  # (N, H)
        return self.dropout(self.activation(atom_states))


class FineMolTexSelfLoopEncoder(FineMolTexGINEncoder):
    """GIN as the files of pretrain-gnns and its successors have it; see [`MoleculeEncoder`] for the shapes."""

    layer_class = FineMolTexSelfLoopLayer
    embedding_class = FineMolTexPresentFeatures


__all__ = ["FineMolTexOGBEncoder", "FineMolTexSelfLoopEncoder"]
