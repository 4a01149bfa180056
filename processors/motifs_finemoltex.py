"""Motifs: a partition of a molecule's atoms into named pieces.

Only bonds that are not in a ring are ever cut. Each of them is a bridge, so the motifs of a connected molecule form a
tree, and several components form a forest: walking it always ends.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from rdkit import Chem

from .atom_features_finemoltex import AROMATIC, DOUBLE, SINGLE, TRIPLE, MoleculeRecord
from .brics_finemoltex import BricsRules
from .functional_groups_finemoltex import FUNCTIONAL_GROUPS, list_chain_bonds
from .published_motifs_finemoltex import split_as_published

UNKNOWN_MOTIF_ID = 0
MASK_MOTIF_ID = 1
SPECIAL_MOTIFS = ("[UNK]", "[MASK]")  # ids 0 and 1; the i-th most frequent motif has id i + 2
DEFAULT_FRAGMENTATION = "functional"
# 2^15 labels of about half a kilobyte each: 98 % of the fragments of drug-like molecules are found again.
_LABEL_CACHE_SIZE = 32768

_PERIODIC_TABLE = Chem.GetPeriodicTable()
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
    labels = _label_motifs(record, cut, atom_to_motif, num_motifs)
    return Partition(atom_to_motif, labels, _breadth_first_ranks(record, cut, atom_to_motif, num_motifs))


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
    neighbours = _without(record.neighbours, leaf)
    hub = [len(around) > 2 and not ring for around, ring in zip(neighbours, in_ring, strict=True)]
    brics = BricsRules(record)
    cut = []
    for bond, (begin, end) in enumerate(zip(record.begins, record.ends, strict=True)):
        if record.bond_in_ring[bond] or (leaf and (begin in leaf or end in leaf)):
            cut.append(False)
        else:
            cut.append(in_ring[begin] or in_ring[end] or hub[begin] or hub[end] or brics.cleaves(bond))
    _pair_uncut_chains(record, neighbours, cut, ranks)
    return cut


def cut_functional(molecule: Chem.Mol, record: MoleculeRecord, ranks: list[int]) -> list[bool]:
    """Cut single BRICS bonds and single bonds that leave a ring or a functional group, never inside a group.

    Double and triple bonds are kept, so that the oxygen of a lactam or a quinone stays with its ring.

    Args:
        molecule (`rdkit.Chem.Mol`): The molecule, matched against `FUNCTIONAL_GROUPS`.
        record (`MoleculeRecord`): Facts about the molecule.
        ranks (`list[int]`): Canonical rank of each atom; decides between overlapping matches of one group.

    Returns:
        `list[bool]` of length `b`: Whether each bond is cut.
    """
    in_ring = record.in_ring
    group = _assign_groups(molecule, record, ranks)
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
    if 1 not in record.atomic_numbers:
        return set()
    numbers = record.atomic_numbers
    return {
        atom
        for atom, number in enumerate(numbers)
        if number == 1 and len(record.neighbours[atom]) == 1 and numbers[record.neighbours[atom][0][0]] != 1
    }


def _without(neighbours: list[list[tuple[int, int]]], atoms: set[int]) -> list[list[tuple[int, int]]]:
    """Neighbour lists without some atoms, whose own lists become empty."""
    if not atoms:
        return neighbours
    kept = ([(i, b) for i, b in around if i not in atoms] for around in neighbours)
    return [[] if atom in atoms else around for atom, around in enumerate(kept)]


def _assign_groups(molecule: Chem.Mol, record: MoleculeRecord, ranks: list[int]) -> list[int]:
    """Number of the functional group of each atom, 0 for none."""
    group = [0] * len(ranks)
    present = list_chain_bonds(record)
    num_groups = 0
    for candidate in FUNCTIONAL_GROUPS:
        if not candidate.bonds <= present:
            continue
        matches = molecule.GetSubstructMatches(candidate.pattern, maxMatches=len(ranks) * 4)
        if len(matches) > 1:
            # Matches of one pattern may compete for an atom: let canonical ranks decide, not the input order.
            matches = sorted(matches, key=lambda match: sorted(ranks[atom] for atom in match))
        for match in matches:
            if not any(group[atom] or record.in_ring[atom] for atom in match):
                num_groups += 1
                for atom in match:
                    group[atom] = num_groups
    return group


def _pair_uncut_chains(
    record: MoleculeRecord, neighbours: list[list[tuple[int, int]]], cut: list[bool], ranks: list[int]
) -> None:
    """Cut every second bond of components that are an unbranched chain without a cut, in place."""
    ends = {atom for atom, around in enumerate(neighbours) if len(around) == 1 and not cut[around[0][1]]}
    # A chain is walked from the end with the heavier element, so that ethanol becomes CO + C and not CC + O.
    for start in sorted(ends, key=lambda atom: (-record.atomic_numbers[atom], ranks[atom])):
        if start in ends:
            last, bonds = _walk_chain(neighbours, start)
            if last in ends and not any(cut[bond] for bond in bonds):
                for bond in bonds[1::2]:
                    cut[bond] = True
                ends.discard(last)


def _walk_chain(neighbours: list[list[tuple[int, int]]], start: int) -> tuple[int, list[int]]:
    """Last atom and bonds of the way from a chain end up to the other end or the first branch or ring."""
    atom, bond = neighbours[start][0]
    bonds = [bond]
    while len(neighbours[atom]) == 2:
        atom, bond = next(step for step in neighbours[atom] if step[1] != bond)
        bonds.append(bond)
    return atom, bonds


def _number_motifs(record: MoleculeRecord, cut: list[bool], order: list[int]) -> tuple[list[int], int]:
    """Connected components of the uncut bonds, numbered by their canonically first atom."""
    atom_to_motif = [-1] * len(order)
    neighbours = record.neighbours
    num_motifs = 0
    for start in order:
        if atom_to_motif[start] >= 0:
            continue
        atom_to_motif[start] = num_motifs
        stack = [start]
        while stack:
            for other, bond in neighbours[stack.pop()]:
                if not cut[bond] and atom_to_motif[other] < 0:
                    atom_to_motif[other] = num_motifs
                    stack.append(other)
        num_motifs += 1
    return atom_to_motif, num_motifs


def _breadth_first_ranks(
    record: MoleculeRecord, cut: list[bool], atom_to_motif: list[int], num_motifs: int
) -> list[int]:
    """Rank of each motif when the motif forest is walked breadth first, roots and neighbours by motif number."""
    tree: list[list[int]] = [[] for _ in range(num_motifs)]
    for bond, is_cut in enumerate(cut):
        if is_cut:
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


def _label_motifs(record: MoleculeRecord, cut: list[bool], atom_to_motif: list[int], num_motifs: int) -> list[str]:
    """Label of each motif; where a bond was cut, hydrogens take its place."""
    hydrogens = list(record.hydrogens)
    begins, ends, bond_types = record.begins, record.ends, record.bond_types
    for bond, is_cut in enumerate(cut):
        if is_cut:
            filled = _HYDROGENS_OF_CUT.get(bond_types[bond], 0)
            hydrogens[begins[bond]] += filled
            hydrogens[ends[bond]] += filled
    place = [0] * len(hydrogens)  # of each atom inside its motif
    atoms: list[list[tuple]] = [[] for _ in range(num_motifs)]
    bonds: list[list[tuple[int, int, int]]] = [[] for _ in range(num_motifs)]
    facts = zip(record.atomic_numbers, record.charges, hydrogens, record.aromatic, strict=True)
    for atom, (motif, fact) in enumerate(zip(atom_to_motif, facts, strict=True)):
        place[atom] = len(atoms[motif])
        atoms[motif].append(fact)
    for begin, end, bond_type, is_cut in zip(begins, ends, bond_types, cut, strict=True):
        if not is_cut:
            bonds[atom_to_motif[begin]].append((place[begin], place[end], bond_type))
    return [_label(tuple(a), tuple(b)) for a, b in zip(atoms, bonds, strict=True)]


@lru_cache(maxsize=_LABEL_CACHE_SIZE)
def _label(atoms: tuple[tuple[int, int, int, bool], ...], bonds: tuple[tuple[int, int, int], ...]) -> str:
    """Canonical SMILES of a fragment given by (element, charge, hydrogens, aromatic) and (begin, end, type)."""
    editable = Chem.RWMol()
    for number, charge, hydrogens, aromatic in atoms:
        if aromatic:
            hydrogens = min(hydrogens, 1)
        elif len(atoms) == 1:
            # A lone sulfone sulfur is "S", not "[SH6]", and a lone metal (default valence -1) has no hydrogens.
            hydrogens = min(hydrogens, max(_PERIODIC_TABLE.GetDefaultValence(number), 0) + max(charge, 0))
        atom = Chem.Atom(number)
        atom.SetFormalCharge(charge)
        atom.SetNoImplicit(True)
        atom.SetNumExplicitHs(hydrogens)
        atom.SetIsAromatic(aromatic)
        editable.AddAtom(atom)
    for begin, end, bond_type in bonds:
        editable.AddBond(begin, end, Chem.BondType.values[bond_type])
        if bond_type == AROMATIC:
            editable.GetBondBetweenAtoms(begin, end).SetIsAromatic(True)
    if len(atoms) > 1 and any(number == 1 for number, *_ in atoms):
        _fold_hydrogens(editable)
    molecule = editable.GetMol()
    molecule.UpdatePropertyCache(strict=False)
    Chem.FastFindRings(molecule)
    return Chem.MolToSmiles(molecule)


def _fold_hydrogens(editable: Chem.RWMol) -> None:
    """Count explicit hydrogen atoms (isotopes in the input) as hydrogens of the atom they hang on."""
    for atom in reversed(list(editable.GetAtoms())):
        neighbours = atom.GetNeighbors()
        if atom.GetAtomicNum() == 1 and len(neighbours) == 1 and neighbours[0].GetAtomicNum() > 1:
            neighbours[0].SetNumExplicitHs(neighbours[0].GetNumExplicitHs() + 1)
            editable.RemoveAtom(atom.GetIdx())
