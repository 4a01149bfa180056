"""One report of several systems on the same retrieval tasks: figures, intervals, paired differences, single ranks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .intervals import bootstrap_intervals, compare_paired, summarise_queries
from .pools import hits_ceiling
from .retrieval_tasks import RetrievalTask


def report_systems(
    tasks: Sequence[RetrievalTask], systems: Mapping[str, Sequence[Mapping[str, np.ndarray]]], num_samples: int = 1000
) -> dict[str, Any]:
    """Summarise what several systems scored on the same tasks.

    Args:
        tasks (sequence of `RetrievalTask`): What was asked.
        systems (mapping): Name of each system and, per task, what `RetrievalTask.score` gave, `(Q,)` each. The others
            are compared with the first.
        num_samples (`int`): Resamples of the 95 % intervals; 0 for none.

    Returns:
        `dict`, ready for JSON:

        - `tasks`: for each task its number of queries, molecules and texts, the share of unique texts and the best
          Hits@1 that any model can reach if duplicates count as errors;
        - `figures`: for each system `{task}/{t2m,m2t}_{hits@k,...}`, with `_low` and `_high`;
        - `differences`: for each system but the first, the paired difference from the first with its interval;
        - `ranks`: for each system and task, the rank of the pair of every query in either direction.

    Raises:
        ValueError: If a system did not score every task.
    """
    for system, scores in systems.items():
        if len(scores) != len(tasks):
            raise ValueError(f"{system!r} has scores of {len(scores)} tasks: there are {len(tasks)}.")
    first = next(iter(systems.values()))
    report: dict[str, Any] = {"tasks": {task.name: _describe(task) for task in tasks}}
    report |= {"figures": {}, "differences": {}, "ranks": {}}
    for system, scores in systems.items():
        figures: dict[str, float] = {}
        differences: dict[str, float] = {}
        for task, values, base in zip(tasks, scores, first, strict=True):
            named = {f"{task.name}/{key}": array for key, array in values.items()}
            figures |= summarise_queries(named)
            if num_samples:
                figures |= bootstrap_intervals(named, num_samples)
                paired = compare_paired(values, base, num_samples)
                differences |= {f"{task.name}/{key}": value for key, value in paired.items()}
        report["figures"][system] = figures
        if scores is not first:
            report["differences"][system] = differences
        report["ranks"][system] = {
            task.name: {key: array.tolist() for key, array in values.items() if key.endswith("rank")}
            for task, values in zip(tasks, scores, strict=True)
        }
    return report


def _describe(task: RetrievalTask) -> dict[str, float]:
    """Count what a task holds."""
    sizes = (len(task.smiles), len(task.extra_smiles), len(task.extra_texts))
    asking = sizes[0] if task.setting.queries is None else len(task.setting.queries)
    counts = {"queries": asking, "molecules": sizes[0] + sizes[1], "texts": sizes[0] + sizes[2]}
    return {**counts, **hits_ceiling(task.setting, *sizes)}
