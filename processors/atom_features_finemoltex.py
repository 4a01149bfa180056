"""Molecule -> integer atom and bond features.

Every feature is invariant to the order of the atoms in the input: chirality and double-bond geometry enter as CIP
labels (R/S, E/Z) and as relative stereo, because RDKit's raw clockwise/counter-clockwise and cis/trans tags flip when
neighbours are renumbered.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rdkit import Chem

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
_NO_TAG = Chem.ChiralType.CHI_UNSPECIFIED
_HYBRIDIZATION = Chem.HybridizationType
_HYBRIDIZATION_INDEX = {
    _HYBRIDIZATION.UNSPECIFIED: 7,  # RDKit does not know: dummy atoms
    _HYBRIDIZATION.S: 0,
    _HYBRIDIZATION.SP: 1,
    _HYBRIDIZATION.SP2: 2,
    _HYBRIDIZATION.SP3: 3,
    _HYBRIDIZATION.SP3D: 4,
    _HYBRIDIZATION.SP3D2: 5,
    _HYBRIDIZATION.SP2D: 6,
    _HYBRIDIZATION.OTHER: 6,
}
# Highest index an atom column may take: open-ended columns (degree, hydrogens, radicals) saturate in their last row.
_ATOM_LIMITS = np.array([size - 3 for size in ATOM_FEATURE_SIZES + RARE_FEATURE_SIZES], dtype=np.uint8)
_ATOM_LIMITS[6] += 1  # hybridization may be unknown
_ATOM_LIMITS[10] += 1  # and so may an isotope
_MAX_MASS_DIFFERENCE = 10
_OTHER_ISOTOPE = 2 * _MAX_MASS_DIFFERENCE + 2
_PERIODIC_TABLE = Chem.GetPeriodicTable()

SINGLE, DOUBLE, TRIPLE, AROMATIC = (
    int(bond_type)
    for bond_type in (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE, Chem.BondType.AROMATIC)
)
_ORDER_TO_TYPE = {1.0: SINGLE, 2.0: DOUBLE, 3.0: TRIPLE, 1.5: AROMATIC}
_BOND_TYPE_INDEX = {SINGLE: 0, DOUBLE: 1, TRIPLE: 2, AROMATIC: 3}
_UNKNOWN_BOND_TYPE = 4
_BOND_STEREO_INDEX = {
    Chem.BondStereo.STEREONONE: 0,
    Chem.BondStereo.STEREOZ: 1,
    Chem.BondStereo.STEREOE: 2,
    Chem.BondStereo.STEREOANY: 5,
}
_UNKNOWN_BOND_STEREO = 6
# A dative bond has order 1.0 as well, so molecules that may have one are read by bond type, which is slower. RDKit
# makes them at metals; between these elements they must have been written, and that makes a molecule rare.
_WITHOUT_DATIVE_BONDS = frozenset((1, 5, 6, 7, 8, 9, 15, 16, 17, 35, 53))


class MoleculeRecord(NamedTuple):
    """Facts about one molecule as plain lists, read from RDKit once and shared by features and motifs.

    Lists of atom facts have `n` entries, lists of bond facts `b`. `neighbours[i]` lists `(atom, bond)` pairs.
    """

    atomic_numbers: list[int]
    charges: list[int]
    hydrogens: list[int]
    radicals: list[int]
    hybridizations: list[int]
    aromatic: list[bool]
    in_ring: list[bool]
    chirality: list[int]
    relative_stereo: Sequence[int]
    isotopes: Sequence[int]
    stereo_groups: Sequence[int]
    begins: list[int]
    ends: list[int]
    bond_types: list[int]
    bond_in_ring: list[bool]
    bond_stereo: list[int]
    conjugated: list[bool]
    neighbours: list[list[tuple[int, int]]]


def record_of(molecule: Chem.Mol) -> MoleculeRecord:
    """Read every fact that features and motifs need from a sanitised molecule.

    Args:
        molecule (`rdkit.Chem.Mol`): A sanitised molecule with stereochemistry assigned, from `parse_molecule`.

    Returns:
        `MoleculeRecord`: Plain lists of length `n` (atoms) and `b` (bonds).
    """
    # Looking atoms up by index and mapping unbound methods takes half the time of iterating and calling methods.
    atoms = list(map(molecule.GetAtomWithIdx, range(molecule.GetNumAtoms())))
    bonds = list(map(molecule.GetBondWithIdx, range(molecule.GetNumBonds())))
    begins = list(map(Chem.Bond.GetBeginAtomIdx, bonds))
    ends = list(map(Chem.Bond.GetEndAtomIdx, bonds))
    neighbours: list[list[tuple[int, int]]] = [[] for _ in atoms]
    bond_in_ring, in_ring = list(map(Chem.Bond.IsInRing, bonds)), [False] * len(atoms)
    for bond, (begin, end, is_ring_bond) in enumerate(zip(begins, ends, bond_in_ring, strict=True)):
        neighbours[begin].append((end, bond))
        neighbours[end].append((begin, bond))
        if is_ring_bond:
            in_ring[begin] = in_ring[end] = True
    atomic_numbers = list(map(Chem.Atom.GetAtomicNum, atoms))
    is_rare, none = molecule.HasProp(IS_RARE), bytes(len(atoms))
    bond_types = _read_bond_types(bonds, is_rare or not _WITHOUT_DATIVE_BONDS.issuperset(atomic_numbers))
    return MoleculeRecord(
        atomic_numbers=atomic_numbers,
        charges=list(map(Chem.Atom.GetFormalCharge, atoms)),
        hydrogens=list(map(Chem.Atom.GetTotalNumHs, atoms)),
        radicals=list(map(Chem.Atom.GetNumRadicalElectrons, atoms)),
        hybridizations=[_HYBRIDIZATION_INDEX[kind] for kind in map(Chem.Atom.GetHybridization, atoms)],
        aromatic=list(map(Chem.Atom.GetIsAromatic, atoms)),
        in_ring=in_ring,
        chirality=_read_chirality(atoms, neighbours),
        relative_stereo=get_labels(molecule, RELATIVE_STEREO) if is_rare else none,
        isotopes=_read_isotopes(atoms) if is_rare else none,
        stereo_groups=get_labels(molecule, STEREO_GROUP) if is_rare else none,
        begins=begins,
        ends=ends,
        bond_types=bond_types,
        bond_in_ring=bond_in_ring,
        bond_stereo=_read_bond_stereo(bonds, bond_types),
        conjugated=list(map(Chem.Bond.GetIsConjugated, bonds)),
        neighbours=neighbours,
    )


def atom_feature_matrix(record: MoleculeRecord) -> np.ndarray:
    """Encode the atoms of a molecule.

    Args:
        record (`MoleculeRecord`): Facts from `record_of`.

    Returns:
        `np.ndarray` of shape `(n, 12)`, uint8: One index per feature, each below its entry of `ATOM_FEATURE_SIZES` or,
        from column 9 on, of `RARE_FEATURE_SIZES`.
    """
    columns = (
        record.atomic_numbers,
        record.chirality,
        map(len, record.neighbours),
        (_CHARGE_INDEX.get(charge, _OTHER_CHARGE) for charge in record.charges),
        record.hydrogens,
        record.radicals,
        record.hybridizations,
        record.aromatic,
        record.in_ring,
        record.relative_stereo,
        record.isotopes,
        record.stereo_groups,
    )
    matrix = np.frombuffer(b"".join(map(bytes, columns)), dtype=np.uint8).reshape(len(columns), -1).T
    return np.minimum(matrix, _ATOM_LIMITS, order="C")


def bond_feature_matrix(record: MoleculeRecord) -> np.ndarray:
    """Encode the bonds of a molecule, each once.

    Args:
        record (`MoleculeRecord`): Facts from `record_of`.

    Returns:
        `np.ndarray` of shape `(b, 3)`, uint8: One index per feature, each below its entry of `BOND_FEATURE_SIZES`.
    """
    columns = (
        (_BOND_TYPE_INDEX.get(bond_type, _UNKNOWN_BOND_TYPE) for bond_type in record.bond_types),
        record.bond_stereo,
        record.conjugated,
    )
    matrix = np.frombuffer(b"".join(map(bytes, columns)), dtype=np.uint8).reshape(len(columns), -1)
    return np.ascontiguousarray(matrix.T)


def _read_chirality(atoms: list[Chem.Atom], neighbours: list[list[tuple[int, int]]]) -> list[int]:
    """CIP label of each atom; "unlabelled" where only a raw tag exists, for example ring stereo without R/S."""
    chirality = [0] * len(atoms)
    for index, around in enumerate(neighbours):
        if len(around) > 2:  # a stereo centre has at least three explicit neighbours
            atom = atoms[index]
            if atom.HasProp("_CIPCode"):
                chirality[index] = _CHIRALITY_INDEX.get(atom.GetProp("_CIPCode"), _UNLABELLED_CHIRALITY)
            elif not atom.GetIsAromatic() and atom.GetChiralTag() != _NO_TAG:
                chirality[index] = _UNLABELLED_CHIRALITY
    return chirality


def _read_isotopes(atoms: list[Chem.Atom]) -> list[int]:
    """Row of the isotope of each atom."""
    isotopes = map(Chem.Atom.GetIsotope, atoms)
    commonest = (_PERIODIC_TABLE.GetMostCommonIsotope(atom.GetAtomicNum()) for atom in atoms)
    return [
        0 if not mass
        else mass - common + _MAX_MASS_DIFFERENCE + 1 if abs(mass - common) <= _MAX_MASS_DIFFERENCE
        else _OTHER_ISOTOPE
        for mass, common in zip(isotopes, commonest, strict=True)
    ]  # fmt: skip


def _read_bond_types(bonds: list[Chem.Bond], may_be_dative: bool) -> list[int]:
    """Type of each bond; by its order, where that tells it, which takes half the time."""
    if not may_be_dative:
        types = list(map(_ORDER_TO_TYPE.get, map(Chem.Bond.GetBondTypeAsDouble, bonds)))
        if None not in types:
            return types  # type: ignore[return-value]
    return [int(bond.GetBondType()) for bond in bonds]


def _read_bond_stereo(bonds: list[Chem.Bond], bond_types: list[int]) -> list[int]:
    """Index of the geometry of each bond; only double bonds have one."""
    stereo = [0] * len(bonds)
    if DOUBLE in bond_types:
        for index, bond_type in enumerate(bond_types):
            if bond_type == DOUBLE:
                stereo[index] = _BOND_STEREO_INDEX.get(bonds[index].GetStereo(), _UNKNOWN_BOND_STEREO)
    return stereo
