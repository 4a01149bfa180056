"""The rows of an index: their cells, their unit vectors, and which of them are removed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .index_facts import IndexFacts

CONTENT_COLUMN = {"molecules": "smiles", "texts": "text"}


@dataclass(frozen=True)
class Hit:
    """One row found.

    Args:
        rank (`int`): 1 for the best.
        score (`float`): Cosine of query and row.
        id (`str`): Its id; the row number where the library gave none.
        row (`int`): Its 0-based row number in the library.
        smiles (`str`, *optional*): The molecule, in an index of molecules.
        text (`str`, *optional*): The text, in an index of texts.
        contradicts (`tuple[str, ...]`): What the query says about structure and the molecule contradicts, such as
            `"pyridine"` or `"not halogen"`.
    """

    rank: int
    score: float
    id: str
    row: int
    smiles: str | None = None
    text: str | None = None
    contradicts: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give the fields that are set, for JSON."""
        return {name: value for name, value in asdict(self).items() if value not in (None, ())}


class IndexRows:
    """A table of rows with their vectors. Removed rows stay in place, marked, until they are dropped.

    Args:
        kind (`str`): `"molecules"` or `"texts"`.
        table (`pa.Table`): `R` rows with the columns `id`, `row`, and `smiles` or `text`; see [`make_rows`].
        vectors (`np.ndarray` of shape `(R, P)`): Their unit vectors, float32.
        removed (`np.ndarray` of shape `(R,)`, *optional*): True for rows that are not to be found any more.
        tokens (`pa.ChunkedArray` of `R` binaries, *optional*): Packed token vectors of the molecules.
        facts ([`IndexFacts`], *optional*): Structural facts of the molecules.
    """

    def __init__(
        self,
        kind: str,
        table: pa.Table,
        vectors: np.ndarray,
        removed: np.ndarray | None = None,
        tokens: pa.ChunkedArray | None = None,
        facts: IndexFacts | None = None,
    ) -> None:
        self.kind, self.table, self.vectors, self.tokens = kind, table, vectors, tokens
        self.removed = np.zeros(len(table), bool) if removed is None else removed.copy()  # (R,)
        self.facts = IndexFacts() if facts is None else facts
        self.num_removed = int(self.removed.sum())  # counted once: a search has no time to count

    def __len__(self) -> int:
        return len(self.table) - self.num_removed

    @property
    def contents(self) -> pa.ChunkedArray:
        """SMILES or texts, `(R,)`."""
        return self.table[CONTENT_COLUMN[self.kind]]

    def next_numbers(self, count: int) -> range:
        """Give the row numbers that follow the largest one."""
        import pyarrow.compute as pc  # a tenth of a second, which no search needs

        first = pc.max(self.table["row"]).as_py() + 1
        return range(first, first + count)

    def present(self, ids: Sequence[str]) -> set[str]:
        """Tell which ids have rows that are not removed."""
        mask = self._has_id(ids) & ~self.removed
        return set(self.table["id"].filter(pa.array(mask)).to_pylist())

    def appended(self, table: pa.Table, vectors: np.ndarray, tokens: list[bytes] | None = None) -> "IndexRows":
        """Give these rows with `n` more, their unit vectors `(n, P)` and, where these have some, packed tokens."""
        removed = np.append(self.removed, np.zeros(len(table), bool))
        facts = self.facts.appended(table[CONTENT_COLUMN[self.kind]].to_pylist())
        table = pa.concat_tables([self.table, table]).combine_chunks()
        packed = None
        if self.tokens is not None:
            packed = pa.chunked_array([*self.tokens.chunks, pa.array(tokens, pa.large_binary())])
        return IndexRows(self.kind, table, np.concatenate([self.vectors, vectors]), removed, packed, facts)

    def without(self, ids: Sequence[str]) -> "IndexRows":
        """Give these rows with those of some ids marked as removed."""
        return IndexRows(
            self.kind, self.table, self.vectors, self.removed | self._has_id(ids), self.tokens, self.facts
        )

    def kept(self) -> "IndexRows":
        """Give only the rows that are not removed."""
        kept = ~self.removed
        tokens = None if self.tokens is None else self.tokens.filter(pa.array(kept))
        table = self.table.filter(pa.array(kept)).combine_chunks()
        return IndexRows(self.kind, table, self.vectors[kept], tokens=tokens, facts=self.facts.selected(kept))

    def rank(self, query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score every row by a unit vector `(P,)`.

        Returns:
            `tuple(np.ndarray, np.ndarray)`: All rows that are not removed, best first, and the scores of all `(R,)`.
        """
        scores = self.vectors @ query
        order = np.argsort(-scores, kind="stable")
        return order[~self.removed[order]], scores

    def hit(self, rank: int, position: int, score: float) -> Hit:
        """Describe the row at a position."""
        cells = {name: self.table[name][position].as_py() for name in ("id", "row", CONTENT_COLUMN[self.kind])}
        return Hit(rank, score, **cells)

    def _has_id(self, ids: Sequence[str]) -> np.ndarray:
        """Mark the rows `(R,)` with one of these ids."""
        import pyarrow.compute as pc  # a tenth of a second, which no search needs

        return pc.is_in(self.table["id"], value_set=pa.array(ids, pa.string())).to_numpy()


def unit_rows(vectors: np.ndarray, what: str, numbers: Sequence[int] | None = None) -> np.ndarray:
    """Scale rows to length 1.

    Args:
        vectors (`np.ndarray` of shape `(R, P)`): Any real numbers.
        what (`str`): What a row is, for the message.
        numbers (sequence of `R` `int`, *optional*): Their numbers, for the message.

    Returns:
        `np.ndarray` of shape `(R, P)`, float32 and contiguous.

    Raises:
        ValueError: If the shape is another one, or a row is zero or not finite; names the row.
    """
    vectors = np.asarray(vectors, dtype=np.float32)
    if vectors.ndim != 2:
        raise ValueError(f"Vectors must have the shape (rows, width), got {vectors.shape}.")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
    if len(bad):
        number = bad[0] if numbers is None else numbers[bad[0]]
        raise ValueError(
            f"{what} {number} has a vector of length {lengths[bad[0], 0]}: it must be finite and not zero "
            f"({len(bad)} of {len(vectors)} are bad). Embed it again."
        )
    return np.ascontiguousarray(vectors / lengths)


def make_rows(kind: str, ids: Any, numbers: Any, contents: Any) -> pa.Table:
    """Build a table of rows; a missing id becomes the row number.

    Args:
        kind (`str`): `"molecules"` or `"texts"`.
        ids (`(R,)` strings or nulls): Names of the rows.
        numbers (`(R,)` integers): Row numbers in the user's data.
        contents (`(R,)` strings): SMILES or texts.
    """
    import pyarrow.compute as pc  # a tenth of a second, which no search needs

    numbers = pa.array(numbers, pa.int64())
    names = pc.coalesce(pa.array(ids, pa.string()), numbers.cast(pa.string()))
    return pa.table({"id": names, "row": numbers, CONTENT_COLUMN[kind]: pa.array(contents, pa.string())})


def read_embedded_rows(folder: str | Path) -> tuple[IndexRows, dict[str, Any]]:
    """Read the rows of an embedding folder with their vectors scaled to length 1, and the fingerprint of the model.

    Raises:
        ValueError: If the folder is incomplete, damaged or without rows, or a vector is zero or not finite.
    """
    from ..embedding.embedding_folder import (  # PyArrow's datasets import pandas: no search needs them
        load_embeddings,
        refuse_empty,
    )

    dataset = load_embeddings(folder)
    if not dataset.metadata["num_rows"]:
        raise refuse_empty(Path(folder), dataset.metadata)
    kind, tables, packed, filled = dataset.metadata["kind"], [], [], 0
    vectors = np.empty((dataset.metadata["num_rows"], dataset.metadata["embedding_size"]), np.float32)  # (R, P)
    for shard in dataset.shards():
        ids, numbers, contents = (shard[name].combine_chunks() for name in ("id", "row", CONTENT_COLUMN[kind]))
        tables.append(make_rows(kind, ids, numbers, contents))
        if dataset.metadata.get("token_size"):
            packed.append(shard["tokens"].cast(pa.large_binary()).combine_chunks())
        embeddings = shard["embedding"].combine_chunks().flatten().to_numpy().reshape(len(shard), -1)
        vectors[filled : filled + len(shard)] = unit_rows(embeddings, f"{folder}: row", numbers)
        filled += len(shard)
    tokens = pa.chunked_array(packed) if packed else None
    table = pa.concat_tables(tables).combine_chunks()
    return IndexRows(kind, table, vectors, tokens=tokens), dataset.metadata["model"]
