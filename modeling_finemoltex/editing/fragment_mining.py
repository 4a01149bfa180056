"""Which fragments a library has in which surroundings: cut at one bond, at two, or at a hydrogen."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from rdkit import Chem

HYDROGEN = "[H][*:1]"
# Elements whose SMILES symbol needs no brackets where valences are usual.
_PLAIN = frozenset(("B", "C", "N", "O", "P", "S", "F", "Cl", "Br", "I"))
_BONDS = {
    Chem.BondType.SINGLE: "", Chem.BondType.DOUBLE: "=", Chem.BondType.TRIPLE: "#", Chem.BondType.AROMATIC: ":",
}  # fmt: skip
_CUTTABLE = Chem.MolFromSmarts("[!#1]!@;-[!#1]")


class Place(NamedTuple):
    """A fragment in its surroundings: names of what lies behind its one or two bonds, and its SMILES."""

    surroundings: tuple[str, ...]
    fragment: str


class Cut(NamedTuple):
    """Where a fragment lies: its place, its atoms, and the bonds that are cut, in the order of their names.

    A directed bond is `(inside, outside)`, seen from the fragment; inside is -1 for a hydrogen, which has no atoms.
    """

    place: Place
    atoms: frozenset[int]
    bonds: tuple[tuple[int, int], ...]


class MinedFragments(NamedTuple):
    """Places with the number of molecules that have them, and for each name a SMILES of all that lies behind."""

    counts: Counter[Place]
    examples: dict[str, str]


def mine_fragments(molecules: Iterable[Chem.Mol], radius: int, max_fragment: int) -> MinedFragments:
    """Cut molecules, and count in how many of them each fragment occurs in each surroundings.

    Args:
        molecules (iterable of `rdkit.Chem.Mol`): The library.
        radius (`int`): Bonds of the surroundings, counted from the fragment.
        max_fragment (`int`): Most heavy atoms of a fragment.

    Returns:
        [`MinedFragments`].

    Example:
    >>> mined = mine_fragments([Chem.MolFromSmiles("CO")], radius=2, max_fragment=4)
    >>> sorted(place.fragment for place in mined.counts)
    ['[*:1](C)', '[*:1](O)', '[H][*:1]', '[H][*:1]']
    """
    counts: Counter[Place] = Counter()
    examples: dict[str, str] = {}
    for molecule in molecules:
        cutter = MoleculeCutter(molecule, radius, max_fragment)
        counts.update({cut.place for cut in cutter.list_cuts()})
        for name, bond in cutter.names.items():
            if name not in examples:
                examples[name] = cutter.write_behind(bond)
    return MinedFragments(counts, examples)


class MoleculeCutter:
    """Cuts one molecule at one or two bonds, or at a hydrogen.

    Args:
        molecule (`rdkit.Chem.Mol`): What is cut.
        radius (`int`): Bonds of the surroundings, counted from the fragment.
        max_fragment (`int`): Most heavy atoms of a fragment.
    """

    def __init__(self, molecule: Chem.Mol, radius: int, max_fragment: int) -> None:
        self.molecule, self.radius, self.max_fragment = molecule, radius, max_fragment
        self.symbols = [_write_atom(atom, atom.GetTotalNumHs()) for atom in molecule.GetAtoms()]
        self.neighbours = [[other.GetIdx() for other in atom.GetNeighbors()] for atom in molecule.GetAtoms()]
        self.bonds: dict[tuple[int, int], str] = {}
        for bond in molecule.GetBonds():
            begin, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
            self.bonds[begin, end] = self.bonds[end, begin] = _BONDS.get(bond.GetBondType(), "~")
        self.names: dict[str, tuple[int, int]] = {}
        self._named: dict[tuple[int, int], str] = {}

    def list_cuts(self) -> Iterator[Cut]:
        """List every fragment that is small enough, with the names of its surroundings."""
        for atom in self.molecule.GetAtoms():
            if atom.GetTotalNumHs():
                bond = (-1, atom.GetIdx())
                yield Cut(Place((self._name(bond),), HYDROGEN), frozenset(), (bond,))
        cuts = self.molecule.GetSubstructMatches(_CUTTABLE, maxMatches=10_000)
        behind = {cut: self._reach(*cut) for pair in cuts for cut in (pair, pair[::-1])}
        for inside, outside in behind:
            fragment = behind[outside, inside]
            if len(fragment) <= self.max_fragment:
                place = Place((self._name((inside, outside)),), self._write(fragment, [outside]))
                yield Cut(place, fragment, ((inside, outside),))
        yield from self._list_linkers(behind)

    def _list_linkers(self, behind: dict[tuple[int, int], frozenset[int]]) -> Iterator[Cut]:
        """List what lies between two bonds."""
        cuts = list(behind)
        for place, first in enumerate(cuts):
            for second in cuts[place + 1 :]:
                inner = behind[first[::-1]]
                if second[0] in inner and second[1] in inner and first[0] not in behind[second]:
                    linker = inner - behind[second]
                    if len(linker) <= self.max_fragment:
                        yield self._cut_linker(linker, first, second)

    def _cut_linker(self, linker: frozenset[int], first: tuple[int, int], second: tuple[int, int]) -> Cut:
        if self._name(first) > self._name(second):
            first, second = second, first
        names = (self._name(first), self._name(second))
        written = self._write(linker, [first[1], second[1]])
        if names[0] == names[1]:
            turned = self._write(linker, [second[1], first[1]])
            if turned < written:
                first, second, written = second, first, turned
        return Cut(Place(names, written), linker, (first, second))

    def _reach(self, inside: int, outside: int) -> frozenset[int]:
        """Collect the atoms behind a bond."""
        met, border = {outside}, [outside]
        while border:
            atom = border.pop()
            for other in self.neighbours[atom]:
                if other not in met and (atom, other) != (outside, inside):
                    met.add(other)
                    border.append(other)
        return frozenset(met)

    def _write(self, atoms: frozenset[int], outside: Sequence[int]) -> str:
        """Write a fragment, the atoms that it is bound to as attachment points."""
        symbols = {atom: self.symbols[atom] for atom in atoms}
        symbols |= {atom: f"[*:{number}]" for number, atom in enumerate(outside, start=1)}
        if self._is_tree(atoms, set(symbols)):
            return self._spell(outside[0], -1, symbols)
        return Chem.MolFragmentToSmiles(self.molecule, list(symbols), atomSymbols=self._fill(symbols))

    def _name(self, bond: tuple[int, int]) -> str:
        """Name what lies within the radius behind a bond: equal names, equal surroundings."""
        if bond not in self._named:
            self._named[bond] = name = self._write_surroundings(*bond)
            self.names.setdefault(name, bond)
        return self._named[bond]

    def _write_surroundings(self, inside: int, outside: int) -> str:
        near, border = {outside}, [outside]
        for _ in range(self.radius - 1):
            border = [
                other for atom in border for other in self.neighbours[atom] if other not in near and other != inside
            ]
            near.update(border)
        symbols = {atom: self.symbols[atom] for atom in near}
        symbols |= {other: "*" for atom in near for other in self.neighbours[atom] if other not in near}
        if inside >= 0:
            symbols[inside] = "[*:1]"
        else:
            atom = self.molecule.GetAtomWithIdx(outside)
            symbols[outside] = f"[*:1]{_write_atom(atom, atom.GetTotalNumHs() - 1)}"
        if self._is_tree(near, set(symbols)):
            return self._spell(outside, -1, symbols)
        bonds = [
            self.molecule.GetBondBetweenAtoms(atom, other).GetIdx() for atom in near for other in self.neighbours[atom]
        ]
        return Chem.MolFragmentToSmiles(
            self.molecule, list(symbols), bonds, atomSymbols=self._fill(symbols), allBondsExplicit=True
        )

    def _is_tree(self, inner: Collection[int], atoms: set[int]) -> bool:
        """Tell whether the bonds at inner atoms, all to `atoms`, close no ring."""
        ends = sum(1 if other in inner else 2 for atom in inner for other in self.neighbours[atom] if other in atoms)
        return ends == 2 * (len(atoms) - 1)

    def _spell(self, atom: int, parent: int, symbols: dict[int, str]) -> str:
        """Write a tree of atoms from its root, the same way for every order of the atoms."""
        branches = sorted(
            f"({self.bonds[atom, other]}{self._spell(other, atom, symbols)})"
            for other in self.neighbours[atom]
            if other != parent and other in symbols and (parent < 0 or "*" not in symbols[atom])
        )
        return symbols[atom] + "".join(branches)

    def _fill(self, symbols: dict[int, str]) -> list[str]:
        return [symbols.get(atom, "*") for atom in range(len(self.symbols))]

    def write_behind(self, bond: tuple[int, int]) -> str:
        """Write all that lies behind a bond, with its attachment point."""
        inside, outside = bond
        marked = Chem.RWMol(self.molecule)
        dummy = Chem.Atom(0)
        dummy.SetAtomMapNum(1)
        end = marked.AddAtom(dummy)
        atom = marked.GetAtomWithIdx(outside)
        if inside >= 0:
            marked.RemoveBond(inside, outside)
        elif atom.GetNumExplicitHs():
            atom.SetNumExplicitHs(atom.GetNumExplicitHs() - 1)
        marked.AddBond(outside, end, Chem.BondType.SINGLE)
        atoms = [*self._reach(inside, outside), end]
        return Chem.MolFragmentToSmiles(marked, atoms, isomericSmiles=True)


def _write_atom(atom: Chem.Atom, num_hydrogens: int) -> str:
    """Write one atom as SMILES would, without isotope and stereo."""
    symbol, charge = atom.GetSymbol(), atom.GetFormalCharge()
    is_plain = symbol in _PLAIN and not charge and not atom.GetNumRadicalElectrons()
    symbol = symbol.lower() if atom.GetIsAromatic() else symbol
    if is_plain and not (atom.GetIsAromatic() and symbol != "c" and num_hydrogens) and not atom.GetNoImplicit():
        return symbol
    hydrogens = f"H{num_hydrogens}" if num_hydrogens else ""
    return f"[{symbol}{hydrogens}{f'{charge:+d}' if charge else ''}]"
