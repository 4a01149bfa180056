"""Tensors of all ranks, with gradients.

In a distributed run each rank holds `b` of the `B` pairs. Every loss is scaled so that its mean over the ranks is the
loss of one process on all `B` pairs, because data-parallel training optimises the mean over ranks.
"""

import torch
import torch.distributed as dist
from torch import Tensor


def is_distributed() -> bool:
    """Tell whether this process is one of several ranks."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


class _GatherFromRanks(torch.autograd.Function):
    """`all_gather` whose backward pass adds up what every rank's loss says about this rank's rows."""

    @staticmethod
    def forward(ctx, local: Tensor) -> Tensor:
        """Gather. `(b, ...)` -> `(B, ...)`."""
        parts = [torch.empty_like(local) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, local.contiguous())
        return torch.cat(parts)  # (world_size * b, ...)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        """Add up the gradients of all ranks. `(B, ...)` -> `(b, ...)`."""
        gradient = gradient.clone()
        dist.all_reduce(gradient)
        return gradient.chunk(dist.get_world_size())[dist.get_rank()]  # (b, ...)


def gather_from_ranks(local: Tensor) -> Tensor:
    """Concatenate a tensor of all ranks; gradients flow back to the rank they belong to.

    Args:
        local (`torch.Tensor` of shape `(b, ...)`): The same shape on every rank.

    Returns:
        `torch.Tensor` of shape `(world_size * b, ...)`, in rank order.
    """
    return _GatherFromRanks.apply(local)


def count_over_ranks(count: Tensor) -> Tensor:
    """Average a number over the ranks, for losses that divide by it. `()` -> `()`; unchanged in a single process."""
    if not is_distributed():
        return count
    count = count.clone()
    dist.all_reduce(count)
    return count / dist.get_world_size()


def first_row_of_rank(num_rows: int) -> int:
    """Number of this rank's first row where every rank holds `num_rows`; 0 in a single process."""
    return dist.get_rank() * num_rows if is_distributed() else 0


def count_ranks() -> int:
    """Count the ranks; 1 in a single process."""
    return dist.get_world_size() if is_distributed() else 1


__all__ = ["count_over_ranks", "count_ranks", "first_row_of_rank", "gather_from_ranks", "is_distributed"]
