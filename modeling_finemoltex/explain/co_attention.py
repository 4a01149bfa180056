"""Read the co-attention of a model while it runs, whichever attention implementation it runs with."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


@contextmanager
def record_co_attention(fusion: Any) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Record the scores of every co-attention block of a [`FineMolTexFusion`], before masks and softmax.

    They are computed once more from what goes into a block: fast implementations of attention keep no weights.

    Yields:
        A list that each forward pass appends to, one pair per block: motifs over words `(B, heads, K, T)` and words
        over motifs `(B, heads, T, K)`.
    """
    scores: list[tuple[Tensor, Tensor]] = []

    def record(block: Any, inputs: tuple, output: Any) -> None:
        """Keep the scores of one block."""
        motif_states, text_states = inputs[:2]
        scores.append(
            (
                _score(block.motif_attention, motif_states, text_states),
                _score(block.text_attention, text_states, motif_states),
            )
        )

    handles = [block.register_forward_hook(record) for block in fusion.co_attention]
    try:
        yield scores
    finally:
        for handle in handles:
            handle.remove()


def average_attention(scores: list[Tensor], mask: Tensor) -> Tensor:
    """Turn recorded scores into weights, averaged over heads and blocks.

    Args:
        scores (list of `torch.FloatTensor` of shape `(B, heads, L, S)`): One direction of every block.
        mask (`torch.LongTensor` of shape `(B, S)`): 1 on what may be looked at.

    Returns:
        `torch.FloatTensor` of shape `(B, L, S)`; rows add up to 1.
    """
    hidden = mask[:, None, None] == 0  # (B, 1, 1, S)
    weights = [block.float().masked_fill(hidden, float("-inf")).softmax(-1).mean(1) for block in scores]
    return torch.stack(weights).mean(0)


def _score(attention: Any, states: Tensor, context: Tensor) -> Tensor:
    """Scaled products of queries and keys. `(B, L, H)`, `(B, S, H)` -> `(B, heads, L, S)`."""
    query, key = (
        linear(source).unflatten(-1, (-1, attention.head_dim)).transpose(1, 2)
        for linear, source in ((attention.query, states), (attention.key, context))
    )
    return query @ key.transpose(2, 3) * attention.scaling
