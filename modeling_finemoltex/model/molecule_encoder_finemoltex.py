"""What every molecule encoder is, and the parts that several of them share."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import initialization

from .molecules_finemoltex import Molecules, count_members


class MoleculeEncoder(nn.Module):
    """Turn molecules into atom states. Read-outs place any group of atoms in the shared space.

    A new encoder is a subclass in a file of its own and a line in `MOLECULE_ENCODERS`. `graph_config.encoder` names
    it.

    Args:
        config ([`FineMolTexGraphConfig`]): Sizes; `config.encoder_options` holds what this encoder alone knows.

    Attributes:
        needs: Views of the processor that the encoder reads.
        uses: Further views that it reads where they are there.
        layer_class: Class of its layers, whose outputs `(N, H)` are the hidden states.
        mixes_molecules: What it makes of a molecule in training depends on the others of the batch, as by BatchNorm.
            Run its layers by `run_layer`, so that a batch larger than memory can be computed again layer by layer.

    Shapes:
        - **input:** [`Molecules`], hidden atoms `(N,)` bool or `None`
        - **output:** atom states `(N, H)`, `H` is `config.hidden_size`
    """

    needs: ClassVar[frozenset[str]] = frozenset({"graph"})
    uses: ClassVar[frozenset[str]] = frozenset()
    layer_class: ClassVar[type[nn.Module]]
    mixes_molecules: ClassVar[bool] = False

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.hidden_size: int = config.hidden_size

    def use_attention_of(self, config: Any) -> None:
        """Take the attention implementation of a whole model; nothing to do for an encoder without attention."""

    def forward(self, molecules: Molecules, hidden_atoms: Tensor | None = None) -> Tensor:
        """Encode `N` atoms, `(N, H)`. Hidden atoms and their bonds must leave no trace but their presence.

        Args:
            molecules ([`Molecules`]): The batch.
            hidden_atoms (`torch.BoolTensor` of shape `(N,)`, *optional*): Atoms to hide.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `forward`.")


def pool_atoms(atom_states: Tensor, group_of_atom: Tensor, num_groups: int) -> Tensor:
    """Average the atom states of each group: molecules, motifs or single atoms.

    Args:
        atom_states (`torch.FloatTensor` of shape `(N, H)`): States after message passing.
        group_of_atom (`torch.LongTensor` of shape `(N,)`): Group of each atom, in `[0, num_groups)`.
        num_groups (`int`): `G`.

    Returns:
        `torch.FloatTensor` of shape `(G, H)`; a group without atoms is a row of zeros.

    Raises:
        ValueError: If `group_of_atom` does not have one entry per atom.

    Example:
    >>> pool_atoms(torch.ones(3, 2), torch.tensor([0, 0, 1]), num_groups=2).shape
    torch.Size([2, 2])
    """
    if group_of_atom.shape[0] != atom_states.shape[0]:
        raise ValueError(
            f"`group_of_atom` must have one entry per atom: got {group_of_atom.shape[0]} entries for "
            f"{atom_states.shape[0]} atoms. Build it with `FineMolTexFeatureExtractor`, which keeps both aligned."
        )
    sums = atom_states.new_zeros(num_groups, atom_states.shape[-1]).index_add(0, group_of_atom, atom_states)  # (G, H)
    sizes = count_members(group_of_atom, num_groups)  # (G,)
    return sums / sizes.clamp(min=1).unsqueeze(-1)  # (G, H)


class FineMolTexFeatureTable(nn.Embedding):
    """Tables of embeddings, one below the other, that are multiplied by indicators. `(L, R)` -> `(L, H)`.

    A module of its own, so that what moves weights to where they are used (off-loading, LoRA) meets its call.
    """

    def forward(self, indicators: Tensor) -> Tensor:
        """Add up the rows marked, `(L, R)` -> `(L, H)`."""
        return indicators @ self.weight


class FineMolTexZeroTable(nn.Module):
    """The same, starting at zero. No `nn.Embedding`, which would draw random numbers and so shift those of others."""

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.weight = nn.Parameter(torch.empty(num_embeddings, embedding_dim))

    def forward(self, indicators: Tensor) -> Tensor:
        """Add up the rows marked, `(L, R)` -> `(L, H)`."""
        return indicators @ self.weight

    def reset_own_parameters(self, config: Any) -> None:
        """Start at zero."""
        initialization.zeros_(self.weight)


class FineMolTexFeatureEmbedding(nn.Module):
    """Sum of the embeddings of several categorical features; the last row of each table is [MASK].

    Tables this small are cheaper to multiply by indicators than to look up: the gradient of a look-up has a row for
    every feature of every bond.

    Args:
        table_sizes (`list[int]`): Rows of the table of each feature.
        hidden_size (`int`): `H`.
        first_column (`int`): Column of the first feature; those before it and after the last are left alone.
        table (`type`): Class of the table.

    Shapes:
        - **input:** indicators `(L, R)` as made by `indicate`, `R` the rows of all tables
        - **output:** `(L, H)`
    """

    def __init__(
        self, table_sizes: list[int], hidden_size: int, first_column: int = 0, table: Any = FineMolTexFeatureTable
    ) -> None:
        super().__init__()
        self.table_sizes, self.first_column = list(table_sizes), first_column
        self.table = table(sum(table_sizes), hidden_size)  # all tables, one below the other

    def indicate(self, features: Tensor, is_masked: Tensor | None = None) -> Tensor:
        """Mark the table rows of features, [MASK] where `is_masked`. `(L, F)`, `(L,)` -> `(L, R)`.

        Raises:
            ValueError: If columns are missing.
        """
        features = self._take_columns(features)
        sizes = features.new_tensor(self.table_sizes)  # (F,)
        if is_masked is not None:
            features = torch.where(is_masked[:, None], sizes - 1, features)
        shape = (features.shape[0], self.table.num_embeddings)
        indicators = torch.zeros(shape, dtype=self.table.weight.dtype, device=features.device)  # (L, R)
        return indicators.scatter(1, features + (sizes.cumsum(0) - sizes), 1.0)

    def forward(self, indicators: Tensor) -> Tensor:
        """Add up the rows marked. `(L, R)` -> `(L, H)`."""
        return self.table(indicators)  # (L, H)

    def _take_columns(self, features: Tensor) -> Tensor:
        last = self.first_column + len(self.table_sizes)
        if features.shape[1] < last:
            raise ValueError(
                f"The features of atoms or bonds have {features.shape[1]} columns, the model reads {last}. Featurise "
                "the molecules with this version, and featurised data sets again."
            )
        return features[:, self.first_column : last]


class FineMolTexRareFeatureEmbedding(FineMolTexFeatureEmbedding):
    """The same for features that few molecules have, such as isotopes. It starts at zero, and "none" adds nothing.

    So a checkpoint from before there were these features gives the same vectors with them, and what is learned of them
    changes no molecule without them.
    """

    def __init__(self, table_sizes: list[int], hidden_size: int, first_column: int) -> None:
        super().__init__(table_sizes, hidden_size, first_column, FineMolTexZeroTable)

    def indicate(self, features: Tensor, is_masked: Tensor | None = None) -> Tensor:
        """Mark the table rows of features, except "none". `(L, F)`, `(L,)` -> `(L, R)`."""
        indicators = super().indicate(features, is_masked)  # (L, R)
        sizes = features.new_tensor(self.table_sizes)  # (F,)
        return indicators.index_fill(1, sizes.cumsum(0) - sizes, 0.0)


__all__ = [
    "FineMolTexFeatureEmbedding",
    "FineMolTexRareFeatureEmbedding",
    "MoleculeEncoder",
    "pool_atoms",
]
