"""Analogues by exchanging fragments that occur in the same surroundings in a library, as CReM does."""

import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from rdkit import Chem, rdBase

from ..hub.shipped_model import CARD_FOLDERS
from .fragment_database import MAX_FRAGMENT
from .fragment_library import Exchange, FragmentLibrary
from .fragment_mining import HYDROGEN, Cut, MoleculeCutter
from .joining import join_parts
from .proposals import Proposal, Rule

SHIPPED_FRAGMENTS = "fragments/fragments.db"
# Attempts per wanted proposal: some exchanges lead to the same analogue.
PATIENCE = 1.5


def default_fragments() -> Path:
    """Find the fragments that come with the package.

    Raises:
        FileNotFoundError: If they are not there; says where they were looked for.

    Example:
    >>> default_fragments().name
    'fragments.db'
    """
    files = [cards / SHIPPED_FRAGMENTS for cards in CARD_FOLDERS]
    for file in files:
        if file.is_file():
            return file
    raise FileNotFoundError(
        f"The shipped fragments are none of {[str(file) for file in files]}. Reinstall with `pip install finemoltex`, "
        "or build your own with `finemoltex fragments build`."
    )


class CremMutations:
    """Proposes analogues whose every new surrounding occurs in the library that the fragments come from.

    A part of the molecule, or a hydrogen, is exchanged for a fragment that the library has in the same surroundings.
    Frequent fragments are taken more often, each as the square root of its count says, so that rare ones come too.
    The method and the file are those of the library `crem`, which names the surroundings; what a molecule can become
    is looked up at once and kept, which is ten times as fast as to ask for each cut.

    Args:
        database (`str` or `Path`, *optional*): The fragments, as `build_fragment_database` or CReM itself writes them;
            those that come with the package, if absent.
        radius (`int`, *optional*): Bonds of the surroundings that must agree; the largest in the file, if absent.

    Raises:
        ImportError: If `crem` is not installed.
        ValueError: If there is no such database, it is damaged, or lacks this radius.

    Example:
    >>> mutations = CremMutations()
    >>> (one,) = mutations.propose(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"), 1, random.Random(0))
    >>> one.rule.kind, one.rule.seen > 0
    ('fragment', True)
    """

    def __init__(self, database: str | Path | None = None, radius: int | None = None) -> None:
        self.fragments = FragmentLibrary(database or default_fragments(), radius)

    @property
    def database(self) -> Path:
        """The file of the fragments."""
        return self.fragments.database

    @property
    def radius(self) -> int:
        """Bonds of the surroundings that agree."""
        return self.fragments.radius

    def propose(self, molecule: Chem.Mol, number: int, generator: random.Random) -> Iterator[Proposal]:
        """Give up to `number` distinct analogues, fewer where the library has no more."""
        name = Chem.MolToSmiles(molecule)
        parent = Chem.MolFromSmiles(name)  # equal seeds give equal analogues, in whatever order the atoms came
        exchanges = self._list_exchanges(parent)
        opened: dict[int, Chem.Mol] = {}
        known: set[str | None] = {None, name}
        for place, row in _draw(exchanges, round(number * PATIENCE), generator):
            exchange = exchanges[place]
            added, seen = exchange.held.fragments[row], int(exchange.held.seen[row])
            if place not in opened:
                opened[place] = open_molecule(parent, exchange.cut, exchange.numbers)
            with rdBase.BlockLogs():
                smiles = join_parts(opened[place], _read_fragment(added))
            if smiles not in known:
                known.add(smiles)
                sides = ("" if side == HYDROGEN else side for side in (exchange.removed, added))
                yield Proposal(str(smiles), Rule("fragment", *sides, self.radius, seen, self.fragments.name))
            if len(known) > number + 1:
                return

    def _list_exchanges(self, parent: Chem.Mol) -> list[Exchange]:
        """List where something can be exchanged, of equivalent places one."""
        ranks = [*Chem.CanonicalRankAtoms(parent, breakTies=False), -1]  # -1 is a hydrogen
        distinct: dict[tuple, Exchange] = {}
        for exchange in self.fragments.list_exchanges(MoleculeCutter(parent, self.radius, MAX_FRAGMENT)):
            ends = (ranks[atom] for bond in exchange.cut.bonds for atom in bond)
            distinct.setdefault((exchange.removed, *ends), exchange)
        return list(distinct.values())


def open_molecule(molecule: Chem.Mol, cut: Cut, numbers: Sequence[int]) -> Chem.Mol:
    """Leave a fragment out.

    Args:
        molecule (`rdkit.Chem.Mol`): The whole.
        cut ([`Cut`]): Where the fragment lies.
        numbers (sequence of `int`): The mark of each bond that is cut.

    Returns:
        `rdkit.Chem.Mol`: What is left, in one piece or two, each cut bond ending in a dummy atom that has its number
        as isotope. Stereocentres are kept.
    """
    bonds = []
    for inside, outside in cut.bonds:
        if inside < 0:
            molecule = Chem.AddHs(molecule, onlyOnAtoms=[outside])
            inside = next(atom.GetIdx() for atom in molecule.GetAtomWithIdx(outside).GetNeighbors() if _is_new(atom))
        bonds.append(molecule.GetBondBetweenAtoms(inside, outside).GetIdx())
    labels = [(number, number) for number in numbers]
    pieces = Chem.FragmentOnBonds(molecule, bonds, dummyLabels=labels)
    kept = {outside for _, outside in cut.bonds}
    rest = Chem.RWMol(pieces)
    rest.BeginBatchEdit()
    for piece in Chem.GetMolFrags(pieces):
        if kept.isdisjoint(piece):
            for atom in piece:
                rest.RemoveAtom(atom)
    rest.CommitBatchEdit()
    return rest.GetMol()


def _is_new(atom: Chem.Atom) -> bool:
    return atom.GetAtomicNum() == 1 and not atom.GetIsotope()


def _draw(exchanges: Sequence[Exchange], number: int, generator: random.Random) -> list[tuple[int, int]]:
    """Draw places and rows of what they hold, by weight: first from every place its share, then from all."""
    draws = np.random.default_rng(generator.randrange(2**31))
    if not exchanges:
        return []
    share = max(1, number // len(exchanges))
    first, rest = [], []
    for place in draws.permutation(len(exchanges)):
        held = exchanges[place].held
        weights = np.sqrt(np.maximum(held.seen, 1))
        times = draws.exponential(size=len(weights)) / weights  # in the order of these, rows are a sample by weight
        order = np.argsort(times)
        order = order[[held.fragments[row] != exchanges[place].removed for row in order]]
        first += [(int(place), int(row)) for row in order[:share]]
        rest += [(float(times[row]), int(place), int(row)) for row in order[share : share + number]]
    return (first + [(place, row) for _, place, row in sorted(rest)])[:number]


@lru_cache(maxsize=20_000)
def _read_fragment(fragment: str) -> Chem.Mol | None:
    """Parse a fragment of the library, its attachment points marked by isotopes."""
    marked = fragment.replace("[*:1]", "[1*]").replace("[*:2]", "[2*]")
    return Chem.MolFromSmiles(marked, sanitize=fragment != HYDROGEN)
