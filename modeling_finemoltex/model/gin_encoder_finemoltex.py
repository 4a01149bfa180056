"""GIN with bond embeddings (Xu et al. 2019; Hu et al. 2020): bond-aware message passing."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import initialization

from .molecule_encoder_finemoltex import FineMolTexFeatureEmbedding, FineMolTexRareFeatureEmbedding, MoleculeEncoder
from .molecules_finemoltex import Molecules
from .recomputing_finemoltex import is_computed_again, run_layer


class FineMolTexMessagePassing(nn.Module):
    r"""Sum of the neighbours, each with its bond, beside the atom itself: the aggregation of GINE (Hu et al. 2020).

    \(m_i = (1 + \epsilon) h_i + \sum_{j \in N(i)} \mathrm{ReLU}(h_j + e_{ji})\)

    Written out, because importing a layer of PyTorch Geometric loads its data sets, a second or two at every start.

    Shapes:
        - **input:** atom states `(N, H)`, edge index `(2, E)`, bond states `(E, H)`
        - **output:** `(N, H)`
    """

    def __init__(self) -> None:
        super().__init__()
        self.eps = nn.Parameter(torch.empty(1))

    def reset_own_parameters(self, config: Any) -> None:
        """Start with as much of an atom as of each neighbour."""
        initialization.constant_(self.eps, 0.0)

    def forward(self, atom_states: Tensor, edge_index: Tensor, bond_states: Tensor) -> Tensor:
        """Pass one round of messages; see the shapes above."""
        messages = (atom_states.index_select(0, edge_index[0]) + bond_states).relu()  # (E, H)
        received = torch.zeros_like(atom_states).index_add(0, edge_index[1], messages)  # (N, H)
        return received + (1 + self.eps) * atom_states  # (N, H)


class FineMolTexBatchNorm(nn.BatchNorm1d):
    """BatchNorm whose statistics describe unmasked molecules, also where it normalises masked ones.

    Evaluation normalises every pass by the running statistics. Were the masked pass of training normalised by, or
    counted in, its own batch statistics, evaluation would meet inputs that training never saw. The running statistics
    also serve where there are none of the batch (a single atom) and where the weights are frozen: a frozen norm that
    followed its inputs would not be frozen. A layer that is computed again counts its inputs once.
    """

    def forward(self, states: Tensor, has_hidden_atoms: bool) -> Tensor:
        """Normalise. `(N, H)` -> `(N, H)`."""
        if self.training and (has_hidden_atoms or not self.weight.requires_grad or states.shape[0] == 1):
            return F.batch_norm(states, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        if self.training and is_computed_again():
            running = self.running_mean.clone(), self.running_var.clone()  # of which nobody will know
            return F.batch_norm(states, *running, self.weight, self.bias, training=True, eps=self.eps)
        return super().forward(states)


class FineMolTexGraphLayer(nn.Module):
    """One GIN layer: message passing, MLP, BatchNorm, ReLU, dropout.

    Not a checkpointing layer of Transformers: its activations are small beside those of the Transformer layers.

    Shapes:
        - **input:** atom states `(N, H)`, edge index `(2, E)`, indicators of the bond features `(E, R)`
        - **output:** `(N, H)`
    """

    embedding_class: ClassVar[type[FineMolTexFeatureEmbedding]] = FineMolTexFeatureEmbedding

    def __init__(self, config: Any, is_last: bool) -> None:
        super().__init__()
        width = config.hidden_size
        self.bond_embedding = self.embedding_class(config.bond_feature_sizes, width)
        self.conv = FineMolTexMessagePassing()
        self.expand = nn.Linear(width, 2 * width)
        self.inner_norm = FineMolTexBatchNorm(2 * width)
        self.contract = nn.Linear(2 * width, width)
        self.norm = FineMolTexBatchNorm(width)
        self.activation = nn.Identity() if is_last else nn.ReLU()
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, atom_states: Tensor, edge_index: Tensor, bonds: Tensor, has_hidden_atoms: bool = False
    ) -> Tensor:
        """Run the layer; see the shapes above."""
        messages = self.conv(atom_states, edge_index, self.bond_embedding(bonds))  # (N, H)
        hidden = F.relu(self.inner_norm(self.expand(messages), has_hidden_atoms))  # (N, 2H)
        atom_states = self.norm(self.contract(hidden), has_hidden_atoms)  # (N, H)
        return self.dropout(self.activation(atom_states))


class FineMolTexGINEncoder(MoleculeEncoder):
    """Embed atoms and bonds and pass messages; see [`MoleculeEncoder`] for the shapes.

    Hidden atoms and their bonds are masked before the first message.
    """

    layer_class: ClassVar[type[nn.Module]] = FineMolTexGraphLayer
    embedding_class: ClassVar[type[FineMolTexFeatureEmbedding]] = FineMolTexFeatureEmbedding
    mixes_molecules = True  # by BatchNorm

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        width, common, rare = config.hidden_size, config.atom_feature_sizes, config.rare_feature_sizes
        self.atom_embedding = self.embedding_class(common, width)
        self.rare_embedding = FineMolTexRareFeatureEmbedding(rare, width, len(common)) if rare else None
        self.layers = nn.ModuleList(
            self.layer_class(config, is_last=layer == config.num_layers - 1) for layer in range(config.num_layers)
        )

    def forward(self, molecules: Molecules, hidden_atoms: Tensor | None = None) -> Tensor:
        """Encode the atoms. -> `(N, H)`."""
        edge_index, touches_hidden = molecules.edge_index, None
        if hidden_atoms is not None:
            touches_hidden = hidden_atoms[edge_index[0]] | hidden_atoms[edge_index[1]]  # (E,)
        atoms = self.atom_embedding.indicate(molecules.atom_features, hidden_atoms)  # (N, R)
        # The same bonds for all layers.
        bonds = self.layers[0].bond_embedding.indicate(molecules.edge_features, touches_hidden)  # (E, R)
        atom_states = self.atom_embedding(atoms)  # (N, H)
        if self.rare_embedding is not None:
            rare = self.rare_embedding.indicate(molecules.atom_features, hidden_atoms)  # (N, R)
            atom_states = atom_states + self.rare_embedding(rare)  # (N, H)
        for layer in self.layers:
            atom_states = run_layer(layer, atom_states, edge_index, bonds, hidden_atoms is not None)  # (N, H)
        return atom_states


__all__ = ["FineMolTexBatchNorm", "FineMolTexGINEncoder", "FineMolTexGraphLayer"]
