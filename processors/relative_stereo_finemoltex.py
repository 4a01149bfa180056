"""Stereo that R/S and E/Z do not name: ring carbons between two equal paths, spiro centres, axes, mixtures.

Such a unit is named by the others. Its equal neighbours are told apart by choice, each way once; under each choice the
other units of its ring system have a sign, and what the choices say together depends neither on the choice nor on the
order of the atoms. So cis and trans get different labels, and so do mirror images that differ.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rdkit import Chem
from rdkit.Chem import rdCIPLabeler, rdqueries

# Labels of an atom: 0 for none, 1 to 8 for a unit (3 times how it stands to the others, and its hand), and an axis.
AXIS_M, AXIS_P = 9, 10  # atropisomers
OR_GROUP, AND_GROUP = 1, 2  # enhanced stereo: one of two forms, or both
RELATIVE_STEREO, STEREO_GROUP = "_relativeStereo", "_stereoGroup"  # properties of an atom
IS_RARE = "_isRare"  # of a molecule with one of these, an isotope or a dative bond: to ask all would take longer

_CHIRAL = {Chem.ChiralType.CHI_TETRAHEDRAL_CW: -1, Chem.ChiralType.CHI_TETRAHEDRAL_CCW: 1}
_STEREO = Chem.BondStereo
_GEOMETRY = {_STEREO.STEREOCIS: 1, _STEREO.STEREOZ: 1, _STEREO.STEREOTRANS: -1, _STEREO.STEREOE: -1}
_AXES = (_STEREO.STEREOATROPCW, _STEREO.STEREOATROPCCW)
_AXIS_LABELS = {"M": AXIS_M, "P": AXIS_P}
_GROUPS = {Chem.StereoGroupType.STEREO_OR: OR_GROUP, Chem.StereoGroupType.STEREO_AND: AND_GROUP}
_BOND_AT_RING = Chem.MolFromSmarts("[R;D3]=;!@[!D1]")
_IS_NAMED = rdqueries.HasPropQueryAtom("_CIPCode")
_MOST_WORK = 100_000  # atoms looked at, about half a second, before a molecule counts as too symmetric to search

_Signs = tuple[tuple[int, bool, int], ...]  # class of a unit, whether it is chiral, sign


class _Unit(NamedTuple):
    """Something with two forms. `sign` tells which, with the neighbours of each end in the order given."""

    atoms: tuple[int, ...]  # an atom, or both of a double bond
    ends: tuple[tuple[int, ...], ...]
    sign: int

    @property
    def is_chiral(self) -> bool:
        """Whether a mirror turns the sign: that of an atom, not that of a double bond."""
        return len(self.atoms) == 1

    def read_sign(self, classes: Sequence[int]) -> int:
        """Give the sign with the neighbours sorted by class; 0 if two of them share one."""
        sign = self.sign
        for end in self.ends:
            order = [classes[atom] for atom in end]
            if len(set(order)) < len(order):
                return 0
            inversions = sum(other < one for place, one in enumerate(order) for other in order[place + 1 :])
            sign = -sign if inversions % 2 else sign
        return sign

    def find_tie(self, classes: Sequence[int]) -> int | None:
        """Give the first class that two neighbours at one end share."""
        orders = [[classes[atom] for atom in end] for end in self.ends]
        return min((one for order in orders for one in order if order.count(one) > 1), default=None)


def may_lack_names(molecule: Chem.Mol, text: str) -> bool:
    """Tell quickly whether a SMILES marks stereo that RDKit's older perception left without a name.

    Args:
        molecule (`rdkit.Chem.Mol`): Parsed from `text`, with that perception.
        text (`str`): The SMILES.
    """
    if "@" in text:
        num_marked = text.count("@") - text.count("@@")  # each of "@@" is counted twice by the first
        if num_marked > len(molecule.GetAtomsMatchingQuery(_IS_NAMED)):
            return True
    return ("/" in text or "\\" in text) and any(
        molecule.GetBondBetweenAtoms(*pair).GetStereo() == _STEREO.STEREONONE
        for pair in molecule.GetSubstructMatches(_BOND_AT_RING)
    )


def read_marks(text: str) -> Chem.Mol:
    """Parse a SMILES with all its marks of stereo, meaningless ones too.

    Args:
        text (`str`): A SMILES that RDKit parses.

    Returns:
        `rdkit.Chem.Mol`: Not sanitised.
    """
    marked = Chem.MolFromSmiles(text, sanitize=False)
    if "[H]" in text:
        marked.UpdatePropertyCache(strict=False)
        marked = Chem.RemoveHs(marked, sanitize=False)
    if "/" in text or "\\" in text:
        Chem.SetBondStereoFromDirections(marked)
    return marked


def label_units(molecule: Chem.Mol, text: str) -> dict[int, int]:
    """Label the atoms whose stereo has no name.

    Args:
        molecule (`rdkit.Chem.Mol`): Parsed with RDKit's older stereo perception, whose R/S and E/Z are the names.
        text (`str`): Its SMILES. The marks are read from it again: either perception drops some that are needed, the
            newer one depending on the order of the atoms.

    Returns:
        `dict[int, int]`: Label by atom; atoms without a unit are left out, and so are those of molecules that are too
        symmetric to search.
    """
    open_units = units = list(_find_units(molecule, read_marks(text)))
    labels: dict[int, int] = {}
    search, systems = _Search(molecule), _number_ring_systems(molecule)
    # What has a label may tell apart the neighbours of what has none yet, so there are rounds.
    while open_units:
        found = {}
        try:
            classes = search.classify(labels)
            for unit in open_units:
                others = [one for one in units if one is not unit and systems[one.atoms[0]] == systems[unit.atoms[0]]]
                found[unit] = search.compare(unit, others, classes)
        except _TooSymmetric:  # labels found before would depend on the order of the atoms
            return {}
        if not any(found.values()):
            break
        for unit, label in found.items():
            labels.update(dict.fromkeys((atom for atom in unit.atoms if label and atom not in labels), label))
        open_units = [unit for unit in open_units if not found[unit]]
    return labels


def set_labels(molecule: Chem.Mol, name: str, labels: Mapping[int, int]) -> None:
    """Leave labels at the atoms.

    Args:
        molecule (`rdkit.Chem.Mol`): Changed.
        name (`str`): `RELATIVE_STEREO` or `STEREO_GROUP`.
        labels (mapping of `int` to `int`): Label by atom.
    """
    for atom, label in labels.items():
        molecule.GetAtomWithIdx(atom).SetIntProp(name, label)


def get_labels(molecule: Chem.Mol, name: str) -> list[int]:
    """Read what `set_labels` left.

    Args:
        molecule (`rdkit.Chem.Mol`): From `parse_molecule`.
        name (`str`): `RELATIVE_STEREO` or `STEREO_GROUP`.

    Returns:
        `list[int]`: The label of each atom, 0 for none.
    """
    return [atom.GetIntProp(name) if atom.HasProp(name) else 0 for atom in molecule.GetAtoms()]


def label_axes(molecule: Chem.Mol) -> dict[int, int]:
    """Label both atoms of each bond with hindered rotation.

    Args:
        molecule (`rdkit.Chem.Mol`): A molecule that may hold some; a SMILES cannot.

    Returns:
        `dict[int, int]`: `AXIS_M` or `AXIS_P` by atom.
    """
    axes = [bond.GetIdx() for bond in molecule.GetBonds() if bond.GetStereo() in _AXES]
    if not axes:
        return {}
    copy = Chem.Mol(molecule)
    try:
        rdCIPLabeler.AssignCIPLabels(copy, [], axes, maxRecursiveIterations=100_000)
    except RuntimeError:  # too symmetric; labels found before it stopped would depend on the order of the atoms
        return {}
    named = [bond for bond in map(copy.GetBondWithIdx, axes) if bond.HasProp("_CIPCode")]
    return {
        atom: _AXIS_LABELS[bond.GetProp("_CIPCode").upper()]
        for bond in named
        for atom in (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    }


def list_groups(molecule: Chem.Mol) -> dict[int, int]:
    """List the atoms of enhanced stereo groups.

    Args:
        molecule (`rdkit.Chem.Mol`): A molecule that may have some.

    Returns:
        `dict[int, int]`: `OR_GROUP` or `AND_GROUP` by atom; absolute stereo is left out.
    """
    groups = molecule.GetStereoGroups()
    kinds = ((group, _GROUPS.get(group.GetGroupType())) for group in groups)
    return {atom.GetIdx(): kind for group, kind in kinds if kind for atom in group.GetAtoms()}


class _TooSymmetric(Exception):  # noqa: N818
    """The search would take too long."""


class _Search:
    """Classes of the atoms of one molecule, and how they split when neighbours are told apart."""

    def __init__(self, molecule: Chem.Mol) -> None:
        self._start = [
            (
                *(atom.GetAtomicNum(), atom.GetIsotope(), atom.GetFormalCharge(), atom.GetTotalNumHs()),
                *(atom.GetNumRadicalElectrons(), atom.GetIsAromatic(), atom.IsInRing()),
                atom.GetProp("_CIPCode") if atom.HasProp("_CIPCode") else "",
            )
            for atom in molecule.GetAtoms()
        ]
        self._neighbours: list[list[tuple[tuple[int, int], int]]] = [[] for _ in self._start]
        for bond in molecule.GetBonds():
            kind = (int(bond.GetBondType()), int(bond.GetStereo()))
            begin, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
            self._neighbours[begin].append((kind, end))
            self._neighbours[end].append((kind, begin))
        self._work = 0

    def classify(self, labels: dict[int, int]) -> list[int]:
        """Number the classes of atoms that nothing but a choice tells apart."""
        return self._refine([(*facts, labels.get(atom, 0)) for atom, facts in enumerate(self._start)])

    def compare(self, unit: _Unit, others: list[_Unit], classes: list[int]) -> int:
        """Label a unit by what the others say of it."""
        seen: dict[int, list[_Signs]] = {1: [], -1: []}
        for sign, signs in self._choose(unit, others, self._single_out(classes, unit.atoms)):
            seen[sign].append(signs)
        if not (seen[1] and seen[-1]):  # its neighbours differ by what has been labelled so far
            return 1 if seen[1] else 2
        both = min(seen[1]), min(seen[-1])
        # The mirror image of the molecule has these; it turns the sign of an atom too, but not that of a double bond.
        mirrored = min(map(_mirror, seen[1])), min(map(_mirror, seen[-1]))
        return 3 * _order(*both) + _order(both, mirrored[::-1] if unit.is_chiral else mirrored)

    def _choose(self, unit: _Unit, others: list[_Unit], classes: list[int]) -> Iterator[tuple[int, _Signs]]:
        """Break ties every way, those of the unit first, and read the signs."""
        places = [(one, min(classes[atom] for atom in one.atoms)) for one in (unit, *others)]
        ties = [(one is not unit, place, one.find_tie(classes)) for one, place in places]
        tied = [tie for tie in ties if tie[2] is not None]
        if not tied:
            signs = sorted((place, one.is_chiral, one.read_sign(classes)) for one, place in places[1:])
            yield unit.read_sign(classes), tuple(signs)
            return
        cell = min(tied)[2]
        for atom, own in enumerate(classes):
            if own == cell:
                yield from self._choose(unit, others, self._single_out(classes, (atom,)))

    def _single_out(self, classes: list[int], atoms: tuple[int, ...]) -> list[int]:
        """Put atoms before the others of their class."""
        return self._refine([(one, atom not in atoms) for atom, one in enumerate(classes)])

    def _refine(self, keys: Sequence[tuple]) -> list[int]:
        """Split classes by those of the neighbours until nothing changes."""
        classes, num_classes = _rank(keys)
        while True:
            self._work += len(classes)
            if self._work > _MOST_WORK:
                raise _TooSymmetric
            around = [tuple(sorted((kind, classes[other]) for kind, other in one)) for one in self._neighbours]
            classes, found = _rank(list(zip(classes, around, strict=True)))
            if found == num_classes:
                return classes
            num_classes = found


def _find_units(molecule: Chem.Mol, marked: Chem.Mol) -> Iterator[_Unit]:
    """List the stereo units that have no name, and marks without a meaning."""
    if marked.GetNumAtoms() != molecule.GetNumAtoms():
        return
    for atom in marked.GetAtoms():
        sign = _CHIRAL.get(atom.GetChiralTag())
        if sign and not molecule.GetAtomWithIdx(atom.GetIdx()).HasProp("_CIPCode"):
            around = tuple(bond.GetOtherAtomIdx(atom.GetIdx()) for bond in atom.GetBonds())
            yield _Unit((atom.GetIdx(),), (around,), sign)
    for bond in marked.GetBonds():
        sign = _GEOMETRY.get(bond.GetStereo())
        pair = (bond.GetBeginAtom(), bond.GetEndAtom())
        own = molecule.GetBondBetweenAtoms(pair[0].GetIdx(), pair[1].GetIdx())
        if sign and own.GetStereo() not in _GEOMETRY:
            ends = []
            for end, other, first in zip(pair, pair[::-1], bond.GetStereoAtoms(), strict=True):
                around = {one.GetIdx() for one in end.GetNeighbors()} - {other.GetIdx(), first}
                ends.append((first, *around))
            yield _Unit((pair[0].GetIdx(), pair[1].GetIdx()), tuple(ends), sign)


def _number_ring_systems(molecule: Chem.Mol) -> list[int]:
    """Number the parts that ring bonds and double bonds hold together: what can say something about each other."""
    system = list(range(molecule.GetNumAtoms()))
    for bond in molecule.GetBonds():
        if bond.IsInRing() or bond.GetBondType() == Chem.BondType.DOUBLE:
            old, new = system[bond.GetBeginAtomIdx()], system[bond.GetEndAtomIdx()]
            system = [new if one == old else one for one in system]
    return system


def _rank(keys: Sequence[tuple]) -> tuple[list[int], int]:
    """Number keys by their order, equal ones alike, and count them."""
    place = {key: number for number, key in enumerate(sorted(set(keys)))}
    return [place[key] for key in keys], len(place)


def _mirror(signs: _Signs) -> _Signs:
    """Turn the signs that a mirror turns."""
    return tuple(sorted((one, is_chiral, -sign if is_chiral else sign) for one, is_chiral, sign in signs))


def _order(one: tuple, other: tuple) -> int:
    """Compare: 0 if equal, 1 if smaller, 2 if larger."""
    return 0 if one == other else 1 if one < other else 2
