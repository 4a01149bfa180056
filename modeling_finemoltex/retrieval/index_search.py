"""How an index finds rows: by its back end, or by all vectors where a filter decides."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..data.identifiers import try_parse
from ..data.progress import progress_bar
from .backends.protocol import SearchBackend
from .index_rows import IndexRows

if TYPE_CHECKING:  # its descriptors take a tenth of a second to import, and most searches have no filter
    from ..data.molecule_filters import MoleculeFilter


def search_by_backend(
    rows: IndexRows, backend: SearchBackend, queries: np.ndarray, k: int
) -> Iterator[list[tuple[int, float]]]:
    """Find the `k` best rows of each query by the back end, and by all vectors where it finds too few.

    Args:
        rows ([`IndexRows`]): `R` rows.
        backend ([`SearchBackend`]): Holds their vectors.
        queries (`np.ndarray` of shape `(Q, P)`): Unit vectors, float32.
        k (`int`): At most the number of rows that are not removed.

    Yields:
        For each query `k` positions with their exact scores, best first.
    """
    is_rough = backend.fetched_per_hit > 1
    fetched = min(len(rows), k * backend.fetched_per_hit)
    removed = rows.removed if rows.num_removed else None
    for query, scores, positions in zip(queries, *backend.search(queries, fetched, removed), strict=True):
        is_found = positions >= 0
        if is_found.sum() < k:  # too few in the lists or the neighbourhood looked at
            order, all_scores = rows.rank(query)
            positions, scores = order[:k], all_scores[order[:k]]
        elif is_rough:
            scores = rows.vectors[positions[is_found]] @ query
            best = np.argsort(-scores, kind="stable")[:k]
            positions, scores = positions[is_found][best], scores[best]
        yield list(zip(positions.tolist(), scores.tolist(), strict=True))


def search_filtered(
    rows: IndexRows,
    queries: np.ndarray,
    k: int,
    filters: "MoleculeFilter | None" = None,
    masks: "Sequence[np.ndarray | None] | None" = None,
) -> Iterator[list[tuple[int, float]]]:
    """Find the `k` best molecules of each query that pass a filter and a mask: exact, whatever the back end.

    Args:
        rows ([`IndexRows`]): `R` molecules. One is tested once for all queries.
        queries (`np.ndarray` of shape `(Q, P)`): Vectors, float32.
        k (`int`): Molecules wanted.
        filters ([`MoleculeFilter`], *optional*): What they must be.
        masks (sequence of `Q` `np.ndarray` of shape `(R,)`, *optional*): Which rows are allowed for each query.

    Yields:
        For each query up to `k` positions with their scores, best first.
    """
    contents = rows.contents
    accepted: dict[int, bool] = {}
    for query, mask in zip(queries, masks or [None] * len(queries), strict=True):
        order, scores = rows.rank(query)
        if mask is not None:
            order = order[mask[order]]
        if filters is None:
            yield [(position, float(scores[position])) for position in order[:k].tolist()]
            continue
        best: list[tuple[int, float]] = []
        # Seen only by who waits at a terminal: most searches end before the bar would appear.
        bar = progress_bar(order.tolist(), None, desc="Testing molecules", unit=" molecules", delay=3, leave=False)
        for position in bar:
            if position not in accepted:
                molecule = try_parse(contents[position].as_py())
                accepted[position] = molecule is not None and filters.accepts(molecule)
            if accepted[position]:
                best.append((position, float(scores[position])))
                if len(best) == k:
                    break
        yield best
