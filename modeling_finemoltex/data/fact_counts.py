"""How often each fact of the vocabulary occurs in each molecule of a library: stored, or counted when asked."""

import hashlib
import io
import zipfile
from collections.abc import Iterable, Sequence

import numpy as np

from .identifiers import map_unique, try_parse
from .progress import progress_bar
from .structural_facts import count_fact, count_facts, structural_facts

PROGRESS_FROM = 2_000  # molecules; fewer are counted before a bar would be read


def vocabulary_digest(size: int | None = None) -> str:
    """Hash the patterns, so that stored counts are never read as those of other facts.

    Args:
        size (`int`, *optional*): Hash so many of the first facts; all by default.
    """
    patterns = "\n".join(f"{fact.kind} {fact.smarts}" for fact in structural_facts()[:size])
    return hashlib.sha256(patterns.encode()).hexdigest()[:16]


class FactCounts:
    """Stored counts, as pairs of fact and count: about 20 pairs of 3 bytes and 8 bytes more for a molecule.

    Args:
        starts (`np.ndarray` of shape `(R + 1,)`, int64): Where the pairs of each molecule begin.
        facts (`np.ndarray` of shape `(n,)`, uint16): Numbers of facts, ascending within a molecule.
        counts (`np.ndarray` of shape `(n,)`, int8): How often each occurs, at least once.

    Example:
    >>> counts = FactCounts.from_smiles(["CCO", "CC(=O)C"])
    >>> oxygen = next(number for number, fact in enumerate(structural_facts()) if fact.name == "oxygen atom")
    >>> len(counts), counts.column(oxygen).tolist()
    (2, [1, 1])
    """

    def __init__(self, starts: np.ndarray, facts: np.ndarray, counts: np.ndarray) -> None:
        self.starts, self.facts, self.counts = starts, facts, counts

    def __len__(self) -> int:
        return len(self.starts) - 1

    @classmethod
    def from_smiles(cls, smiles: Iterable[str], num_proc: int | None = None) -> "FactCounts":
        """Count all facts of molecules, about 250 a second and process; one that cannot be parsed shows none.

        Args:
            smiles (iterable of `str`): `R` molecules.
            num_proc (`int`, *optional*): Processes; as `map_unique` chooses by default.
        """
        rows = map_unique(_count_pairs, list(smiles), num_proc, "Structural facts")
        return cls.from_rows(rows)

    @classmethod
    def from_rows(cls, rows: Sequence[bytes]) -> "FactCounts":
        """Join what `_count_pairs` gives for each molecule."""
        pairs = [np.frombuffer(row, dtype=PAIR) for row in rows]
        starts = np.concatenate([[0], np.cumsum([len(row) for row in pairs], dtype=np.int64)]).astype(np.int64)
        joined = np.concatenate([np.empty(0, dtype=PAIR), *pairs])
        return cls(starts, joined["fact"].copy(), joined["count"].copy())

    def column(self, fact: int) -> np.ndarray:
        """Give the occurrences of one fact in every molecule: `(R,)` int8."""
        places = np.flatnonzero(self.facts == fact)
        column = np.zeros(len(self), dtype=np.int8)
        column[np.searchsorted(self.starts, places, side="right") - 1] = self.counts[places]
        return column

    def row(self, position: int) -> dict[int, int]:
        """Give the facts of one molecule with their counts; the others do not occur."""
        part = slice(self.starts[position], self.starts[position + 1])
        return dict(zip(self.facts[part].tolist(), self.counts[part].tolist(), strict=True))

    def select(self, kept: np.ndarray) -> "FactCounts":
        """Keep some molecules.

        Args:
            kept (`np.ndarray` of shape `(R,)`, bool): Which.
        """
        lengths = np.diff(self.starts)
        mask = np.repeat(kept, lengths)
        starts = np.concatenate([[0], np.cumsum(lengths[kept])]).astype(np.int64)
        return FactCounts(starts, self.facts[mask], self.counts[mask])

    def __add__(self, other: "FactCounts") -> "FactCounts":
        """Append the molecules of another table."""
        starts = np.concatenate([self.starts, other.starts[1:] + self.starts[-1]])
        return FactCounts(
            starts, np.concatenate([self.facts, other.facts]), np.concatenate([self.counts, other.counts])
        )

    def to_bytes(self) -> bytes:
        """Write the table as the content of a NumPy archive that loads without pickle."""
        buffer = io.BytesIO()
        size = np.array(len(structural_facts()))
        digest = np.frombuffer(vocabulary_digest().encode(), dtype=np.uint8)
        np.savez(buffer, starts=self.starts, facts=self.facts, counts=self.counts, size=size, digest=digest)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "FactCounts | None":
        """Read what `to_bytes` wrote; `None` if it belongs to another vocabulary.

        A vocabulary that grew at its end is the same one only if it is as long: facts that came later would seem to
        occur nowhere.

        Raises:
            ValueError: If the content is damaged.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                starts, facts, counts = (arrays[name] for name in ("starts", "facts", "counts"))
                digest = arrays["digest"].tobytes().decode()
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"the table of structural facts cannot be read: {error}") from error
        if len(facts) != len(counts) or starts[0] != 0 or starts[-1] != len(facts) or (np.diff(starts) < 0).any():
            raise ValueError("the table of structural facts does not fit together")
        return cls(starts, facts, counts) if digest == vocabulary_digest() else None


PAIR = np.dtype([("fact", np.uint16), ("count", np.int8)])


def _count_pairs(smiles: str) -> bytes:
    """Count the facts of one molecule, as the bytes of pairs."""
    molecule = try_parse(smiles)
    if molecule is None:
        return b""
    counts = count_facts(molecule)
    pairs = np.empty(np.count_nonzero(counts), dtype=PAIR)
    pairs["fact"], pairs["count"] = np.flatnonzero(counts), counts[counts > 0]
    return pairs.tobytes()


def count_columns(smiles: Sequence[str], facts: Sequence[int], is_shown: bool | None = None) -> dict[int, np.ndarray]:
    """Count a few facts in many molecules, about 5,000 molecules a second and fact.

    Args:
        smiles (sequence of `str`): `R` molecules; one that cannot be parsed shows nothing.
        facts (sequence of `int`): Their numbers.
        is_shown (`bool`, *optional*): Show a progress bar; from some thousand molecules on by default.

    Returns:
        `dict[int, np.ndarray]`: For each fact its occurrences, `(R,)` int8.

    Example:
    >>> {fact: column.tolist() for fact, column in count_columns(["CCO", "N"], [0, 1]).items()}
    {0: [0, 1], 1: [1, 0]}
    """
    columns = {fact: np.zeros(len(smiles), dtype=np.int8) for fact in facts}
    shown = len(smiles) >= PROGRESS_FROM if is_shown is None else is_shown
    for position, one in enumerate(progress_bar(smiles, shown, desc="Structural facts", unit=" molecules")):
        molecule = try_parse(one)
        if molecule is not None:
            for fact, column in columns.items():
                column[position] = count_fact(molecule, fact)
    return columns
