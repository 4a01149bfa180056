"""Views of molecules: random changes after which a molecule should still be found near itself.

A view takes [`Molecules`] and gives [`Molecules`], from tensors alone. What it draws for a molecule is a function of
the molecule's seed: it depends neither on the other molecules of the batch nor on any random state.

Axes: `B` molecules, `N` atoms, `E` directed bonds, `M` motifs of the whole batch, `A` atoms of the largest molecule.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .masking_finemoltex import hash_uniform
from .molecules_finemoltex import Molecules, count_members

VIEW_GIVES = frozenset({"graph"})  # what of the processor's output still holds for a view, see `MoleculeEncoder.needs`


@dataclass(frozen=True)
class ViewDraw:
    """What a view draws from, and how it treats what it takes away.

    Args:
        seeds (`torch.LongTensor` of shape `(B,)`): One seed per molecule.
        stream (`int`): Separates the views of one seed.
        mask_row (`tuple[int, ...]`): Value of [MASK] of each atom feature that the encoder reads.
        keeps_isolated (`bool`): Cut the bonds of dropped atoms only. The atoms stay, and so stay in every mean over
            the molecule, as in the code of MoMu and GraphCL.
    """

    seeds: Tensor
    stream: int = 0
    mask_row: tuple[int, ...] = ()
    keeps_isolated: bool = False

    def uniform(self, num_draws: int) -> Tensor:
        """Draw numbers between 0 and 1. -> `(B, num_draws)`; longer rows begin with the same numbers."""
        return hash_uniform(self.seeds, num_draws, self.stream)


GraphView = Callable[[Molecules, float, ViewDraw], Molecules]


def drop_nodes(molecules: Molecules, rate: float, draw: ViewDraw) -> Molecules:
    """Leave a share of the atoms out, drawn evenly (GraphCL, You et al. 2020). At least one stays.

    Args:
        molecules ([`Molecules`]): `B` molecules.
        rate (`float`): Share of the atoms that goes; exact in the mean, as the number is rounded at random.
        draw ([`ViewDraw`]): Seeds.

    Returns:
        [`Molecules`]: `B` molecules of fewer atoms.
    """
    return keep_atoms(molecules, ~_choose_atoms(molecules, rate, draw), draw.keeps_isolated)


def walk_subgraph(molecules: Molecules, rate: float, draw: ViewDraw) -> Molecules:
    """Keep the atoms that a random walk gathers, and leave the others out (GraphCL, You et al. 2020; MoMu).

    The set starts with an atom drawn evenly. Each round adds a neighbour of the set, drawn evenly, to every molecule
    of the batch that is still too small. A fragment of a salt that is gathered whole is followed by an atom elsewhere,
    where the published walk ends: it would keep a single ion of many a drug.

    Args:
        molecules ([`Molecules`]): `B` molecules.
        rate (`float`): Share of the atoms that goes; exact in the mean, as the number is rounded at random.
        draw ([`ViewDraw`]): Seeds.

    Returns:
        [`Molecules`]: `B` molecules of fewer atoms. A connected molecule stays connected.
    """
    num_molecules, molecule_of_atom = molecules.num_molecules, molecules.molecule_of_atom
    sizes = molecules.atom_counts  # (B,)
    width = int(sizes.max())  # A
    draws = draw.uniform(1 + width)  # (B, 1 + A)
    wanted = sizes - _round_at_random(rate, sizes, draws[:, 0])  # (B,)

    # Atoms lie in the slots (molecule, number within it) of a table, flat where bonds are followed.
    slots = molecule_of_atom * width + rank_within(molecule_of_atom, num_molecules)  # (N,)
    sources, targets = slots[molecules.edge_index]  # (E,), (E,)
    shape = (num_molecules, width)
    is_left = torch.zeros(num_molecules * width, dtype=torch.bool, device=slots.device).index_fill(0, slots, True)
    is_left = is_left.view(shape)  # (B, A): atoms outside the set
    touches = torch.zeros(shape, dtype=torch.long, device=slots.device)  # (B, A): bonds to the set
    for step in range(int(wanted.max())):
        boundary = is_left & (touches > 0)  # (B, A)
        candidates = torch.where(boundary.any(1, keepdim=True), boundary, is_left)  # (B, A)
        chosen = _pick_one(candidates, draws[:, 1 + step]) & (step < wanted)[:, None]  # (B, A)
        is_left = is_left & ~chosen
        touches = touches.flatten().index_add(0, targets, chosen.flatten()[sources].long()).view(shape)
    return keep_atoms(molecules, ~is_left.flatten()[slots], draw.keeps_isolated)


def perturb_edges(molecules: Molecules, rate: float, draw: ViewDraw) -> Molecules:
    """Take a share of the bonds away and add as many between atoms drawn evenly (GraphCL, You et al. 2020).

    A bond moves with its features, in both directions. One whose new place is taken stays where it is.

    Args:
        molecules ([`Molecules`]): `B` molecules.
        rate (`float`): Share of the bonds to move; the number is rounded at random.
        draw ([`ViewDraw`]): Seeds.

    Returns:
        [`Molecules`]: The same atoms and motifs, and as many bonds as before.
    """
    sources, targets = molecules.edge_index  # (E,), (E,)
    num_atoms, num_molecules = molecules.atom_features.shape[0], molecules.num_molecules
    keys = torch.minimum(sources, targets) * num_atoms + torch.maximum(sources, targets)  # (E,): the same both ways
    bonds, bond_of_edge = keys.unique(return_inverse=True)  # (b,), (E,)
    begins = bonds // num_atoms  # (b,)
    molecule_of_bond = molecules.molecule_of_atom[begins]  # (b,)
    counts = count_members(molecule_of_bond, num_molecules)  # (B,)
    draws = draw.uniform(1 + 3 * int(counts.max()))  # (B, 1 + 3 b)
    column = 1 + 3 * rank_within(molecule_of_bond, num_molecules)  # (b,): three draws a bond
    order = rank_within(molecule_of_bond, num_molecules, draws[molecule_of_bond, column])  # (b,)
    moves = order < _round_at_random(rate, counts, draws[:, 0])[molecule_of_bond]  # (b,)

    sizes = molecules.atom_counts[molecule_of_bond]  # (b,)
    first = (draws[molecule_of_bond, column + 1] * sizes).long().minimum(sizes - 1)  # (b,)
    apart = 1 + (draws[molecule_of_bond, column + 2] * (sizes - 1)).long().minimum(sizes - 2)  # (b,): 1 to n - 1
    ends = torch.stack([first, (first + apart) % sizes]).sort(0).values  # (2, b), numbers within the molecule
    atoms = molecules.molecule_of_atom.argsort(stable=True)  # (N,): molecule by molecule
    starts = molecules.atom_counts.cumsum(0) - molecules.atom_counts  # (B,)
    low, high = atoms[starts[molecule_of_bond] + ends]  # (b,), (b,)
    places = low * num_atoms + high  # (b,)
    _, number, drawn = torch.where(moves, places, -1).unique(return_inverse=True, return_counts=True)
    moves = moves & ~torch.isin(places, bonds) & (drawn[number] == 1)  # (b,)

    low, high, goes_up = low[bond_of_edge], high[bond_of_edge], sources < targets  # (E,) each
    moved = torch.stack([torch.where(goes_up, low, high), torch.where(goes_up, high, low)])  # (2, E)
    return replace(molecules, edge_index=torch.where(moves[bond_of_edge], moved, molecules.edge_index))


def mask_attributes(molecules: Molecules, rate: float, draw: ViewDraw) -> Molecules:
    """Replace the features of a share of the atoms by [MASK] (Hu et al. 2020); their bonds stay.

    Args:
        molecules ([`Molecules`]): `B` molecules.
        rate (`float`): Share of the atoms to mask; exact in the mean, as the number is rounded at random.
        draw ([`ViewDraw`]): Seeds, and the value of [MASK] of each feature.

    Returns:
        [`Molecules`]: The same atoms, bonds and motifs; of the features those that the encoder reads.
    """
    row = molecules.atom_features.new_tensor(draw.mask_row)  # (F,)
    is_masked = _choose_atoms(molecules, rate, draw)  # (N,)
    features = torch.where(is_masked[:, None], row, molecules.atom_features[:, : len(row)])  # (N, F)
    return replace(molecules, atom_features=features)


# A view is a function and a line here; its rate is the share that it takes away or changes.
GRAPH_VIEWS: dict[str, GraphView] = {
    "drop_nodes": drop_nodes,
    "walk_subgraph": walk_subgraph,
    "perturb_edges": perturb_edges,
    "mask_attributes": mask_attributes,
}
# Su et al. 2022; the walk keeps 0.8 there.
VIEW_RATES = {"drop_nodes": 0.1, "walk_subgraph": 0.2, "perturb_edges": 0.1, "mask_attributes": 0.1}


def check_views(encoder: str, needs: Iterable[str]) -> None:
    """Refuse views for an encoder that reads more than atoms and bonds.

    Args:
        encoder (`str`): Its name.
        needs (iterable of `str`): What it reads, see [`MoleculeEncoder`].

    Raises:
        ValueError: Names the encoder and what a view cannot give it.
    """
    others = sorted(set(needs) - VIEW_GIVES)
    if others:
        raise ValueError(
            f"Views change atoms and bonds alone, and the encoder {encoder!r} also reads {', '.join(others)}, which "
            "would still describe the molecule as it was. Use an encoder of the graph alone, such as 'gin', or leave "
            "out the objective that makes views."
        )


def keep_atoms(molecules: Molecules, is_kept: Tensor, keeps_isolated: bool = False) -> Molecules:
    """Leave atoms out with their bonds, and the motifs that lose all of theirs.

    Args:
        molecules ([`Molecules`]): `B` molecules.
        is_kept (`torch.BoolTensor` of shape `(N,)`): At least one atom of every molecule.
        keeps_isolated (`bool`): Cut the bonds only.

    Returns:
        [`Molecules`]: `B` molecules. A motif keeps its id and its rank as long as it has an atom.
    """
    stays = is_kept[molecules.edge_index].all(0)  # (E,)
    edge_index, edge_features = molecules.edge_index[:, stays], molecules.edge_features[stays]
    if keeps_isolated:
        return replace(molecules, edge_index=edge_index, edge_features=edge_features)
    atom_to_motif = molecules.atom_to_motif[is_kept]  # (N',)
    has_atoms = count_members(atom_to_motif, molecules.num_motifs) > 0  # (M,)
    return Molecules.from_tensors(
        count_members(molecules.molecule_of_motif[has_atoms], molecules.num_molecules),
        atom_features=molecules.atom_features[is_kept],
        edge_index=(is_kept.cumsum(0) - 1)[edge_index],
        edge_features=edge_features,
        atom_to_motif=(has_atoms.cumsum(0) - 1)[atom_to_motif],
        motif_positions=molecules.motif_positions[has_atoms],
        motif_ids=None if molecules.motif_ids is None else molecules.motif_ids[has_atoms],
    )


def rank_within(group_of: Tensor, num_groups: int, keys: Tensor | None = None) -> Tensor:
    """Number the members of each group from 0 on, in their order or by ascending keys.

    Args:
        group_of (`torch.LongTensor` of shape `(L,)`): Group of each member.
        num_groups (`int`): `G`.
        keys (`torch.Tensor` of shape `(L,)`, *optional*): Order of the members.

    Returns:
        `torch.LongTensor` of shape `(L,)`.

    Example:
    >>> rank_within(torch.tensor([0, 0, 1, 1, 1]), 2, torch.tensor([0.5, 0.1, 0.3, 0.2, 0.9]))
    tensor([1, 0, 1, 0, 2])
    """
    order = torch.arange(len(group_of), device=group_of.device) if keys is None else keys.argsort(stable=True)
    order = order[group_of[order].argsort(stable=True)]  # (L,)
    sizes = count_members(group_of, num_groups)  # (G,)
    ranks = torch.arange(len(order), device=order.device) - (sizes.cumsum(0) - sizes)[group_of[order]]  # (L,)
    return torch.empty_like(group_of).scatter(0, order, ranks)


def _choose_atoms(molecules: Molecules, rate: float, draw: ViewDraw) -> Tensor:
    """Draw a share of the atoms of each molecule, never all. -> `(N,)` bool."""
    group, sizes = molecules.molecule_of_atom, molecules.atom_counts  # (N,), (B,)
    draws = draw.uniform(1 + int(sizes.max()))  # (B, 1 + A)
    keys = draws[group, 1 + rank_within(group, len(sizes))]  # (N,)
    return rank_within(group, len(sizes), keys) < _round_at_random(rate, sizes, draws[:, 0])[group]


def _round_at_random(rate: float, sizes: Tensor, draws: Tensor) -> Tensor:
    """Take a share of each size, rounded so that its mean is exact, and never all. `(B,)`, `(B,)` -> `(B,)`."""
    return (rate * sizes + draws).long().minimum(sizes - 1).clamp(min=0)


def _pick_one(candidates: Tensor, draws: Tensor) -> Tensor:
    """Pick one candidate of each row evenly. `(B, A)` bool, `(B,)` -> `(B, A)` bool; none where there is none."""
    counts = candidates.sum(1)  # (B,)
    number = (draws * counts).long().minimum(counts - 1)  # (B,)
    return candidates & (candidates.cumsum(1) == 1 + number[:, None])


__all__ = [
    "GRAPH_VIEWS",
    "VIEW_RATES",
    "GraphView",
    "ViewDraw",
    "check_views",
    "drop_nodes",
    "keep_atoms",
    "mask_attributes",
    "perturb_edges",
    "rank_within",
    "walk_subgraph",
]
