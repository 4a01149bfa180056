"""Hit ratios of text-based editing, under the published rule and under stricter ones, with what stands beside them.

An answer is a SMILES string that an editor gave for a molecule and a prompt; an editor may give several, best first.

- `any5_hit`, the published rule: one of the first five answers (there: one for each of five strengths of the penalty)
  changes the molecule in the right direction, by any amount, whatever else changes. For the prompts 501-504 molecules
  that have the group already are left out, so the denominator shrinks.
- `any5_legacy_hit`: the same as the published code computes it, which looks at the first of two properties only.
- `one_answer_hit`, our rule: the first answer counts alone, must keep a Tanimoto similarity of at least 0.4 to the
  molecule and hold together in one piece where the molecule does, and every molecule stays in the denominator; one
  that has the group of 501-504 already must gain another.
- `..._margin_hit`: the change must exceed a margin, such as 0.5 units of logP.
- `right_way`: of all answers that are molecules, the share that changes it in the right direction, whatever their
  similarity.
- `figures_right_way`: the same, counted by quantity where a prompt asks for several.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from rdkit import Chem
from rdkit.Contrib.SA_Score import sascorer

from ..data.identifiers import canonical_smiles, try_parse
from ..data.similarity import compute_similarities
from .editing_prompts import FAMILIES, PROMPTS, QUANTITIES, Check, EditingPrompt
from .intervals import bootstrap_intervals, compare_paired, summarise_queries
from .tables import align_columns, format_cell

NUM_ANSWERS = 5  # strengths of the penalty in the published grids
MIN_SIMILARITY = 0.4
HITS = ("one_answer_hit", "one_answer_margin_hit", "any5_hit", "any5_margin_hit", "any5_legacy_hit")
QUALITIES = ("validity", "uniqueness", "novelty", "similarity", "sa_score", "right_way", "figures_right_way")
Answers = Sequence[Sequence[str | None]]
Measures = Mapping[str, Callable[[Chem.Mol, Chem.Mol], float]]  # name -> figure of a source and an edit of it


def score_edits(
    prompt: EditingPrompt,
    sources: Sequence[str],
    answers: Answers,
    min_similarity: float = MIN_SIMILARITY,
    known: Collection[str] = frozenset(),
    measures: Measures | None = None,
) -> dict[str, np.ndarray]:
    """Score the answers to one prompt, molecule by molecule.

    Args:
        prompt (`EditingPrompt`): What was asked, such as `PROMPTS[101]`.
        sources (sequence of `str`): `Q` molecules to edit.
        answers (sequence of sequences of `str`): For each molecule its answers, best first; strings that are no
            molecule count as invalid answers, an empty sequence as a miss.
        min_similarity (`float`): Tanimoto similarity to the source below which one answer is no hit.
        known (collection of `str`): Canonical SMILES that are not novel.
        measures (mapping, *optional*): What else to compute of every answer: name -> function of source and edit.

    Returns:
        `dict[str, np.ndarray]`: Values per molecule, for `summarise_queries`, `bootstrap_intervals` and
        `compare_paired`: the hits described above, `(Q,)` each (those over fewer molecules are shorter); then
        `validity`, the share of answers that are molecules; of these `uniqueness`, the share that is distinct,
        `right_way`, `figures_right_way` and the mean of each of the `measures`; and of the first answer, where it is
        a molecule, `novelty`, `similarity` to the source and `sa_score`, the synthetic accessibility from 1 (easy) to
        10.

    Raises:
        ValueError: If there are no sources, one of them cannot be parsed, or the numbers differ.
    """
    if len(sources) != len(answers) or not sources:
        raise ValueError(f"Every source needs its answers: got {len(sources)} sources and {len(answers)} lists.")
    rows: dict[str, list[float]] = {}
    for index, (smiles, given) in enumerate(zip(sources, answers, strict=True)):
        source = try_parse(smiles)
        if source is None:
            raise ValueError(f"The source at index {index} is no molecule: {smiles!r:.80}.")
        edits = [try_parse(answer) for answer in given]
        values = _score_any(prompt, smiles, edits[:NUM_ANSWERS])
        values |= _score_one(prompt, smiles, source, edits, min_similarity)
        values |= _score_quality(source, edits, known) | _score_all(prompt, smiles, source, edits, measures or {})
        for key, value in values.items():
            rows.setdefault(key, []).append(value)
    return {key: np.array(values) for key, values in rows.items()}


def report_editing(
    sources: Sequence[str],
    systems: Mapping[str, Mapping[int, Answers]],
    baseline: str,
    known: Collection[str] = frozenset(),
    num_samples: int = 1000,
    min_similarity: float = MIN_SIMILARITY,
    measures: Measures | None = None,
) -> dict[str, Any]:
    """Summarise what several editors answered to the same prompts for the same molecules.

    Args:
        sources (sequence of `str`): `Q` molecules.
        systems (mapping): Name of each editor, and its answers by the number of the prompt.
        baseline (`str`): The editor that the others are compared with.
        known (collection of `str`): Canonical SMILES that are not novel.
        num_samples (`int`): Resamples of the 95 % intervals.
        min_similarity, measures: As of `score_edits`.

    Returns:
        `dict`, ready for JSON: `figures`, for each editor `editing_{prompt}/{figure}` and, as means over the prompts
        of a family, `editing_101-108/{figure}`, with `_low` and `_high`; `differences`, for each editor but the
        baseline, the paired difference of its hits; `prompts_above`, for each of these and each family, on how many of
        how many prompts `one_answer_hit` is above the baseline.

    Raises:
        ValueError: If a prompt is unknown, the baseline is missing, or the editors answered different prompts.
    """
    if baseline not in systems:
        raise ValueError(f"The baseline {baseline!r} is not among the editors {', '.join(systems)}.")
    numbers = sorted(systems[baseline])
    for system, by_prompt in systems.items():
        if sorted(by_prompt) != numbers:
            raise ValueError(f"{system!r} answered the prompts {sorted(by_prompt)}, {baseline!r} {numbers}.")
    unknown = [number for number in numbers if number not in PROMPTS]
    if unknown:
        raise ValueError(f"There is no prompt {unknown[0]}: the numbers are {', '.join(map(str, PROMPTS))}.")
    scores = {
        system: _add_families(
            {
                number: score_edits(PROMPTS[number], sources, by_prompt[number], min_similarity, known, measures)
                for number in numbers
            }
        )
        for system, by_prompt in systems.items()
    }
    report: dict[str, Any] = {"baseline": baseline, "figures": {}, "differences": {}, "prompts_above": {}}
    for system, values in scores.items():
        report["figures"][system] = summarise_queries(values) | bootstrap_intervals(values, num_samples)
        if system != baseline:
            hits = {key: array for key, array in values.items() if key.endswith("hit")}
            report["differences"][system] = compare_paired(hits, scores[baseline], num_samples)
            report["prompts_above"][system] = _count_above(report["differences"][system], numbers)
    return report


def format_editing_table(report: Mapping[str, Any]) -> str:
    """Lay out a report: for each family of prompts all figures, then the hits of every prompt.

    Args:
        report (mapping): As `report_editing` returns it.

    Returns:
        `str`: One block per family with a line per editor; one block with a line per prompt.
    """
    figures = report["figures"]
    first = next(iter(figures.values()))
    blocks = []
    for family in FAMILIES:
        columns = [name for name in _list_columns(figures.values()) if f"editing_{family}/{name}" in first]
        if columns:
            rows: list[Sequence[str]] = [("", *columns)]
            rows += [
                (system, *(format_cell(values, f"editing_{family}/{name}") for name in columns))
                for system, values in figures.items()
            ]
            blocks.append(f"prompts {family}, mean\n{align_columns(rows, 1)}")
    rows = [("one_answer_hit", *figures)]
    for number, prompt in PROMPTS.items():
        key = f"editing_{number}/{HITS[0]}"
        if key in first:
            rows.append((f"{number} {prompt.text}", *(format_cell(values, key) for values in figures.values())))
    lines = [
        f"{system}: above {report['baseline']!r} on {above} of {total} prompts {family}"
        for system, counts in report["prompts_above"].items()
        for family, (above, total) in counts.items()
    ]
    return "\n\n".join([*blocks, align_columns(rows, 1), "\n".join(lines)]).rstrip()


def _list_columns(figures: Iterable[Mapping[str, float]]) -> list[str]:
    """List the names of figures: the usual ones first, then those of `measures`."""
    names = {key.partition("/")[2] for values in figures for key in values}
    rest = {name for name in names if not name.endswith(("_low", "_high"))}.difference(HITS, QUALITIES)
    return [*HITS, *QUALITIES, *sorted(rest)]


@lru_cache(maxsize=65536)  # a source is measured for many prompts and editors, an edit for one or two
def measure_quantity(quantity: str, smiles: str) -> float:
    """Compute a figure of `QUANTITIES` once for each molecule; NaN for what is none."""
    molecule = try_parse(smiles)
    return float("nan") if molecule is None else float(QUANTITIES[quantity](molecule))


def _passes(checks: Sequence[Check], source: str, edit: Chem.Mol | None, with_margin: bool = False) -> bool:
    if edit is None:
        return False
    return all(_pass_each(checks, source, edit, with_margin))


def _pass_each(checks: Sequence[Check], source: str, edit: Chem.Mol, with_margin: bool = False) -> list[bool]:
    smiles = Chem.MolToSmiles(edit)
    return [
        check.passes(measure_quantity(check.quantity, source), measure_quantity(check.quantity, smiles), with_margin)
        for check in checks
    ]


def _score_any(prompt: EditingPrompt, source: str, edits: Sequence[Chem.Mol | None]) -> dict[str, float]:
    """Apply the published rule; nothing for a molecule that it leaves out."""
    if prompt.needs_absence and any(measure_quantity(check.quantity, source) for check in prompt.checks):
        return {}
    values = {
        "any5_hit": any(_passes(prompt.checks, source, edit) for edit in edits),
        "any5_margin_hit": any(_passes(prompt.checks, source, edit, True) for edit in edits),
        "any5_legacy_hit": any(_passes(prompt.checks[:1], source, edit) for edit in edits),
    }
    return {key: float(value) for key, value in values.items()}


def _score_one(
    prompt: EditingPrompt, smiles: str, source: Chem.Mol, edits: Sequence[Chem.Mol | None], min_similarity: float
) -> dict[str, float]:
    """Apply our rule to the first answer."""
    edit = edits[0] if edits else None
    allowed = (
        edit is not None
        and compute_similarities(source, [edit])[0] >= min_similarity
        and len(Chem.GetMolFrags(edit)) <= len(Chem.GetMolFrags(source))
    )
    return {
        "one_answer_hit": float(allowed and _passes(prompt.checks, smiles, edit)),
        "one_answer_margin_hit": float(allowed and _passes(prompt.checks, smiles, edit, True)),
    }


def _score_quality(source: Chem.Mol, edits: Sequence[Chem.Mol | None], known: Collection[str]) -> dict[str, float]:
    """Describe answers, right or wrong; what cannot be said of no molecule is left out."""
    molecules = [edit for edit in edits if edit is not None]
    values = {"validity": len(molecules) / len(edits) if edits else 0.0}
    if molecules:
        values["uniqueness"] = len(set(map(Chem.MolToSmiles, molecules))) / len(molecules)
    if edits and edits[0] is not None:
        name = Chem.MolToSmiles(edits[0])
        values["novelty"] = float(name != Chem.MolToSmiles(source) and name not in known)
        values["similarity"] = compute_similarities(source, [edits[0]])[0]
        values["sa_score"] = sascorer.calculateScore(edits[0])
    return values


def _score_all(
    prompt: EditingPrompt, smiles: str, source: Chem.Mol, edits: Sequence[Chem.Mol | None], measures: Measures
) -> dict[str, float]:
    """Average over the answers that are molecules; nothing if there are none."""
    molecules = [edit for edit in edits if edit is not None]
    if not molecules:
        return {}
    passed = np.array([_pass_each(prompt.checks, smiles, edit) for edit in molecules])  # (answers, quantities)
    values = {"right_way": float(passed.all(axis=1).mean()), "figures_right_way": float(passed.mean())}
    return values | {
        name: float(np.mean([measure(source, edit) for edit in molecules])) for name, measure in measures.items()
    }


def _add_families(by_prompt: Mapping[int, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Name the values after their prompt; average those that every molecule has over the prompts of a family.

    Of hits that are over fewer molecules there is no mean. Figures of answers, which some prompts lack for some
    molecules, are put together.
    """
    named = {f"editing_{number}/{key}": array for number, values in by_prompt.items() for key, array in values.items()}
    for family, (first, last) in FAMILIES.items():
        members = [values for number, values in by_prompt.items() if first <= number <= last]
        for key in dict.fromkeys(key for values in members for key in values):
            columns = [values[key] for values in members if key in values]
            if len(columns) == len(members) and len({len(column) for column in columns}) == 1:
                named[f"editing_{family}/{key}"] = np.mean(columns, axis=0)
            elif key not in HITS:
                named[f"editing_{family}/{key}"] = np.concatenate(columns)
    return named


def _count_above(differences: Mapping[str, float], numbers: Sequence[int]) -> dict[str, tuple[int, int]]:
    """Count for each family the prompts with a positive difference, and all."""
    counts = {}
    for family, (first, last) in FAMILIES.items():
        hits = [differences[f"editing_{number}/{HITS[0]}"] for number in numbers if first <= number <= last]
        if hits:
            counts[family] = (sum(difference > 0 for difference in hits), len(hits))
    return counts


def canonical_set(smiles: Sequence[str]) -> frozenset[str]:
    """Collect canonical SMILES, for `known`; strings that are no molecule are left out."""
    return frozenset(name for name in map(canonical_smiles, smiles) if name is not None)
