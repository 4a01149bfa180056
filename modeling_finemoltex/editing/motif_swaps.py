"""Analogues of a molecule by exchanging, adding, inserting and removing motifs of the model's own vocabulary."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rdkit import Chem, rdBase

from ..data.identifiers import try_parse
from .joining import join_parts, mark_hydrogens, mark_piece
from .proposals import Proposal, Rule

# Elements of drug-like organic molecules; a vocabulary also knows boranes and metals.
ORGANIC = frozenset((6, 7, 8, 9, 16, 17, 35))
MAX_MOTIF_ATOMS = 12  # heavy atoms; larger motifs are mostly polycyclic skeletons
# A cut motif with more bonds to the rest has few substitutes that fit.
MAX_BONDS = 3
# Attempts per wanted proposal: about half of the assemblies exceed a valence or repeat an earlier one.
PATIENCE = 6


class MotifSwaps:
    """Proposes analogues that differ from a molecule by one motif.

    A molecule is cut into the motifs that the model reads, so one step is one word of the model's chemistry. Motifs
    to put in come from the vocabulary, each as often as the square root of its count says: common ones first, rare
    ones too.

    Args:
        feature_extractor (`FineMolTexFeatureExtractor`): Cuts molecules into motifs, and owns the vocabulary.

    Raises:
        ValueError: If no motif of the vocabulary can be put into a molecule.

    Example:
    >>> swaps = MotifSwaps(processor.feature_extractor)
    >>> [proposal.smiles for proposal in swaps.propose(Chem.MolFromSmiles("CCO"), 3, random.Random(0))]
    ['CC(O)c1ccccc1', 'OCCC1CNCCC12CCCCC2', 'OCCC1COc2ccccc21']
    """

    def __init__(self, feature_extractor: Any) -> None:
        self.feature_extractor = feature_extractor
        weights: dict[str, float] = {}
        self._molecules: dict[str, Chem.Mol] = {}
        for label, count in feature_extractor.motif_vocab["motifs"].items():
            molecule = try_parse(label)
            if molecule is not None and _is_building_block(molecule):
                self._molecules[label], weights[label] = molecule, count**0.5
        if not weights:
            raise ValueError("The motif vocabulary has no organic motif that could be put into a molecule.")
        self._labels, self._weights = list(weights), list(weights.values())

    @property
    def labels(self) -> list[str]:
        """Motifs that may be put in, as SMILES."""
        return list(self._labels)

    def propose(self, molecule: Chem.Mol, number: int, generator: random.Random) -> Iterator[Proposal]:
        """Give up to `number` distinct analogues, fewer where no more are found."""
        name = Chem.MolToSmiles(molecule)
        known = {name}
        molecule = Chem.MolFromSmiles(name)
        motifs = [motif.atoms for motif in self.feature_extractor.motifs(name)]
        bonds = _bonds_between(molecule, motifs)
        moves: list[Callable[[], Proposal | None]] = [
            lambda: self._exchange(molecule, motifs, bonds, generator),
            lambda: self._add(molecule, generator),
            lambda: self._insert(molecule, bonds, generator),
            lambda: _remove(molecule, motifs, bonds, generator),
        ]
        for _ in range(number * PATIENCE):
            if len(known) > number:
                return
            (move,) = generator.choices(moves, weights=(4, 3, 1, 1))
            with rdBase.BlockLogs():
                proposal = move()
            if proposal is not None and proposal.smiles not in known:
                known.add(proposal.smiles)
                yield proposal

    def _draw(self, num_bonds: int, generator: random.Random) -> Chem.Mol | None:
        """Draw a motif and mark where it is to be bound: by dummy atoms with the isotopes 1 to `num_bonds`."""
        (label,) = generator.choices(self._labels, self._weights)
        return _mark(self._molecules[label], num_bonds, generator)

    def _exchange(
        self, molecule: Chem.Mol, motifs: Sequence[Sequence[int]], bonds: Sequence[int], generator: random.Random
    ) -> Proposal | None:
        """Put another motif in the place of one."""
        atoms = set(generator.choice(motifs))
        cut = _bonds_at(molecule, atoms, bonds)
        if not 1 <= len(cut) <= MAX_BONDS:
            return None
        rest, removed = _cut_out(molecule, atoms, cut, range(1, len(cut) + 1))
        return _propose(removed, rest, self._draw(len(cut), generator))

    def _add(self, molecule: Chem.Mol, generator: random.Random) -> Proposal | None:
        """Put a motif in the place of a hydrogen."""
        return _propose("", _mark(molecule, 1, generator), self._draw(1, generator))

    def _insert(self, molecule: Chem.Mol, bonds: Sequence[int], generator: random.Random) -> Proposal | None:
        """Put a motif into a bond between motifs."""
        if not bonds:
            return None
        parts = Chem.FragmentOnBonds(molecule, [generator.choice(bonds)], dummyLabels=[(1, 2)])
        return _propose("", parts, self._draw(2, generator))


def _remove(
    molecule: Chem.Mol, motifs: Sequence[Sequence[int]], bonds: Sequence[int], generator: random.Random
) -> Proposal | None:
    """Leave out a motif at the end of a chain, or one between two others, which are then joined."""
    atoms = set(generator.choice(motifs))
    cut = _bonds_at(molecule, atoms, bonds)
    if not 1 <= len(cut) <= 2:
        return None
    rest, removed = _cut_out(molecule, atoms, cut, [1] * len(cut))
    hydrogen = [mark_piece("")] if len(cut) == 1 else []
    smiles = join_parts(rest, *hydrogen)
    return None if smiles is None else Proposal(smiles, Rule("motif", removed, ""))


def _propose(removed: str, rest: Chem.Mol | None, added: Chem.Mol | None) -> Proposal | None:
    """Join a motif to the rest, and say what was exchanged; `None` if that gives no molecule."""
    smiles = join_parts(rest, added)
    return None if smiles is None else Proposal(smiles, Rule("motif", removed, Chem.MolToSmiles(added)))


def _is_building_block(molecule: Chem.Mol) -> bool:
    """Whether a motif is organic, small, neutral in sum and in one piece, and can be bound by giving up a hydrogen."""
    atoms = list(molecule.GetAtoms())
    return (
        len(atoms) <= MAX_MOTIF_ATOMS
        and all(atom.GetAtomicNum() in ORGANIC and not atom.GetNumRadicalElectrons() for atom in atoms)
        and Chem.GetFormalCharge(molecule) == 0
        and len(Chem.GetMolFrags(molecule)) == 1
        and any(atom.GetTotalNumHs() for atom in atoms)
    )


def _bonds_between(molecule: Chem.Mol, motifs: Sequence[Sequence[int]]) -> list[int]:
    """List the single bonds between motifs."""
    owner = {atom: place for place, atoms in enumerate(motifs) for atom in atoms}
    return [
        bond.GetIdx()
        for bond in molecule.GetBonds()
        if owner[bond.GetBeginAtomIdx()] != owner[bond.GetEndAtomIdx()] and bond.GetBondType() == Chem.BondType.SINGLE
    ]


def _bonds_at(molecule: Chem.Mol, atoms: set[int], bonds: Sequence[int]) -> list[int]:
    """List the bonds that lead from a motif to others; none if one of them cannot be cut."""
    leading = [
        bond.GetIdx()
        for bond in molecule.GetBonds()
        if (bond.GetBeginAtomIdx() in atoms) != (bond.GetEndAtomIdx() in atoms)
    ]
    return leading if set(leading) <= set(bonds) else []


def _cut_out(molecule: Chem.Mol, atoms: set[int], bonds: Sequence[int], marks: Sequence[int]) -> tuple[Chem.Mol, str]:
    """Take a motif out: the rest, where dummy atoms with the marks as isotopes stay, and the SMILES of the motif."""
    labels = [(mark, mark) for mark in marks]
    parts = Chem.RWMol(Chem.FragmentOnBonds(molecule, list(bonds), dummyLabels=labels))
    gone = set(atoms)
    for dummy in range(molecule.GetNumAtoms(), parts.GetNumAtoms()):
        (neighbour,) = parts.GetAtomWithIdx(dummy).GetNeighbors()
        if neighbour.GetIdx() in atoms:
            gone.add(dummy)
    removed = Chem.MolFragmentToSmiles(parts, sorted(gone))
    for atom in sorted(gone, reverse=True):
        parts.RemoveAtom(atom)
    return parts.GetMol(), removed


def _mark(molecule: Chem.Mol, num_bonds: int, generator: random.Random) -> Chem.Mol | None:
    """Replace hydrogens by dummy atoms with the isotopes 1 to `num_bonds`; `None` if there are too few."""
    places = [atom.GetIdx() for atom in molecule.GetAtoms() for _ in range(atom.GetTotalNumHs())]
    if len(places) < num_bonds:
        return None
    return mark_hydrogens(molecule, generator.sample(places, num_bonds))
