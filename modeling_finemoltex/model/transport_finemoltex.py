"""Entropic optimal transport: how much of every word belongs to every part of a molecule.

Axes: `B` texts or molecules, `T` words of the longest text, `U` parts (motifs or atoms) of all molecules, `K` of the
largest molecule at hand, `P` size of the shared space.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from .molecules_finemoltex import count_members

MAX_EXPONENT = 40.0  # up to which products of exponentials stay in the range of float32
MAX_ENTRIES = 2**20  # of a table of words by parts: 4 MB, so that the iterations stay in the cache of a core


def sinkhorn(
    similarity: Tensor, is_row: Tensor, is_column: Tensor, epsilon: float = 0.1, num_iterations: int = 10
) -> Tensor:
    r"""Find the plan that moves uniform weights of the rows to uniform weights of the columns, where they are alike.

    \(\arg\max_\pi \sum_{tk} \pi_{tk} c_{tk} + \varepsilon H(\pi)\) with row sums \(1/T\) and column sums \(1/K\), by
    Sinkhorn's alternating scaling (Cuturi 2013), in logarithms where \(\varepsilon\) is so small that exponentials
    would overflow. The cost of moving is \(1 - c\). The columns come last, so that their sums are exact after any
    number of iterations. The plan is a constant for gradients: it is itself the gradient of the maximum by \(c\)
    (envelope theorem), and nothing of the iterations is kept.

    Args:
        similarity (`torch.FloatTensor` of shape `(..., T, K)`): Cosines \(c\).
        is_row (`torch.BoolTensor` of shape `(..., T)`): False on padding; broadcast over the leading axes.
        is_column (`torch.BoolTensor` of shape `(..., K)`): The same of the columns.
        epsilon (`float`): Regularisation. Near 0 the plan is sparse and needs more iterations, large it is uniform.
        num_iterations (`int`): Of rows and columns each.

    Returns:
        `torch.FloatTensor` of shape `(..., T, K)`: Adds up to 1; 0 on padding, and where there is no row or no column.

    Example:
    >>> everything = torch.ones(2, dtype=torch.bool)
    >>> sinkhorn(torch.eye(2), everything, everything, epsilon=0.01).round(decimals=2)
    tensor([[0.5000, 0.0000],
            [0.0000, 0.5000]])
    """
    with torch.no_grad():
        mask = is_row[..., None] & is_column[..., None, :]  # (..., T, K)
        row_share = is_row / is_row.sum(-1, keepdim=True).clamp(min=1)  # (..., T)
        column_share = is_column / is_column.sum(-1, keepdim=True).clamp(min=1)  # (..., K)
        scale = _scale if 2 / epsilon <= MAX_EXPONENT else _scale_in_logarithms
        return scale(similarity / epsilon, mask, row_share.to(similarity), column_share.to(similarity), num_iterations)


def _scale(scores: Tensor, mask: Tensor, row_share: Tensor, column_share: Tensor, num_iterations: int) -> Tensor:
    """Scale rows and columns of the exponentials. `(..., T, K)` twice, `(..., T)`, `(..., K)` -> `(..., T, K)`."""
    tiny = torch.finfo(scores.dtype).tiny  # only rows and columns of padding add up to 0
    kernel = scores.exp().mul_(mask).contiguous()  # (..., T, K)
    column_share, row_share = column_share[..., None, :], row_share[..., None]  # (..., 1, K), (..., T, 1)
    columns = torch.ones_like(column_share)
    for _ in range(num_iterations):
        rows = row_share / (kernel @ columns.mT).clamp(min=tiny)  # (..., T, 1)
        columns = column_share / (rows.mT @ kernel).clamp(min=tiny)  # (..., 1, K)
    return kernel.mul_(rows).mul_(columns)


def _scale_in_logarithms(
    scores: Tensor, mask: Tensor, row_share: Tensor, column_share: Tensor, num_iterations: int
) -> Tensor:
    """Do the same for scores whose exponentials overflow, which takes several times as long."""
    nothing = float("-inf")
    scores = scores.masked_fill(~mask, nothing)  # (..., T, K)
    column_share, row_share = column_share[..., None, :].log(), row_share[..., None].log()  # -inf on padding
    columns = torch.zeros_like(column_share)  # (..., 1, K)
    for _ in range(num_iterations):
        rows = row_share - (scores + columns).logsumexp(-1, keepdim=True)  # (..., T, 1)
        rows = rows.nan_to_num(nothing, neginf=nothing)  # padding less padding
        columns = column_share - (scores + rows).logsumexp(-2, keepdim=True)  # (..., 1, K)
        columns = columns.nan_to_num(nothing, neginf=nothing)
    return (scores + rows + columns).exp().masked_fill(~mask, 0.0)


def align_by_transport(
    words: Tensor,
    is_word: Tensor,
    parts: Tensor,
    molecule_of_part: Tensor,
    num_molecules: int,
    epsilon: float = 0.1,
    num_iterations: int = 10,
) -> Tensor:
    r"""Score all texts with all molecules by the words that optimal transport assigns to each part.

    \(s_{ij} = \sum_{tk} \pi_{tk}\, w_{it} \cdot v_{jk}\) with the plan of [`sinkhorn`]. Read by columns it is the mean
    over parts of \(\bar w_k \cdot v_{jk}\) with \(\bar w_k = K \sum_t \pi_{tk} w_{it}\), the mixture of words that
    belongs to part \(k\).

    Molecules are taken in the order of their size, as many at a time as `MAX_ENTRIES` allows, which leaves little
    padding. The plans are kept for the backward pass: four bytes for each word of a text and each part of a molecule.

    Args:
        words (`torch.FloatTensor` of shape `(B, T, P)`): L2-normalised.
        is_word (`torch.BoolTensor` of shape `(B, T)`): False on padding.
        parts (`torch.FloatTensor` of shape `(U, P)`): L2-normalised.
        molecule_of_part (`torch.LongTensor` of shape `(U,)`): Molecule of each part.
        num_molecules (`int`): `B_molecule`.
        epsilon (`float`), num_iterations (`int`): Of [`sinkhorn`].

    Returns:
        `torch.FloatTensor` of shape `(B, B_molecule)`, between -1 and 1; 0 for a text without words.
    """
    counts = count_members(molecule_of_part, num_molecules)  # (B_molecule,)
    first = counts.cumsum(0) - counts  # (B_molecule,)
    parts = parts[molecule_of_part.argsort(stable=True)]  # (U, P), molecule by molecule
    by_size = counts.argsort(stable=True)  # (B_molecule,)
    scores = []
    for start, end, width in _cut(counts[by_size].tolist(), is_word.numel()):
        rows = by_size[start:end]  # (c,)
        slots = torch.arange(width, device=rows.device)  # (K,)
        is_part = slots < counts[rows][:, None]  # (c, K)
        taken = parts[(first[rows][:, None] + slots).clamp(max=len(parts) - 1)]  # (c, K, P)
        cosines = torch.einsum("btp,ckp->bctk", words, taken)  # (B, c, T, K)
        plan = sinkhorn(cosines, is_word[:, None], is_part, epsilon, num_iterations)  # (B, c, T, K)
        scores.append((plan * cosines).sum((-2, -1)))  # (B, c)
    return torch.cat(scores, dim=1)[:, by_size.argsort()]


def _cut(sizes: list[int], num_words: int) -> Iterator[tuple[int, int, int]]:
    """Cut molecules of ascending sizes into chunks of at most `MAX_ENTRIES`: first, end and width of each."""
    start = 0
    while start < len(sizes):
        end = start + 1
        while end < len(sizes) and (end + 1 - start) * sizes[end] * num_words <= MAX_ENTRIES:
            end += 1
        yield start, end, max(1, sizes[end - 1])
        start = end


__all__ = ["align_by_transport", "sinkhorn"]
