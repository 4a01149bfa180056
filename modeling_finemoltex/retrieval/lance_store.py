"""Rows in a table of LanceDB: on the disk or in a bucket, searched there, and changed at once."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from lancedb.table import Table

from ..data.fact_counts import count_columns
from ..data.identifiers import try_parse
from .index_rows import CONTENT_COLUMN, Hit
from .index_store import Condition, Found
from .lance_tables import TOKENS, VECTOR, read_facts, tidy, to_columns
from .locations import is_url

if TYPE_CHECKING:
    from ..data.molecule_filters import MoleculeFilter
    from ..data.structure_language import Understanding

PROBED_SHARE, MIN_PROBED = 1 / 24, 16  # of the lists, as in faiss
RERANKED_PER_HIT = 10  # rows whose true vectors are read for a hit of codes
TESTED_PER_HIT, GROWTH = 4, 4  # rows that are tested first where molecules must pass, and how fast they become more
IDS_AT_ONCE = 1000  # in one condition


class LanceStore:
    """An [`IndexStore`] that LanceDB keeps; keys are its row ids.

    Args:
        table (`lancedb.table.Table`): Of `lance_tables`.
    """

    def __init__(self, table: Table) -> None:
        self.table, self.facts = table, read_facts(table)
        self.kind, self.model = self.facts["kind"], self.facts["model"]
        self._has_structure = self._find_structure()

    @property
    def method(self) -> str:
        """`"lance_ivf_pq"` where vectors have a structure, else `"lance"`."""
        return "lance_ivf_pq" if self._has_structure else "lance"

    @property
    def embedding_size(self) -> int:
        """Width `P` of a vector."""
        return self.table.schema.field(VECTOR).type.list_size

    @property
    def has_tokens(self) -> bool:
        """Whether there are packed token vectors."""
        return TOKENS in self.table.schema.names

    @property
    def has_facts(self) -> bool:
        """Never: facts are counted for the rows that are looked at."""
        return False

    def __len__(self) -> int:
        return self.table.count_rows()

    def find(self, queries: np.ndarray, k: int, condition: Condition) -> Iterator[Found]:
        """Find the `k` best rows of each query `(Q, P)`; by all vectors where molecules are tested.

        A condition on columns alone is as approximate as no condition. Where the structure finds fewer than `k` rows,
        all vectors are compared.
        """
        least = min(k, len(self))
        filters, where = self._push_down(condition.filters)
        accepted: dict[int, bool] = {}  # by the filter, for all queries
        for number, query in enumerate(queries):
            one = condition.required[number] if condition.required is not None else None
            if filters is None and not one:
                is_exact = condition.is_exact or condition.required is not None or not self._has_structure
                found = self._nearest(query, k, where, is_exact)
                yield found if is_exact or len(found) == least else self._nearest(query, k, where, is_exact=True)
            else:
                yield self._nearest_passing(query, k, where, filters, one, accepted)

    def hits(self, found: Found) -> list[Hit]:
        """Describe rows, in their order."""
        content = CONTENT_COLUMN[self.kind]
        cells = self._take([key for key, _ in found], ["id", "row", content])
        return [Hit(rank, score, **cells[key]) for rank, (key, score) in enumerate(found, start=1)]

    def packed_tokens(self, keys: Sequence[int]) -> list[Any]:
        """Give the packed token vectors of molecules, in their order."""
        cells = self._take(keys, [TOKENS])
        return [cells[key][TOKENS] for key in keys]

    def next_numbers(self, count: int) -> range:
        """Give the row numbers that follow the largest one."""
        batches = self.table.search().select(["row"]).to_batches()
        first = 1 + max((int(batch["row"].to_numpy().max()) for batch in batches if len(batch)), default=-1)
        return range(first, first + count)

    def present(self, ids: Sequence[str]) -> set[str]:
        """Tell which ids there are."""
        found: set[str] = set()
        for condition in _one_of("id", ids):
            found.update(self.table.search().where(condition).select(["id"]).to_arrow()["id"].to_pylist())
        return found

    def add(self, table: pa.Table, vectors: np.ndarray, tokens: list[bytes] | None) -> None:
        """Append `n` rows with unit vectors `(n, P)`, in one commit; every search finds them from then on.

        Raises:
            ValueError: If LanceDB cannot write them.
        """
        rows = to_columns(self.table.schema, table, vectors, tokens, self.facts["descriptors"])
        self._change(lambda: self.table.add(rows))

    def remove(self, ids: Sequence[str]) -> None:
        """Delete the rows of some ids; a thousand ids are one commit.

        Raises:
            ValueError: If LanceDB cannot write that.
        """
        for condition in _one_of("id", ids):
            self._change(lambda condition=condition: self.table.delete(condition))

    def count_facts(self, num_proc: int | None) -> None:
        """Refuse: facts of ten billion molecules are no file.

        Raises:
            ValueError: Always.
        """
        raise ValueError(
            "An index on LanceDB stores no structural facts: `facts='require'` counts them from the best hit down. "
            "An index in a folder stores them."
        )

    def save(self, folder: str | Path) -> None:
        """Put small files together and added rows into the structure.

        Raises:
            ValueError: If it is another place than where the index is.
        """
        here = self.table.uri
        if _plain(folder) != _plain(here):
            raise ValueError(
                f"This index is kept at {here}, and is written there at once. Copy that folder with any tool, or make "
                "another index of the embeddings."
            )
        self._change(lambda: tidy(self.table))

    def _find_structure(self) -> bool:
        return any(VECTOR in one.columns for one in self.table.list_indices())

    def _push_down(self, filters: "MoleculeFilter | None") -> tuple["MoleculeFilter | None", str | None]:
        """Split a filter: what molecules are tested for, and what columns are, in SQL."""
        if filters is None:
            return None, None
        stored = {name: bounds for name, bounds in filters.ranges.items() if name in self.facts["descriptors"]}
        parts = [f"({filters.where})"] if filters.where else []
        for name, (low, high) in stored.items():
            parts += [f"`{name}` IS NOT NULL"]
            parts += [f"`{name}` >= {low!r}"] if low is not None else []
            parts += [f"`{name}` <= {high!r}"] if high is not None else []
        left = {name: bounds for name, bounds in filters.ranges.items() if name not in stored}
        rest = replace(filters, ranges=left, where=None)
        is_done = not (left or filters.smarts or filters.exclude_smarts)
        return (None if is_done else rest), " AND ".join(parts) or None

    def _nearest(self, query: np.ndarray, k: int, where: str | None, is_exact: bool) -> Found:
        """Find the `k` best rows that a condition in SQL holds for, with exact scores."""
        search = self.table.search(query.astype(np.float32), vector_column_name=VECTOR).distance_type("dot").limit(k)
        if is_exact:
            search = search.bypass_vector_index()
        else:
            lists = self.facts["lists"]
            search = search.nprobes(min(lists, max(MIN_PROBED, round(lists * PROBED_SHARE))))
            search = search.refine_factor(RERANKED_PER_HIT)
        if where is not None:
            search = search.where(where)  # before the search, not among its hits
        try:
            table = search.select(["row", "_distance"]).with_row_id(True).to_arrow()
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"LanceDB cannot search: {str(error).splitlines()[0]}") from error
        scores = 1 - table["_distance"].to_numpy()
        return sorted(
            zip(table["_rowid"].to_pylist(), scores.tolist(), strict=True), key=lambda one: (-one[1], one[0])
        )

    def _nearest_passing(
        self,
        query: np.ndarray,
        k: int,
        where: str | None,
        filters: "MoleculeFilter | None",
        understood: "Understanding | None",
        accepted: dict[int, bool],
    ) -> Found:
        """Test molecules from the best downwards until `k` pass."""
        allowed: dict[int, bool] = {}  # by what the query says
        wanted, size = TESTED_PER_HIT * k, len(self)
        while True:
            found = self._nearest(query, min(wanted, size), where, is_exact=True)
            if understood:
                new = [key for key, _ in found if key not in allowed]
                allowed |= zip(new, self._agree(new, understood), strict=True)
                found_now = [pair for pair in found if allowed[pair[0]]]
            else:
                found_now = found
            passing = self._passing(found_now, k, filters, accepted)
            if len(passing) == k or len(found) < wanted:
                return passing
            wanted *= GROWTH

    def _passing(self, found: Found, k: int, filters: "MoleculeFilter | None", accepted: dict[int, bool]) -> Found:
        """Give the first `k` rows whose molecules pass, testing each once."""
        if filters is None:
            return found[:k]
        cells = self._take([key for key, _ in found if key not in accepted], ["smiles"])
        best: Found = []
        for key, score in found:
            if key not in accepted:
                molecule = try_parse(cells[key]["smiles"])
                accepted[key] = molecule is not None and filters.accepts(molecule)
            if accepted[key]:
                best.append((key, score))
                if len(best) == k:
                    break
        return best

    def _agree(self, keys: Sequence[int], understood: "Understanding") -> list[bool]:
        """Tell which molecules are as a query says."""
        if not keys:
            return []
        cells = self._take(keys, ["smiles"])
        columns = count_columns([cells[key]["smiles"] for key in keys], sorted(understood.facts))
        return understood.accepts(columns).tolist()

    def _take(self, keys: Sequence[int], columns: list[str]) -> dict[int, dict[str, Any]]:
        """Read cells of rows: key -> column -> value."""
        if not keys:
            return {}
        table = self.table.take_row_ids(list(keys)).with_row_id().select(columns).to_arrow()
        rows = table.select(columns).to_pylist()
        return dict(zip(table["_rowid"].to_pylist(), rows, strict=True))

    def _change(self, action: Any) -> None:
        """Write, or say in one sentence why not."""
        try:
            action()
            self._has_structure = self._find_structure()
        except (RuntimeError, OSError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"LanceDB cannot write the index, which is as it was: {reason}") from error


def _one_of(column: str, values: Sequence[str]) -> Iterator[str]:
    """Give conditions in SQL that a column holds one of some values, a thousand at a time."""
    for start in range(0, len(values), IDS_AT_ONCE):
        quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values[start : start + IDS_AT_ONCE])
        yield f"{column} IN ({quoted})"


def _plain(location: str | Path) -> str:
    """Write a location in one way."""
    name = str(location).removeprefix("file://").rstrip("/")
    return name if is_url(name) else str(Path(name).resolve())
