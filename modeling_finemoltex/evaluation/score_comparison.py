"""Queries against candidates: how many wrong ones are ahead of the answer, and how many are level with it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .pools import Pool, RetrievalSetting

TIE_TOLERANCE = 1e-6  # cosines of float32 embeddings differ by about this between two orders of summation
BLOCK_ELEMENTS = 1 << 22  # scores held at once: 16 MB in float32, about 80 MB with the masks beside them

# (direction, query rows (q,), candidate rows (q, k)) -> scores (q, k). Candidates from the number of pairs on are the
# extra ones, in their order.
Reranker = Callable[[str, np.ndarray, np.ndarray], np.ndarray]


def compare_candidates(
    queries: Any,
    candidates: Any,
    pool: Pool,
    negatives: np.ndarray,
    setting: RetrievalSetting,
    reorder: tuple[Reranker, int] | None,
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Compare the right candidates of each query with the wrong ones.

    Args:
        queries (`(Q, P)` tensor or SciPy sparse matrix): Unit rows of what asks.
        candidates (`(C, P)`): Unit rows of what is asked for.
        pool (`Pool`): The direction.
        negatives (`np.ndarray` of shape `(R, >= T_max - 1)`): Of T-choose-one.
        setting (`RetrievalSetting`): `choose_from` counts.
        reorder (*optional*): A re-ranker, and how many of the best candidates it re-orders.

    Returns:
        Numbers of better and of equal wrong candidates, `(Q,)` each, and for each `T` the probability of choosing
        right, `(Q,)`.
    """
    better, equal = np.empty(len(pool.queries)), np.empty(len(pool.queries))
    chosen = {f"choose_one_of_{size}": np.empty(len(pool.queries)) for size in setting.choose_from}
    for rows in _blocks(len(pool.queries), pool.num_candidates):
        asking = pool.queries[rows]  # (b,)
        scores = _score_block(queries[rows], candidates)  # (b, C)
        pairs = torch.as_tensor(asking, device=scores.device)[:, None]  # (b, 1)
        choices = np.concatenate(
            [asking[:, None], negatives[asking]], axis=1
        )  # (b, T_max): the pair itself comes first
        if reorder is None:
            choice_scores = scores.gather(1, torch.as_tensor(choices, device=scores.device))
        else:
            choice_scores = scores.new_zeros(choices.shape)
            if setting.choose_from:
                choice_scores = _ask(reorder[0], pool.direction, asking, choices).to(scores.device)
            _reorder_best(scores, pool.direction, asking, *reorder)
        margins = choice_scores[:, 1:] - choice_scores[:, :1]  # (b, T_max - 1)
        for size in setting.choose_from:
            ahead = (margins[:, : size - 1] > TIE_TOLERANCE).any(dim=1)
            ties = (margins[:, : size - 1].abs() <= TIE_TOLERANCE).sum(dim=1)
            chosen[f"choose_one_of_{size}"][rows] = ~ahead.cpu().numpy() / (1.0 + ties.cpu().numpy())
        target = scores.gather(1, pairs)
        if pool.codes:
            correct = torch.zeros_like(scores, dtype=torch.bool)  # (b, C)
            for codes in pool.codes:
                values = torch.as_tensor(codes, device=scores.device)
                correct |= values[asking, None] == values
            target = scores.masked_fill(~correct, -torch.inf).amax(dim=1, keepdim=True)  # (b, 1)
            scores.masked_fill_(correct, -torch.inf)
        else:
            scores.scatter_(1, pairs, -torch.inf)
        scores -= target
        ahead_count = (scores > TIE_TOLERANCE).sum(dim=1)
        better[rows] = ahead_count.cpu()
        equal[rows] = ((scores >= -TIE_TOLERANCE).sum(dim=1) - ahead_count).cpu()
    return better, equal, chosen


def _score_block(queries: Any, candidates: Any) -> Tensor:
    """Compute dot products: (b, C) float32."""
    if isinstance(queries, Tensor):
        return queries @ candidates.T
    return torch.from_numpy((queries @ candidates.T).toarray().astype(np.float32, copy=False))


def _ask(rerank: Reranker, direction: str, queries: np.ndarray, candidates: np.ndarray) -> Tensor:
    """Call the re-ranker and check its answer: (b, k)."""
    answer = torch.as_tensor(rerank(direction, queries, candidates)).detach().float()
    if answer.shape != candidates.shape or not torch.isfinite(answer).all():
        raise ValueError(
            f"`rerank` must return one finite score per candidate, shape {candidates.shape}: got shape "
            f"{tuple(answer.shape)}{'' if answer.shape != candidates.shape else ' with NaN or infinite values'}."
        )
    return answer


def _reorder_best(scores: Tensor, direction: str, asking: np.ndarray, rerank: Reranker, top: int) -> None:
    """Replace the best scores of each row (b, C) in place: the re-ranker's order, all of it above the rest."""
    best = scores.topk(min(top, scores.shape[1]), dim=1).indices  # (b, k)
    answer = _ask(rerank, direction, asking, best.cpu().numpy()).to(scores.device)
    order = answer.argsort(dim=1)  # (b, k)
    steps = answer.gather(1, order).diff(dim=1) > TIE_TOLERANCE
    # Whole steps instead of the scores themselves: far apart from the rest, whatever their scale, and ties stay ties.
    levels = torch.nn.functional.pad(steps.cumsum(dim=1), (1, 0)).float()  # (b, k)
    levels += scores.amax(dim=1, keepdim=True).ceil() + 1
    scores.scatter_(1, best.gather(1, order), levels)


def choose_in_batches(queries: Any, candidates: Any, pool: Pool, size: int) -> np.ndarray:
    """Choose among the pairs of each batch of consecutive queries.

    Args:
        queries (`(R, P)` tensor or SciPy sparse matrix): Unit rows of what asks, by pair.
        candidates (`(C, P)`): Unit rows of what is asked for, the pairs first.
        pool (`Pool`): The direction.
        size (`int`): Pairs of a batch.

    Returns:
        `np.ndarray` of shape `(Q,)`: The probability of choosing right.
    """
    right = np.empty(len(pool.queries))
    plain = RetrievalSetting(choose_from=())
    for start in range(0, len(right), size):
        rows = pool.queries[start : start + size]
        batch = pool.batch(rows)
        none = np.empty((len(rows), 0), dtype=np.int64)
        better, equal, _ = compare_candidates(queries[rows], candidates[rows], batch, none, plain, None)
        right[start : start + size] = rank_values(better, equal, (1,))["hits@1"]
    return right


def rank_values(better: np.ndarray, equal: np.ndarray, hits_at: Sequence[int]) -> dict[str, np.ndarray]:
    """Turn numbers of wrong candidates into hits, reciprocal ranks and ranks, as expectations over the order of ties.

    Args:
        better (`np.ndarray` of shape `(Q,)`): Wrong candidates ahead of the answer.
        equal (`np.ndarray` of shape `(Q,)`): Those level with it.
        hits_at (sequence of `int`): The `k` of hits@k.

    Returns:
        `dict[str, np.ndarray]`: `hits@k`, `mrr` and `rank`, `(Q,)` each.

    Example:
    >>> rank_values(np.array([0.0]), np.array([1.0]), (1,))
    {'hits@1': array([0.5]), 'mrr': array([0.75]), 'rank': array([1.5])}
    """
    values = {f"hits@{k}": np.clip((k - better) / (equal + 1), 0.0, 1.0) for k in hits_at}
    last = (better + equal + 1).astype(np.int64)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, last.max() + 1))])  # H_0 .. H_last
    values["mrr"] = (harmonic[last] - harmonic[better.astype(np.int64)]) / (equal + 1)
    return {**values, "rank": 1.0 + better + equal / 2}


def _blocks(num_rows: int, num_candidates: int) -> Iterator[slice]:
    """Cut the query rows so that one block of scores stays small."""
    step = max(1, BLOCK_ELEMENTS // num_candidates)
    for start in range(0, num_rows, step):
        yield slice(start, min(start + step, num_rows))
