"""Few labels: the same experiment with a share of the training rows, as Honda et al. (2019) compare fingerprints."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..data.property_tables import PropertyTable
from .methods import METHODS
from .result_tables import deciding_figure, format_cell

ALL = 1.0
NUM_BINS = 5  # of numbers, which are drawn from evenly


def check_fractions(fractions: list[float]) -> None:
    """Refuse shares that are none.

    Raises:
        ValueError: Names the share.
    """
    for fraction in fractions:
        if not 0 < fraction <= ALL:
            raise ValueError(f"`label_fractions` must be above 0 and at most 1: got {fraction}. 0.05 is 5 %.")


def take_fraction(table: PropertyTable, fraction: float, seed: int) -> PropertyTable:
    """Draw a share of the rows, the same share of every class; a smaller share is part of a larger one.

    Rows of several tasks are told apart by their rarest positive label, numbers by the fifth they are in. One row of
    each class is always drawn.

    Args:
        table ([`PropertyTable`]): `R` training rows.
        fraction (`float`): Share of the rows.
        seed (`int`): Of the draw.

    Returns:
        [`PropertyTable`] of about `fraction * R` rows, in their order.
    """
    if fraction == ALL:
        return table
    strata = _find_strata(table.labels, table.task_type)  # (R,)
    order = np.random.default_rng(seed).permutation(len(strata))
    key = np.empty(len(strata))
    for stratum in np.unique(strata):
        rows = order[strata[order] == stratum]
        key[rows] = np.arange(len(rows)) / len(rows)  # 0 for the first: one of each is there
    count = max(len(np.unique(strata)), round(fraction * len(strata)))
    chosen = order[np.argsort(key[order], kind="stable")[:count]]
    return table.select(np.sort(chosen))


def format_fraction_table(results: Mapping[str, Any]) -> str:
    """Lay out the runs on shares of the training labels as Markdown tables, one for each set.

    Args:
        results (mapping): As `run_experiments` writes, some of its `runs` with `label_fraction`.

    Returns:
        `str`: A row for each method, a column for each share with mean ± standard deviation over the seeds, and their
        mean, the data efficiency of Honda et al. (2019); nothing, if no run has less than all labels.
    """
    shares = sorted({run.get("label_fraction", ALL) for run in results["runs"]})
    if not any(share < ALL for share in shares):
        return ""
    tables = []
    for name, facts in results["sets"].items():
        figure = deciding_figure(facts["task_type"], facts.get("tasks", 1))
        lines = [[f"{name}, test {figure} by training labels", *(f"{share:.4g}" for share in shares), "mean"]]
        lines.append(["---"] * len(lines[0]))
        for method, title in METHODS.items():
            cells = [_list_figures(results, name, method, share, figure) for share in shares]
            if any(cells):
                means = [float(np.mean(cell)) for cell in cells if cell]
                mean = format_cell([float(np.mean(means))], figure) if len(means) == len(shares) else "-"
                lines.append([title, *(format_cell(cell, figure) for cell in cells), mean])
        tables.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    return "\n\n".join(tables) + "\n"


def keep_full_runs(results: Mapping[str, Any]) -> dict[str, Any]:
    """Take the runs on all training labels, which the other tables are made of."""
    return {**results, "runs": [run for run in results["runs"] if run.get("label_fraction", ALL) == ALL]}


def _list_figures(results: Mapping[str, Any], name: str, method: str, share: float, figure: str) -> list[float]:
    """List the figure of every seed."""
    return [
        run["test"][figure]
        for run in results["runs"]
        if (run["set"], run["method"], run.get("label_fraction", ALL)) == (name, method, share)
        and figure in run["test"]
    ]


def _find_strata(labels: np.ndarray, task_type: str) -> np.ndarray:
    """Number the class, or what stands for it, of each row. `(R, K)` -> `(R,)`."""
    if task_type == "regression":
        first = np.nan_to_num(labels[:, 0], nan=np.nanmean(labels[:, 0]))
        return np.searchsorted(np.quantile(first, np.linspace(0, 1, NUM_BINS + 1)[1:-1]), first)
    if task_type == "multiclass":
        return np.nan_to_num(labels[:, 0], nan=-1.0).astype(int)
    positives = labels == 1  # (R, K)
    counts = positives.sum(0)  # (K,)
    rarity = np.where(positives, counts, len(labels) + 1)  # (R, K)
    return np.where(positives.any(1), rarity.argmin(1), -1)


__all__ = ["ALL", "check_fractions", "format_fraction_table", "keep_full_runs", "take_fraction"]
