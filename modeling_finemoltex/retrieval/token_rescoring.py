"""Order the nearest rows of a query in words again, by its words against their motifs and atoms."""

from typing import Any

import numpy as np

from .index_rows import IndexRows

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
    rows: IndexRows, encoder: Any, text: str, found: list[tuple[int, float]], k: int, without: str | None = None
) -> list[tuple[int, float]]:
    """Add the token scores of a text to the cosines of the rows found, and take the best.

    Args:
        rows ([`IndexRows`]): With tokens.
        encoder (`MoleculeTextEncoder`): Of the model they are of.
        text (`str`): The query.
        found (list of position and cosine): Candidates.
        k (`int`): Rows wanted.
        without (`str`, *optional*): A text whose token scores are subtracted.

    Returns:
        At most `k` positions with the sum of both scores, best first.
    """
    positions = [position for position, _ in found]
    texts = [text] if without is None else [text, without]
    by_token = []
    for start in range(0, len(positions), CHUNK):
        packed = [rows.tokens[place].as_buffer() for place in positions[start : start + CHUNK]]
        both = encoder.score_tokens(texts, packed)  # (1 or 2, R)
        by_token.append(both[0] if without is None else both[0] - both[1])
    scores = np.array([cosine for _, cosine in found], dtype=np.float32) + np.concatenate([*by_token, []])  # (R,)
    best = np.argsort(-scores, kind="stable")[:k]
    return [(positions[place], float(scores[place])) for place in best]
