"""Which molecules of a batch answer which texts: pairs, equal texts, and queries with conditions on counted facts."""

import torch
from torch import Tensor

from .distributed_finemoltex import count_ranks, first_row_of_rank, gather_from_ranks
from .objectives_finemoltex import PairBatch

UNKNOWN = -1  # as a count: the facts of this molecule were not counted; as a fact: no further condition


def find_answers(fact_counts: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
    """Tell which molecules answer which queries.

    Args:
        fact_counts (`torch.Tensor` of shape `(B, F)`): Occurrences of each fact, `UNKNOWN` throughout where they were
            not counted.
        conditions (`torch.LongTensor` of shape `(Q, C, 3)`): Fact, least and most occurrences; `UNKNOWN` pads. A text
            without any condition is no query.

    Returns:
        `torch.BoolTensor` of shape `(Q, B)` twice: the molecule answers the query, and whether that is known.
    """
    facts, least, most = conditions.unbind(-1)  # (Q, C) each
    is_condition = facts != UNKNOWN  # (Q, C)
    counts = fact_counts.T[facts.clamp(min=0)].long()  # (Q, C, B)
    holds = (counts >= least[..., None]) & (counts <= most[..., None])  # (Q, C, B)
    answers = (holds | ~is_condition[..., None]).all(1)  # (Q, B)
    is_known = is_condition.any(1)[:, None] & (fact_counts[:, 0] != UNKNOWN)[None]  # (Q, B)
    return answers & is_known, is_known


def mark_answers(batch: PairBatch) -> tuple[Tensor, Tensor]:
    """Mark which molecules of a batch fit which texts, and which pairs say nothing.

    Text `i` fits its own molecule, and a query every molecule that answers it. Beside that, an equal molecule or text
    is no negative, nor is a molecule of which it is not known whether it answers the query.

    Args:
        batch ([`PairBatch`]): `B` pairs.

    Returns:
        `torch.BoolTensor` of shape `(B, B)` twice, texts by molecules: fits, and excluded.
    """
    num_pairs = len(batch.input_ids)
    own = torch.eye(num_pairs, dtype=torch.bool, device=batch.input_ids.device)  # (B, B)
    excluded = torch.zeros_like(own)
    for ids in (batch.molecule_ids, batch.text_ids):
        if ids is not None:
            excluded |= ids[:, None] == ids[None, :]
    if batch.conditions is None or batch.fact_counts is None:
        return own, excluded & ~own
    answers, is_known = find_answers(batch.fact_counts, batch.conditions)  # (B, B) each
    is_query = (batch.conditions[:, 0, 0] != UNKNOWN)[:, None]  # (B, 1)
    fits = own | answers
    excluded = torch.where(is_query, ~is_known, excluded)
    return fits, excluded & ~fits


def mark_relatives(batch: PairBatch, gather: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Mark each pair itself, the others equal to it, and those that are neither equal nor its negatives.

    Pairs of an equal molecule or text are equal. With queries, a pair also says nothing about those whose molecule may
    answer its text, or whose text its molecule may answer.

    Args:
        batch ([`PairBatch`]): `b` pairs of this rank.
        gather (`bool`): Compare with the pairs of all ranks; not for batches with queries.

    Returns:
        `torch.BoolTensor` of shape `(b, B)` three times: itself, equal, neutral. No two of them overlap.
    """
    num_pairs, ranks = len(batch.input_ids), count_ranks() if gather else 1
    rows = torch.arange(num_pairs, device=batch.input_ids.device) + (first_row_of_rank(num_pairs) if gather else 0)
    own = rows[:, None] == torch.arange(ranks * num_pairs, device=rows.device)  # (b, B)
    equal, neutral = torch.zeros_like(own), torch.zeros_like(own)
    for ids in (batch.molecule_ids, batch.text_ids):
        if ids is not None:
            equal |= ids[:, None] == (gather_from_ranks(ids) if gather else ids)[None, :]
    if batch.conditions is not None:
        fits, excluded = mark_answers(batch)  # (b, b), (b, b)
        neutral = (fits | excluded) | (fits | excluded).T
    return own, equal & ~own, neutral & ~equal & ~own


__all__ = ["UNKNOWN", "find_answers", "mark_answers", "mark_relatives"]
