"""Lay out how far the predictions of an experiment can be trusted, and what another split takes from that."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .conformal import LEVEL
from .methods import METHODS

# What a column shows: its title, the part of a run, the figure in it, and the factor and digits of its number.
_COLUMNS = (
    ("ROC-AUC", "test", "roc_auc", 100, 1),
    ("RMSE", "test", "rmse", 1, 3),
    ("Brier", "test", "brier", 1, 3),
    ("ECE", "test", "ece", 1, 3),
    ("covered %", "coverage", "coverage", 100, 1),
    ("one class %", "coverage", "decided", 100, 1),
    ("width", "coverage", "width", 1, 3),
)


def format_trust_table(by_split: Mapping[str, Mapping[str, Any]]) -> str:
    """Lay out Brier score, calibration error and coverage by split, as a Markdown table with the coverage lost.

    Args:
        by_split (mapping of `str` to mapping): Name of the split -> results as `run_experiments` returns them. The
            first is of rows like the validation rows, such as a random one; the others are compared with it.

    Returns:
        `str`: A line for each set, method and split, of means over the seeds. `covered %` is the share of test labels
        in the sets or intervals, `one class %` the share of sets that decide. Below it, the coverage that each other
        split loses. Figures that no run has are left out.
    """
    lines, losses = [], []
    known = [column for column in _COLUMNS if any(_collect(one["runs"], column) for one in by_split.values())]
    for name, method in _list_rows(by_split):
        reached: dict[str, float] = {}
        for split, results in by_split.items():
            runs = [run for run in results["runs"] if (run["set"], run["method"]) == (name, method)]
            if not runs:
                continue
            lines.append([name, METHODS.get(method, method), split, *(_cell(runs, column) for column in known)])
            covered = _collect(runs, _COLUMNS[4])
            if covered:
                reached[split] = float(np.mean(covered))
        first = next(iter(by_split))
        losses += [
            f"{name}, {METHODS.get(method, method)}: {split} covers {100 * (reached[first] - share):+.1f} points less "
            f"than {first}, {100 * (share - _level(by_split)):+.1f} from the level."
            for split, share in reached.items()
            if split != first and first in reached
        ]
    header = ["set", "method", "split", *(title for title, *_ in known)]
    table = [header, ["---"] * len(header), *lines]
    promised = f"Sets and intervals promise {100 * _level(by_split):.0f} % on rows like the validation rows."
    return "\n".join([*(f"| {' | '.join(line)} |" for line in table), "", promised, *losses]) + "\n"


def _list_rows(by_split: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """List the sets and methods of all splits, each once."""
    return list(dict.fromkeys((run["set"], run["method"]) for one in by_split.values() for run in one["runs"]))


def _level(by_split: Mapping[str, Mapping[str, Any]]) -> float:
    levels = (run["coverage"]["level"] for one in by_split.values() for run in one["runs"] if "coverage" in run)
    return next(levels, LEVEL)


def _collect(runs: Sequence[Mapping[str, Any]], column: tuple[str, str, str, int, int]) -> list[float]:
    _, part, figure, *_ = column
    return [run[part][figure] for run in runs if run.get(part, {}).get(figure) is not None]


def _cell(runs: Sequence[Mapping[str, Any]], column: tuple[str, str, str, int, int]) -> str:
    """Write the mean over the seeds, and its deviation if there are several."""
    values, (*_, factor, digits) = _collect(runs, column), column
    if not values:
        return "-"
    mean = f"{factor * np.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {factor * np.std(values, ddof=1):.{digits}f}"
