"""Whether an edit keeps the stereocentres and double bonds of atoms that it does not touch.

Atoms of source and edit are paired by what surrounds them. A branch is a bond seen from one of its atoms, hashed to
several depths: branches that agree to a greater depth are more alike. An atom is untouched if all its bonds lead to
the same elements in the edit. Each untouched atom of the source, the most alike first, gets the partner that is most
like it, so that an atom that was cut away does not take the partner of one that stayed.
"""

import itertools
from collections.abc import Iterator, Sequence

from rdkit import Chem

DEPTH = 6  # bonds to which branches are compared
CENTRES = (Chem.ChiralType.CHI_TETRAHEDRAL_CW, Chem.ChiralType.CHI_TETRAHEDRAL_CCW)
# RDKit writes either pair of names, whose sides are those of the stereo atoms.
CIS = (Chem.BondStereo.STEREOZ, Chem.BondStereo.STEREOCIS)
TRANS = (Chem.BondStereo.STEREOE, Chem.BondStereo.STEREOTRANS)

Branch = tuple[int, ...]  # hashes to the depths 0 to `DEPTH`
Pairing = tuple[tuple[int, int], ...]  # neighbours in the source and in the edit


class KeptStereo:
    """Compares edits with a source.

    Args:
        source (`rdkit.Chem.Mol`): The molecule that is edited.

    Example:
    >>> kept = KeptStereo(Chem.MolFromSmiles("C[C@H](N)CCO"))
    >>> kept.find_change(Chem.MolFromSmiles("C[C@H](N)CCS")), kept.find_change(Chem.MolFromSmiles("C[C@@H](N)CCS"))
    (None, 'inverts the stereocentre C1')
    """

    def __init__(self, source: Chem.Mol) -> None:
        self._source = source
        self._centres = {atom.GetIdx() for atom in source.GetAtoms() if atom.GetChiralTag() in CENTRES}
        self._bonds = {bond.GetIdx() for bond in source.GetBonds() if bond.GetStereo() in (*CIS, *TRANS)}
        self._branches = _Branches(source) if self._centres or self._bonds else None

    def find_change(self, edit: Chem.Mol) -> str | None:
        """Say which stereocentre or double bond an edit changed though its atoms stayed; `None` if it changed none."""
        if self._branches is None:
            return None
        branches = _Branches(edit)
        return self._find_changed_centre(edit, branches) or self._find_changed_bond(edit, branches)

    def _find_changed_centre(self, edit: Chem.Mol, branches: "_Branches") -> str | None:
        if not self._centres:
            return None
        mine, theirs = (list(_forks(molecule)) for molecule in (self._source, edit))
        pairs = []
        for old, new in itertools.product(mine, theirs):
            score = self._branches.compare(old, branches, new)
            if score is not None:
                agrees = old in self._centres and self._keeps_centre(old, branches, new)
                pairs.append((score, agrees, old, new))
        for old, new, agrees in _assign(pairs):
            if old in self._centres and not agrees and _may_be_centre(edit, new):
                lost = edit.GetAtomWithIdx(new).GetChiralTag() not in CENTRES
                name = f"{self._source.GetAtomWithIdx(old).GetSymbol()}{old}"
                return f"{'loses' if lost else 'inverts'} the stereocentre {name}"
        return None

    def _keeps_centre(self, old: int, branches: "_Branches", new: int) -> bool:
        """Whether one of the best pairings of the neighbours keeps the sense of rotation."""
        before, after = self._source.GetAtomWithIdx(old), branches.molecule.GetAtomWithIdx(new)
        if after.GetChiralTag() not in CENTRES:
            return False
        same_tag = before.GetChiralTag() == after.GetChiralTag()
        order = {atom: place for place, atom in enumerate(branches.neighbours(new))}
        return any(
            _is_even([order[after] for _, after in pairing]) == same_tag
            for pairing in self._branches.pair(old, branches, new)
        )

    def _find_changed_bond(self, edit: Chem.Mol, branches: "_Branches") -> str | None:
        if not self._bonds:
            return None
        pairs = []
        for old, new in itertools.product(_double_bonds(self._source), _double_bonds(edit)):
            for ends in (_ends(new), _ends(new)[::-1]):
                scores = [
                    self._branches.compare(before, branches, after)
                    for before, after in zip(_ends(old), ends, strict=True)
                ]
                if None not in scores:
                    agrees = old.GetIdx() in self._bonds and self._keeps_bond(old, branches, new, ends)
                    pairs.append((sum(scores), agrees, old.GetIdx(), new.GetIdx()))
        for old, new, agrees in _assign(pairs):
            if old in self._bonds and not agrees and _may_be_stereo_bond(edit, new):
                lost = edit.GetBondWithIdx(new).GetStereo() not in (*CIS, *TRANS)
                first, last = map(self._source.GetAtomWithIdx, _ends(self._source.GetBondWithIdx(old)))
                name = f"{first.GetSymbol()}{first.GetIdx()}={last.GetSymbol()}{last.GetIdx()}"
                return f"{'loses the geometry of' if lost else 'turns'} the double bond {name}"
        return None

    def _keeps_bond(self, old: Chem.Bond, branches: "_Branches", new: Chem.Bond, ends: tuple[int, int]) -> bool:
        """Whether one of the best pairings of the neighbours keeps what lies on one side."""
        if new.GetStereo() not in (*CIS, *TRANS):
            return False
        same = (old.GetStereo() in CIS) == (new.GetStereo() in CIS)
        sides = (self._branches.pair(before, branches, after) for before, after in zip(_ends(old), ends, strict=True))
        return any(
            same == ((dict(first)[old.GetStereoAtoms()[0]] in new.GetStereoAtoms())
                     == (dict(second)[old.GetStereoAtoms()[1]] in new.GetStereoAtoms()))
            for first, second in itertools.product(*sides)
        )  # fmt: skip


class _Branches:
    """The branches of a molecule."""

    def __init__(self, molecule: Chem.Mol) -> None:
        self.molecule = molecule
        atoms = {atom.GetIdx(): hash((atom.GetAtomicNum(), atom.GetFormalCharge())) for atom in molecule.GetAtoms()}
        hydrogens = [atom.GetTotalNumHs() for atom in molecule.GetAtoms()]
        self._neighbours = {atom: [n.GetIdx() for n in molecule.GetAtomWithIdx(atom).GetNeighbors()] for atom in atoms}
        level = {
            (start, end): hash((int(molecule.GetBondBetweenAtoms(start, end).GetBondType()), atoms[end]))
            for start in atoms
            for end in self._neighbours[start]
        }
        levels, first = [level], level
        for _ in range(DEPTH):
            level = {
                (start, end): hash(
                    (
                        first[start, end],
                        hydrogens[end],
                        *sorted(level[end, after] for after in self._neighbours[end] if after != start),
                    )
                )
                for start, end in first
            }
            levels.append(level)
        self._hashes: dict[tuple[int, int], Branch] = {key: tuple(one[key] for one in levels) for key in first}
        self._kinds = {
            atom: (atoms[atom], hydrogens[atom], *sorted(first[atom, end] for end in self._neighbours[atom]))
            for atom in atoms
        }
        self._sorted = {
            atom: [sorted(one[atom, end] for end in self._neighbours[atom]) for one in levels] for atom in atoms
        }

    def neighbours(self, atom: int) -> list[int]:
        """The neighbours of an atom, in the order that its chirality tag refers to."""
        return self._neighbours[atom]

    def compare(self, atom: int, other: "_Branches", partner: int) -> int | None:
        """Count the branches that agree, over all depths; `None` if a bond of the atom is another one."""
        if self._kinds[atom] != other._kinds[partner]:
            return None
        return sum(map(_count_common, self._sorted[atom], other._sorted[partner]))

    def pair(self, atom: int, other: "_Branches", partner: int) -> list[Pairing]:
        """Pair the neighbours of two atoms of one kind so that branches agree to the greatest depth: all best ways."""
        mine, theirs = self._neighbours[atom], other._neighbours[partner]
        best, found = -1, []
        for order in itertools.permutations(theirs):
            depths = [
                _common_depth(self._hashes[atom, old], other._hashes[partner, new])
                for old, new in zip(mine, order, strict=True)
            ]
            if min(depths) and sum(depths) >= best:
                found = [*(found if sum(depths) == best else []), tuple(zip(mine, order, strict=True))]
                best = sum(depths)
        return found


def _assign(pairs: Sequence[tuple[int, bool, int, int]]) -> Iterator[tuple[int, int, bool]]:
    """Give each its most similar partner, each partner once; of equal ones that which agrees."""
    old_taken, new_taken = set(), set()
    for _, agrees, old, new in sorted(pairs, key=lambda pair: (-pair[0], not pair[1])):
        if old not in old_taken and new not in new_taken:
            old_taken.add(old)
            new_taken.add(new)
            yield old, new, agrees


def _forks(molecule: Chem.Mol) -> Iterator[int]:
    """Atoms that could be stereocentres by their number of neighbours."""
    for atom in molecule.GetAtoms():
        if atom.GetDegree() in (3, 4) and atom.GetHybridization() == Chem.HybridizationType.SP3:
            yield atom.GetIdx()
        elif atom.GetChiralTag() in CENTRES:
            yield atom.GetIdx()


def _double_bonds(molecule: Chem.Mol) -> list[Chem.Bond]:
    return [bond for bond in molecule.GetBonds() if bond.GetBondType() == Chem.BondType.DOUBLE]


def _ends(bond: Chem.Bond) -> tuple[int, int]:
    return bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()


def _may_be_centre(molecule: Chem.Mol, atom: int) -> bool:
    """Whether an atom is a stereocentre, drawn as one or not."""
    found = Chem.FindPotentialStereo(molecule)
    return any(one.type == Chem.StereoType.Atom_Tetrahedral and one.centeredOn == atom for one in found)


def _may_be_stereo_bond(molecule: Chem.Mol, bond: int) -> bool:
    """Whether a double bond has two geometries, drawn as one of them or not."""
    found = Chem.FindPotentialStereo(molecule)
    return any(one.type == Chem.StereoType.Bond_Double and one.centeredOn == bond for one in found)


def _count_common(one: list[int], other: list[int]) -> int:
    """Count what two sorted lists have in common."""
    if one == other:
        return len(one)
    rest, common = list(other), 0
    for value in one:
        if value in rest:
            rest.remove(value)
            common += 1
    return common


def _common_depth(one: Branch, other: Branch) -> int:
    """Count the depths to which two branches agree."""
    return sum(mine == theirs for mine, theirs in zip(one, other, strict=True))


def _is_even(order: Sequence[int]) -> bool:
    """Whether a permutation is an even number of swaps away from the natural order."""
    swaps = sum(order[first] > order[last] for first, last in itertools.combinations(range(len(order)), 2))
    return swaps % 2 == 0
