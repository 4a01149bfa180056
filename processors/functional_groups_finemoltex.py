"""Functional groups that the "functional" fragmentation keeps whole, as data.

Order is priority: a group claims its atoms unless an earlier group already holds one of them, so a larger group stands
before the groups it contains. Patterns name chain atoms only (`!R`): what hangs on a ring is cut from the ring.
"""

from collections import Counter
from typing import NamedTuple

from rdkit import Chem

from .atom_features_finemoltex import MoleculeRecord


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
_ELEMENTS = {9: 0, 17: 0, 35: 0, 53: 0}  # the halogens, which patterns name together


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
