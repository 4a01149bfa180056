"""What a caption says about the structure of a molecule, statement by statement, and whether it is true."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from rdkit import Chem

from .structural_facts import count_fact
from .structure_language import Condition, understand

TRUE, FALSE, UNCHECKED = "true", "false", "not checked"
_SENTENCE = re.compile(r"[^.!?]+(?:[.!?](?!\s|$)[^.!?]*)*[.!?]*")
# Phrases of a sentence: at commas with a blank behind them, which numbers and names lack, and at "and", "or", "but".
_PHRASE = re.compile(r"(?:,\s+|;\s+|\s+)(?:and|or|but|as well as)\s+|,\s+|;\s+")
# Behind these words a sentence speaks of another molecule, or of what became of a group.
_OF_ANOTHER = re.compile(
    r"\b(?:derives?|derived|deriving|derivative|conjugate (?:acid|base)|conjugates?|enantiomer|epimer|stereoisomer|"
    r"diastereo\w+|tautomer|isomer|hydride|replaced|replacement|replacing|substituting|condensation|condens\w+|"
    r"reaction|react\w*|obtained|formed|forming|hydroly\w+|oxidation|reduction|oxidi[sz]ed|reduced|esterif\w+|"
    r"(?:de)?protonat\w+|removal|loss|addition|functional parent|functionally related|metaboli\w+|precursor|analogue|"
    r"analog|prodrug|salt|residues?|linked|inhibit\w*|receptors?|agonists?|antagonists?|enzymes?|synthas\w+)\b",
    re.IGNORECASE,
)
# Names of ions hold the name of the acid that they no longer are; and "a member of isoquinolines" may be hydrogenated.
_ION_BEHIND = re.compile(r"[-\s]+(?:\w+\s+)?(?:mono|di|tri|tetra)?(?:anion|cation|zwitterion)")
_CLASS_BEFORE = re.compile(r"\b(?:members? of|class of)\s+(?:the class of\s+)?[\w,'-]*$", re.IGNORECASE)


class Statement(NamedTuple):
    """A part of a caption.

    Args:
        text (`str`): As it stands in the caption.
        verdict (`str`): `"true"`, `"false"`, or `"not checked"` where it says nothing that a structure can decide.
        start, end (`int`): Characters of the caption: `caption[start:end] == text`.
        meaning (`str`): What was compared with the molecule, in a few words; empty where nothing was.
    """

    text: str
    verdict: str
    start: int
    end: int
    meaning: str = ""


def check_caption(molecule: Chem.Mol, caption: str) -> tuple[Statement, ...]:
    """Compare what a caption says about the structure with the molecule.

    The language of structure queries reads the caption, so a word counts only where the sentence says that the
    molecule has it, and groups have their plain sense: a lactone is an ester. What stands behind words such as
    "derives from", "conjugate base of" or "replaced by" is about another molecule and not checked. Nor are names of
    ions ("a carboxylic acid anion") and classes in a wider sense ("a member of isoquinolines").

    Args:
        molecule (`rdkit.Chem.Mol`): A sanitised molecule.
        caption (`str`): Sentences about it.

    Returns:
        `tuple[Statement, ...]`: In the order of the caption. Each recognised mention is a statement, and so is each
        phrase without one.

    Example:
    >>> from modeling_finemoltex.data import try_parse
    >>> for one in check_caption(try_parse("CCO"), "It is an alcohol and a ketone. It smells."):
    ...     print(one.text, "|", one.verdict)
    alcohol | true
    ketone | false
    It smells | not checked
    """
    silent = list(_list_silent(caption))
    clauses = [clause for clause in understand(caption).clauses if not _is_open(caption, clause[0].span, silent)]
    found = [_judge(molecule, caption, clause) for clause in clauses]
    found += [Statement(caption[start:end], UNCHECKED, start, end) for start, end in _list_others(caption, found)]
    return tuple(sorted(found, key=lambda one: (one.start, one.end)))


def _list_silent(caption: str) -> Iterator[tuple[int, int]]:
    """List the parts that speak of another molecule: from such a word to the end of its sentence."""
    for sentence in _SENTENCE.finditer(caption):
        word = _OF_ANOTHER.search(caption, sentence.start(), sentence.end())
        if word is not None:
            yield word.start(), sentence.end()


def _is_open(caption: str, span: tuple[int, int], silent: list[tuple[int, int]]) -> bool:
    """Tell whether a mention is about another molecule, or names a class in a wider sense."""
    if any(start <= span[0] < end for start, end in silent):
        return True
    return bool(_ION_BEHIND.match(caption, span[1]) or _CLASS_BEFORE.search(caption, 0, span[0]))


def _judge(molecule: Chem.Mol, caption: str, clause: tuple[Condition, ...]) -> Statement:
    """Test one clause, of which a single condition must hold. A number of groups is the least that must be there."""
    clause = tuple(one._replace(most=None) if one.least else one for one in clause)
    start, end = min(one.span[0] for one in clause), max(one.span[1] for one in clause)
    holds = any(bool(one.holds(np.asarray(count_fact(molecule, one.fact)))) for one in clause)
    return Statement(caption[start:end], TRUE if holds else FALSE, start, end, " or ".join(map(str, clause)))


def _list_others(caption: str, found: list[Statement]) -> Iterator[tuple[int, int]]:
    """List the phrases in which nothing was recognised, without the marks around them."""
    for sentence in _SENTENCE.finditer(caption):
        start = sentence.start()
        for mark in (*_PHRASE.finditer(caption, start, sentence.end()), None):
            end = sentence.end() if mark is None else mark.start()
            if not any(one.start < end and start < one.end for one in found):
                text = caption[start:end]
                first = start + len(text) - len(text.lstrip())
                last = start + len(text.rstrip(" \n\t.!?;,"))
                if first < last:
                    yield first, last
            start = end if mark is None else mark.end()
