"""Retrieval between molecules and texts: ranks over the full pool and the T-choose-one protocol.

Conventions, the same in every number:

- *t2m* is given a text and chooses a molecule; *m2t* the reverse. Scores are cosines.
- Ties are broken at random and every number is the **expectation** over that: with `g` better and `e` equal wrong
  candidates the rank is `1 + g + e / 2`, a hit or a choice gives the share of orders in which it succeeds. A model
  that scores everything alike therefore gets exactly the chance values.
- With ids, a candidate of the same molecule or with the same text as the query's pair is as right as the pair itself:
  the best of them is the answer, the others leave the pool, and none is ever drawn as a negative.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

TIE_TOLERANCE = 1e-6  # cosines of float32 embeddings differ by about this between two orders of summation
BLOCK_ELEMENTS = 1 << 23  # scores held at once: 32 MB in float32, about 150 MB with the masks beside them


def evaluate_retrieval(
    molecule_embeds: Tensor | np.ndarray,
    text_embeds: Tensor | np.ndarray,
    protocol: str,
    choose_from: Sequence[int] = (4, 10, 20),
    hits_at: Sequence[int] = (1, 5, 10, 20),
    seed: int = 0,
    negatives: np.ndarray | None = None,
    molecule_ids: Any = None,
    text_ids: Any = None,
) -> dict[str, float]:
    """Measure how well molecules and texts find each other.

    Args:
        molecule_embeds (`torch.Tensor` or `np.ndarray` of shape `(R, P)`): One row per pair.
        text_embeds (`torch.Tensor` or `np.ndarray` of shape `(R, P)`): Row `i` belongs to row `i` of the molecules.
        protocol (`str`): Name of data and protocol, the prefix of every key (`"chebi20_full33k"`).
        choose_from (sequence of `int`): `T` of T-choose-one: the pair against `T - 1` negatives, nested across `T`.
        hits_at (sequence of `int`): `k` of hits@k over the full pool of `R` rows.
        seed (`int`): Seed of the negatives when none are given.
        negatives (`np.ndarray` of shape `(R, >= max(choose_from) - 1)`, *optional*): Fixed negatives as row numbers,
            the same for both directions (see `load_negatives`); used as they are, whatever the ids say.
        molecule_ids (`(R,)` integers or strings, *optional*): Rows with one id are the same molecule.
        text_ids (`(R,)` integers or strings, *optional*): Rows with one id have the same text.

    Returns:
        `dict[str, float]` with the keys `{protocol}/{t2m,m2t}_{hits@k,mrr,mean_rank,median_rank,choose_one_of_T}` and,
        for a random order, `{protocol}/chance_{hits@k,mrr,mean_rank,choose_one_of_T}`. Hits and choices are shares in
        [0, 1].

    Raises:
        ValueError: If shapes disagree, a value is not finite, or some row has too few negatives for the largest `T`.

    Example:
    >>> metrics = evaluate_retrieval(np.eye(4), np.eye(4), "toy", choose_from=(4,), hits_at=(1,))
    >>> metrics["toy/t2m_hits@1"], metrics["toy/chance_hits@1"]
    (1.0, 0.25)
    """
    molecules, texts = _unit_rows(molecule_embeds, "molecule_embeds"), _unit_rows(text_embeds, "text_embeds")
    num_rows = len(molecules)
    if molecules.shape != texts.shape:
        raise ValueError(
            f"`molecule_embeds` and `text_embeds` must have one row per pair and the same width: got "
            f"{tuple(molecules.shape)} and {tuple(texts.shape)}."
        )
    ids = [_id_codes(values, name, num_rows) for name, values in _given(molecule_ids=molecule_ids, text_ids=text_ids)]
    num_correct = _count_correct(ids, num_rows)
    largest = max(choose_from, default=1)
    if negatives is None:
        negatives = _draw_negatives(ids, num_correct, largest - 1, seed)
    negatives = _check_negatives(negatives, num_rows, largest - 1)

    metrics: dict[str, float] = {}
    for direction, queries, candidates in (("t2m", texts, molecules), ("m2t", molecules, texts)):
        better, equal, chosen = _compare(queries, candidates, ids, negatives, choose_from)
        for name, value in _rank_metrics(better, equal, hits_at).items():
            metrics[f"{protocol}/{direction}_{name}"] = value
        for size in choose_from:
            metrics[f"{protocol}/{direction}_choose_one_of_{size}"] = float(chosen[size].mean())
    chance = _chance(num_rows - num_correct, choose_from, hits_at)
    return metrics | {f"{protocol}/chance_{name}": value for name, value in chance.items()}


def load_negatives(index_file: str | Path) -> np.ndarray:
    """Read fixed negatives: line `i` holds the comma-separated row numbers of row `i`'s negatives.

    Args:
        index_file (`str` or `Path`): Text file, one line per row, as MoleculeSTM publishes them.

    Returns:
        `np.ndarray` of shape `(R, K)`, int64, `K` the length of the shortest line; a protocol of `T` uses the first
        `T - 1` columns.

    Raises:
        ValueError: If the file is empty or a line holds something else than non-negative row numbers.
    """
    rows = []
    with Path(index_file).open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            cells = line.strip().split(",")
            if not all(cell.strip().isdecimal() for cell in cells):
                raise ValueError(
                    f"{index_file}, line {number}: expected comma-separated row numbers, got {line.strip()!r}."
                )
            rows.append([int(cell) for cell in cells])
    if not rows:
        raise ValueError(f"{index_file} is empty: expected one line of comma-separated row numbers per pair.")
    width = min(map(len, rows))
    return np.asarray([row[:width] for row in rows], dtype=np.int64)


def format_retrieval_table(metrics: dict[str, float]) -> str:
    """Lay out retrieval metrics as a plain text table.

    Args:
        metrics (`dict[str, float]`): As returned by `evaluate_retrieval`; several protocols may be merged.

    Returns:
        `str`: One line per protocol and metric with the columns text to molecule, molecule to text and chance; shares
        in percent, ranks and reciprocal ranks as they are.
    """
    names: dict[tuple[str, str], None] = {}
    for key in metrics:
        protocol, _, column = key.rpartition("/")
        direction, _, name = column.partition("_")
        if direction in ("t2m", "m2t"):
            names[protocol, name] = None
    rows: list[tuple[str, ...]] = [("protocol", "metric", "text to molecule", "molecule to text", "chance")]
    for protocol, name in names:
        values = (metrics.get(f"{protocol}/{column}_{name}") for column in ("t2m", "m2t", "chance"))
        rows.append((protocol, name, *(_format_value(name, value) for value in values)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if position < 2 else cell.rjust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _format_value(name: str, value: float | None) -> str:
    """Write one cell: percent for shares, plain numbers for ranks, a dash for what does not exist."""
    if value is None:
        return "-"
    if "rank" in name:
        return f"{value:.1f}"
    return f"{value:.4f}" if name == "mrr" else f"{100 * value:.2f} %"


def _given(**values: Any) -> list[tuple[str, Any]]:
    """Keep the arguments that are not None."""
    return [(name, value) for name, value in values.items() if value is not None]


def _unit_rows(embeds: Tensor | np.ndarray, name: str) -> Tensor:
    """Check one side and scale its rows to length one: (R, P) float32."""
    embeds = torch.as_tensor(embeds).detach().float()
    if embeds.ndim != 2 or not len(embeds):
        raise ValueError(f"`{name}` must be a matrix with one row per pair: got shape {tuple(embeds.shape)}.")
    finite = torch.isfinite(embeds).all(dim=-1)
    if not finite.all():
        bad = torch.nonzero(~finite).flatten().tolist()
        raise ValueError(
            f"`{name}` has NaN or infinite values in {len(bad)} of {len(embeds)} rows, first row {bad[0]}."
        )
    return torch.nn.functional.normalize(embeds, dim=-1)


def _id_codes(values: Any, name: str, num_rows: int) -> np.ndarray:
    """Number the distinct ids of one kind: (R,) int64."""
    values = np.asarray(values.cpu() if isinstance(values, Tensor) else values)
    if values.shape != (num_rows,):
        raise ValueError(f"`{name}` must have one id per pair: got shape {values.shape} for {num_rows} pairs.")
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _count_correct(ids: list[np.ndarray], num_rows: int) -> np.ndarray:
    """Count the right candidates of each row, its own pair included: (R,) int64."""
    if not ids:
        return np.ones(num_rows, dtype=np.int64)
    sizes = sum(np.bincount(codes)[codes] for codes in ids)
    if len(ids) == 2:  # rows that share both were counted twice
        both = np.unique(np.stack(ids), axis=1, return_inverse=True)[1].reshape(-1)
        sizes = sizes - np.bincount(both)[both]
    return np.asarray(sizes)


def _draw_negatives(ids: list[np.ndarray], num_correct: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Draw `count` distinct wrong rows for each row, in random order: (R, count) int64."""
    num_rows = len(num_correct)
    short = np.flatnonzero(num_rows - num_correct < count)
    if len(short):
        raise ValueError(
            f"Choosing one of {count + 1} needs {count} wrong candidates per row: row {short[0]} has "
            f"{num_rows - num_correct[short[0]]} in a pool of {num_rows} rows. Give more rows or a smaller "
            "`choose_from`."
        )
    generator = np.random.default_rng(seed)
    negatives = np.empty((num_rows, count), dtype=np.int64)
    for row in range(num_rows):
        # At most num_correct of these are right answers, so enough wrong ones remain.
        drawn = generator.choice(num_rows, size=min(num_rows, count + num_correct[row]), replace=False)
        wrong = drawn != row
        for codes in ids:
            wrong &= codes[drawn] != codes[row]
        negatives[row] = drawn[wrong][:count]
    return negatives


def _check_negatives(negatives: Any, num_rows: int, count: int) -> np.ndarray:
    """Check given negatives and keep the first `count` columns: (R, count) int64."""
    negatives = np.asarray(negatives)
    if negatives.ndim != 2 or len(negatives) != num_rows or negatives.shape[1] < count:
        raise ValueError(
            f"`negatives` must have {num_rows} rows of at least {count} row numbers: got shape {negatives.shape}."
        )
    negatives = negatives[:, :count].astype(np.int64)
    wrong = (negatives < 0) | (negatives >= num_rows) | (negatives == np.arange(num_rows)[:, None])
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"`negatives` must be other rows in [0, {num_rows}): row {row} names row {negatives[row, column]}."
        )
    return negatives


def _compare(
    queries: Tensor, candidates: Tensor, ids: list[np.ndarray], negatives: np.ndarray, choose_from: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, dict[int, np.ndarray]]:
    """Count better and equal wrong candidates (R,), and the chance of choosing right for each T (R,)."""
    num_rows = len(queries)
    codes = [torch.as_tensor(values, device=queries.device) for values in ids]
    picks = torch.as_tensor(negatives, device=queries.device)
    better, equal = np.empty(num_rows), np.empty(num_rows)
    chosen = {size: np.empty(num_rows) for size in choose_from}
    for rows in _blocks(num_rows):
        scores = queries[rows] @ candidates.T  # (b, R)
        own = torch.arange(rows.start, rows.stop, device=scores.device)  # (b,)
        pair_scores = scores.gather(1, own[:, None])  # (b, 1)
        # T-choose-one compares the pair itself with its negatives
        margins = scores.gather(1, picks[rows]) - pair_scores  # (b, T_max - 1)
        for size in choose_from:
            ahead = (margins[:, : size - 1] > TIE_TOLERANCE).any(dim=1)
            ties = (margins[:, : size - 1].abs() <= TIE_TOLERANCE).sum(dim=1)
            chosen[size][rows] = ~ahead.cpu().numpy() / (1.0 + ties.cpu().numpy())
        target = pair_scores
        if codes:
            correct = codes[0][rows, None] == codes[0]  # (b, R)
            for values in codes[1:]:
                correct |= values[rows, None] == values
            target = scores.masked_fill(~correct, -torch.inf).amax(dim=1, keepdim=True)  # (b, 1)
            scores.masked_fill_(correct, -torch.inf)
        else:
            scores[torch.arange(len(own)), own] = -torch.inf
        scores -= target
        ahead_count = (scores > TIE_TOLERANCE).sum(dim=1)
        better[rows] = ahead_count.cpu()
        equal[rows] = ((scores >= -TIE_TOLERANCE).sum(dim=1) - ahead_count).cpu()
    return better, equal, chosen


def _chance(num_wrong: np.ndarray, choose_from: Sequence[int], hits_at: Sequence[int]) -> dict[str, float]:
    """Compute what a random order gives: that of a pool in which everything ties."""
    chance = _rank_metrics(np.zeros(len(num_wrong)), num_wrong.astype(np.float64), hits_at)
    del chance["median_rank"]  # of the expected ranks, not the expected median
    return chance | {f"choose_one_of_{size}": 1.0 / size for size in choose_from}


def _blocks(num_rows: int) -> Iterator[slice]:
    """Cut the query rows so that one block of scores stays small."""
    step = max(1, BLOCK_ELEMENTS // num_rows)
    for start in range(0, num_rows, step):
        yield slice(start, min(start + step, num_rows))


def _rank_metrics(better: np.ndarray, equal: np.ndarray, hits_at: Sequence[int]) -> dict[str, float]:
    """Average hits, reciprocal ranks and ranks over queries, each the expectation over the order of ties."""
    metrics = {f"hits@{k}": float(np.clip((k - better) / (equal + 1), 0.0, 1.0).mean()) for k in hits_at}
    last = (better + equal + 1).astype(np.int64)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, last.max() + 1))])  # H_0 .. H_last
    metrics["mrr"] = float(((harmonic[last] - harmonic[better.astype(np.int64)]) / (equal + 1)).mean())
    ranks = 1.0 + better + equal / 2
    return {**metrics, "mean_rank": float(ranks.mean()), "median_rank": float(np.median(ranks))}
