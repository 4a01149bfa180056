"""Structural facts beside the vectors of an index: which rows contradict what a query says about structure."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from ..data.fact_counts import FactCounts, count_columns
from ..data.structure_language import Understanding, understand

logger = logging.getLogger(__name__)

FACTS = ("off", "mark", "require")


class IndexFacts:
    """Facts of the rows of an index: stored ones, or counted where a query asks for them.

    Args:
        stored (`FactCounts`, *optional*): Of all rows, the removed ones included.
    """

    def __init__(self, stored: FactCounts | None = None) -> None:
        self.stored = stored
        self._columns: dict[int, np.ndarray] = {}  # counted so far, where nothing is stored

    def columns(self, contents: pa.ChunkedArray, facts: Sequence[int]) -> dict[int, np.ndarray]:
        """Give the occurrences of some facts in every row.

        Args:
            contents (`pa.ChunkedArray` of length `R`): SMILES of all rows.
            facts (sequence of `int`): Numbers of facts.

        Returns:
            `dict[int, np.ndarray]`: For each fact its occurrences, `(R,)` int8.
        """
        if self.stored is not None:
            return {fact: self.stored.column(fact) for fact in facts}
        missing = [fact for fact in facts if fact not in self._columns]
        if missing:
            self._columns |= count_columns(contents.to_pylist(), missing)
        return {fact: self._columns[fact] for fact in facts}

    def masks(self, contents: pa.ChunkedArray, understood: Sequence[Understanding]) -> list[np.ndarray | None]:
        """Tell which rows are as each query says.

        Args:
            contents (`pa.ChunkedArray` of length `R`): SMILES of all rows.
            understood (sequence of [`Understanding`]): What the queries say.

        Returns:
            For each query `(R,)` bool, or `None` if it says nothing.
        """
        needed = sorted({fact for one in understood for fact in one.facts})
        columns = self.columns(contents, needed)
        return [one.accepts(columns) if one else None for one in understood]

    def appended(self, smiles: Sequence[str]) -> "IndexFacts":
        """Give the facts with those of further rows, if these are stored."""
        return IndexFacts(None if self.stored is None else self.stored + FactCounts.from_smiles(smiles))

    def selected(self, kept: np.ndarray) -> "IndexFacts":
        """Give the facts of some rows; `kept` is `(R,)` bool."""
        return IndexFacts(None if self.stored is None else self.stored.select(kept))


def read_conditions(
    facts: str, kind: str, texts: str | Sequence[str] | None, without: str | None = None
) -> list[Understanding] | None:
    """Understand the queries of a search.

    Args:
        facts (`str`): `"off"`, `"mark"` or `"require"`.
        kind (`str`): What the index holds.
        texts (`str` or sequence of `str`, *optional*): Queries in words, if they are.
        without (`str`, *optional*): What is not wanted.

    Returns:
        One [`Understanding`] for each query; `None` if facts play no part.

    Raises:
        ValueError: If `facts` is another word, or is required where there are no texts or no molecules.
    """
    if facts not in FACTS:
        raise ValueError(f"`facts` must be one of {', '.join(FACTS)}: got {facts!r}.")
    if facts == "off" or texts is None or kind != "molecules":
        if facts == "require":
            raise ValueError(
                "Facts can be required of molecules that are searched by texts: "
                f"this is {'a search without texts' if texts is None else f'an index of {kind}'}. Leave `facts` out."
            )
        return None
    is_required = facts == "require"
    unwanted = understand_query(without, is_required).excluded() if without else None
    understood = [understand_query(text, is_required) for text in ([texts] if isinstance(texts, str) else texts)]
    if unwanted is not None:
        understood = [one + unwanted for one in understood]
    if is_required:
        for one in understood:
            if not one:
                logger.warning("%r says nothing about structure that is understood: nothing is required.", one.text)
    return understood


def understand_query(text: str, is_required: bool) -> Understanding:
    """Read a query carefully; where facts are required and that finds none, take every word of structure as meant."""
    understood = understand(text)
    return understand(text, is_loose=True) if is_required and not understood else understood


def mark_contradictions(results: list[list[Any]], understood: Sequence[Understanding]) -> list[list[Any]]:
    """Tell of each hit what it contradicts.

    Args:
        results (list of lists of `Hit`): For each query.
        understood (sequence of [`Understanding`]): For each query.

    Returns:
        The same hits, with `contradicts` where there is something.
    """
    return [[_mark(hit, one) if one else hit for hit in hits] for hits, one in zip(results, understood, strict=True)]


def _mark(hit: Any, understood: Understanding) -> Any:
    columns = count_columns([hit.smiles], understood.facts)
    return replace(hit, contradicts=understood.contradictions({fact: int(one[0]) for fact, one in columns.items()}))
