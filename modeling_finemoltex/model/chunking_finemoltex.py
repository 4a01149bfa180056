"""Padded sequences on a CPU: computed in chunks of similar length, which wastes less on padding."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

MAX_CHUNKS = 4  # of a batch; more waste less on padding, but keep a CPU less busy
MIN_CHUNK_ROWS = 16
_IS_WHOLE: ContextVar[bool] = ContextVar("is_whole", default=False)


@contextmanager
def compute_at_once() -> Iterator[None]:
    """Compute batches whole inside this block, so that the states of a layer are one tensor."""
    token = _IS_WHOLE.set(True)
    try:
        yield
    finally:
        _IS_WHOLE.reset(token)


def chunk_by_length(lengths: Tensor) -> tuple[Tensor, ...] | None:
    """Cut the rows of a batch into chunks of similar length, to be computed one after the other on a CPU.

    Padding costs a CPU as much as words. Chunks of similar length save a third of a contrastive step on batches of
    names, and give the same result.

    Args:
        lengths (`torch.LongTensor` of shape `(B,)`): Length of each sequence.

    Returns:
        Row numbers of each chunk (`torch.cat(chunks).argsort()` puts concatenated results back into order), or `None`
        where the batch is computed at once: on other devices, in a compiled graph, in a small batch, and while
        [`compute_at_once`] asks for it.
    """
    if lengths.device.type != "cpu" or torch.compiler.is_compiling() or len(lengths) <= MIN_CHUNK_ROWS:
        return None
    if _IS_WHOLE.get():
        return None
    return lengths.argsort().split(max(MIN_CHUNK_ROWS, math.ceil(len(lengths) / MAX_CHUNKS)))


def count_slots(mask: Tensor) -> Tensor:
    """Count the slots up to the last token, wherever the padding is. `(B, L)` -> `(B,)`."""
    return (mask * torch.arange(1, mask.shape[1] + 1, device=mask.device)).amax(1)


def encode_in_chunks(
    encode: Callable[[Tensor, Tensor], Tensor],
    inputs: Tensor,
    mask: Tensor,
    keep_states: bool = True,
    pool: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> tuple[Tensor | None, Tensor]:
    """Encode padded sequences, on a CPU in chunks of similar length; see [`chunk_by_length`].

    Args:
        encode (callable): Takes inputs and mask of some sequences; returns their states `(rows, L, H)`.
        inputs (`torch.Tensor` of shape `(B, L, ...)`): What it encodes.
        mask (`torch.LongTensor` of shape `(B, L)`): 1 on tokens, 0 on padding.
        keep_states (`bool`): Put the states together again; a CPU notices the time that it takes.
        pool (callable, *optional*): Takes states and mask, gives `(rows, H)`; [`average_tokens`], if absent.

    Returns:
        States `(B, L, H)`, zeros on padding that was not computed, or `None` if they are not kept; and their means
        over the tokens `(B, H)`: a loss on the means alone pays for no gradients of padding.
    """
    pool = pool or average_tokens
    lengths = count_slots(mask)  # (B,)
    chunks = chunk_by_length(lengths)
    if chunks is None:
        states = encode(inputs, mask)
        return states if keep_states else None, pool(states, mask)
    order = torch.cat(chunks)  # (B,)
    padded, means = [], []
    # Split, not sliced: the gradient of a slice is as large as what it was taken from.
    for chunk, chunk_mask, longest in zip(
        inputs.index_select(0, order).split([len(rows) for rows in chunks]),
        mask.index_select(0, order).split([len(rows) for rows in chunks]),
        (int(lengths[rows[-1]]) for rows in chunks),
        strict=True,
    ):
        states = encode(chunk[:, :longest], chunk_mask[:, :longest])  # (rows, longest, H)
        means.append(pool(states, chunk_mask[:, :longest]))
        if keep_states:
            padded.append(nn.functional.pad(states, (0, 0, 0, mask.shape[1] - longest)))
    back = order.argsort()  # (B,)
    states = torch.cat(padded).index_select(0, back) if keep_states else None  # (B, L, H)
    return states, torch.cat(means).index_select(0, back)


def average_tokens(states: Tensor, mask: Tensor) -> Tensor:
    """Average the states of the tokens, padding left out, in float32. `(B, L, H)`, `(B, L)` -> `(B, H)`."""
    weights = mask[..., None].float()  # (B, L, 1)
    return (states.float() * weights).sum(1) / weights.sum(1).clamp(min=1)


__all__ = ["average_tokens", "chunk_by_length", "compute_at_once", "count_slots", "encode_in_chunks"]
