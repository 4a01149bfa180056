"""Retrieval between molecules and texts: ranks over the full pool and the T-choose-one protocol.

Conventions, the same in every number:

- *t2m* is given a text and chooses a molecule; *m2t* the reverse. Scores are cosines.
- Ties are broken at random and every number is the **expectation** over that: with `g` better and `e` equal wrong
  candidates the rank is `1 + g + e / 2`, a hit or a choice gives the share of orders in which it succeeds.
- Chance is what vectors at random reach, equal ones for equal molecules and texts; see `score_at_random`.
- With ids, a candidate of the same molecule or with the same text as the query's pair is as right as the pair itself:
  the best of them is the answer, the others leave the pool, and none is ever drawn as a negative. Published protocols
  count them as errors; `duplicates="wrong"` does so too.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .chance import score_at_random
from .intervals import bootstrap_intervals, summarise_queries
from .pools import RetrievalSetting, hits_ceiling, lay_out_pools, negatives_of
from .score_comparison import Reranker, choose_in_batches, compare_candidates, rank_values


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
        setting: The fields of `RetrievalSetting`.

    Returns:
        `dict[str, float]`, hits and choices as shares in [0, 1]:

        - `{protocol}/{t2m,m2t}_{hits@k,mrr,mean_rank,median_rank,choose_one_of_T,in_batch_b}`;
        - with `rerank`, the same under `{protocol}_reranked{k}/`; with `bootstrap`, `_low` and `_high` of each;
        - by chance, `{protocol}/chance_{hits@k,...}`, or `{protocol}/chance_{t2m,m2t}_...` where they differ;
        - with both ids, `{protocol}/unique_text_share` and `{protocol}/{t2m,m2t}_ceiling_hits@1`, see `hits_ceiling`.

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
    beside = _name_chance(score_at_random(fixed, *sizes), fixed.directions) | hits_ceiling(fixed, *sizes)
    return metrics | {f"{protocol}/{key}": value for key, value in beside.items()}


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
        better, equal, chosen = compare_candidates(
            queries[pool.queries], candidates, pool, negatives, setting, reorder
        )
        scores = {**rank_values(better, equal, setting.hits_at), **chosen}
        if setting.in_batch:
            scores[f"in_batch_{setting.in_batch}"] = choose_in_batches(queries, candidates, pool, setting.in_batch)
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


def _name_chance(values: dict[str, np.ndarray], directions: Sequence[str]) -> dict[str, float]:
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
