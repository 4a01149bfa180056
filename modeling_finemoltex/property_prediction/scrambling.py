"""Y-scrambling: a method that learns from labels dealt out at random must predict no better than chance."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..data.property_tables import PropertyTable

CHANCE, TOLERANCE = 0.5, 0.03  # of a mean ROC-AUC


def scramble_labels(table: PropertyTable, seed: int) -> PropertyTable:
    """Deal the labels out to the molecules anew, whole rows: each task keeps its labels and how they go together.

    Args:
        table ([`PropertyTable`]): `R` usable rows. Its `rows`, as read from the file, stay.
        seed (`int`): Of the order.
    """
    return replace(table, labels=np.random.default_rng(seed).permutation(table.labels))


def check_scrambled(results: Mapping[str, Any]) -> str:
    """Say whether runs on scrambled labels were at chance, and so whether their protocol lets no label through.

    Labels are scrambled before the split, so no molecule tells anything of any label. What is above chance was learned
    from rows that a method must not see: test rows that chose an epoch, for example.

    Args:
        results (mapping): As `run_experiments` returns with `scramble_labels`.

    Returns:
        `str`: A line for each method: the mean ROC-AUC of its runs, and the standard error of that mean.

    Raises:
        ValueError: If there is no ROC-AUC, or a method is farther from chance than `TOLERANCE`.
    """
    lines, failed = [], []
    for method in dict.fromkeys(run["method"] for run in results["runs"]):
        reached = [run["test"].get("roc_auc") for run in results["runs"] if run["method"] == method]
        figures = np.array([one for one in reached if one is not None])
        if not len(figures):
            raise ValueError("Scrambled labels are judged by ROC-AUC: give a set of classes, not of numbers.")
        spread = f" ± {100 * figures.std(ddof=1) / len(figures) ** 0.5:.1f}" if len(figures) > 1 else ""
        lines.append(f"{method}: {100 * figures.mean():.1f}{spread} over {len(figures)} runs")
        if abs(figures.mean() - CHANCE) > TOLERANCE:
            failed.append(lines[-1])
    if failed:
        raise ValueError(
            f"Scrambled labels must give a ROC-AUC of {100 * CHANCE:.0f} ± {100 * TOLERANCE:.0f}, but got "
            f"{'; '.join(failed)}. If the spread is as large as the difference, give more seeds; else a label leaks."
        )
    return "\n".join(lines)
