"""Retrieval between molecules and texts: ranks over the full pool and the T-choose-one protocol.

Conventions, the same in every number:

- *t2m* is given a text and chooses a molecule; *m2t* the reverse. Scores are cosines.
- Ties are broken at random and every number is the **expectation** over that: with `g` better and `e` equal wrong
  candidates the rank is `1 + g + e / 2`, a hit or a choice gives the share of orders in which it succeeds. A model
  that scores everything alike therefore gets exactly the chance values.
- With ids, a candidate of the same molecule or with the same text as the query's pair is as right as the pair itself:
  the best of them is the answer, the others leave the pool, and none is ever drawn as a negative. Published protocols
  count them as errors; `duplicates="wrong"` does so too.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .intervals import bootstrap_intervals, summarise_queries
from .pools import Pool, RetrievalSetting, count_correct, hits_ceiling, lay_out_pools, negatives_of

TIE_TOLERANCE = 1e-6  # cosines of float32 embeddings differ by about this between two orders of summation
BLOCK_ELEMENTS = 1 << 22  # scores held at once: 16 MB in float32, about 80 MB with the masks beside them

# (direction, query rows (q,), candidate rows (q, k)) -> scores (q, k). Candidates from the number of pairs on are the
# extra ones, in their order.
Reranker = Callable[[str, np.ndarray, np.ndarray], np.ndarray]


def evaluate_retrieval(
    molecule_embeds: Tensor | np.ndarray,
    text_embeds: Tensor | np.ndarray,
    protocol: str,
    *,
    extra_molecule_embeds: Any = None,
    extra_text_embeds: Any = None,
    rerank: Reranker | None = None,
    rerank_top: int = 128,
    bootstrap: int = 0,
    **setting: Any,
) -> dict[str, float]:
    """Measure how well molecules and texts find each other.

    Args:
        molecule_embeds (`torch.Tensor` or `np.ndarray` of shape `(R, P)`): One row per pair.
        text_embeds (`torch.Tensor` or `np.ndarray` of shape `(R, P)`): Row `i` belongs to row `i` of the molecules.
        protocol (`str`): Name of data and protocol, the prefix of every key (`"chebi20_full33k"`).
        extra_molecule_embeds (`(X, P)`, *optional*): Molecules that are nobody's pair: candidates of *t2m* only.
        extra_text_embeds (`(Y, P)`, *optional*): Texts that are nobody's pair: candidates of *m2t* only.
        rerank (*optional*): Scores of given candidates for given queries, `(direction, queries (q,), candidates
            (q, k)) -> (q, k)`. It re-orders the best candidates, which stay ahead of the rest, and T-choose-one.
        rerank_top (`int`): How many of the best candidates it re-orders.
        bootstrap (`int`): Number of resamples for 95 % intervals over queries; 0 for none.
        setting: The fields of `RetrievalSetting`: `choose_from`, `hits_at`, `seed`, `negatives`, `molecule_ids`,
            `text_ids`, `duplicates`, `queries`, `in_batch`, `directions`.

    Returns:
        `dict[str, float]`, hits and choices as shares in [0, 1]:

        - `{protocol}/{t2m,m2t}_{hits@k,mrr,mean_rank,median_rank,choose_one_of_T,in_batch_b}`;
        - with `rerank`, the same under `{protocol}_reranked{k}/`, on the same queries;
        - with `bootstrap`, each of these followed by `_low` and `_high`;
        - for a random order, `{protocol}/chance_{hits@k,...}`, or `{protocol}/chance_{t2m,m2t}_...` where the two
          pools differ;
        - with both ids, `{protocol}/unique_text_share` and `{protocol}/{t2m,m2t}_ceiling_hits@1`: the share of queries
          whose text nobody else has, and the best Hits@1 that any model can reach if duplicates count as errors.

    Raises:
        ValueError: If shapes disagree, a value is not finite, or some row has too few negatives for the largest `T`.

    Example:
    >>> metrics = evaluate_retrieval(np.eye(4), np.eye(4), "toy", choose_from=(4,), hits_at=(1,))
    >>> metrics["toy/t2m_hits@1"], metrics["toy/chance_hits@1"]
    (1.0, 0.25)
    """
    fixed = RetrievalSetting(**setting)
    embeds = (molecule_embeds, text_embeds, fixed, extra_molecule_embeds, extra_text_embeds)
    systems = {protocol: score_queries(*embeds)}
    if rerank is not None:
        systems[f"{protocol}_reranked{rerank_top}"] = score_queries(*embeds, rerank=rerank, rerank_top=rerank_top)
    metrics: dict[str, float] = {}
    for name, values in systems.items():
        named = {f"{name}/{key}": array for key, array in values.items()}
        metrics |= summarise_queries(named)
        if bootstrap:
            metrics |= bootstrap_intervals(named, bootstrap)
    sizes = (np.shape(molecule_embeds)[0], *(0 if extra is None else np.shape(extra)[0] for extra in embeds[3:]))
    return metrics | {
        f"{protocol}/{key}": value
        for key, value in {
            **_chance_metrics(score_at_random(fixed, *sizes), fixed.directions),
            **hits_ceiling(fixed, *sizes),
        }.items()
    }


def score_queries(
    molecule_embeds: Any,
    text_embeds: Any,
    setting: RetrievalSetting,
    extra_molecule_embeds: Any = None,
    extra_text_embeds: Any = None,
    normalize: bool = True,
    rerank: Reranker | None = None,
    rerank_top: int = 128,
) -> dict[str, np.ndarray]:
    """Score every query alone, for intervals and for comparing two systems on the same queries.

    Args:
        molecule_embeds (`(R, P)` tensor, array or SciPy sparse matrix): One row per pair.
        text_embeds (`(R, P)`): Likewise.
        setting (`RetrievalSetting`): Who asks, which answers are right, what is counted.
        extra_molecule_embeds (`(X, P)`, *optional*): Further candidates of *t2m*.
        extra_text_embeds (`(Y, P)`, *optional*): Further candidates of *m2t*.
        normalize (`bool`): Score by cosine; else by dot product.
        rerank (*optional*): As in `evaluate_retrieval`.
        rerank_top (`int`): As in `evaluate_retrieval`.

    Returns:
        `dict[str, np.ndarray]`: `{t2m,m2t}_{hits@k,mrr,rank,choose_one_of_T,in_batch_b}`, each of shape `(Q,)`: the
        query's share of hits, reciprocal rank, rank and so on.

    Raises:
        ValueError: As `evaluate_retrieval`.
    """
    molecules = _join_rows(molecule_embeds, extra_molecule_embeds, "molecule_embeds", normalize)
    texts = _join_rows(text_embeds, extra_text_embeds, "text_embeds", normalize)
    shapes = [tuple(np.shape(side)) for side in (molecule_embeds, text_embeds)]
    num_pairs = shapes[0][0]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"`molecule_embeds` and `text_embeds` must have one row per pair and the same width: got "
            f"{shapes[0]} and {shapes[1]}."
        )
    pools = lay_out_pools(setting, num_pairs, molecules.shape[0] - num_pairs, texts.shape[0] - num_pairs)
    negatives = negatives_of(setting, pools[0], num_pairs)
    values: dict[str, np.ndarray] = {}
    for pool in pools:
        queries, candidates = (texts, molecules) if pool.direction == "t2m" else (molecules, texts)
        reorder = None if rerank is None else (rerank, rerank_top)
        better, equal, chosen = _compare(queries[pool.queries], candidates, pool, negatives, setting, reorder)
        scores = {**_rank_values(better, equal, setting.hits_at), **chosen}
        if setting.in_batch:
            scores[f"in_batch_{setting.in_batch}"] = _in_batch(queries, candidates, pool, setting.in_batch)
        values |= {f"{pool.direction}_{name}": array for name, array in scores.items()}
    return values


def score_at_random(
    setting: RetrievalSetting, num_pairs: int, num_extra_molecules: int = 0, num_extra_texts: int = 0
) -> dict[str, np.ndarray]:
    """Compute the expected scores of a random order: those of a pool in which everything ties.

    Args:
        setting (`RetrievalSetting`): As in `score_queries`.
        num_pairs (`int`): `R`.
        num_extra_molecules (`int`): `X`.
        num_extra_texts (`int`): `Y`.

    Returns:
        `dict[str, np.ndarray]`: The keys and shapes of `score_queries`.
    """
    values: dict[str, np.ndarray] = {}
    for pool in lay_out_pools(setting, num_pairs, num_extra_molecules, num_extra_texts):
        num_wrong = pool.num_candidates - count_correct(pool.codes, num_pairs)[pool.queries]
        blank = np.zeros(len(pool.queries))
        scores = _rank_values(blank, num_wrong.astype(np.float64), setting.hits_at)
        scores |= {f"choose_one_of_{size}": blank + 1.0 / size for size in setting.choose_from}
        if setting.in_batch:
            ones = torch.ones(pool.num_candidates, 1)
            scores[f"in_batch_{setting.in_batch}"] = _in_batch(ones, ones, pool, setting.in_batch)
        values |= {f"{pool.direction}_{name}": array for name, array in scores.items()}
    return values


def _join_rows(embeds: Any, extra: Any, name: str, normalize: bool) -> Any:
    """Check the rows of the pairs and the extra ones and stack them: (R + X, P) float32."""
    parts = [_check_rows(embeds, name, normalize)]
    if extra is not None and np.shape(extra)[0]:
        parts.append(_check_rows(extra, f"extra_{name}", normalize))
        if parts[0].shape[1] != parts[1].shape[1]:
            widths = f"{parts[0].shape[1]} and {parts[1].shape[1]}"
            raise ValueError(f"`{name}` and `extra_{name}` must have the same width: got {widths}.")
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], Tensor):
        return torch.cat(parts)
    import scipy.sparse

    return scipy.sparse.vstack(parts, format="csr")


def _check_rows(embeds: Any, name: str, normalize: bool) -> Any:
    """Check one matrix and scale its rows to length one: (R, P) float32, sparse if it was."""
    if hasattr(embeds, "tocsr"):
        from sklearn.preprocessing import normalize as scale_rows

        return scale_rows(embeds.tocsr()) if normalize else embeds.tocsr()
    embeds = torch.as_tensor(embeds).detach().float()
    if embeds.ndim != 2 or not len(embeds):
        raise ValueError(f"`{name}` must be a matrix with one row per pair: got shape {tuple(embeds.shape)}.")
    finite = torch.isfinite(embeds).all(dim=-1)
    if not finite.all():
        bad = torch.nonzero(~finite).flatten().tolist()
        raise ValueError(
            f"`{name}` has NaN or infinite values in {len(bad)} of {len(embeds)} rows, first row {bad[0]}."
        )
    return torch.nn.functional.normalize(embeds, dim=-1) if normalize else embeds


def _compare(
    queries: Any,
    candidates: Any,
    pool: Pool,
    negatives: np.ndarray,
    setting: RetrievalSetting,
    reorder: tuple[Reranker, int] | None,
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Count better and equal wrong candidates (Q,), and the chance of choosing right for each T (Q,)."""
    better, equal = np.empty(len(pool.queries)), np.empty(len(pool.queries))
    chosen = {f"choose_one_of_{size}": np.empty(len(pool.queries)) for size in setting.choose_from}
    for rows in _blocks(len(pool.queries), pool.num_candidates):
        own = pool.queries[rows]  # (b,)
        scores = _score_block(queries[rows], candidates)  # (b, C)
        pairs = torch.as_tensor(own, device=scores.device)[:, None]  # (b, 1)
        choices = np.concatenate([own[:, None], negatives[own]], axis=1)  # (b, T_max): the pair itself comes first
        if reorder is None:
            choice_scores = scores.gather(1, torch.as_tensor(choices, device=scores.device))
        else:
            choice_scores = scores.new_zeros(choices.shape)
            if setting.choose_from:
                choice_scores = _ask(reorder[0], pool.direction, own, choices).to(scores.device)
            _reorder_best(scores, pool.direction, own, *reorder)
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
                correct |= values[own, None] == values
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


def _reorder_best(scores: Tensor, direction: str, own: np.ndarray, rerank: Reranker, top: int) -> None:
    """Replace the best scores of each row (b, C) in place: the re-ranker's order, all of it above the rest."""
    best = scores.topk(min(top, scores.shape[1]), dim=1).indices  # (b, k)
    answer = _ask(rerank, direction, own, best.cpu().numpy()).to(scores.device)
    order = answer.argsort(dim=1)  # (b, k)
    steps = answer.gather(1, order).diff(dim=1) > TIE_TOLERANCE
    # Whole steps instead of the scores themselves: far apart from the rest, whatever their scale, and ties stay ties.
    levels = torch.nn.functional.pad(steps.cumsum(dim=1), (1, 0)).float()  # (b, k)
    levels += scores.amax(dim=1, keepdim=True).ceil() + 1
    scores.scatter_(1, best.gather(1, order), levels)


def _in_batch(queries: Any, candidates: Any, pool: Pool, size: int) -> np.ndarray:
    """Compute the chance of choosing right among the pairs of each batch of consecutive queries: (Q,)."""
    right = np.empty(len(pool.queries))
    plain = RetrievalSetting(choose_from=())
    for start in range(0, len(right), size):
        rows = pool.queries[start : start + size]
        batch = Pool(pool.direction, np.arange(len(rows)), len(rows), [codes[rows] for codes in pool.codes])
        none = np.empty((len(rows), 0), dtype=np.int64)
        better, equal, _ = _compare(queries[rows], candidates[rows], batch, none, plain, None)
        right[start : start + size] = _rank_values(better, equal, (1,))["hits@1"]
    return right


def _chance_metrics(values: dict[str, np.ndarray], directions: Sequence[str]) -> dict[str, float]:
    """Name the figures of a random order; once for both directions where they agree."""
    metrics = summarise_queries(values)
    named = []
    for direction in directions:
        start = f"{direction}_"
        # The median of expected ranks is not the expected median.
        keys = [key for key in metrics if key.startswith(start) and not key.endswith("median_rank")]
        named.append({key.removeprefix(start): metrics[key] for key in keys})
    if all(figures == named[0] for figures in named):
        return {f"chance_{key}": value for key, value in named[0].items()}
    pairs = zip(directions, named, strict=True)
    return {f"chance_{direction}_{key}": value for direction, figures in pairs for key, value in figures.items()}


def _blocks(num_rows: int, num_candidates: int) -> Iterator[slice]:
    """Cut the query rows so that one block of scores stays small."""
    step = max(1, BLOCK_ELEMENTS // num_candidates)
    for start in range(0, num_rows, step):
        yield slice(start, min(start + step, num_rows))


def _rank_values(better: np.ndarray, equal: np.ndarray, hits_at: Sequence[int]) -> dict[str, np.ndarray]:
    """Compute hits, reciprocal ranks and ranks (Q,), each the expectation over the order of ties."""
    values = {f"hits@{k}": np.clip((k - better) / (equal + 1), 0.0, 1.0) for k in hits_at}
    last = (better + equal + 1).astype(np.int64)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, last.max() + 1))])  # H_0 .. H_last
    values["mrr"] = (harmonic[last] - harmonic[better.astype(np.int64)]) / (equal + 1)
    return {**values, "rank": 1.0 + better + equal / 2}
