"""A graph Transformer whose attention knows how atoms relate to each other (MoleBLEND, Yu et al. 2024).

Axes as in `relations_finemoltex.py`, and `Q` pairs of atoms, `H` hidden size.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import initialization

from .attention_finemoltex import eager_attention_forward
from .masking_finemoltex import hash_uniform
from .molecule_encoder_finemoltex import FineMolTexFeatureEmbedding, FineMolTexRareFeatureEmbedding, MoleculeEncoder
from .molecules_finemoltex import Molecules
from .relations_finemoltex import APART, PATH_BONDS, Relations, list_bond_features, relate_atoms
from .wrapped_layers_finemoltex import input_dtype

PATH, BONDS, SPACE = range(3)  # the relations, as `shown` numbers them
RELATION_STREAM = 24  # of the draws
BIAS_GAIN = 8.0  # of what relations add to a score: small tables would have to grow for long before attention saw them


@dataclass
class BlendOptions:
    """Options of the encoder `blend`, `graph_config.encoder_options`.

    Args:
        num_heads (`int`): Attention heads.
        intermediate_size (`int`, *optional*): Width of the feed-forward parts; `H`, if absent, as published.
        max_path (`int`): Lengths of paths told apart; longer ones count as this long.
        num_kernels (`int`): Gaussians that describe a distance.
        max_distance (`float`): Centre of the last one at the start, in angstroms.
        blend_ratio (`list[float]`): Shares of the pairs that are shown the length of their path, its bonds, and their
            distance in space, where the objective `blend` shows one of them. A molecule without a conformer shares
            out the first two.
    """

    num_heads: int = 8
    intermediate_size: int | None = None
    max_path: int = 20
    num_kernels: int = 32
    max_distance: float = 12.0
    blend_ratio: tuple[float, ...] | list[float] = (0.2, 0.2, 0.6)

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("num_heads", "max_path", "num_kernels", "max_distance"):
            if getattr(self, name) <= 0:
                raise ValueError(f"`encoder_options.{name}` must be positive: got {getattr(self, name)}.")
        ratio = list(self.blend_ratio)
        if len(ratio) != 3 or min(ratio) < 0 or ratio[PATH] + ratio[BONDS] <= 0:
            raise ValueError(
                "`encoder_options.blend_ratio` must be three shares, of paths, bonds and distances, none negative and "
                f"one of the first two positive: got {self.blend_ratio}."
            )
        self.blend_ratio = ratio


def read_blend_options(config: Any) -> BlendOptions:
    """Read the options of the encoder from its configuration.

    Args:
        config ([`FineMolTexGraphConfig`]): `encoder_options` holds them.

    Raises:
        ValueError: If an option is unknown or is refused, or the heads do not divide the width.
    """
    given, known = dict(config.encoder_options or {}), [one.name for one in fields(BlendOptions)]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(f"The encoder 'blend' has no option {', '.join(unknown)}: its options are {known}.")
    options = BlendOptions(**given)
    if config.hidden_size % options.num_heads:
        raise ValueError(
            f"`graph_config.hidden_size` ({config.hidden_size}) must be a multiple of `encoder_options.num_heads` "
            f"({options.num_heads})."
        )
    return options


def measure(differences: Tensor) -> Tensor:
    """Compute lengths whose gradient is finite at 0. `(..., 3)` -> `(...)`."""
    return differences.square().sum(-1).clamp(min=1e-12).sqrt()


def find_rows(is_there: Tensor, shown: Tensor | None, relation: int) -> Tensor:
    """List the pairs that have a relation and are shown it, as places in the flat table.

    Args:
        is_there (`torch.BoolTensor` of shape `(B, A, A)`): The pairs that have it.
        shown (`torch.LongTensor` of shape `(B, A, A)`, *optional*): From [`draw_shown`]; all relations, if absent.
        relation (`int`): `PATH`, `BONDS` or `SPACE`.

    Returns:
        `torch.LongTensor` of shape `(Q,)`.
    """
    return (is_there if shown is None else is_there & (shown == relation)).flatten().nonzero()[:, 0]


class FineMolTexPathBias(nn.Module):
    """A number for each head and length of a path. Lengths `(Q,)` -> `(Q, heads)`."""

    def __init__(self, options: BlendOptions) -> None:
        super().__init__()
        self.max_path = options.max_path
        self.table = nn.Embedding(options.max_path + 2, options.num_heads)  # itself, 1 to the longest, apart

    def reset_own_parameters(self, config: Any) -> None:
        """Start with heads that look more or less far: the score falls by 2, 1, 1/2, ... with every bond."""
        lengths = torch.arange(self.max_path + 2).float()[:, None]  # (lengths, 1)
        slopes = 2.0 ** (1 - torch.arange(self.table.embedding_dim))  # (heads,)
        initialization.copy_(self.table.weight, -lengths * slopes / BIAS_GAIN)

    def forward(self, lengths: Tensor) -> Tensor:
        """Look the lengths up; see the shapes above."""
        lengths = lengths.long()
        return self.table(torch.where(lengths == APART, self.max_path + 1, lengths.clamp(max=self.max_path)))


class FineMolTexBondBias(nn.Module):
    r"""The mean of the bonds of a path, each mapped by its place on it. Numbers of bonds `(Q, L)` -> `(Q, heads)`.

    \(\frac{1}{|p|} \sum_k W_k\, e(b_k)\) with `e` the sum of the embeddings of the bond's features.
    """

    def __init__(self, options: BlendOptions, bond_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.bond_sizes, heads = bond_sizes, options.num_heads
        self.embedding = FineMolTexFeatureEmbedding(list(bond_sizes), heads)
        self.places = nn.ModuleList(nn.Linear(heads, heads, bias=False) for _ in range(PATH_BONDS))

    def forward(self, bonds: Tensor) -> Tensor:
        """Average; see the shapes above."""
        features = list_bond_features(self.bond_sizes).to(bonds.device)  # (codes, F)
        states = F.pad(self.embedding(self.embedding.indicate(features)), (0, 0, 1, 0))  # (1 + codes, heads)
        tables = torch.cat([place(states) for place in self.places])  # (L (1 + codes), heads)
        offsets = torch.arange(PATH_BONDS, device=bonds.device) * states.shape[0]  # (L,)
        sums = F.embedding_bag(bonds.long() + offsets, tables, mode="sum")  # (Q, heads)
        return sums / (bonds > 0).sum(1, keepdim=True).clamp(min=1)


class FineMolTexDistanceBias(nn.Module):
    """Gaussians of the distances of pairs, stretched and shifted by the two elements. -> `(Q, heads)`.

    Shapes:
        - **input:** [`Relations`] with positions, elements `(B, A)`, places of the pairs in the flat table `(Q,)`
        - **output:** `(Q, heads)`
    """

    def __init__(self, options: BlendOptions, num_elements: int) -> None:
        super().__init__()
        size = options.num_kernels
        self.max_distance, self.num_elements = options.max_distance, num_elements
        self.pairs = nn.Embedding(num_elements**2, 2)  # beside a factor of 1
        self.centres, self.widths = nn.Parameter(torch.empty(size)), nn.Parameter(torch.empty(size))
        self.expand, self.contract = nn.Linear(size, size), nn.Linear(size, options.num_heads)

    def reset_own_parameters(self, config: Any) -> None:
        """Start with Gaussians side by side."""
        size = len(self.centres)
        initialization.copy_(self.centres, torch.linspace(0.0, self.max_distance, size))
        initialization.constant_(self.widths, self.max_distance / size)

    def forward(self, relations: Relations, elements: Tensor, rows: Tensor) -> Tensor:
        """Describe the distances; see the shapes above."""
        most = elements.shape[1]
        first, second = rows // most, rows // (most * most) * most + rows % most  # (Q,), (Q,): flat atoms
        positions, kinds = relations.positions.flatten(0, 1), elements.flatten()  # (B A, 3), (B A,)
        distances = measure(positions[first] - positions[second])  # (Q,)
        stretch, shift = self.pairs(kinds[first] * self.num_elements + kinds[second]).unbind(-1)  # (Q,), (Q,)
        moved = ((1 + stretch) * distances + shift)[:, None] - self.centres  # (Q, kernels)
        kernels = torch.exp(-0.5 * (moved / (self.widths.abs() + 0.01)) ** 2)  # (Q, kernels)
        return self.contract(F.gelu(self.expand(kernels.to(input_dtype(self.expand)))))


class FineMolTexRelationBias(nn.Module):
    """What attention adds to the score of two atoms: all relations at hand, or the one that is shown.

    Shapes:
        - **input:** [`Relations`], elements `(B, A)`, shown relations `(B, A, A)` or `None` for all
        - **output:** `(B, heads, A, A)`, the lowest number where there is no atom to attend to
    """

    def __init__(self, options: BlendOptions, bond_sizes: tuple[int, ...], num_elements: int) -> None:
        super().__init__()
        self.num_heads, self.num_elements = options.num_heads, num_elements
        self.path = FineMolTexPathBias(options)
        self.bonds = FineMolTexBondBias(options, bond_sizes)
        self.space = FineMolTexDistanceBias(options, num_elements)

    def forward(self, relations: Relations, elements: Tensor, shown: Tensor | None = None) -> Tensor:
        """Add the biases up; see the shapes above."""
        lengths = relations.lengths.flatten()  # (B A A,)
        # Joined pairs have bonds and distances; what is no pair costs nothing.
        rows = find_rows(relations.is_pair, shown, PATH)  # (Q,)
        values = self.path(lengths[rows])  # (Q, heads)
        bias = values.new_zeros(len(lengths), self.num_heads).index_add(0, rows, values)  # (B A A, heads)
        rows = find_rows(relations.is_joined, shown, BONDS)
        bias = bias.index_add(0, rows, self.bonds(relations.bonds.flatten(0, 2)[rows]).to(bias.dtype))
        if relations.positions is not None:
            rows = find_rows(relations.is_spatial, shown, SPACE)
            bias = bias.index_add(0, rows, self.space(relations, elements, rows).to(bias.dtype))
        bias = (BIAS_GAIN * bias).unflatten(0, relations.lengths.shape).permute(0, 3, 1, 2)  # (B, heads, A, A)
        return bias.masked_fill(~relations.is_atom[:, None, None, :], torch.finfo(bias.dtype).min)


class FineMolTexBlendLayer(nn.Module):
    """Attention among the atoms of a molecule, then the feed-forward part; each with LayerNorm before it.

    Shapes:
        - **input:** atom states `(N, H)`, [`Relations`], bias `(B, heads, A, A)`
        - **output:** `(N, H)`
    """

    def __init__(self, config: Any, options: BlendOptions) -> None:
        super().__init__()
        width, inner = config.hidden_size, options.intermediate_size or config.hidden_size
        self.num_heads, self.dropout_prob = options.num_heads, config.dropout
        self.scaling = (width // options.num_heads) ** -0.5
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.output = nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, inner), nn.Linear(inner, width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, atom_states: Tensor, relations: Relations, bias: Tensor) -> Tensor:
        """Run the layer; see the shapes above."""
        normed = self.attention_norm(atom_states)  # (N, H)
        query, key, value = (
            relations.pad(linear(normed)).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # (B, heads, A, D)
            for linear in (self.query, self.key, self.value)
        )
        dropout = self.dropout_prob if self.training else 0.0
        mixed, _ = eager_attention_forward(self, query, key, value, bias, self.scaling, dropout)  # (B, A, heads, D)
        atom_states = atom_states + self.dropout(self.output(relations.unpad(mixed.flatten(2))))  # (N, H)
        inner = F.gelu(self.expand(self.feed_forward_norm(atom_states)))  # (N, inner)
        return atom_states + self.dropout(self.contract(inner))


class FineMolTexBlendEncoder(MoleculeEncoder):
    """A Transformer over the atoms of a molecule, with all relations that are at hand; see [`MoleculeEncoder`].

    Paths and their bonds are always there. Distances are there for molecules with a conformer, so one model reads
    molecules in two dimensions or in three. Hidden atoms are single atoms without any relation, and their molecules
    are read without a conformer.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"graph", "paths"})
    uses: ClassVar[frozenset[str]] = frozenset({"conformer"})
    layer_class = FineMolTexBlendLayer

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.options = read_blend_options(config)
        width, common, rare = config.hidden_size, config.atom_feature_sizes, config.rare_feature_sizes
        self.bond_sizes = tuple(config.bond_feature_sizes)
        self.atom_embedding = FineMolTexFeatureEmbedding(common, width)
        self.rare_embedding = FineMolTexRareFeatureEmbedding(rare, width, len(common)) if rare else None
        self.relation_bias = FineMolTexRelationBias(self.options, self.bond_sizes, common[0])
        self.layers = nn.ModuleList(FineMolTexBlendLayer(config, self.options) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, molecules: Molecules, hidden_atoms: Tensor | None = None) -> Tensor:
        """Encode the atoms by all relations. -> `(N, H)`."""
        return self.encode(molecules, self.relate(molecules, hidden_atoms), hidden_atoms)

    def relate(self, molecules: Molecules, hidden_atoms: Tensor | None = None) -> Relations:
        """Find the relations of the atoms; see [`relate_atoms`] for the shapes."""
        return relate_atoms(molecules, self.bond_sizes, hidden_atoms)

    def encode(
        self,
        molecules: Molecules,
        relations: Relations,
        hidden_atoms: Tensor | None = None,
        shown: Tensor | None = None,
    ) -> Tensor:
        """Encode the atoms by relations that are given.

        Args:
            molecules ([`Molecules`]): `N` atoms.
            relations ([`Relations`]): Of these atoms, maybe with other positions.
            hidden_atoms (`torch.BoolTensor` of shape `(N,)`, *optional*): Atoms to hide.
            shown (`torch.LongTensor` of shape `(B, A, A)`, *optional*): The relation that each pair is shown, from
                [`draw_shown`]; all, if absent.

        Returns:
            `torch.FloatTensor` of shape `(N, H)`.
        """
        atoms = self.atom_embedding.indicate(molecules.atom_features, hidden_atoms)  # (N, R)
        atom_states = self.atom_embedding(atoms)  # (N, H)
        if self.rare_embedding is not None:
            rare = self.rare_embedding.indicate(molecules.atom_features, hidden_atoms)  # (N, R)
            atom_states = atom_states + self.rare_embedding(rare)  # (N, H)
        bias = self.relation_bias(relations, relations.pad(molecules.atom_features[:, 0]), shown)
        for layer in self.layers:
            atom_states = layer(atom_states, relations, bias)  # (N, H)
        return self.norm(atom_states)


def draw_shown(relations: Relations, seeds: Tensor, ratio: list[float] | tuple[float, ...]) -> Tensor:
    """Draw the one relation that each pair is shown; both orders of a pair are shown the same.

    What is drawn for a pair depends on the seed of its molecule and its place in it alone.

    Args:
        relations ([`Relations`]): `B` molecules.
        seeds (`torch.LongTensor` of shape `(B,)`): One for each molecule.
        ratio (`list[float]`): Shares of paths, bonds and distances; without a conformer, of the first two.

    Returns:
        `torch.LongTensor` of shape `(B, A, A)`: `PATH`, `BONDS` or `SPACE`. Pairs of different fragments and atoms
        with themselves have nothing but a path.
    """
    most, device = relations.is_atom.shape[1], seeds.device
    places = torch.arange(most, device=device)
    low = torch.minimum(places[:, None], places)  # (A, A)
    high = torch.maximum(places[:, None], places)  # (A, A)
    draws = hash_uniform(seeds, most * (most + 1) // 2, RELATION_STREAM)  # (B, A (A + 1) / 2)
    draws = draws[:, high * (high + 1) // 2 + low]  # (B, A, A): a larger table begins with the same pairs
    shares = torch.tensor(ratio, dtype=torch.float32, device=device).expand(len(seeds), 3)  # (B, 3)
    if relations.has_conformer is None:
        shares = shares * shares.new_tensor([1.0, 1.0, 0.0])
    else:
        is_there = F.pad(relations.has_conformer[:, None].float(), (2, 0), value=1.0)  # (B, 3)
        shares = shares * is_there
    limits = (shares / shares.sum(1, keepdim=True)).cumsum(1)[:, :2]  # (B, 2)
    shown = (draws[..., None] > limits[:, None, None]).sum(-1)  # (B, A, A)
    return torch.where(relations.is_joined, shown, PATH)


__all__ = [
    "BONDS",
    "PATH",
    "SPACE",
    "BlendOptions",
    "FineMolTexBlendEncoder",
    "FineMolTexBlendLayer",
    "FineMolTexDistanceBias",
    "draw_shown",
    "find_rows",
    "measure",
    "read_blend_options",
]
