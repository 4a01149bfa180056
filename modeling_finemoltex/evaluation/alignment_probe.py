"""How often a model aligns a motif with the word that names it: a labelled probe of motif-word alignment."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .intervals import bootstrap_intervals, compare_paired, summarise_queries
from .motif_names import find_names, name_motifs
from .tables import align_columns, format_cell

KINDS = ("similarity", "context", "attention", "combined")
# What the naming word is chosen among: all words of the text, or those that name a motif of some kind.
POOLS = {"hit@1": "all words", "naming_hit@1": "naming words"}


class NamedMotif(NamedTuple):
    """A question of the probe: motifs of a pair that share a name, which its text says."""

    pair: int
    name: str
    motifs: list[int]  # by position in the motif tree
    spans: list[tuple[int, int]]  # in the text, that say the name


class AlignmentProbe(NamedTuple):
    """Pairs whose texts name motifs of their molecules."""

    smiles: list[str]
    texts: list[str]
    questions: list[NamedMotif]
    naming_spans: list[list[tuple[int, int]]]  # of each text, that say any name


def build_alignment_probe(smiles: Sequence[str], texts: Sequence[str], feature_extractor: Any) -> AlignmentProbe:
    """Find the motifs that the texts name.

    Args:
        smiles (sequence of `str`): Molecules.
        texts (sequence of `str`): Texts; text `i` belongs to molecule `i`.
        feature_extractor (`FineMolTexFeatureExtractor`): Knows the motifs; the systems must share its fragmentation.

    Returns:
        `AlignmentProbe`; pairs without a named motif are left out.

    Raises:
        ValueError: If the numbers differ, a molecule cannot be parsed, or no text names a motif.
    """
    if len(smiles) != len(texts):
        raise ValueError(f"Molecules and texts must form pairs: got {len(smiles)} molecules and {len(texts)} texts.")
    probe = AlignmentProbe([], [], [], [])
    for molecule, text in zip(smiles, texts, strict=True):
        said = find_names(text)
        if not said:
            continue
        holders: dict[str, list[int]] = defaultdict(list)
        for place, names in enumerate(
            name_motifs(molecule, [motif.atoms for motif in feature_extractor.motifs(molecule)])
        ):
            for name in names:
                holders[name].append(place)
        pair = len(probe.smiles)
        questions = [NamedMotif(pair, name, holders[name], said[name]) for name in said if name in holders]
        if questions:
            probe.smiles.append(molecule)
            probe.texts.append(text)
            probe.questions.extend(questions)
            probe.naming_spans.append([span for spans in said.values() for span in spans])
    if not probe.questions:
        raise ValueError(f"None of the {len(texts)} texts names a motif of its molecule: give descriptive texts.")
    return probe


def score_alignment(probe: AlignmentProbe, align: Callable[[list[str], list[str]], Sequence[Any]]) -> list[dict]:
    """Answer every question of the probe.

    Args:
        probe (`AlignmentProbe`): Of `build_alignment_probe`.
        align (callable): `MotifWordAligner.align`, or another that takes molecules and texts and gives what has
            `words` (with `start` and `end`) and `matrix(kind)`.

    Returns:
        For each question `{kind}_hit@1` and `{kind}_naming_hit@1`, the probability that the word chosen by the largest
        value (by lot among equal ones) says the name, averaged over the motifs; and `chance_hit@1` and
        `chance_naming_hit@1`, the share of such words among the candidates. Empty where the text was cut before the
        name; without the naming figures where every naming word is right.
    """
    alignments = align(probe.smiles, probe.texts)
    answers: list[dict] = []
    for question in probe.questions:
        alignment = alignments[question.pair]
        is_right = _overlap(alignment.words, question.spans)  # (W,)
        pools = {
            "hit@1": np.ones_like(is_right),
            "naming_hit@1": _overlap(alignment.words, probe.naming_spans[question.pair]),
        }
        answer: dict[str, float] = {}
        for name, pool in pools.items():
            right = is_right[pool]
            if not right.any() or right.all():
                continue
            answer[f"chance_{name}"] = float(right.mean())
            for kind in KINDS:
                values = alignment.matrix(kind)[question.motifs][:, pool]  # (m, C)
                is_best = values == values.max(axis=1, keepdims=True)
                answer[f"{kind}_{name}"] = float((is_best[:, right].sum(1) / is_best.sum(1)).mean())
        answers.append(answer)
    return answers


def evaluate_alignment(
    probe: AlignmentProbe,
    systems: Mapping[str, Callable[[list[str], list[str]], Sequence[Any]]],
    num_samples: int = 1000,
) -> dict[str, Any]:
    """Measure how often the word that names a motif ranks first, against chance and between systems.

    Questions that some system cannot be asked (its tokenizer cut the name off) are asked of none. Figures are means
    over pairs of the mean over their questions, and intervals resample pairs: the questions of a pair hang together.

    Args:
        probe (`AlignmentProbe`): Of `build_alignment_probe`.
        systems (mapping of `str` to callable): Name and `MotifWordAligner.align` of each; the others are compared with
            the first.
        num_samples (`int`): Resamples of the 95 % intervals; 0 for none.

    Returns:
        `dict`, ready for JSON:

        - `probe`: numbers of pairs and questions;
        - `figures`: for each system `alignment/{kind}_{pool}` and `alignment/chance_{pool}` for each of `KINDS` and
          `POOLS`, with `_low` and `_high`, and `..._over_chance`, what a kind is above chance, pair by pair;
        - `differences`: for each other system, the first one's figures less its own, paired, with intervals;
        - `names`: for each name its number of questions and the figures of the first system.

    Raises:
        ValueError: If no question can be asked of every system.
    """
    answers = {system: score_alignment(probe, align) for system, align in systems.items()}
    first = next(iter(answers))
    asked = [place for place in range(len(probe.questions)) if all(answer[place] for answer in answers.values())]
    if not asked:
        raise ValueError("No question can be asked: every text is cut before the names of its motifs.")
    figures: dict[str, dict[str, float]] = {}
    differences: dict[str, dict[str, float]] = {}
    values = {system: _average_pairs(probe, asked, answer) for system, answer in answers.items()}
    for system, averages in values.items():
        figures[system] = summarise_queries(averages)
        if num_samples:
            figures[system] |= bootstrap_intervals(averages, num_samples) | _compare_with_chance(averages, num_samples)
            if system != first:
                differences[system] = compare_paired(values[first], averages, num_samples)
    return {
        "probe": {"pairs": len({probe.questions[place].pair for place in asked}), "questions": len(asked)},
        "figures": figures,
        "differences": differences,
        "names": _summarise_names(probe, asked, answers[first]),
    }


def format_alignment_table(report: Mapping[str, Any]) -> str:
    """Lay out what `evaluate_alignment` found: one line per system and kind, and one per difference."""
    rows: list[Sequence[str]] = [("system", "by", *(f"first of {words}" for words in POOLS.values()))]
    for system, figures in report["figures"].items():
        for kind in (*KINDS, "chance"):
            rows.append((system, kind, *(format_cell(figures, f"alignment/{kind}_{pool}") for pool in POOLS)))
    first = next(iter(report["figures"]))
    for system, figures in report["differences"].items():
        for kind in KINDS:
            cells = (format_cell(figures, f"alignment/{kind}_{pool}") for pool in POOLS)
            rows.append((f"{first} - {system}", kind, *cells))
    return align_columns(rows, 2)


def _overlap(words: Sequence[Any], spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """Tell which words overlap a span. `(W,)` bool."""
    return np.array([any(word.start < end and word.end > start for start, end in spans) for word in words], dtype=bool)


def _average_pairs(probe: AlignmentProbe, asked: Sequence[int], answers: Sequence[dict]) -> dict[str, np.ndarray]:
    """Average the answers of each pair: an array per figure, of the pairs that have it, in their order."""
    by_pair: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for place in asked:
        for key, value in answers[place].items():
            by_pair[f"alignment/{key}"][probe.questions[place].pair].append(value)
    return {key: np.array([np.mean(questions) for questions in pairs.values()]) for key, pairs in by_pair.items()}


def _compare_with_chance(values: Mapping[str, np.ndarray], num_samples: int) -> dict[str, float]:
    """What every kind is above chance, pair by pair, with intervals."""
    comparison: dict[str, float] = {}
    for pool in POOLS:
        chance = values.get(f"alignment/chance_{pool}")
        if chance is None:
            continue
        reached = {f"alignment/{kind}_{pool}_over_chance": values[f"alignment/{kind}_{pool}"] for kind in KINDS}
        comparison |= compare_paired(reached, dict.fromkeys(reached, chance), num_samples)
    return comparison


def _summarise_names(probe: AlignmentProbe, asked: Sequence[int], answers: Sequence[dict]) -> dict[str, dict]:
    """Count and average the questions of each name, the commonest first."""
    by_name: dict[str, list[dict]] = defaultdict(list)
    for place in asked:
        by_name[probe.questions[place].name].append(answers[place])
    return {
        name: {"questions": len(questions)}
        | {
            key: float(np.mean([answer[key] for answer in questions]))
            for key in questions[0]
            if all(key in answer for answer in questions)
        }
        for name, questions in sorted(by_name.items(), key=lambda item: -len(item[1]))
    }
