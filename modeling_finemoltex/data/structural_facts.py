"""The vocabulary of structure queries: what chemists call groups, rings and elements, with the pattern they mean.

`structural_terms` counts groups in the strict sense of nomenclature, for captions. Somebody who searches means the
plain sense: a lactone is an ester, an indole holds a pyrrole. So a fact is a pattern, matched as a substructure.
"""

import functools
import re

import numpy as np
from rdkit import Chem

from .structural_tables import (
    CARBON,
    CLASSES,
    GROUPS,
    LATER,
    LATER_RINGS,
    MORE_RINGS,
    RING_CLASSES,
    RING_SYNONYMS,
    SUBSTITUENTS,
    SUBSTITUTED_RINGS,
    StructuralFact,
)
from .structural_terms import RING_SYSTEMS

NUM_ELEMENTS = 12  # of the facts below, the first
_SYMBOLS = {9: "F", 17: "Cl", 35: "Br", 53: "I"}  # elements whose pattern is a symbol
_LEADING_ELEMENT = re.compile(r"\[?(?:#(\d+)|(Cl|Br|Si|[BCNOPSFI]|[cnops]))(?![a-z])[^,]*$")  # "[NX3;R]", not "[F,Cl]"
MOST = 127  # counts are stored as int8; more occurrences count as so many
_SKELETONS = ("steroid",)  # compared by connections, whatever the bond orders


def _ring_fact(name: str, smiles: str) -> StructuralFact:
    """Make the fact of a ring from a molecule that is this ring alone; hydrogens at nitrogen do not count."""
    smarts = smiles.replace("[nH]", "n")
    if name in _SKELETONS:
        smarts = Chem.MolToSmarts(Chem.AdjustQueryProperties(Chem.MolFromSmiles(smiles), _any_bond_order()))
    return StructuralFact(smarts, RING_SYNONYMS.get(name, (name,)), kind="ring")


def _any_bond_order() -> Chem.AdjustQueryParameters:
    """Match connections alone."""
    parameters = Chem.AdjustQueryParameters.NoAdjustments()
    parameters.makeBondsGeneric = True
    return parameters


def _relation_facts(known: list[StructuralFact]) -> list[StructuralFact]:
    """Make the facts of a substituent on a ring, for the rings and substituents that chemists name together."""
    numbers = {fact.name: number for number, fact in enumerate(known)}
    relations = []
    for ring in SUBSTITUTED_RINGS:
        pattern = Chem.MolFromSmarts(known[numbers[ring]].smarts)
        roots = {Chem.MolToSmarts(pattern, rootedAtAtom=atom) for atom in range(pattern.GetNumAtoms())}
        any_atom = ",".join(f"$({root})" for root in sorted(roots))
        for substituent, (smarts, prefix, adjective) in SUBSTITUENTS.items():
            names = (f"{adjective} {ring}", f"{prefix}-substituted {ring}")
            if ring[0].isalpha():
                names = (f"{prefix}{ring}", *names)
            needs = (numbers[ring], numbers[substituent])
            relations.append(StructuralFact(f"[{any_atom}]-!@{smarts}", names, kind="relation", needs=needs))
    return relations


@functools.cache
def structural_facts() -> tuple[StructuralFact, ...]:
    """List the vocabulary. The place of a fact is its number, which data sets of queries store."""
    rings = [_ring_fact(name, smiles) for name, smiles in {**RING_SYSTEMS, **MORE_RINGS}.items()]
    classes = [one._replace(kind="class") for one in CLASSES]
    known = [*GROUPS, *classes, *(ring for ring in rings if ring.names)]
    later = [_ring_fact(name, smiles) for name, smiles in LATER_RINGS.items()]
    return (*known, *_relation_facts(known), *LATER, *later)


@functools.cache
def _pattern(number: int) -> Chem.Mol:
    """Compile one pattern on first use: a search needs few of them."""
    return Chem.MolFromSmarts(structural_facts()[number].smarts)


@functools.cache
def _elements_of(number: int) -> tuple[int, ...]:
    """Give the facts of the elements without which a pattern matches nothing; most molecules lack most elements."""
    places = {fact.smarts: place for place, fact in enumerate(GROUPS[:NUM_ELEMENTS])}
    leading = (_LEADING_ELEMENT.match(atom.GetSmarts()) for atom in _pattern(number).GetAtoms())
    numbers = {int(one[1]) if one[1] else Chem.Atom(one[2].capitalize()).GetAtomicNum() for one in leading if one}
    found = {places.get(f"[#{element}]", places.get(f"[{_SYMBOLS.get(element)}]")) for element in numbers}
    return tuple(sorted(found - {None, number}))


def count_fact(molecule: Chem.Mol, number: int) -> int:
    """Count the occurrences of one fact in a molecule; see `count_facts`.

    Args:
        molecule (`Chem.Mol`): A sanitised molecule.
        number (`int`): Place of the fact in `structural_facts()`.

    Returns:
        `int`: At most `MOST`.
    """
    pattern = _pattern(number)
    if not molecule.HasSubstructMatch(pattern):
        return 0
    if structural_facts()[number].kind == "class":
        return _count_rings(molecule, structural_facts()[number].name)
    return len(molecule.GetSubstructMatches(pattern, maxMatches=MOST))


def match_fact(molecule: Chem.Mol, number: int) -> tuple[tuple[int, ...], ...]:
    """Find the atoms of every occurrence of one fact.

    Args:
        molecule (`Chem.Mol`): A sanitised molecule.
        number (`int`): Place of the fact in `structural_facts()`.

    Returns:
        Numbers of the atoms of each match; no more than `MOST` matches.
    """
    return molecule.GetSubstructMatches(_pattern(number), maxMatches=MOST)


def _count_rings(molecule: Chem.Mol, name: str) -> int:
    """Count the rings of a class that is there; 1 for a class of other things."""
    if name not in RING_CLASSES:
        return 1
    is_aromatic, holds_hetero = RING_CLASSES[name]
    rings = 0
    for ring in molecule.GetRingInfo().AtomRings():
        atoms = [molecule.GetAtomWithIdx(index) for index in ring]
        aromatic = all(atom.GetIsAromatic() for atom in atoms)
        hetero = any(atom.GetAtomicNum() != CARBON for atom in atoms)
        rings += (is_aromatic is None or aromatic == is_aromatic) and (holds_hetero is None or hetero == holds_hetero)
    return max(1, min(rings, MOST))


def count_facts(molecule: Chem.Mol) -> np.ndarray:
    """Count the occurrences of every fact in a molecule; sets of atoms that differ are different occurrences.

    Args:
        molecule (`Chem.Mol`): A sanitised molecule.

    Returns:
        `np.ndarray` of shape `(F,)`, int8: At most `MOST` each.

    Example:
    >>> counts = count_facts(Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O"))
    >>> [(fact.name, int(count)) for fact, count in zip(structural_facts(), counts, strict=True) if count][:3]
    [('oxygen atom', 4), ('carboxylic acid', 1), ('ester', 1)]
    """
    facts = structural_facts()
    counts = np.zeros(len(facts), dtype=np.int8)
    for number, fact in enumerate(facts):
        if all(counts[needed] for needed in (*_elements_of(number), *fact.needs)):
            counts[number] = count_fact(molecule, number)
    return counts


RING_WORDS = ("ring", "ring system", "core", "moiety", "scaffold", "skeleton", "unit", "nucleus")
GROUP_WORDS = ("group", "moiety", "function", "functional group", "substituent", "unit")


def nouns_of(fact: StructuralFact) -> tuple[str, ...]:
    """List every countable noun for a fact, in the singular: the names, with the words for rings or groups.

    Example:
    >>> fact = next(fact for fact in structural_facts() if fact.name == "oxime")
    >>> nouns_of(fact)[:3]
    ('oxime', 'oxime group', 'oxime moiety')
    """
    rings = [f"{name} {word}" for name in fact.names if not name.endswith(" ring") for word in RING_WORDS]
    groups = [f"{group} {word}" for group in fact.groups for word in GROUP_WORDS]
    nouns = (*fact.names, *(rings if fact.kind == "ring" else ()), *groups)
    return tuple(dict.fromkeys(nouns))


def make_plural(noun: str) -> str:
    """Put an English noun of chemistry into the plural.

    Example:
    >>> [make_plural(noun) for noun in ("ketone", "hydroxy group", "nucleus", "amino compound", "benzodioxole unit")]
    ['ketones', 'hydroxy groups', 'nuclei', 'amino compounds', 'benzodioxole units']
    """
    if noun.endswith("us"):
        return f"{noun[:-2]}i"
    if noun.endswith(("s", "x", "ch")):
        return f"{noun}es"
    if noun.endswith(("moiety", "cavity")):
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def add_article(noun: str) -> str:
    """Put "a" or "an" before a noun, by its sound.

    Example:
    >>> [add_article(noun) for noun in ("ketone", "amide", "N-oxide", "urea", "1,3-dioxolane", "8-ring")]
    ['a ketone', 'an amide', 'an N-oxide', 'a urea', 'a 1,3-dioxolane', 'an 8-ring']
    """
    first = noun.lstrip("([")
    vowel = first[0].lower() in "aeio" or first.startswith(("N-", "S-", "8", "11", "18", "un", "F ", "um"))
    return f"{'an' if vowel else 'a'} {noun}"
