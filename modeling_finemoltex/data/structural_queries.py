"""Queries in plain English written from facts of molecules, with counterexamples that differ in one word.

A query is a text and its conditions, so whether any molecule answers it is known exactly. Random molecules hardly ever
contradict "A without B" or "three A". So most queries come in groups: the molecule of one is a near miss of the other.
"""

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .structural_facts import MOST, StructuralFact, add_article, make_plural, nouns_of, structural_facts
from .structure_language import Condition

REVISION = 1  # part of cache keys: raise it whenever the queries change

# How often each kind of group is drawn, and what its members say.
KINDS = {"single": 0.3, "pair": 0.27, "absence": 0.2, "count": 0.15, "triple": 0.08}
RARENESS = 0.4  # a fact is drawn as the number of its molecules to this power: rare groups are learned too
RELATION_SHARE = 0.5  # of the weight of other facts: there are as many relations as other facts
TRIES = 12  # molecules looked at for a counterexample
COMMON = 0.6  # a fact of more molecules says little beside another one
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")

# The frames of one statement. `{a}` has an article, `{s}` is plural, `{n}` is the bare noun.
SINGLE = (
    "It contains {a}.", "This compound bears {a}.", "structures with {a}", "molecules containing {a}", "{s}", "{n}",
    "compounds that have {a}", "contains {a}", "has {a}", "any compound with {a}", "find molecules with {a}",
    "{a} somewhere in the structure", "a structure that includes {a}", "something with {a}", "{n} derivative",
    "{n}-containing compounds", "some {n}", "derivatives of {n}", "This is {a}.", "Its structure features {a}.",
    "an organic compound that is {a}", "A {n} is present.", "{s} of any kind", "It belongs to the {s}.",
)  # fmt: skip
MASS = (
    "It contains {m}.", "compounds of {m}", "contains {m}", "molecules with {m}", "a structure that includes {m}",
    "{m}-containing compounds", "has {m} in it", "{m} present", "There is {m} in this compound.",
)  # fmt: skip
ADJECTIVE = (
    "{j} compounds", "It is {j}.", "something {j}", "{j} molecules", "an organic compound that is {j}", "{j}",
    "This structure is {j}.",
)  # fmt: skip
PAIR = (
    "It contains {x} and {y}.", "compounds with {x} and {y}", "{x} together with {y}", "{x} as well as {y}",
    "molecules that have both {x} and {y}", "{x} plus {y}", "structures bearing {x} and also {y}", "{x}, {y}",
    "a compound with {x} that also has {y}", "This compound has {x} and {y}.", "{x} that carries {y}",
    "something with {x} and with {y}", "{x} combined with {y}", "{x} bearing {y}", "It has {x} in addition to {y}.",
)  # fmt: skip
COMPOUND = ("{j} {n}", "{j} {s}", "It is a {j} {n}.", "some {j} {n}")  # an adjective and a name
ABSENCE = (
    "{x} but no {ny}", "{x} lacking {my}", "{x} free of {my}", "{x} devoid of {my}", "{x} without any {ny}",
    "compounds with {x} and without {my}", "It has {x} and no {ny}.", "{x} that has no {ny}",
    "molecules with {x} but not {y}", "structures containing {x} and lacking {my}",
    "There is {x}, but there is no {ny}.", "no {ny}, but {x}",
    "This compound bears {x}; it does not contain {my}.", "something with {x} and with no {ny}", "{x}, not {y}",
)  # fmt: skip
ALONE = ("no {ny} in the structure", "compounds without {my}", "It has no {ny}.", "free of {my}", "lacks {my}")
COUNT = (
    "It has {q}.", "compounds with {q}", "bearing exactly {q}", "molecules that contain {q}", "precisely {q}",
    "structures with exactly {q}", "This compound has {q}, no more and no fewer.", "{q} in one molecule",
    "contains {q}",
)  # fmt: skip
AT_LEAST = ("at least {q}", "molecules with {q} or more", "It contains at least {q}.", "no fewer than {q}")


class Query(NamedTuple):
    """A text, what it asks for, and a molecule that answers it."""

    row: int  # of the molecule
    text: str
    conditions: tuple[Condition, ...]


def answers(counts: np.ndarray, conditions: Sequence[Condition]) -> np.ndarray:
    """Tell which molecules answer a query: all its conditions hold.

    Args:
        counts (`np.ndarray` of shape `(R, F)`): Of `count_facts`.
        conditions (sequence of `Condition`): Of the query.

    Returns:
        `np.ndarray` of shape `(R,)`, bool.
    """
    right = np.ones(len(counts), dtype=bool)
    for condition in conditions:
        right &= condition.holds(counts[:, condition.fact])
    return right


class QueryWriter:
    """Writes groups of queries about given molecules.

    Args:
        counts (`np.ndarray` of shape `(R, F)`, int8): Facts of every molecule, of `count_facts`.
        seed (`int`): Of all choices.

    Raises:
        ValueError: If no molecule has any fact.
    """

    def __init__(self, counts: np.ndarray, seed: int = 0) -> None:
        self.facts, self.random = structural_facts(), random.Random(seed)
        # Facts by molecule and molecules by fact, as lists of numbers.
        rows, columns = np.nonzero(counts)
        self.counts = counts
        self.facts_of = np.split(columns, np.searchsorted(rows, np.arange(1, len(counts))))
        order = np.argsort(columns, kind="stable")
        self.rows_of = np.split(rows[order], np.searchsorted(columns[order], np.arange(1, counts.shape[1])))
        self.frequency = np.array([len(rows) for rows in self.rows_of])  # (F,)
        weights = self.frequency.astype(float) ** RARENESS
        weights *= [RELATION_SHARE if fact.kind == "relation" else 1.0 for fact in self.facts]
        if not weights.sum():
            raise ValueError(f"None of the {len(counts)} molecules has a fact to write a query about.")
        self.limits = (weights.cumsum() / weights.sum()).tolist()

    def write(self, num_groups: int) -> Iterator[list[Query]]:
        """Write groups of one to three queries; each molecule answers its own, and is a near miss of the others'."""
        kinds, shares = list(KINDS), list(KINDS.values())
        for _ in range(num_groups):
            kind = self.random.choices(kinds, shares)[0]
            fact = int(np.searchsorted(self.limits, self.random.random()))
            row = int(self.random.choice(self.rows_of[fact]))
            yield getattr(self, f"_write_{kind}")(fact, row)

    def _write_single(self, fact: int, row: int) -> list[Query]:
        return [Query(row, self._say_one(self.facts[fact]), (Condition(fact, 1, MOST),))]

    def _write_pair(self, fact: int, row: int) -> list[Query]:
        """Both facts; and molecules with one of them alone."""
        other = self._beside(fact, row)
        if other is None:
            return self._write_single(fact, row)
        group = [self._both(row, fact, other)]
        for has, lacks in ((fact, other), (other, fact)):
            near = self._find(has, lambda counts, lacks=lacks: counts[lacks] == 0)
            if near is not None:
                group.append(
                    self._absent(near, has, lacks) if self.random.random() < 0.5 else self._other_pair(near, has)
                )
        return group

    def _write_absence(self, fact: int, row: int) -> list[Query]:
        """A fact without another one that many molecules with the first have; and such a molecule."""
        near = int(self.random.choice(self.rows_of[fact]))
        absent = [one for one in self.facts_of[near] if not self.counts[row, one] and self._is_telling(one)]
        if not absent:
            return self._write_pair(fact, row)
        lacks = int(self.random.choice(absent))
        if self.random.random() < 0.1:
            text = self.random.choice(ALONE).format(**self._say_absent(self.facts[lacks]))
            return [Query(row, text, (Condition(lacks, 0, 0),)), self._both(near, fact, lacks)]
        return [self._absent(row, fact, lacks), self._both(near, fact, lacks)]

    def _write_count(self, fact: int, row: int) -> list[Query]:
        """An exact or least number; and a molecule with another one."""
        count = int(self.counts[row, fact])
        if count < 2:  # most molecules have one: look for more
            more = self._find(fact, lambda counts: 2 <= counts[fact] < len(NUMBERS))
            row, count = (row, count) if more is None else (more, int(self.counts[more, fact]))
        if self.facts[fact].kind == "class" or not 1 <= count < len(NUMBERS):
            return self._write_pair(fact, row)
        near = self._find(fact, lambda counts: counts[fact] != count and abs(counts[fact] - count) < 3)
        group = [self._counted(row, fact, count)]
        if near is not None and self.counts[near, fact] < len(NUMBERS):
            group.append(self._counted(near, fact, int(self.counts[near, fact])))
        return group

    def _write_triple(self, fact: int, row: int) -> list[Query]:
        """Three facts, or two without a third."""
        other = self._beside(fact, row)
        third = None if other is None else self._beside(other, row, besides={fact})
        if other is None or third is None:
            return self._write_pair(fact, row)
        things = [self._say_thing(self.facts[one]) for one in (fact, other, third)]
        text = self.random.choice(("It contains {}, {} and {}.", "{}, {} and {}", "compounds with {}, {} and also {}"))
        conditions = tuple(Condition(one, 1, MOST) for one in (fact, other, third))
        group = [Query(row, text.format(*things), conditions)]
        near = self._find(fact, lambda counts: counts[other] > 0 and counts[third] == 0)
        if near is not None:
            pair = self.random.choice(("{} and {}", "{} with {}")).format(*things[:2])
            absent = self.random.choice(("{x} but no {ny}", "{x} lacking {my}", "{x}, without any {ny}"))
            text = absent.format(x=pair, **self._say_absent(self.facts[third]))
            group.append(Query(near, text, (*conditions[:2], Condition(third, 0, 0))))
        return group

    def _both(self, row: int, fact: int, other: int) -> Query:
        first, second = self.facts[fact], self.facts[other]
        conditions = (Condition(fact, 1, MOST), Condition(other, 1, MOST))
        if self.random.random() < 0.5:
            first, second = second, first
        before = first.names if first.kind == "ring" else first.groups
        if before and second.kind == "group" and second.names and self.random.random() < 0.2:
            noun = f"{self.random.choice(before)} {self.random.choice(second.names)}"  # "a pyridine amide"
            words = {"a": add_article(noun), "s": make_plural(noun), "n": noun}
            return Query(row, self.random.choice(SINGLE[:12]).format(**words), conditions)
        # "A fluorinated pyridine" says where the fluorine is, which is a fact of its own.
        if second.adjectives and first.names and first.kind != "ring" and self.random.random() < 0.6:
            noun = self.random.choice(first.names)
            words = {"j": self.random.choice(second.adjectives), "n": noun, "s": make_plural(noun)}
            return Query(row, self.random.choice(COMPOUND).format(**words), conditions)
        text = self.random.choice(PAIR).format(x=self._say_thing(first), y=self._say_thing(second))
        return Query(row, text, conditions)

    def _other_pair(self, row: int, fact: int) -> Query:
        other = self._beside(fact, row)
        return self._write_single(fact, row)[0] if other is None else self._both(row, fact, other)

    def _absent(self, row: int, fact: int, lacks: int) -> Query:
        words = {"x": self._say_thing(self.facts[fact]), **self._say_absent(self.facts[lacks])}
        text = self.random.choice(ABSENCE).format(**words)
        return Query(row, text, (Condition(fact, 1, MOST), Condition(lacks, 0, 0)))

    def _counted(self, row: int, fact: int, count: int) -> Query:
        noun = self.random.choice(nouns_of(self.facts[fact]) or self.facts[fact].masses)
        number = self.random.choice((NUMBERS[count], NUMBERS[count], str(count)))
        if count == 1:
            number = self.random.choice(("one", "a single", "only one"))
        quantity = f"{number} {noun if count == 1 else make_plural(noun)}"
        if count > 1 and self.random.random() < 0.15:
            return Query(row, self.random.choice(AT_LEAST).format(q=quantity), (Condition(fact, count, MOST),))
        return Query(row, self.random.choice(COUNT).format(q=quantity), (Condition(fact, count, count),))

    def _say_one(self, fact: StructuralFact) -> str:
        """Say one fact in a phrase or a sentence."""
        options = [*nouns_of(fact)] or [None]
        ways = (
            ["noun"] * (4 if options[0] else 0)
            + ["mass"] * 3 * bool(fact.masses)
            + ["adjective"] * bool(fact.adjectives)
        )
        way = self.random.choice(ways)
        if way == "mass":
            return self.random.choice(MASS).format(m=self.random.choice(fact.masses))
        if way == "adjective":
            return self.random.choice(ADJECTIVE).format(j=self.random.choice(fact.adjectives))
        noun = self._choose_noun(fact)
        return self.random.choice(SINGLE).format(a=add_article(noun), s=make_plural(noun), n=noun)

    def _say_thing(self, fact: StructuralFact) -> str:
        """Say one fact as a noun, with an article where it takes one."""
        if fact.masses and self.random.random() < 0.6:
            return self.random.choice(fact.masses)
        noun = self._choose_noun(fact)
        return self.random.choice((add_article(noun), add_article(noun), noun))

    def _say_absent(self, fact: StructuralFact) -> dict[str, str]:
        """Say one fact behind "no" (`ny`), "lacking" (`my`) and "not" (`y`)."""
        if fact.masses and self.random.random() < 0.6:
            mass = self.random.choice(fact.masses)
            return {"ny": mass, "my": mass, "y": mass}
        noun = self._choose_noun(fact)
        plural = make_plural(noun)
        return {
            "ny": self.random.choice((noun, plural)),
            "my": self.random.choice((add_article(noun), plural)),
            "y": add_article(noun),
        }

    def _choose_noun(self, fact: StructuralFact) -> str:
        """Choose a noun: mostly the names, which people use most."""
        nouns, chance = nouns_of(fact), self.random.random()
        usual = fact.names if chance < 0.6 else tuple(one for one in nouns if one.endswith((" ring", " group")))
        return self.random.choice((usual if chance < 0.9 else ()) or nouns or fact.masses)

    def _beside(self, fact: int, row: int, besides: set[int] = frozenset()) -> int | None:
        """Choose another fact of a molecule that the first does not imply."""
        others = [
            int(one)
            for one in self.facts_of[row]
            if one != fact and one not in besides and self._is_telling(one) and not self._overlap(fact, one)
        ]
        return self.random.choice(others) if others else None

    def _overlap(self, fact: int, other: int) -> bool:
        """Tell whether one of two facts implies the other, as far as a few molecules show."""
        seen = self.random.choices(self.rows_of[fact], k=TRIES)
        back = self.random.choices(self.rows_of[other], k=TRIES)
        return bool(self.counts[seen, other].all() or self.counts[back, fact].all())

    def _is_telling(self, fact: int) -> bool:
        return self.frequency[fact] < COMMON * len(self.counts)

    def _find(self, fact: int, is_right) -> int | None:
        """Look for a molecule with a fact whose counts are as wanted."""
        for row in self.random.choices(self.rows_of[fact], k=TRIES):
            if is_right(self.counts[row]):
                return int(row)
        return None
