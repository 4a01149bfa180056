"""Graph side of FineMolTex: bond-aware message passing, then pooling of atoms to motif tokens."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch_geometric.nn import GINEConv

_COMMON_SIZE = 16  # atoms; brings sums to the scale of means


def pool_atoms_to_motifs(atom_states: Tensor, atom_to_motif: Tensor, num_motifs: int) -> Tensor:
    """Average the atom states of each motif.

    Args:
        atom_states (`torch.FloatTensor` of shape `(N, H)`): States after message passing.
        atom_to_motif (`torch.LongTensor` of shape `(N,)`): Motif of each atom, in `[0, num_motifs)`.
        num_motifs (`int`): `M`, the number of motifs in the whole batch.

    Returns:
        `torch.FloatTensor` of shape `(M, H)`; a motif without atoms is a row of zeros.

    Raises:
        ValueError: If `atom_to_motif` does not have one entry per atom.

    Example:
    >>> pool_atoms_to_motifs(torch.ones(3, 2), torch.tensor([0, 0, 1]), num_motifs=2).shape
    torch.Size([2, 2])
    """
    if atom_to_motif.shape[0] != atom_states.shape[0]:
        raise ValueError(
            f"`atom_to_motif` must have one entry per atom: got {atom_to_motif.shape[0]} entries for "
            f"{atom_states.shape[0]} atoms. Build it with `FineMolTexFeatureExtractor`, which keeps both aligned."
        )
    sums = atom_states.new_zeros(num_motifs, atom_states.shape[-1]).index_add(0, atom_to_motif, atom_states)  # (M, H)
    sizes = atom_states.new_zeros(num_motifs).index_add(0, atom_to_motif, torch.ones_like(atom_states[:, 0]))  # (M,)
    return sums / sizes.clamp(min=1).unsqueeze(-1)  # (M, H)


def locate_motifs(motif_counts: Tensor, num_motifs: int) -> tuple[Tensor, Tensor]:
    """Find the row and the slot of every motif in the padded sequences.

    Args:
        motif_counts (`torch.LongTensor` of shape `(B,)`): Motifs per molecule.
        num_motifs (`int`): `M`, their sum.

    Returns:
        `(molecule, slot)`, each of shape `(M,)`; slots start at 1, because slot 0 is the molecule itself.

    Example:
    >>> locate_motifs(torch.tensor([2, 1]), num_motifs=3)
    (tensor([0, 0, 1]), tensor([1, 2, 1]))
    """
    device = motif_counts.device
    molecule = torch.repeat_interleave(
        torch.arange(motif_counts.shape[0], device=device), motif_counts, output_size=num_motifs
    )  # (M,)
    first = motif_counts.cumsum(0) - motif_counts  # (B,)
    return molecule, torch.arange(num_motifs, device=device) - first[molecule] + 1


def locate_atoms(motif_counts: Tensor, atom_to_motif: Tensor, num_motifs: int) -> Tensor:
    """Find the molecule of every atom. `(B,)`, `(N,)` and the number of motifs -> `(N,)`.

    Example:
    >>> locate_atoms(torch.tensor([2, 1]), torch.tensor([0, 1, 1, 2]), num_motifs=3)
    tensor([0, 0, 0, 1])
    """
    molecule, _ = locate_motifs(motif_counts, num_motifs)  # (M,)
    return molecule[atom_to_motif]


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

    def forward(self, atom_states: Tensor, groups: Tensor, num_groups: int) -> Tensor:
        """Read the groups; see the shapes above."""
        sizes = groups.new_zeros(num_groups).index_add(0, groups, torch.ones_like(groups))  # (G,)
        means = pool_atoms_to_motifs(atom_states.float(), groups, num_groups)  # (G, H)
        sums = means * sizes[:, None] / _COMMON_SIZE  # (G, H)
        pooled = torch.cat([means, sums], dim=-1).to(self.expand.weight.dtype)  # (G, 2H)
        return self.contract(F.gelu(self.expand(pooled)))


class FineMolTexFeatureEmbedding(nn.Module):
    """Sum of the embeddings of several categorical features; the last row of each table is [MASK].

    Tables this small are cheaper to multiply by indicators than to look up: the gradient of a look-up has a row for
    every feature of every bond.

    Shapes:
        - **input:** indicators `(L, R)` as made by `indicate`, `R` the rows of all tables
        - **output:** `(L, H)`
    """

    def __init__(self, table_sizes: list[int], hidden_size: int) -> None:
        super().__init__()
        self.table_sizes = list(table_sizes)
        self.table = nn.Embedding(sum(table_sizes), hidden_size)  # all tables, one below the other

    def indicate(self, features: Tensor, is_masked: Tensor | None = None) -> Tensor:
        """Mark the table rows of features, [MASK] where `is_masked`. `(L, F)`, `(L,)` -> `(L, R)`, `F` ones a row."""
        sizes = features.new_tensor(self.table_sizes)  # (F,)
        if is_masked is not None:
            features = torch.where(is_masked[:, None], sizes - 1, features)
        weight = self.table.weight
        indicators = weight.new_zeros(features.shape[0], weight.shape[0], requires_grad=False)  # (L, R)
        return indicators.scatter(1, features + (sizes.cumsum(0) - sizes), 1.0)

    def forward(self, indicators: Tensor) -> Tensor:
        return indicators @ self.table.weight  # (L, H)


class FineMolTexBatchNorm(nn.BatchNorm1d):
    """BatchNorm whose statistics describe unmasked molecules, also where it normalises masked ones.

    Evaluation normalises every pass by the running statistics. Were the masked pass of training normalised by, or
    counted in, its own batch statistics, evaluation would meet inputs that training never saw. The running statistics
    also serve where there are none of the batch (a single atom) and where the weights are frozen: a frozen norm that
    followed its inputs would not be frozen.
    """

    def forward(self, states: Tensor, is_masked_pass: bool) -> Tensor:
        if is_masked_pass or not self.weight.requires_grad or states.shape[0] == 1:
            return F.batch_norm(states, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(states)


class FineMolTexGraphLayer(nn.Module):
    """One GIN layer with bond embeddings (Hu et al. 2020): message passing, MLP, BatchNorm, ReLU, dropout.

    Not a checkpointing layer: computing it again in the backward pass would update the running statistics twice, and
    its activations are small beside those of the Transformer layers.

    Shapes:
        - **input:** atom states `(N, H)`, edge index `(2, E)`, indicators of the bond features `(E, R)`
        - **output:** `(N, H)`
    """

    def __init__(self, config, is_last: bool) -> None:
        super().__init__()
        width = config.hidden_size
        self.bond_embedding = FineMolTexFeatureEmbedding(config.bond_feature_sizes, width)
        self.conv = GINEConv(nn.Identity(), train_eps=True)  # the MLP follows here, where its norm can be told apart
        self.expand = nn.Linear(width, 2 * width)
        self.inner_norm = FineMolTexBatchNorm(2 * width)
        self.contract = nn.Linear(2 * width, width)
        self.norm = FineMolTexBatchNorm(width)
        self.activation = nn.Identity() if is_last else nn.ReLU()
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, atom_states: Tensor, edge_index: Tensor, bonds: Tensor, is_masked_pass: bool = False) -> Tensor:
        messages = self.conv(atom_states, edge_index, self.bond_embedding(bonds))  # (N, H)
        hidden = F.relu(self.inner_norm(self.expand(messages), is_masked_pass))  # (N, 2H)
        atom_states = self.norm(self.contract(hidden), is_masked_pass)  # (N, H)
        return self.dropout(self.activation(atom_states))


class FineMolTexGraphEncoder(nn.Module):
    """Embed atoms and bonds and pass messages; `is_masked` atoms and their bonds are hidden before the first message.

    Shapes:
        - **input:** atom features `(N, 9)`, edge index `(2, E)`, edge features `(E, 3)`, masked atoms `(N,)` bool
        - **output:** atom states `(N, H)`
    """

    def __init__(self, config) -> None:
        super().__init__()
        self.atom_embedding = FineMolTexFeatureEmbedding(config.atom_feature_sizes, config.hidden_size)
        self.layers = nn.ModuleList(
            FineMolTexGraphLayer(config, is_last=layer == config.num_layers - 1) for layer in range(config.num_layers)
        )

    def forward(
        self, atom_features: Tensor, edge_index: Tensor, edge_features: Tensor, is_masked: Tensor | None = None
    ) -> Tensor:
        """Encode the atoms; see the shapes above."""
        touches_masked = None
        if is_masked is not None:
            touches_masked = is_masked[edge_index[0]] | is_masked[edge_index[1]]  # (E,)
        atom_states = self.atom_embedding(self.atom_embedding.indicate(atom_features, is_masked))  # (N, H)
        bonds = self.layers[0].bond_embedding.indicate(
            edge_features, touches_masked
        )  # (E, R), the same for all layers
        for layer in self.layers:
            atom_states = layer(atom_states, edge_index, bonds, is_masked is not None)  # (N, H)
        return atom_states


__all__ = [
    "FineMolTexGraphEncoder",
    "FineMolTexReadout",
    "locate_atoms",
    "locate_motifs",
    "pool_atoms_to_motifs",
]
