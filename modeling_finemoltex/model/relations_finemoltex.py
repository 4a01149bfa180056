"""How the atoms of a molecule relate to each other: bonds between them, which bonds, and their distance in space.

Axes: `B` molecules, `N` atoms, `E` directed bonds of the whole batch, `A` atoms of the largest molecule, `L` bonds of
a path.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .graph_views_finemoltex import rank_within
from .molecules_finemoltex import Molecules, count_members

APART = 255  # length of the path between atoms of different fragments
LONGEST = 254  # longer paths count as this long
PATH_BONDS = 5  # `L`
UNITS_PER_ANGSTROM = 1000.0
CODE_BITS = 8  # of the number of a bond
FAR = torch.iinfo(torch.int16).max  # no path was found


@dataclass(frozen=True)
class Relations:
    """All pairs of atoms of each molecule.

    Args:
        slots (`torch.LongTensor` of shape `(N,)`): Place of each atom in the padded table, flat: `B * A` places.
        is_atom (`torch.BoolTensor` of shape `(B, A)`): The places that are taken.
        lengths (`torch.ByteTensor` of shape `(B, A, A)`): Bonds between two atoms, 255 between fragments.
        bonds (`torch.ByteTensor` of shape `(B, A, A, L)`): Numbers of the first bonds of these paths, 0 for none.
        positions (`torch.FloatTensor` of shape `(B, A, 3)`, *optional*): In angstroms.
        has_conformer (`torch.BoolTensor` of shape `(B,)`, *optional*): The molecules that have positions.
    """

    slots: Tensor
    is_atom: Tensor
    lengths: Tensor
    bonds: Tensor
    positions: Tensor | None = None
    has_conformer: Tensor | None = None

    @property
    def is_pair(self) -> Tensor:
        """The pairs that there are, each atom with itself included. -> `(B, A, A)`."""
        return self.is_atom[:, :, None] & self.is_atom[:, None, :]

    @property
    def is_joined(self) -> Tensor:
        """The pairs of different atoms of one fragment. -> `(B, A, A)`."""
        return (self.lengths > 0) & (self.lengths < APART)

    @property
    def is_spatial(self) -> Tensor:
        """The pairs whose distance means something: joined ones of a molecule with a conformer. -> `(B, A, A)`."""
        if self.has_conformer is None:
            return torch.zeros_like(self.lengths, dtype=torch.bool)
        return self.is_joined & self.has_conformer[:, None, None]

    def pad(self, values: Tensor) -> Tensor:
        """Lay values of atoms out by molecule. `(N, ...)` -> `(B, A, ...)`, zeros on padding."""
        table = values.new_zeros(self.is_atom.numel(), *values.shape[1:])
        return table.index_copy(0, self.slots, values).unflatten(0, self.is_atom.shape)

    def unpad(self, table: Tensor) -> Tensor:
        """Read the values of the atoms. `(B, A, ...)` -> `(N, ...)`."""
        return table.flatten(0, 1)[self.slots]


def relate_atoms(molecules: Molecules, bond_sizes: tuple[int, ...], hidden_atoms: Tensor | None = None) -> Relations:
    """Read the relations that a processor found, or find those of the bonds anew.

    Hidden atoms are left without a bond, and their molecules without positions: a path through them, or the shape of
    the whole molecule, would tell of them. So the relations are those of what is left.

    Args:
        molecules ([`Molecules`]): `B` molecules. Without `path_lengths` and `path_bonds` these are computed.
        bond_sizes (`tuple[int, ...]`): Values of each bond feature, by which bonds are numbered.
        hidden_atoms (`torch.BoolTensor` of shape `(N,)`, *optional*): Atoms to hide.

    Returns:
        [`Relations`].
    """
    owner, num_molecules = molecules.molecule_of_atom, molecules.num_molecules
    given = None if hidden_atoms is not None else molecules.path_lengths
    most = int(molecules.atom_counts.max()) if given is None else given.shape[-1]  # A
    slots = owner * most + rank_within(owner, num_molecules)  # (N,)
    is_atom = torch.zeros(num_molecules * most, dtype=torch.bool, device=owner.device).index_fill(0, slots, True)
    is_atom = is_atom.view(num_molecules, most)  # (B, A)
    if given is not None:
        lengths, bonds = given, molecules.path_bonds
    else:
        stays = slice(None) if hidden_atoms is None else ~hidden_atoms[molecules.edge_index].any(0)  # (E,)
        ends = slots[molecules.edge_index[:, stays]]  # (2, E)
        exact = find_path_lengths(ends, is_atom)  # (B, A, A)
        bonds = find_path_bonds(exact, ends, code_bonds(molecules.edge_features[stays], bond_sizes))
        lengths = torch.where(exact == FAR, APART, exact.clamp(max=LONGEST)).byte()
    relations = Relations(slots, is_atom, lengths, bonds)
    if molecules.atom_positions is None or molecules.has_conformer is None:
        return relations
    has_conformer = molecules.has_conformer > 0  # (B,)
    if hidden_atoms is not None:
        has_conformer = has_conformer & (count_members(owner[hidden_atoms], num_molecules) == 0)
    positions = relations.pad(molecules.atom_positions.float() / UNITS_PER_ANGSTROM)  # (B, A, 3)
    return Relations(slots, is_atom, relations.lengths, bonds, positions, has_conformer)


def code_bonds(features: Tensor, bond_sizes: tuple[int, ...]) -> Tensor:
    """Number bonds by their features, as digits, from 1 on.

    Args:
        features (`torch.LongTensor` of shape `(E, F)`): Of the bonds.
        bond_sizes (`tuple[int, ...]`): `F` numbers of values, whose product is below 255.

    Returns:
        `torch.LongTensor` of shape `(E,)`.

    Example:
    >>> code_bonds(torch.tensor([[0, 0, 0], [1, 0, 1]]), (6, 8, 4))
    tensor([ 1, 34])
    """
    codes = features.new_zeros(features.shape[0])
    for column, size in enumerate(bond_sizes):
        codes = codes * size + features[:, column]
    return codes + 1


def list_bond_features(bond_sizes: tuple[int, ...]) -> Tensor:
    """List the features of every number that [`code_bonds`] gives. -> `(codes, F)`, the first is that of number 1."""
    return torch.cartesian_prod(*(torch.arange(size) for size in bond_sizes)).view(-1, len(bond_sizes))


def find_path_lengths(ends: Tensor, is_atom: Tensor) -> Tensor:
    """Count the bonds of the shortest paths between all atoms, by breadth-first search of all molecules at once.

    Args:
        ends (`torch.LongTensor` of shape `(2, E)`): Places of the atoms of directed bonds, flat.
        is_atom (`torch.BoolTensor` of shape `(B, A)`): The places that are taken.

    Returns:
        `torch.ShortTensor` of shape `(B, A, A)`; `FAR` between fragments and on padding.
    """
    num_molecules, most = is_atom.shape
    lengths = torch.full((num_molecules * most, most), FAR, dtype=torch.int16, device=ends.device)  # (B A, A)
    itself = torch.eye(most, dtype=torch.bool, device=ends.device).repeat(num_molecules, 1) & is_atom.view(-1, 1)
    lengths = lengths.masked_fill(itself, 0)
    for step in range(1, most):
        arrived = (lengths == step - 1)[ends[1]]  # (E, A)
        touched = torch.zeros_like(lengths).index_add(0, ends[0], arrived.to(torch.int16)) > 0  # (B A, A)
        is_new = touched & (lengths == FAR)
        if not is_new.any():
            break
        lengths = lengths.masked_fill(is_new, step)
    return lengths.view(num_molecules, most, most)


def find_path_bonds(lengths: Tensor, ends: Tensor, codes: Tensor) -> Tensor:
    """Find the first bonds of the shortest paths, of several paths those of the smallest numbers.

    Args:
        lengths (`torch.ShortTensor` of shape `(B, A, A)`): From [`find_path_lengths`].
        ends (`torch.LongTensor` of shape `(2, E)`): Places of the atoms of directed bonds, flat.
        codes (`torch.LongTensor` of shape `(E,)`): From [`code_bonds`].

    Returns:
        `torch.ByteTensor` of shape `(B, A, A, L)`; 0 where a path has no bond.
    """
    flat, (sources, targets) = lengths.flatten(0, 1), ends  # (B A, A)
    leads = (flat[sources] > 0) & (flat[sources] == flat[targets] + 1)  # (E, A): first bond of a shortest path
    none = torch.iinfo(torch.int64).max
    keys = torch.zeros_like(flat, dtype=torch.int64)  # (B A, A)
    for place in range(PATH_BONDS):
        found = torch.where(leads, (codes[:, None] << (CODE_BITS * place)) | keys[targets], none)  # (E, A)
        rows = sources[:, None].expand_as(found)
        least = torch.full_like(keys, none).scatter_reduce(0, rows, found, "amin")
        keys = torch.where(least == none, 0, least)
    shifts = torch.arange(PATH_BONDS - 1, -1, -1, device=keys.device) * CODE_BITS  # (L,)
    bonds = (keys[..., None] >> shifts) & ((1 << CODE_BITS) - 1)  # (B A, A, L)
    return bonds.byte().unflatten(0, lengths.shape[:2])


__all__ = ["APART", "PATH_BONDS", "Relations", "code_bonds", "list_bond_features", "relate_atoms"]
