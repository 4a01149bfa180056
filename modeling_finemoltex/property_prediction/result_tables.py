"""Lay out results of property experiments: methods by sets, mean and standard deviation over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..evaluation.property_metrics import WITH_UNIT
from .methods import METHODS

CHANCE = "*by chance: mean or shares of the training labels*"
_ORDER = ("bbbp", "tox21", "toxcast", "sider", "clintox", "muv", "hiv", "bace")
# ROC-AUC in percent as printed in the FineMolTex paper (KDD 2025, property prediction table), in the order above.
PUBLISHED = {
    "FineMolTex": (73.5, 77.1, 68.6, 64.8, 92.5, 76.3, 79.0, 84.0),
    "MoleculeSTM": (70.0, 76.9, 65.1, 61.0, 92.5, 73.4, 77.0, 80.8),
    "MolCA": (70.0, 77.2, 64.5, 63.0, 89.5, 72.1, 77.2, 79.8),
    "GraphMVP": (68.1, 77.1, 65.1, 60.6, 84.7, 74.4, 77.7, 80.5),
}
PUBLISHED_NOTE = (
    "*Published rows* are quoted, not run here: the same deterministic scaffold split, but other RDKit versions and "
    "sets of parsable rows, pre-training on 281,000 PubChem pairs (GraphMVP: conformers), and another choice of the "
    "epoch: MoleculeSTM's and GraphMVP's protocol is 100 epochs and the best on validation, the released code of "
    "FineMolTex trains 10 and does not choose by validation."
)


def format_property_table(results: Mapping[str, Any], figure: str | None = None) -> str:
    """Lay out results as a Markdown table.

    Args:
        results (mapping): As `run_experiments` writes: `sets`, and `runs` with `set`, `method`, `seed` and `test`.
        figure (`str`, *optional*): Such as `"pr_auc"`; that of [`deciding_figure`] by default.

    Returns:
        `str`: A row of chance levels, one row per method, one column per set with mean ± standard deviation over the
        seeds (and their number, where it is smaller than elsewhere), and the mean over the sets for methods that have
        them all, unless it is an error in the units of each set; `-` where there is no run, or no figure (test rows of
        one label).
    """
    sets = list(results["sets"])
    columns = {
        name: figure or deciding_figure(facts["task_type"], facts.get("tasks", 1))
        for name, facts in results["sets"].items()
    }
    cells = {
        (name, method): [
            run["test"][columns[name]]
            for run in results["runs"]
            if run["set"] == name and run["method"] == method and columns[name] in run["test"]
        ]
        for name in sets
        for method in METHODS
    }
    # Errors in units of their own have no mean over the sets.
    with_mean = len(sets) > 1 and len(set(columns.values())) == 1 and not set(columns.values()) & set(WITH_UNIT)
    header = ["test, mean ± std", *(f"{name} ({columns[name]})" for name in sets), *(["mean"] if with_mean else [])]
    lines = [header, ["---"] * len(header), *_chance_row(results["sets"], columns, with_mean)]
    seeds = max(map(len, cells.values()), default=1)
    for method, title in METHODS.items():
        values = [cells[name, method] for name in sets]
        if any(run["method"] == method for run in results["runs"]):
            row = [
                title,
                *(format_cell(figures, columns[name], seeds) for name, figures in zip(sets, values, strict=True)),
            ]
            mean = (
                format_cell([float(np.mean([np.mean(figures) for figures in values]))], columns[sets[0]])
                if all(values)
                else "-"
            )
            lines.append(row + ([mean] if with_mean else []))
    is_published = results["settings"].get("split") == "scaffold" and set(columns.values()) == {"roc_auc"}
    notes = [_describe_runs(results)]
    if is_published and set(sets) & set(_ORDER):
        lines += _published_rows(sets, with_mean)
        notes.append(PUBLISHED_NOTE)
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join([table, *notes]) + "\n"


def deciding_figure(task_type: str, num_tasks: int) -> str:
    """Name the figure that stands for a set: ROC-AUC, or RMSE, relative to the labels of several tasks."""
    if task_type != "regression":
        return "roc_auc"
    return "rmse" if num_tasks == 1 else "relative_rmse"


def _chance_row(sets: Mapping[str, Any], columns: Mapping[str, str], with_mean: bool) -> list[list[str]]:
    """What the same answer for every molecule reaches, where the results say it."""
    chances = [facts.get("chance", {}).get(columns[name]) for name, facts in sets.items()]
    known = [chance for chance in chances if chance is not None]
    if not known:
        return []
    cells = [
        "-" if chance is None else format_cell([chance], columns[name])
        for name, chance in zip(sets, chances, strict=True)
    ]
    mean = format_cell([float(np.mean(known))], next(iter(columns.values()))) if len(known) == len(sets) else "-"
    return [[CHANCE, *cells, *([mean] if with_mean else [])]]


def _published_rows(sets: Sequence[str], with_mean: bool) -> list[list[str]]:
    rows = []
    for name, figures in PUBLISHED.items():
        by_set = dict(zip(_ORDER, figures, strict=True))
        values = [by_set.get(set_name) for set_name in sets]
        known = [value for value in values if value is not None]
        mean = f"{np.mean(known):.1f}" if len(known) == len(sets) else "-"
        cells = ["-" if value is None else f"{value:.1f}" for value in values]
        rows.append([f"*published: {name}*", *cells, *([mean] if with_mean else [])])
    return rows


def format_cell(values: Sequence[float], figure: str, seeds: int = 0) -> str:
    """Write mean and deviation; shares in percent. Fewer seeds than others have are told.

    Args:
        values (sequence of `float`): Of each seed.
        figure (`str`): What they are, such as `"roc_auc"`.
        seeds (`int`): Of other cells.
    """
    if not values:
        return "-"
    scale, digits = (100, 1) if figure in ("roc_auc", "pr_auc", "accuracy") else (1, 3)
    mean = f"{scale * np.mean(values):.{digits}f}"
    fewer = f" ({len(values)} seed{'s' * (len(values) > 1)})" if len(values) < seeds else ""
    return mean + (f" ± {scale * np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else "") + fewer


def _describe_runs(results: Mapping[str, Any]) -> str:
    """Say what stands behind the figures."""
    settings = results["settings"]
    seeds = sorted({run["seed"] for run in results["runs"]})
    sizes = "; ".join(
        f"{name}: {facts['num_rows']} rows, {len(facts['unparseable'])} of them unparsable, "
        + " / ".join(f"{facts['split'][part]}" for part in ("train", "valid", "test"))
        for name, facts in results["sets"].items()
    )
    return (
        f"Model `{settings['model']}`, {settings['split']} split, seeds {', '.join(map(str, seeds))}; epoch, penalty "
        f"and temperature chosen on validation rows alone. Rows train / valid / test of {sizes}."
    )
