"""BRICS bonds, found directly on a `MoleculeRecord`.

The rules are those of Degen et al., ChemMedChem 3 (2008) 1503, with the adjustments RDKit documents for its
`FindBRICSBonds`; a test compares both bond by bond. RDKit answers by matching 46 SMARTS patterns on the whole
molecule, here only the atoms at the two ends of a candidate bond are looked at.
"""

from .atom_features_finemoltex import AROMATIC, DOUBLE, SINGLE, MoleculeRecord

# Pairs of environments that BRICS cleaves across a single, non-ring bond. Environment 2 does not exist any more.
_SINGLE_BOND_PAIRS = {
    1: (3, 5, 10),
    3: (4, 13, 14, 15, 16),
    4: (5, 11),
    5: (12, 13, 14, 15, 16),
    6: (13, 14, 15, 16),
    8: (9, 10, 13, 14, 15, 16),
    9: (13, 14, 15, 16),
    10: (13, 14, 15, 16),
    11: (13, 14, 15, 16),
    13: (14, 15, 16),
    14: (14, 15, 16),
    15: (16,),
    16: (16,),
}
_NUM_ENVIRONMENTS = 17
_PARTNERS = [0] * _NUM_ENVIRONMENTS  # bit mask of the partners of each environment, both ways
for _first, _seconds in _SINGLE_BOND_PAIRS.items():
    for _second in _seconds:
        _PARTNERS[_first] |= 1 << _second
        _PARTNERS[_second] |= 1 << _first

_CNOS = frozenset((6, 7, 8, 16))
_NOS = frozenset((7, 8, 16))
_ACYL_SUBSTITUENTS = frozenset((0, 6, 7, 8))
_CARBON_LIKE = frozenset((0, 6))
_AMINE_SUBSTITUENTS = frozenset((0, 1, 6, 16))


class BricsRules:
    """Decides which bonds of one molecule BRICS cleaves; environments of atoms are computed on first use."""

    def __init__(self, record: MoleculeRecord):
        self.record = record
        self._environments: list[int | None] = [None] * len(record.atomic_numbers)
        self._partners: dict[int, int] = {}

    def cleaves(self, bond: int) -> bool:
        """Tell whether BRICS cleaves a bond.

        Args:
            bond (`int`): Index of the bond.

        Returns:
            `bool`: `True` for a non-ring single bond between two compatible environments, and for a non-ring double
            bond between two carbons of degree 2 or 3 that carry another single bond to carbon.
        """
        record = self.record
        if record.bond_in_ring[bond]:
            return False
        begin, end = record.begins[bond], record.ends[bond]
        if record.bond_types[bond] == DOUBLE:
            return self._is_alkene_end(begin) and self._is_alkene_end(end)
        if record.bond_types[bond] != SINGLE or self._are_chain_carbons(begin, end):
            return False
        environments = self._environment(begin)
        return bool(environments and _partner_mask(environments) & self._environment(end))

    def _are_chain_carbons(self, begin: int, end: int) -> bool:
        """Whether the atoms have none but environments 1, 4, 6 and 8, which are no partners of each other."""
        numbers, in_ring = self.record.atomic_numbers, self.record.in_ring
        return numbers[begin] == numbers[end] == 6 and not (in_ring[begin] or in_ring[end])

    def _environment(self, atom: int) -> int:
        """Bit mask of the BRICS environments an atom belongs to."""
        mask = self._environments[atom]
        if mask is None:
            find = _FINDERS.get((self.record.atomic_numbers[atom], self.record.aromatic[atom]))
            mask = self._environments[atom] = find(self.record, atom) if find else 0
        return mask

    def _is_alkene_end(self, atom: int) -> bool:
        """Environment 7."""
        record = self.record
        return (
            record.atomic_numbers[atom] == 6
            and not record.aromatic[atom]
            and len(record.bonds_of[atom]) in (2, 3)
            and any(
                record.atomic_numbers[other] == 6 and record.bond_types[bond] == SINGLE
                for other, bond in record.around(atom)
            )
        )


_partner_masks: dict[int, int] = {}


def _partner_mask(environments: int) -> int:
    """Union of the partners of every environment in a mask; few distinct masks exist, so they are remembered."""
    mask = _partner_masks.get(environments)
    if mask is None:
        mask = 0
        for environment in range(_NUM_ENVIRONMENTS):
            if environments >> environment & 1:
                mask |= _PARTNERS[environment]
        _partner_masks[environments] = mask
    return mask


def _aliphatic_carbon(record: MoleculeRecord, atom: int) -> int:
    """Environments 1, 4, 6, 8, 13 and 15."""
    neighbours, degree = record.around(atom), len(record.bonds_of[atom])
    if degree == 1:
        return 0
    numbers, types, ring_bonds = record.atomic_numbers, record.bond_types, record.bond_in_ring
    mask = 0
    all_single = all(types[bond] == SINGLE for _, bond in neighbours)
    if record.in_ring[atom]:
        ring = [(numbers[i], record.aromatic[i]) for i, b in neighbours if ring_bonds[b] and types[b] == SINGLE]
        hetero = sum(n in _NOS and not aromatic for n, aromatic in ring)
        carbons = sum(n == 6 and not aromatic for n, aromatic in ring)
        if hetero and hetero + carbons >= 2:
            mask |= 1 << 13
        if carbons >= 2:
            mask |= 1 << 15
    elif all_single:
        mask |= 1 << 8
    if not any(types[b] == DOUBLE for _, b in neighbours) and any(
        numbers[i] == 6 and types[b] == SINGLE and not ring_bonds[b] for i, b in neighbours
    ):
        mask |= 1 << 4
    if degree == 3 and any(types[b] == DOUBLE and numbers[i] == 8 for i, b in neighbours):
        rest = [(i, b) for i, b in neighbours if types[b] == SINGLE and numbers[i] in _ACYL_SUBSTITUENTS]
        if rest:
            mask |= 1 << 1
            if not record.in_ring[atom]:
                mask |= 1 << 6
    return mask


def _aliphatic_nitrogen(record: MoleculeRecord, atom: int) -> int:
    """Environments 5 and 10."""
    neighbours = record.around(atom)
    numbers, types = record.atomic_numbers, record.bond_types
    mask = 0
    lactam = record.in_ring[atom] and _has_ring_acyl_neighbour(record, atom)
    if (
        len(neighbours) > 1
        and not lactam
        and not any(
            types[b] == DOUBLE or (types[b] == SINGLE and numbers[i] not in _AMINE_SUBSTITUENTS) for i, b in neighbours
        )
    ):
        mask |= 1 << 5
    if lactam:
        mask |= _lactam_environment(record, atom)
    return mask


def _has_ring_acyl_neighbour(record: MoleculeRecord, atom: int) -> bool:
    """Whether a ring bond leads to an aliphatic ring carbon that is doubly bonded to oxygen."""
    return bool(_acyl_carbons(record, atom))


def _acyl_carbons(record: MoleculeRecord, atom: int) -> list[int]:
    numbers, types = record.atomic_numbers, record.bond_types
    return [
        i
        for i, b in record.around(atom)
        if record.bond_in_ring[b]
        and numbers[i] == 6
        and not record.aromatic[i]
        and any(types[c] == DOUBLE and numbers[j] == 8 for j, c in record.around(i))
    ]


def _lactam_environment(record: MoleculeRecord, atom: int) -> int:
    """Environment 10: a second ring neighbour besides the acyl carbon."""
    ring = [
        i
        for i, b in record.around(atom)
        if record.bond_in_ring[b] and record.atomic_numbers[i] in _CNOS and not record.aromatic[i]
    ]
    return 1 << 10 if len(ring) >= 2 else 0


def _oxygen(record: MoleculeRecord, atom: int) -> int:
    """Environment 3."""
    if len(record.bonds_of[atom]) != 2:
        return 0
    return 1 << 3 if _has_single_chain_bond(record, atom, (0, 1, 6)) else 0


def _sulfur(record: MoleculeRecord, atom: int) -> int:
    """Environments 11 and 12."""
    neighbours = record.around(atom)
    if len(neighbours) == 2:
        return 1 << 11 if _has_single_chain_bond(record, atom, _CARBON_LIKE) else 0
    if len(neighbours) != 4:
        return 0
    numbers, types = record.atomic_numbers, record.bond_types
    oxides = sum(numbers[i] == 8 and types[b] == DOUBLE for i, b in neighbours)
    carbons = any(numbers[i] in _CARBON_LIKE and types[b] == SINGLE for i, b in neighbours)
    return 1 << 12 if oxides == 2 and carbons else 0


def _has_single_chain_bond(record: MoleculeRecord, atom: int, allowed) -> bool:
    return any(
        record.atomic_numbers[i] in allowed and record.bond_types[b] == SINGLE and not record.bond_in_ring[b]
        for i, b in record.around(atom)
    )


def _aromatic_neighbours(record: MoleculeRecord, atom: int) -> list[int]:
    return [
        record.atomic_numbers[i]
        for i, b in record.around(atom)
        if record.bond_types[b] == AROMATIC and record.aromatic[i]
    ]


def _aromatic_carbon(record: MoleculeRecord, atom: int) -> int:
    """Environments 14 and 16."""
    numbers = _aromatic_neighbours(record, atom)
    mask = 0
    hetero = sum(n in _NOS for n in numbers)
    carbons = numbers.count(6)
    if hetero and hetero + carbons >= 2:
        mask |= 1 << 14
    if carbons >= 2:
        mask |= 1 << 16
    return mask


def _aromatic_nitrogen(record: MoleculeRecord, atom: int) -> int:
    """Environment 9."""
    if record.charges[atom]:
        return 0
    return 1 << 9 if sum(n in _CNOS for n in _aromatic_neighbours(record, atom)) >= 2 else 0


_FINDERS = {
    (6, False): _aliphatic_carbon,
    (6, True): _aromatic_carbon,
    (7, False): _aliphatic_nitrogen,
    (7, True): _aromatic_nitrogen,
    (8, False): _oxygen,
    (16, False): _sulfur,
}
