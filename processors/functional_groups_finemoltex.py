"""Functional groups that the "functional" fragmentation keeps whole, as data.

Order is priority: a group claims its atoms unless an earlier group already holds one of them, so a larger group stands
before the groups it contains. Patterns name chain atoms only (`!R`): what hangs on a ring is cut from the ring.
"""

from collections import Counter
from typing import NamedTuple

from rdkit import Chem

from .atom_features_finemoltex import SINGLE, MoleculeRecord
from .molecule_facts_finemoltex import AtomFacts


class FunctionalGroup(NamedTuple):
    """A named SMARTS pattern; every atom it matches belongs to the group."""

    name: str
    pattern: Chem.Mol
    bonds: frozenset[tuple[int, int, int, int]]  # what a molecule must have, as `list_chain_bonds` gives it


# fmt: off
_SMARTS = (
    # phosphorus
    ("triphosphate", "[#8;!R]P(=O)([#8])[#8;!R]P(=O)([#8])[#8;!R]P(=O)([#8])[#8]"),
    ("diphosphate", "[#8;!R]P(=O)([#8])[#8;!R]P(=O)([#8])[#8]"),
    ("phosphate", "[#8;!R][P;!R](=O)([#8;!R])[#8;!R]"),
    ("phosphonate", "[P;!R](=O)([#8;!R])[#8;!R]"),
    ("phosphoryl", "[P;!R]=O"),
    # sulfur
    ("sulfate", "[#8;!R][S;!R](=O)(=O)[#8;!R]"),
    ("sulfonylurea", "[S;!R](=O)(=O)[#7;!R][C;!R](=O)[#7;!R]"),
    ("acylsulfonamide", "[S;!R](=O)(=O)[#7;!R][C;!R]=O"),
    ("sulfamide", "[#7;!R][S;!R](=O)(=O)[#7;!R]"),
    ("sulfonamide", "[S;!R](=O)(=O)[#7;!R]"),
    ("sulfonate", "[S;!R](=O)(=O)[#8;!R]"),
    ("sulfonyl halide", "[S;!R](=O)(=O)[F,Cl,Br,I]"),
    ("sulfone", "[S;!R](=O)=O"),
    ("sulfoxide", "[S;!R]=O"),
    # two or more heteroatoms on one carbon
    ("guanidine", "[#7;!R][C;!R](=[#7;!R])[#7;!R]"),
    ("carbamate", "[#7;!R][C;!R](=O)[#8;!R]"),
    ("urea", "[#7;!R][C;!R](=O)[#7;!R]"),
    ("thiourea", "[#7;!R][C;!R](=S)[#7;!R]"),
    ("carbonate", "[#8;!R][C;!R](=O)[#8;!R]"),
    ("anhydride", "[C;!R](=O)[#8;!R][C;!R]=O"),
    ("imide", "[C;!R](=O)[#7;!R][C;!R]=O"),
    ("hydroxamic acid", "[C;!R](=O)[#7;!R][#8;!R]"),
    ("hydrazide", "[C;!R](=O)[#7;!R][#7;!R]"),
    ("carboxyl", "[C;!R](=O)[#8;!R]"),
    ("thioester", "[C;!R](=O)[#16;!R]"),
    ("acyl halide", "[C;!R](=O)[F,Cl,Br,I]"),
    ("amide", "[C;!R](=O)[#7;!R]"),
    ("thioamide", "[C;!R](=S)[#7;!R]"),
    ("isocyanate", "N=C=O"),
    ("isothiocyanate", "N=C=S"),
    ("carbonyl", "[C;!R]=O"),
    ("thiocarbonyl", "[C;!R]=S"),
    ("amidine", "[C;!R](=[#7;!R])[#7;!R]"),
    # nitrogen
    ("nitrate", "[#8;!R][#7;!R](=O)[O-]"),
    ("nitro", "[N+;!R](=O)[O-]"),
    ("azide", "N=[N+]=[N-]"),
    ("thiocyanate", "[S;!R]C#N"),
    ("nitrile", "[C;!R]#[N;!R]"),
    ("isonitrile", "[N+]#[C-]"),
    ("nitroso", "[N;!R]=O"),
    ("oxime", "[C;!R]=[N;!R][#8;!R]"),
    ("hydrazone", "[C;!R]=[N;!R][#7;!R]"),
    ("azo", "[N;!R]=[N;!R]"),
    ("imine", "[C;!R]=[#7;!R]"),
    ("hydrazine", "[N;!R][N;!R]"),
    ("N-oxide", "[N+;!R][O-]"),
    # halogens with their carbon
    ("trihalomethyl", "[C;!R]([F,Cl,Br,I])([F,Cl,Br,I])[F,Cl,Br,I]"),
    ("dihalomethyl", "[C;!R]([F,Cl,Br,I])[F,Cl,Br,I]"),
    ("halomethyl", "[C;!R][F,Cl,Br,I]"),
    # others
    ("disulfide", "[S;!R][S;!R]"),
    ("peroxide", "[#8;!R][#8;!R]"),
    ("boronic acid", "[B;!R]([#8;!R])[#8;!R]"),
    ("silyl", "[Si;!R]([C;!R])([C;!R])[C;!R]"),
    # hydrocarbon pieces with a name of their own
    ("alkyne", "[C;!R]#[C;!R]"),
    ("alkene", "[C;!R]=[C;!R]"),
    ("tert-butyl", "[CX4;!R]([CH3])([CH3])[CH3]"),
    ("isopropyl", "[CX4;!R]([CH3])[CH3]"),
)
# fmt: on
_HALOGENS = (9, 17, 35, 53)
_ELEMENTS = dict.fromkeys(_HALOGENS, 0)  # patterns name them together
_METHYL_HYDROGENS = 3
# Groups of the atoms of a cluster that has been seen: 2^15 of about a kilobyte each.
_MOST_CLUSTERS = 32768

_Atom = tuple[AtomFacts, int]  # with the number of its neighbours
_Bond = tuple[int, int, int]  # lower and higher place, type
_ClusterKey = tuple[tuple[_Atom, ...], tuple[_Bond, ...]]


def list_chain_bonds(record: MoleculeRecord) -> set[tuple[int, int, int, int]]:
    """List the bonds between two chain atoms, so that most patterns are skipped without matching.

    Args:
        record (`MoleculeRecord`): Facts about the molecule.

    Returns:
        `set[tuple[int, int, int, int]]`: (lower atomic number, higher one, bond type, how many so far); 0 stands for
        the halogens.
    """
    numbers, in_ring = record.atomic_numbers, record.in_ring
    counts: dict[tuple[int, int, int], int] = {}
    found = set()
    for begin, end, bond_type in zip(record.begins, record.ends, record.bond_types, strict=True):
        if not (in_ring[begin] or in_ring[end]):
            kind = _kind_of(numbers[begin], numbers[end], bond_type)
            counts[kind] = counts.get(kind, 0) + 1
            found.add((*kind, counts[kind]))
    return found


def _kind_of(first: int, second: int, bond_type: int) -> tuple[int, int, int]:
    """Name a bond by its elements and type."""
    first, second = _ELEMENTS.get(first, first), _ELEMENTS.get(second, second)
    return (first, second, bond_type) if first < second else (second, first, bond_type)


def _compile(name: str, smarts: str) -> FunctionalGroup:
    pattern = Chem.MolFromSmarts(smarts)
    # An atom query that allows several elements reports 0; only halogens are allowed together.
    numbers = [atom.GetAtomicNum() for atom in pattern.GetAtoms()]
    kinds = Counter(
        _kind_of(numbers[bond.GetBeginAtomIdx()], numbers[bond.GetEndAtomIdx()], int(bond.GetBondType()))
        for bond in pattern.GetBonds()
    )
    bonds = frozenset((*kind, number) for kind, count in kinds.items() for number in range(1, count + 1))
    return FunctionalGroup(name, pattern, bonds)


FUNCTIONAL_GROUPS = tuple(_compile(name, smarts) for name, smarts in _SMARTS)
# Part of a kind of bond, by the elements of both ends and its type. Every pattern has a leading bond, or two bonds to
# methyl.
_LEADING, _FOLLOWING, _METHYL = 1, 2, 3
_PARTS_OF_SINGLE = {(6, 7): _FOLLOWING, (6, 8): _FOLLOWING, (6, 16): _FOLLOWING, (6, 6): _METHYL}
_PARTS = {
    (*ends, bond_type): _PARTS_OF_SINGLE.get((first, second), _LEADING) if bond_type == SINGLE else _LEADING
    for group in FUNCTIONAL_GROUPS
    for first, second, bond_type, _ in group.bonds
    for one in (_HALOGENS if first == 0 else (first,))
    for ends in ((one, second), (second, one))
}
_clusters: dict[_ClusterKey, tuple[int, ...]] = {}


def assign_groups(molecule: Chem.Mol, record: MoleculeRecord, ranks: list[int]) -> list[int]:
    """Number the functional groups, and tell which each atom belongs to.

    A group lies inside one cluster of chain atoms, which bonds that no pattern has do not join. What has been found of
    a cluster holds for all that look like it, so that few molecules are matched with patterns.

    Args:
        molecule (`rdkit.Chem.Mol`): A sanitised molecule.
        record (`MoleculeRecord`): Facts about it.
        ranks (`list[int]`): Canonical rank of each atom; decides between overlapping matches of one group.

    Returns:
        `list[int]` of length `n`: Number of the group of each atom, 0 for none.
    """
    if 1 in record.atomic_numbers:  # hydrogens that are atoms are counted by patterns, but stand in no cluster
        return match_groups(molecule, record, ranks)
    clusters = _list_clusters(record, ranks)
    known = [_clusters.get(key) for _, key in clusters]
    if None in known:
        group = match_groups(molecule, record, ranks)
        _remember(clusters, group)
        return group
    group, num_groups = [0] * len(ranks), 0
    for (atoms, _), own in zip(clusters, known, strict=True):
        for atom, number in zip(atoms, own, strict=True):
            if number:
                group[atom] = num_groups + number
        num_groups += max(own)
    return group


def match_groups(molecule: Chem.Mol, record: MoleculeRecord, ranks: list[int]) -> list[int]:
    """Do what `assign_groups` does by matching all patterns that the bonds of the molecule allow.

    Args:
        molecule (`rdkit.Chem.Mol`): A sanitised molecule.
        record (`MoleculeRecord`): Facts about it.
        ranks (`list[int]`): Canonical rank of each atom.

    Returns:
        `list[int]` of length `n`: Number of the group of each atom, 0 for none.
    """
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


def _list_clusters(record: MoleculeRecord, ranks: list[int]) -> list[tuple[list[int], _ClusterKey]]:
    """Atoms of each cluster by canonical rank, and how it looks."""
    begins, ends, types, bonds_of = record.begins, record.ends, record.bond_types, record.bonds_of
    links, seeds = _find_seeds(record)
    listed, reached = [], set()
    for seed in seeds:
        if seed not in reached:
            atoms, bonds = _grow(seed, links, record.end_sums)
            reached.update(atoms)
            atoms.sort(key=ranks.__getitem__)
            place = {atom: number for number, atom in enumerate(atoms)}
            pairs = [(place[begins[bond]], place[ends[bond]], types[bond]) for bond in bonds]
            pairs = sorted([pair if pair[0] < pair[1] else (pair[1], pair[0], pair[2]) for pair in pairs])
            looks = tuple([(record.atoms[atom], len(bonds_of[atom])) for atom in atoms])
            listed.append((atoms, (looks, tuple(pairs))))
    return listed


def _find_seeds(record: MoleculeRecord) -> tuple[dict[int, list[int]], list[int]]:
    """Bonds between chain atoms that may stand in a pattern, by atom, and an atom of each pattern that may match."""
    numbers, hydrogens, in_ring, find = record.atomic_numbers, record.hydrogens, record.in_ring, _PARTS.get
    links: dict[int, list[int]] = {}
    seeds, with_methyl = [], set()
    for bond, (begin, end, bond_type) in enumerate(zip(record.begins, record.ends, record.bond_types, strict=True)):
        part = find((numbers[begin], numbers[end], bond_type))
        if part is None or in_ring[begin] or in_ring[end]:
            continue
        if part == _LEADING:
            seeds.append(begin)
        elif part == _METHYL:
            if _METHYL_HYDROGENS not in (hydrogens[begin], hydrogens[end]):
                continue
            centre = end if hydrogens[begin] == _METHYL_HYDROGENS else begin
            if centre in with_methyl:
                seeds.append(centre)
            with_methyl.add(centre)
        links.setdefault(begin, []).append(bond)
        links.setdefault(end, []).append(bond)
    return links, seeds


def _grow(seed: int, links: dict[int, list[int]], end_sums: list[int]) -> tuple[list[int], list[int]]:
    """Atoms and bonds that links join to an atom; chain atoms form trees, so each is reached once."""
    atoms, bonds, sources = [seed], [], [-1]
    for atom, source in zip(atoms, sources, strict=False):
        for bond in links[atom]:
            if bond != source:
                atoms.append(end_sums[bond] - atom)
                bonds.append(bond)
                sources.append(bond)
    return atoms, bonds


def _remember(clusters: list[tuple[list[int], _ClusterKey]], group: list[int]) -> None:
    """Keep what was found of clusters, with the groups of each numbered from 1."""
    if len(_clusters) + len(clusters) > _MOST_CLUSTERS:
        _clusters.clear()
    for atoms, key in clusters:
        number_of = {0: 0}
        _clusters[key] = tuple([number_of.setdefault(group[atom], len(number_of)) for atom in atoms])
