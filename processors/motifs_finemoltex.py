"""Motifs: a partition of a molecule's atoms into named pieces.

Only bonds that are not in a ring are ever cut. Each of them is a bridge, so the motifs of a connected molecule form a
tree, and several components form a forest: walking it always ends.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import compress
from typing import NamedTuple

from rdkit import Chem

from .atom_features_finemoltex import AROMATIC, DOUBLE, SINGLE, TRIPLE, MoleculeRecord
from .brics_finemoltex import BricsRules
from .functional_groups_finemoltex import assign_groups
from .molecule_facts_finemoltex import AtomFacts
from .published_motifs_finemoltex import split_as_published

UNKNOWN_MOTIF_ID = 0
MASK_MOTIF_ID = 1
SPECIAL_MOTIFS = ("[UNK]", "[MASK]")  # ids 0 and 1; the i-th most frequent motif has id i + 2
DEFAULT_FRAGMENTATION = "functional"
# 2^15 labels of about half a kilobyte each: 98 % of the fragments of drug-like molecules are found again.
_LABEL_CACHE_SIZE = 32768

_PERIODIC_TABLE = Chem.GetPeriodicTable()
_BOND_TYPES = Chem.BondType.values
_HYDROGENS_OF_CUT = {SINGLE: 1, DOUBLE: 2, TRIPLE: 3, AROMATIC: 1}  # a dative or zero-order bond binds no hydrogen


class Partition(NamedTuple):
    """Motifs of one molecule.

    `atom_to_motif` has one entry per atom, `labels` and `positions` one per motif. Motifs are numbered by their
    canonically first atom; `positions` are breadth-first ranks in the motif tree.
    """

    atom_to_motif: list[int]
    labels: list[str]
    positions: list[int]


def partition_molecule(molecule: Chem.Mol, record: MoleculeRecord, fragmentation: str) -> Partition:
    """Split a molecule into motifs so that every atom is in exactly one.

    Args:
        molecule (`rdkit.Chem.Mol`): A sanitised molecule with at least one atom.
        record (`MoleculeRecord`): Its facts, from `record_of`.
        fragmentation (`str`): A key of `FRAGMENTATIONS`, or of `OVERLAPPING`, which leave some motifs without atoms.

    Returns:
        `Partition`: Motif of each atom, and label and tree position of each motif.
    """
    if fragmentation in OVERLAPPING:
        return Partition(*OVERLAPPING[fragmentation](molecule))
    canonical = Chem.CanonicalRankAtoms(molecule)
    ranks = list(map(canonical.__getitem__, range(len(canonical))))  # half the time of iterating over RDKit's vector
    cut = FRAGMENTATIONS[fragmentation](molecule, record, ranks)
    order = sorted(range(len(ranks)), key=ranks.__getitem__)
    atom_to_motif, num_motifs = _number_motifs(record, cut, order)
    cut_bonds = list(compress(range(len(cut)), cut))
    labels = _label_motifs(record, cut, cut_bonds, atom_to_motif, num_motifs)
    return Partition(atom_to_motif, labels, _breadth_first_ranks(record, cut_bonds, atom_to_motif, num_motifs))


def cut_paper(molecule: Chem.Mol, record: MoleculeRecord, ranks: list[int]) -> list[bool]:
    """Cut BRICS bonds, bonds that leave a ring, and all bonds of chain atoms with three or more neighbours.

    A component none of these rules cuts is a ring system, which stays whole, or an unbranched chain, which is divided
    into pairs of atoms.

    Args:
        molecule (`rdkit.Chem.Mol`): Not used: this fragmentation needs the record alone.
        record (`MoleculeRecord`): Facts about the molecule.
        ranks (`list[int]`): Canonical rank of each atom.

    Returns:
        `list[bool]` of length `b`: Whether each bond is cut.
    """
    in_ring = record.in_ring
    leaf = _leaf_hydrogens(record)
    bonds_of = _without(record, leaf)
    hub = [len(bonds) > 2 and not ring for bonds, ring in zip(bonds_of, in_ring, strict=True)]
    brics = BricsRules(record)
    cut = []
    for bond, (begin, end) in enumerate(zip(record.begins, record.ends, strict=True)):
        if record.bond_in_ring[bond] or (leaf and (begin in leaf or end in leaf)):
            cut.append(False)
        else:
            cut.append(in_ring[begin] or in_ring[end] or hub[begin] or hub[end] or brics.cleaves(bond))
    _pair_uncut_chains(record, bonds_of, cut, ranks)
    return cut


def cut_functional(molecule: Chem.Mol, record: MoleculeRecord, ranks: list[int]) -> list[bool]:
    """Cut single BRICS bonds and single bonds that leave a ring or a functional group, never inside a group.

    Double and triple bonds are kept, so that the oxygen of a lactam or a quinone stays with its ring.

    Args:
        molecule (`rdkit.Chem.Mol`): The molecule, for `assign_groups`.
        record (`MoleculeRecord`): Facts about the molecule.
        ranks (`list[int]`): Canonical rank of each atom; decides between overlapping matches of one group.

    Returns:
        `list[bool]` of length `b`: Whether each bond is cut.
    """
    in_ring = record.in_ring
    group = assign_groups(molecule, record, ranks)
    leaf = _leaf_hydrogens(record)
    brics = BricsRules(record)
    cut = []
    for bond, (begin, end) in enumerate(zip(record.begins, record.ends, strict=True)):
        if record.bond_in_ring[bond] or record.bond_types[bond] in (DOUBLE, TRIPLE):
            cut.append(False)
        elif leaf and (begin in leaf or end in leaf):
            cut.append(False)
        elif group[begin] or group[end]:
            cut.append(group[begin] != group[end])
        else:
            cut.append(in_ring[begin] or in_ring[end] or brics.cleaves(bond))
    return cut


FRAGMENTATIONS: dict[str, Callable[[Chem.Mol, MoleculeRecord, list[int]], list[bool]]] = {
    "paper": cut_paper,
    "functional": cut_functional,
}
# Those whose motifs may share atoms: motif of each atom, labels and positions. For published weights alone.
OVERLAPPING: dict[str, Callable[[Chem.Mol], tuple[list[int], list[str], list[int]]]] = {
    "published": split_as_published,
}


def check_fragmentation(fragmentation: str) -> None:
    """Raise a `ValueError` unless `fragmentation` is a known one."""
    known = [*FRAGMENTATIONS, *OVERLAPPING]
    if fragmentation not in known:
        raise ValueError(f"`fragmentation` must be one of {sorted(known)}, got {fragmentation!r}.")


def _leaf_hydrogens(record: MoleculeRecord) -> set[int]:
    """Explicit hydrogen atoms (isotopes, mostly) on a heavier atom, from which they are never cut."""
    numbers = record.atomic_numbers
    if 1 not in numbers:
        return set()
    hydrogens = (atom for atom, number in enumerate(numbers) if number == 1 and len(record.bonds_of[atom]) == 1)
    return {atom for atom in hydrogens if numbers[record.end_sums[record.bonds_of[atom][0]] - atom] != 1}


def _without(record: MoleculeRecord, atoms: set[int]) -> list[list[int]]:
    """Bonds of each atom but those to some atoms, which have none themselves."""
    if not atoms:
        return record.bonds_of
    left_out = {bond for atom in atoms for bond in record.bonds_of[atom]}
    return [[bond for bond in bonds if bond not in left_out] for bonds in record.bonds_of]


def _pair_uncut_chains(record: MoleculeRecord, bonds_of: list[list[int]], cut: list[bool], ranks: list[int]) -> None:
    """Cut every second bond of components that are an unbranched chain without a cut, in place."""
    ends = {atom for atom, bonds in enumerate(bonds_of) if len(bonds) == 1 and not cut[bonds[0]]}
    # A chain is walked from the end with the heavier element, so that ethanol becomes CO + C and not CC + O.
    for start in sorted(ends, key=lambda atom: (-record.atomic_numbers[atom], ranks[atom])):
        if start in ends:
            last, bonds = _walk_chain(record, bonds_of, start)
            if last in ends and not any(cut[bond] for bond in bonds):
                for bond in bonds[1::2]:
                    cut[bond] = True
                ends.discard(last)


def _walk_chain(record: MoleculeRecord, bonds_of: list[list[int]], start: int) -> tuple[int, list[int]]:
    """Last atom and bonds of the way from a chain end up to the other end or the first branch or ring."""
    (bond,) = bonds_of[start]
    atom, bonds = record.end_sums[bond] - start, [bond]
    while len(bonds_of[atom]) == 2:
        bond = sum(bonds_of[atom]) - bond  # the other one
        atom = record.end_sums[bond] - atom
        bonds.append(bond)
    return atom, bonds


def _number_motifs(record: MoleculeRecord, cut: list[bool], order: list[int]) -> tuple[list[int], int]:
    """Connected components of the uncut bonds, numbered by their canonically first atom."""
    atom_to_motif = [-1] * len(order)
    bonds_of, end_sums = record.bonds_of, record.end_sums
    num_motifs = 0
    for start in order:
        if atom_to_motif[start] >= 0:
            continue
        atom_to_motif[start] = num_motifs
        stack = [start]
        while stack:
            atom = stack.pop()
            for bond in bonds_of[atom]:
                if not cut[bond]:
                    other = end_sums[bond] - atom
                    if atom_to_motif[other] < 0:
                        atom_to_motif[other] = num_motifs
                        stack.append(other)
        num_motifs += 1
    return atom_to_motif, num_motifs


def _breadth_first_ranks(
    record: MoleculeRecord, cut_bonds: list[int], atom_to_motif: list[int], num_motifs: int
) -> list[int]:
    """Rank of each motif when the motif forest is walked breadth first, roots and neighbours by motif number."""
    tree: list[list[int]] = [[] for _ in range(num_motifs)]
    for bond in cut_bonds:
        begin, end = atom_to_motif[record.begins[bond]], atom_to_motif[record.ends[bond]]
        tree[begin].append(end)
        tree[end].append(begin)
    positions = [-1] * num_motifs
    reached: list[int] = []
    for root in range(num_motifs):
        if positions[root] >= 0:
            continue
        positions[root] = len(reached)
        queue = [root]
        reached.append(root)
        for motif in queue:
            for other in sorted(tree[motif]):
                if positions[other] < 0:
                    positions[other] = len(reached)
                    queue.append(other)
                    reached.append(other)
    return positions


def _label_motifs(
    record: MoleculeRecord, cut: list[bool], cut_bonds: list[int], atom_to_motif: list[int], num_motifs: int
) -> list[str]:
    """Label of each motif; where a bond was cut, hydrogens take its place."""
    codes = list(map(_ATOM_CODES.__getitem__, record.atoms))
    begins, ends, bond_types = record.begins, record.ends, record.bond_types
    for bond in cut_bonds:
        filled = _HYDROGENS_OF_CUT.get(bond_types[bond], 0) * _ONE_HYDROGEN
        codes[begins[bond]] += filled
        codes[ends[bond]] += filled
    motifs: list[list[int]] = [[] for _ in range(num_motifs)]  # codes of atoms, then of bonds
    place = []  # of each atom inside its motif
    for motif, code in zip(atom_to_motif, codes, strict=True):
        own = motifs[motif]
        place.append(len(own))
        own.append(code)
    for begin, end, bond_type, is_cut in zip(begins, ends, bond_types, cut, strict=True):
        if not is_cut:
            motifs[atom_to_motif[begin]].append(_BOND | place[begin] << 22 | place[end] << 6 | bond_type)
    return [_label(tuple(codes)) for codes in motifs]


class _AtomCodes(dict[AtomFacts, int]):
    """One number for what a label says of an atom: from low bits to high ones aromatic, hydrogens, charge, element."""

    def __missing__(self, atom: AtomFacts) -> int:
        code = ((atom.number << 8 | atom.charge + 128) << 8 | atom.hydrogens) << 1 | atom.aromatic
        self[atom] = code
        return code


_ATOM_CODES = _AtomCodes()
_ONE_HYDROGEN = 1 << 1
_BOND = 1 << 38  # tells the code of a bond, with 16 bits for each place and 6 for the type, from that of an atom


@lru_cache(maxsize=_LABEL_CACHE_SIZE)
def _label(codes: tuple[int, ...]) -> str:
    """Canonical SMILES of a fragment given by the codes of its atoms, then of its bonds."""
    atoms = [code for code in codes if code < _BOND]
    editable = Chem.RWMol()
    for code in atoms:
        editable.AddAtom(_make_atom(code, is_alone=len(atoms) == 1))
    for code in codes[len(atoms) :]:
        # RDKit marks an aromatic bond and its atoms as such.
        editable.AddBond(code >> 22 & 0xFFFF, code >> 6 & 0xFFFF, _BOND_TYPES[code & 0x3F])
    if len(atoms) > 1 and any(code >> 17 == 1 for code in atoms):
        _fold_hydrogens(editable)
    editable.UpdatePropertyCache(strict=False)
    Chem.FastFindRings(editable)
    return Chem.MolToSmiles(editable)


@lru_cache(maxsize=_LABEL_CACHE_SIZE)
def _make_atom(code: int, is_alone: bool) -> Chem.Atom:
    """Atom of a fragment, which is copied into each."""
    number, charge, hydrogens, aromatic = code >> 17, (code >> 9 & 0xFF) - 128, code >> 1 & 0xFF, bool(code & 1)
    if aromatic:
        hydrogens = min(hydrogens, 1)
    elif is_alone:
        # A lone sulfone sulfur is "S", not "[SH6]", and a lone metal (default valence -1) has no hydrogens.
        hydrogens = min(hydrogens, max(_PERIODIC_TABLE.GetDefaultValence(number), 0) + max(charge, 0))
    atom = Chem.Atom(number)
    atom.SetFormalCharge(charge)
    atom.SetNoImplicit(True)
    atom.SetNumExplicitHs(hydrogens)
    atom.SetIsAromatic(aromatic)
    return atom


def _fold_hydrogens(editable: Chem.RWMol) -> None:
    """Count explicit hydrogen atoms (isotopes in the input) as hydrogens of the atom they hang on."""
    for atom in reversed(list(editable.GetAtoms())):
        neighbours = atom.GetNeighbors()
        if atom.GetAtomicNum() == 1 and len(neighbours) == 1 and neighbours[0].GetAtomicNum() > 1:
            neighbours[0].SetNumExplicitHs(neighbours[0].GetNumExplicitHs() + 1)
            editable.RemoveAtom(atom.GetIdx())
