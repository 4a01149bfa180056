"""Order the nearest rows of a query in words again, by its words against their motifs and atoms."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from .index_store import IndexStore

RESCORED = 200  # rows; more find little that the first cosines have not
RESCORED_PER_HIT = 5  # of filtered hits, where every further row is a molecule to test
CHUNK = 1024  # molecules whose tokens are in memory at once


def count_candidates(k: int, rescored: int | None, size: int, is_filtered: bool) -> int:
    """Tell how many rows to fetch for `k` hits.

    Args:
        k (`int`): Hits wanted.
        rescored (`int`, *optional*): As given to a search.
        size (`int`): Of the index.
        is_filtered (`bool`): A filter tests every row.

    Raises:
        ValueError: If `rescored` is negative or no number.
    """
    if rescored is not None and (isinstance(rescored, bool) or not isinstance(rescored, int) or rescored < 0):
        raise ValueError(f"`rescored` must be a number of rows from 0 on: got {rescored!r}.")
    usual = RESCORED_PER_HIT * k if is_filtered else RESCORED
    return min(max(k, usual if rescored is None else rescored), size)


def rescore(
    store: IndexStore,
    encoder: Any,
    texts: Sequence[str],
    results: Iterable[list[tuple[int, float]]],
    k: int,
    without: str | None = None,
) -> Iterator[list[tuple[int, float]]]:
    """Add the token scores of texts to the cosines of the rows found, and take the best.

    Args:
        store ([`IndexStore`]): With tokens.
        encoder (`MoleculeTextEncoder`): Of the model they are of.
        texts (sequence of `str`): The queries.
        results (iterable of lists of key and cosine): Candidates of each.
        k (`int`): Rows wanted.
        without (`str`, *optional*): A text whose token scores are subtracted.

    Yields:
        For each query at most `k` keys with the sum of both scores, best first.
    """
    for text, found in zip(texts, results, strict=True):
        both = [text] if without is None else [text, without]
        keys, parts = [key for key, _ in found], []
        for start in range(0, len(keys), CHUNK):
            packed = store.packed_tokens(keys[start : start + CHUNK])
            scores = encoder.score_tokens(both, packed)  # (1 or 2, R)
            parts.append(scores[0] if without is None else scores[0] - scores[1])
        total = np.array([cosine for _, cosine in found], dtype=np.float32) + np.concatenate([*parts, []])  # (R,)
        best = np.argsort(-total, kind="stable")[:k]
        yield [(keys[place], float(total[place])) for place in best]
