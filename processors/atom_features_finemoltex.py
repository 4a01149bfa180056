"""Molecule -> integer atom and bond features.

Every feature is invariant to the order of the atoms in the input: chirality and double-bond geometry enter as CIP
labels (R/S, E/Z) and as relative stereo, because RDKit's raw clockwise/counter-clockwise and cis/trans tags flip when
neighbours are renumbered.
"""

from collections.abc import Sequence
from operator import add
from typing import NamedTuple

import numpy as np
from rdkit import Chem

from .molecule_facts_finemoltex import AtomFacts, BondFacts, read_facts
from .relative_stereo_finemoltex import IS_RARE, RELATIVE_STEREO, STEREO_GROUP, get_labels

# Height of each embedding table. A feature with K known values has K + 2 rows: row K means "unknown" and row K + 1,
# the last one, is [MASK]. The model's graph configuration repeats these tuples; a test keeps the two equal.
ATOM_FEATURE_SIZES = (
    121,  # atomic number: 0 (dummy atom "*") to 118
    7,  # chirality: unspecified, R, S, 2 spare rows of which the last means "marked as chiral, without a CIP label"
    14,  # degree: 0 to 10, more
    14,  # formal charge: -5 to +5, beyond
    12,  # hydrogens: 0 to 8, more
    8,  # radical electrons: 0 to 4, more
    9,  # hybridization: S, SP, SP2, SP3, SP3D, SP3D2, any other
    4,  # aromatic: no, yes
    4,  # in a ring: no, yes
)
# Features that few molecules have, in the columns after those. Their first row is "none".
RARE_FEATURE_SIZES = (
    13,  # relative stereo: none, 8 labels of ring centres and axes, atropisomers M and P
    24,  # isotope: none, mass number minus that of the commonest isotope from -10 to +10 (beyond it is unknown)
    5,  # enhanced stereo: none, "or" group, "and" group
)
NUM_ATOM_FEATURES = len(ATOM_FEATURE_SIZES) + len(RARE_FEATURE_SIZES)
BOND_FEATURE_SIZES = (
    6,  # type: single, double, triple, aromatic (dative, zero-order and the like are unknown)
    8,  # stereo: none, Z, E, cis, trans, any (cis and trans depend on the atom order and are never produced here)
    4,  # conjugated: no, yes
)

_MAX_CHARGE = 5
_CHARGE_INDEX = {charge: charge + _MAX_CHARGE for charge in range(-_MAX_CHARGE, _MAX_CHARGE + 1)}
_OTHER_CHARGE = 2 * _MAX_CHARGE + 1
_CHIRALITY_INDEX = {"R": 1, "S": 2}
_UNLABELLED_CHIRALITY = 4
_HYBRIDIZATION = Chem.HybridizationType
_HYBRIDIZATION_INDEX = {
    int(kind): index
    for kind, index in {
        _HYBRIDIZATION.UNSPECIFIED: 7,  # RDKit does not know: dummy atoms
        _HYBRIDIZATION.S: 0,
        _HYBRIDIZATION.SP: 1,
        _HYBRIDIZATION.SP2: 2,
        _HYBRIDIZATION.SP3: 3,
        _HYBRIDIZATION.SP3D: 4,
        _HYBRIDIZATION.SP3D2: 5,
        _HYBRIDIZATION.SP2D: 6,
        _HYBRIDIZATION.OTHER: 6,
    }.items()
}
# Columns that depend on more than the atom alone, and the highest index of columns that are open-ended.
_CHIRALITY, _DEGREE, _IN_RING, _RELATIVE_STEREO, _ISOTOPE, _STEREO_GROUP = 1, 2, 8, 9, 10, 11
_MOST_NEIGHBOURS, _MOST_HYDROGENS, _MOST_RADICALS = (ATOM_FEATURE_SIZES[column] - 3 for column in (_DEGREE, 4, 5))
_MAX_MASS_DIFFERENCE = 10
_OTHER_ISOTOPE = 2 * _MAX_MASS_DIFFERENCE + 2
_PERIODIC_TABLE = Chem.GetPeriodicTable()

SINGLE, DOUBLE, TRIPLE, AROMATIC = (
    int(bond_type)
    for bond_type in (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE, Chem.BondType.AROMATIC)
)
_BOND_TYPE_INDEX = {SINGLE: 0, DOUBLE: 1, TRIPLE: 2, AROMATIC: 3}
_UNKNOWN_BOND_TYPE = 4
_BOND_STEREO_INDEX = {
    int(stereo): index
    for stereo, index in {
        Chem.BondStereo.STEREONONE: 0,
        Chem.BondStereo.STEREOZ: 1,
        Chem.BondStereo.STEREOE: 2,
        Chem.BondStereo.STEREOANY: 5,
    }.items()
}
_UNKNOWN_BOND_STEREO = 6


class _AtomRows(dict[AtomFacts, bytes]):
    """Features of an atom without those that depend on its surroundings, made once for each kind of atom."""

    def __missing__(self, atom: AtomFacts) -> bytes:
        row = bytearray(NUM_ATOM_FEATURES)
        row[0] = atom.number
        row[3] = _CHARGE_INDEX.get(atom.charge, _OTHER_CHARGE)
        row[4] = min(atom.hydrogens, _MOST_HYDROGENS)
        row[5] = min(atom.radicals, _MOST_RADICALS)
        row[6] = _HYBRIDIZATION_INDEX[atom.hybridization]
        row[7] = atom.aromatic
        self[atom] = bytes(row)
        return self[atom]


class _BondRows(dict[BondFacts, bytes]):
    """Features of a bond, made once for each kind."""

    def __missing__(self, bond: BondFacts) -> bytes:
        stereo = _BOND_STEREO_INDEX.get(bond.stereo, _UNKNOWN_BOND_STEREO) if bond.type == DOUBLE else 0
        self[bond] = bytes((_BOND_TYPE_INDEX.get(bond.type, _UNKNOWN_BOND_TYPE), stereo, bond.conjugated))
        return self[bond]


_ATOM_ROWS, _BOND_ROWS = _AtomRows(), _BondRows()


class MoleculeRecord(NamedTuple):
    """Facts about one molecule, read from RDKit once and shared by features and motifs.

    Sequences of atom facts have `n` entries, those of bond facts `b`. `bonds_of` lists the bonds of each atom.
    `end_sums` adds the numbers of the two atoms of each bond: less the one, it is the other. `rare` is `None`, or
    relative stereo, isotope and stereo group of each atom. `chirality` leaves out atoms that have none.
    """

    atoms: list[AtomFacts]
    atomic_numbers: Sequence[int]
    charges: Sequence[int]
    hydrogens: Sequence[int]
    aromatic: Sequence[bool]
    in_ring: list[bool]
    chirality: dict[int, int]
    rare: tuple[Sequence[int], Sequence[int], Sequence[int]] | None
    begins: list[int]
    ends: list[int]
    bonds: list[BondFacts]
    bond_types: Sequence[int]
    bond_in_ring: list[bool]
    bonds_of: list[list[int]]
    end_sums: list[int]

    def around(self, atom: int) -> list[tuple[int, int]]:
        """List the neighbours of an atom, each with its bond."""
        return [(self.end_sums[bond] - atom, bond) for bond in self.bonds_of[atom]]


def record_of(molecule: Chem.Mol) -> MoleculeRecord:
    """Read every fact that features and motifs need from a sanitised molecule.

    Args:
        molecule (`rdkit.Chem.Mol`): A sanitised molecule with stereochemistry assigned, from `parse_molecule`.

    Returns:
        `MoleculeRecord`: Facts about its `n` atoms and `b` bonds.
    """
    facts = read_facts(molecule)
    numbers, charges, hydrogens, _, _, aromatic, tagged = zip(*facts.atoms, strict=True)
    begins, ends = facts.begins, facts.ends
    in_ring, bond_in_ring = _mark_rings(facts.rings, len(numbers), begins, ends)
    return MoleculeRecord(
        atoms=facts.atoms,
        atomic_numbers=numbers,
        charges=charges,
        hydrogens=hydrogens,
        aromatic=aromatic,
        in_ring=in_ring,
        chirality=_read_chirality(molecule, tagged) if True in tagged else {},
        rare=_read_rare(molecule) if molecule.HasProp(IS_RARE) else None,
        begins=begins,
        ends=ends,
        bonds=facts.bonds,
        bond_types=[bond.type for bond in facts.bonds],
        bond_in_ring=bond_in_ring,
        bonds_of=facts.bonds_of,
        end_sums=list(map(add, begins, ends)),
    )


def atom_feature_matrix(record: MoleculeRecord) -> np.ndarray:
    """Encode the atoms of a molecule.

    Args:
        record (`MoleculeRecord`): Facts from `record_of`.

    Returns:
        `np.ndarray` of shape `(n, 12)`, uint8: One index per feature, each below its entry of `ATOM_FEATURE_SIZES` or,
        from column 9 on, of `RARE_FEATURE_SIZES`.
    """
    rows = bytearray().join(map(_ATOM_ROWS.__getitem__, record.atoms))
    degrees = list(map(len, record.bonds_of))
    if max(degrees) > _MOST_NEIGHBOURS:
        degrees = [min(degree, _MOST_NEIGHBOURS) for degree in degrees]
    rows[_DEGREE::NUM_ATOM_FEATURES] = bytes(degrees)
    rows[_IN_RING::NUM_ATOM_FEATURES] = bytes(record.in_ring)
    for atom, label in record.chirality.items():
        rows[atom * NUM_ATOM_FEATURES + _CHIRALITY] = label
    for column, labels in zip((_RELATIVE_STEREO, _ISOTOPE, _STEREO_GROUP), record.rare or (), strict=False):
        rows[column::NUM_ATOM_FEATURES] = bytes(labels)
    return np.frombuffer(rows, dtype=np.uint8).reshape(-1, NUM_ATOM_FEATURES)


def bond_feature_matrix(record: MoleculeRecord) -> np.ndarray:
    """Encode the bonds of a molecule, each once.

    Args:
        record (`MoleculeRecord`): Facts from `record_of`.

    Returns:
        `np.ndarray` of shape `(b, 3)`, uint8: One index per feature, each below its entry of `BOND_FEATURE_SIZES`.
    """
    rows = bytearray().join(map(_BOND_ROWS.__getitem__, record.bonds))
    return np.frombuffer(rows, dtype=np.uint8).reshape(-1, len(BOND_FEATURE_SIZES))


def _mark_rings(
    rings: Sequence[Sequence[int]], num_atoms: int, begins: list[int], ends: list[int]
) -> tuple[list[bool], list[bool]]:
    """Tell of each atom and each bond whether it is in a ring."""
    if not rings:
        return [False] * num_atoms, [False] * len(begins)
    in_ring, pairs = [False] * num_atoms, set()
    for ring in rings:
        before = ring[-1]
        for atom in ring:
            in_ring[atom] = True
            pairs.add((atom, before) if atom < before else (before, atom))
            before = atom
    ordered = ((begin, end) if begin < end else (end, begin) for begin, end in zip(begins, ends, strict=True))
    return in_ring, [pair in pairs for pair in ordered]


def _read_chirality(molecule: Chem.Mol, tagged: Sequence[bool]) -> dict[int, int]:
    """CIP label of each marked atom; "unlabelled" where it has none, for example ring stereo without R/S."""
    chirality = {}
    for index, is_tagged in enumerate(tagged):
        if is_tagged:
            atom = molecule.GetAtomWithIdx(index)
            if atom.GetDegree() > 2:  # a stereo centre has at least three explicit neighbours
                if atom.HasProp("_CIPCode"):
                    chirality[index] = _CHIRALITY_INDEX.get(atom.GetProp("_CIPCode"), _UNLABELLED_CHIRALITY)
                elif not atom.GetIsAromatic():
                    chirality[index] = _UNLABELLED_CHIRALITY
    return chirality


def _read_rare(molecule: Chem.Mol) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """Relative stereo, row of the isotope and stereo group of each atom."""
    return get_labels(molecule, RELATIVE_STEREO), _read_isotopes(molecule), get_labels(molecule, STEREO_GROUP)


def _read_isotopes(molecule: Chem.Mol) -> list[int]:
    """Row of the isotope of each atom."""
    atoms = list(molecule.GetAtoms())
    isotopes = map(Chem.Atom.GetIsotope, atoms)
    commonest = (_PERIODIC_TABLE.GetMostCommonIsotope(atom.GetAtomicNum()) for atom in atoms)
    return [
        0 if not mass
        else mass - common + _MAX_MASS_DIFFERENCE + 1 if abs(mass - common) <= _MAX_MASS_DIFFERENCE
        else _OTHER_ISOTOPE
        for mass, common in zip(isotopes, commonest, strict=True)
    ]  # fmt: skip
