"""Prompts that name a group to add, to remove or to replace, and exactly the edits that they mean."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from rdkit import Chem, rdBase

from ..data.named_groups import Group, known_groups
from ..data.structural_facts import structural_facts
from ..data.structural_terms import StructuralTerm, count_terms
from ..data.structure_words import key_of, read_phrase
from .joining import join_parts, mark_hydrogens, mark_piece
from .proposals import Proposal, Rule
from .reactive_groups import count_reactive
from .structural_alerts import find_alerts

MAX_PIECE = 12  # heavy atoms that may be left out
_VERBS = {
    "add": "add|adding|attach|attaching|introduce|introducing|insert|inserting|append|appending",
    "remove": "remove|removing|delete|deleting|eliminate|eliminating|drop|dropping|omit|omitting|take away|strip off|"
    "cut off|get rid of",
    "replace": "replace|replacing|substitute|substituting|exchange|exchanging|swap|swapping|change|changing|"
    "convert|converting|turn|turning",
}
_START = (
    r"(?:please |now |can you |could you |(?:modify|edit|change) (?:the|this|a) (?:molecule|compound)(?: \S+)? by )*"
)
_THE = r"(?:one more |another |an additional |a further |a new |an? |one (?!of )|the |its |this )?"
_WHERE = (
    r"(?: (?:to|from|in|of|on|onto|into) (?:the|this|a|my|its) (?:given )?"
    r"(?:molecule|compound|structure|ring)(?: \S+)?)?"
)
_PATTERNS = {
    "add": rf"{_START}(?:{_VERBS['add']}) {_THE}(?P<added>.+?){_WHERE}",
    "remove": rf"{_START}(?:{_VERBS['remove']}) {_THE}(?P<removed>.+?){_WHERE}",
    "replace": rf"{_START}(?:{_VERBS['replace']}) {_THE}(?P<removed>.+?){_WHERE} (?:by|with|for|to|into) "
    rf"{_THE}(?P<added>.+?){_WHERE}",
}
_PATTERN = {kind: re.compile(pattern) for kind, pattern in _PATTERNS.items()}
_ONE_OF = "one of the "
_SYMBOLS = {"f": "fluorine", "cl": "chlorine", "br": "bromine", "i": "iodine"}
_REVERSED = re.compile(r".*\bsubstitut(?:e|ing)\b.* for ")  # "substitute a fluorine for the chlorine"


@dataclass(frozen=True)
class NamedChange:
    """One group more, one less, or one in the place of another.

    Args:
        removed ([`Group`], *optional*): What is to be left out.
        added ([`Group`], *optional*): What is to be put in.
    """

    removed: Group | None = None
    added: Group | None = None

    @property
    def kind(self) -> str:
        """`"add"`, `"remove"` or `"replace"`."""
        if self.removed is None:
            return "add"
        return "remove" if self.added is None else "replace"

    def propose(self, molecule: Chem.Mol) -> list[Proposal]:
        """Make the change at every position, each once; what changes other groups least is first.

        Args:
            molecule (`rdkit.Chem.Mol`): The source.

        Returns:
            `list[Proposal]`: Molecules in which the count of the group differs by exactly one and the rest is as it
            was; none where that cannot be.
        """
        source = Chem.MolFromSmiles(Chem.MolToSmiles(molecule))
        made: dict[str, Rule] = {}
        with rdBase.BlockLogs():
            for smiles, removed, added in self._change(source):
                if smiles is not None and smiles not in made and self._is_exact(source, smiles, removed, added):
                    made[smiles] = Rule("group", removed, added)
        made.pop(Chem.MolToSmiles(source), None)
        before = _State.of(source)
        disturbed = {smiles: before.measure_change(Chem.MolFromSmiles(smiles)) for smiles in made}
        return [Proposal(smiles, made[smiles]) for smiles in sorted(made, key=disturbed.__getitem__)]

    def _change(self, source: Chem.Mol) -> Iterator[tuple[str | None, str, str]]:
        """Make every change: SMILES, piece left out, piece put in."""
        pieces = ("",) if self.added is None else self.added.added
        if self.removed is None:
            for piece, place in itertools.product(pieces, _list_places(source)):
                if _can_stand_on(piece, source.GetAtomWithIdx(place)):
                    yield join_parts(mark_hydrogens(source, [place]), mark_piece(piece)), "", piece
            return
        for rest, removed in _cut_once(source, self.removed):
            for piece in pieces:
                if piece != removed:
                    yield join_parts(rest, mark_piece(piece)), removed, piece
        if self.added is None:
            yield from _leave_out_oxo(source, self.removed)
            yield from _leave_out_linker(source, self.removed)

    def _is_exact(self, source: Chem.Mol, smiles: str, removed: str, added: str) -> bool:
        """Whether the groups are one more and one less, apart from those within the pieces."""
        edit = Chem.MolFromSmiles(smiles)
        return all(
            group is None or group.count(edit) - group.count(source) == sign * (1 - group.count_in(other))
            for group, sign, other in ((self.removed, -1, added), (self.added, 1, removed))
        )


def read_named_change(prompt: str) -> NamedChange | None:
    """Recognise a prompt that names one group to add, to remove or to replace.

    Args:
        prompt (`str`): Such as "Add a hydroxy group." or "replace the chlorine by a fluorine".

    Returns:
        [`NamedChange`] or `None`: Nothing for any other prompt, several groups, or a group that is not known.

    Example:
    >>> change = read_named_change("Replace the chlorine by a fluorine.")
    >>> change.kind, change.removed.name, change.added.name
    ('replace', 'chlorine atom', 'fluorine atom')
    >>> [proposal.smiles for proposal in change.propose(Chem.MolFromSmiles("Clc1ccccc1"))]
    ['Fc1ccccc1']
    """
    text = " ".join(prompt.replace("_", " ").lower().split()).strip(" .!?\"'")
    for pattern in _PATTERN.values():
        match = pattern.fullmatch(text)
        if match is None:
            continue
        groups = {role: _find_group(noun) for role, noun in match.groupdict().items()}
        if None in groups.values():
            continue
        if _REVERSED.match(text) and len(groups) == 2:
            groups = {"removed": groups["added"], "added": groups["removed"]}
        return NamedChange(**groups)
    return None


def _find_group(noun: str) -> Group | None:
    """Find the group that a noun of the vocabulary means."""
    key = key_of(noun.removeprefix(_ONE_OF))
    key = _SYMBOLS.get(key, key)
    reading = read_phrase(key) or read_phrase(f"{key} group")
    if (
        reading is None
        or reading.is_plural != noun.startswith(_ONE_OF)
        or reading.is_negative
        or len(reading.terms) != 1
        or reading.terms[0].least != 1
    ):
        return None
    return known_groups().get(structural_facts()[reading.terms[0].fact].name)


def _list_places(molecule: Chem.Mol) -> list[int]:
    """List the atoms that can give up a hydrogen, of equal ones the first."""
    ranks = Chem.CanonicalRankAtoms(molecule, breakTies=False)
    places = {
        rank: atom.GetIdx()
        for atom, rank in reversed(list(zip(molecule.GetAtoms(), ranks, strict=True)))
        if atom.GetTotalNumHs() and not atom.GetFormalCharge()
    }
    return sorted(places.values())


def _can_stand_on(piece: str, atom: Chem.Atom) -> bool:
    """Whether the bond to a piece would be a usual one: carbon on carbon or nitrogen, all else on carbon."""
    (dummy,) = (one for one in Chem.MolFromSmiles(piece).GetAtoms() if not one.GetAtomicNum())
    head = dummy.GetNeighbors()[0].GetAtomicNum()
    return atom.GetAtomicNum() == 6 or (atom.GetAtomicNum() == 7 and head == 6)


def _cut_once(molecule: Chem.Mol, group: Group) -> Iterator[tuple[Chem.Mol, str]]:
    """Cut off every piece of a group that hangs on one bond: the rest with the mark 1, and the piece."""
    for bond in molecule.GetBonds():
        if bond.IsInRing() or bond.GetBondType() != Chem.BondType.SINGLE:
            continue
        parts = Chem.FragmentOnBonds(molecule, [bond.GetIdx()], dummyLabels=[(1, 1)])
        halves = Chem.GetMolFrags(parts, asMols=True, sanitizeFrags=False)
        for rest, half in (halves, halves[::-1]):
            if half.GetNumHeavyAtoms() <= MAX_PIECE and rest.GetNumHeavyAtoms():
                piece = Chem.MolToSmiles(half, isomericSmiles=False)
                if piece in group.pieces:
                    yield rest, piece


def _leave_out_oxo(molecule: Chem.Mol, group: Group) -> Iterator[tuple[str | None, str, str]]:
    """Put two hydrogens in the place of an oxygen with a double bond, where that is a piece of the group."""
    if "*=O" not in group.pieces:
        return
    for atom in molecule.GetAtoms():
        if atom.GetAtomicNum() == 8 and atom.GetBonds()[0].GetBondType() == Chem.BondType.DOUBLE:
            reduced = Chem.RWMol(molecule)
            reduced.RemoveAtom(atom.GetIdx())
            yield join_parts(reduced.GetMol()), "*=O", ""


def _leave_out_linker(molecule: Chem.Mol, group: Group) -> Iterator[tuple[str | None, str, str]]:
    """Join what stands on both sides of a piece with two bonds."""
    if not any(piece.count("*") == 2 for piece in group.pieces):
        return
    cuttable = [
        bond.GetIdx()
        for bond in molecule.GetBonds()
        if not bond.IsInRing() and bond.GetBondType() == Chem.BondType.SINGLE
    ]
    for pair in itertools.combinations(cuttable, 2):
        parts = Chem.FragmentOnBonds(molecule, pair, dummyLabels=[(1, 1), (1, 1)])
        pieces = Chem.GetMolFrags(parts, asMols=True, sanitizeFrags=False)
        middle = [one for one in pieces if sum(not atom.GetAtomicNum() for atom in one.GetAtoms()) == 2]
        ends = [one for one in pieces if not any(one is other for other in middle)]
        if len(middle) == 1 and len(ends) == 2 and middle[0].GetNumHeavyAtoms() <= MAX_PIECE:
            piece = Chem.MolToSmiles(middle[0], isomericSmiles=False)
            if piece in group.pieces:
                yield join_parts(*ends), piece, ""


class _State(NamedTuple):
    """What an edit should leave as it is: reactive groups, alerts, terms of the vocabulary."""

    reactive: list[int]
    alerts: frozenset[str]
    terms: dict[StructuralTerm, int]

    @classmethod
    def of(cls, molecule: Chem.Mol) -> "_State":
        return cls(count_reactive(molecule), frozenset(find_alerts(molecule)), count_terms(molecule))

    def measure_change(self, edit: Chem.Mol) -> tuple[int, int]:
        """Count reactive groups and alerts that came, and terms that changed."""
        after = _State.of(edit)
        gained = sum(max(now - was, 0) for now, was in zip(after.reactive, self.reactive, strict=True))
        terms = {*self.terms, *after.terms}
        changed = sum(abs(after.terms.get(term, 0) - self.terms.get(term, 0)) for term in terms)
        return gained + len(after.alerts - self.alerts), changed
