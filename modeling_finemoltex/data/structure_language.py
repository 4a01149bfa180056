"""What a query says about structure: groups, rings and elements that are there, are not there, or are there so often.

Rules read the words of `structure_words` with their negations, counts and relations. They are careful: a word counts
only where the sentence says that a molecule has it, so "a ketone reductase" or "a metabolite of benzene" say nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..processors.text_normalization_finemoltex import normalize_text
from .structural_facts import structural_facts
from .structure_reader import read_mentions
from .structure_tokens import cut_tokens


class Condition(NamedTuple):
    """A fact that a molecule must show so often.

    Args:
        fact (`int`): Its number in `structural_facts()`.
        least (`int`): Fewest occurrences.
        most (`int`, *optional*): Most occurrences; any number, if absent.
        span (`tuple[int, int]`): Where the text says so: start and end in the original.
    """

    fact: int
    least: int = 1
    most: int | None = None
    span: tuple[int, int] = (0, 0)

    def holds(self, counts: np.ndarray) -> np.ndarray:
        """Test counts of the fact, of any shape: booleans of the same shape."""
        return (counts >= self.least) & (True if self.most is None else counts <= self.most)

    def __str__(self) -> str:
        """Write the condition in a few words: "2 x fluorine"."""
        name = structural_facts()[self.fact].name
        for ending in (" atom", " substituent", " compound", " group"):
            name = name.removesuffix(ending)
        if self.most == 0:
            return f"not {name}"
        if self.most is None:
            return name if self.least == 1 else f"\u2265 {self.least} \u00d7 {name}"
        if self.least == self.most:
            return f"{self.most} \u00d7 {name}"
        bounds = f"{self.least}\u2013{self.most}" if self.least else f"\u2264 {self.most}"
        return f"{bounds} \u00d7 {name}"


@dataclass(frozen=True)
class Understanding:
    """What a text says about structure.

    Args:
        text (`str`): The text as it was given.
        clauses (`tuple[tuple[Condition, ...], ...]`): All clauses must hold; of each, one condition at least.
        unrecognised (`tuple[str, ...]`): Words that say something else, as they stand in the text.
        is_loose (`bool`): Words were taken as structure wherever they stand, see `understand`.
    """

    text: str
    clauses: tuple[tuple[Condition, ...], ...] = ()
    unrecognised: tuple[str, ...] = ()
    is_loose: bool = False

    def __bool__(self) -> bool:
        return bool(self.clauses)

    def __str__(self) -> str:
        """Write the conditions in one line: "pyridine · not halogen"."""
        return " \u00b7 ".join(" or ".join(map(str, clause)) for clause in self.clauses)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All conditions, in the order of the text."""
        return tuple(condition for clause in self.clauses for condition in clause)

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Where in the text the recognised words stand."""
        return tuple(sorted({condition.span for condition in self.conditions}))

    @property
    def facts(self) -> tuple[int, ...]:
        """Numbers of the facts that decide, ascending."""
        return tuple(sorted({condition.fact for condition in self.conditions}))

    def accepts(self, counts: Mapping[int, np.ndarray] | Callable[[int], np.ndarray]) -> np.ndarray:
        """Tell which molecules are as the text says.

        Args:
            counts (mapping or callable): Number of a fact -> its occurrences in each molecule, `(R,)`.

        Returns:
            `np.ndarray` of shape `(R,)`, bool. Without clauses there is nothing to test, which is an error.

        Raises:
            ValueError: If nothing was understood.
        """
        if not self.clauses:
            raise ValueError(f"{self.text!r} says nothing about structure that is understood.")
        get = counts if callable(counts) else counts.__getitem__
        return np.logical_and.reduce(
            [np.logical_or.reduce([one.holds(get(one.fact)) for one in clause]) for clause in self.clauses]
        )

    def contradictions(self, counts: Mapping[int, int]) -> tuple[str, ...]:
        """List what a molecule contradicts, in the words of `str()`.

        Args:
            counts (mapping of `int` to `int`): Number of a fact -> its occurrences in the molecule.
        """
        return tuple(
            " or ".join(map(str, clause))
            for clause in self.clauses
            if not any(bool(one.holds(np.asarray(counts[one.fact]))) for one in clause)
        )

    def excluded(self) -> "Understanding":
        """Turn a text about what is *not* wanted round: "a ketone" forbids ketones.

        Only single conditions that ask for presence can be turned; from "a ketone with fluorine" it does not follow
        that ketones are unwanted.
        """
        if len(self.clauses) != 1 or any(one.most is not None for one in self.clauses[0]):
            return replace(self, clauses=())
        return replace(self, clauses=tuple((one._replace(least=0, most=one.least - 1),) for one in self.clauses[0]))

    def __add__(self, other: "Understanding") -> "Understanding":
        """Ask for both."""
        return replace(self, clauses=self.clauses + other.clauses, unrecognised=self.unrecognised + other.unrecognised)


def understand(text: str, is_loose: bool = False) -> Understanding:
    """Read what a text says about structure.

    Args:
        text (`str`): Any text; it passes `normalize_text` first.
        is_loose (`bool`): Take every word of structure as meant, also where the sentence says something else of it
            ("pyridine-free route", "a metabolite of benzene").

    Returns:
        [`Understanding`]: Conditions, spans in the original, and the other words.

    Example:
    >>> print(understand("a pyridine with two fluorine atoms, without an ester or amide"))
    pyridine · 2 × fluorine · not ester · not amide
    >>> understand("inhibits amine oxidase").unrecognised
    ('inhibits', 'amine', 'oxidase')
    """
    plain = normalize_text(text)
    tokens = cut_tokens(plain.text)
    mentions, used = read_mentions(tokens, is_loose)
    clauses: list[tuple[Condition, ...]] = []
    for mention in mentions:
        span = plain.locate(tokens[mention.start].start, tokens[mention.end - 1].end)
        conditions = tuple(Condition(*term, span=span) for term in mention.terms)
        if mention.is_alternative and clauses and len(conditions) == 1:
            clauses[-1] = clauses[-1] + conditions
        else:
            clauses += [(one,) for one in conditions]
    words = (plain.locate(one.start, one.end) for place, one in enumerate(tokens) if place not in used)
    return Understanding(text, _without_repeats(clauses), tuple(text[start:end] for start, end in words), is_loose)


def _without_repeats(clauses: list[tuple[Condition, ...]]) -> tuple[tuple[Condition, ...], ...]:
    """Drop clauses that say again what another one says, whatever their place in the text."""
    kept: dict[tuple, tuple[Condition, ...]] = {}
    for clause in clauses:
        kept.setdefault(tuple(one[:3] for one in clause), clause)
    return tuple(kept.values())
