"""Rows in an Arrow table and vectors in an array, mapped from a folder, searched by a back end of faiss."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..data.fact_counts import FactCounts
from .backends.protocol import SearchBackend
from .backends.registry import BACKENDS, choose_method
from .index_facts import IndexFacts
from .index_rows import Hit, IndexRows
from .index_search import search_by_backend, search_filtered
from .index_storage import read_backend, read_index_facts, read_index_metadata, read_rows, write_folder
from .index_store import Condition, Found
from .locations import is_lance

MAX_REMOVED = 0.2  # share of removed rows from which `save` rebuilds the search structure without them


class MappedStore:
    """An [`IndexStore`] of one machine: fast, and written as a whole.

    Args:
        rows ([`IndexRows`]): Ids, contents and unit vectors.
        backend ([`SearchBackend`]): Holds the vectors, in order.
        method (`str`): Key of `BACKENDS`: how `backend` was made.
        model (`dict[str, str]`, *optional*): Fingerprint of the model the vectors come from.
    """

    def __init__(
        self, rows: IndexRows, backend: SearchBackend, method: str, model: dict[str, Any] | None = None
    ) -> None:
        self.rows, self.backend, self.method, self.model = rows, backend, method, model

    @classmethod
    def build(cls, rows: IndexRows, model: dict[str, Any] | None, method: str) -> "MappedStore":
        """Make the back end of a method for some rows.

        Raises:
            ValueError: If there are no rows, or the method is unknown or needs more.
        """
        if not len(rows):
            raise ValueError(f"There are no {rows.kind} to index: give at least one.")
        method = choose_method(method, *rows.vectors.shape)
        backend = BACKENDS[method]()
        backend.build(rows.vectors)
        return cls(rows, backend, method, model)

    @classmethod
    def load(cls, folder: Path) -> "MappedStore":
        """Open a folder.

        Raises:
            ValueError: If it is no index, or damaged; names the file.
        """
        metadata = read_index_metadata(folder)
        rows = read_rows(folder, metadata)
        rows.facts = read_index_facts(folder, metadata, len(rows.table))
        backend = read_backend(folder, metadata, rows.vectors.shape)
        return cls(rows, backend, metadata["method"], metadata["model"])

    @property
    def kind(self) -> str:
        """`"molecules"` or `"texts"`."""
        return self.rows.kind

    @property
    def embedding_size(self) -> int:
        """Width `P` of a vector."""
        return self.rows.vectors.shape[1]

    @property
    def has_tokens(self) -> bool:
        """Whether there are packed token vectors."""
        return self.rows.tokens is not None

    @property
    def has_facts(self) -> bool:
        """Whether structural facts are stored."""
        return self.rows.facts.stored is not None

    def __len__(self) -> int:
        return len(self.rows)

    def find(self, queries: np.ndarray, k: int, condition: Condition) -> Iterable[Found]:
        """Find the `k` best rows of each query `(Q, P)`; keys are positions in the table."""
        if not condition:
            return search_by_backend(self.rows, self.backend, queries, k)
        required = condition.required
        masks = None if required is None else self.rows.facts.masks(self.rows.contents, required)
        return search_filtered(self.rows, queries, k, condition.filters, masks)

    def hits(self, found: Found) -> list[Hit]:
        """Describe rows, in their order."""
        return [self.rows.hit(rank, *pair) for rank, pair in enumerate(found, start=1)]

    def packed_tokens(self, keys: Sequence[int]) -> list[Any]:
        """Give the packed token vectors of molecules, in their order."""
        return [self.rows.tokens[key].as_buffer() for key in keys]  # type: ignore[index]

    def next_numbers(self, count: int) -> range:
        """Give the row numbers that follow the largest one."""
        return self.rows.next_numbers(count)

    def present(self, ids: Sequence[str]) -> set[str]:
        """Tell which ids there are."""
        return self.rows.present(ids)

    def add(self, table: pa.Table, vectors: np.ndarray, tokens: list[bytes] | None) -> None:
        """Take `n` more rows, with unit vectors `(n, P)`; the back end learns nothing new."""
        with self._exchanging(self.rows.appended(table, vectors, tokens)):
            self.backend.add(vectors)

    def remove(self, ids: Sequence[str]) -> None:
        """Mark the rows of some ids as removed; `save` drops many of them."""
        self.rows = self.rows.without(ids)

    def count_facts(self, num_proc: int | None) -> None:
        """Count the structural facts of all molecules; `save` stores them."""
        self.rows.facts = IndexFacts(FactCounts.from_smiles(self.rows.contents.to_pylist(), num_proc))

    def save(self, folder: str | Path) -> None:
        """Write a folder; one that is there is replaced only once the new one is complete.

        Raises:
            ValueError: If the folder holds something else, or its name is that of an index on LanceDB.
        """
        if is_lance(folder):
            raise ValueError(
                f"{folder}: an index whose name ends in .lance is made by `from_embeddings(location=...)`."
            )
        if self.rows.num_removed > MAX_REMOVED * len(self.rows.table) and len(self):
            kept = self.rows.kept()
            with self._exchanging(kept):
                self.backend.replace(kept.vectors)
        write_folder(Path(folder), self.rows, self.backend, self.method, self.model)

    @contextmanager
    def _exchanging(self, rows: IndexRows) -> Iterator[None]:
        """Take other rows once the back end has them; if that is interrupted, it holds the former ones again."""
        try:
            yield
            self.rows = rows
        except BaseException:
            if self.rows is not rows:
                self.backend.replace(self.rows.vectors)
            raise
