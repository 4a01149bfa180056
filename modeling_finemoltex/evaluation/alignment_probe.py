"""How often a model aligns a motif with the word that names it: a labelled probe of motif-word alignment."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .intervals import bootstrap_intervals, compare_paired, summarise_queries
from .motif_names import find_names, name_motifs
from .tables import align_columns, format_cell

KINDS = ("similarity", "context", "attention", "combined")
# Blind ways to answer: any candidate; and of the names that the text lists, the one that motifs have most often.
BASELINES = ("chance", "frequent")
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
    said: list[dict[str, list[tuple[int, int]]]]  # all names of each text, and the spans that say them


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
            probe.said.append(said)
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
        value (by lot among equal ones) says the name, averaged over the motifs. Two figures per pool for who does not
        see the molecule: `chance_...`, the share of right words among the candidates, and `frequent_...`, the hits of
        the listed name that motifs of the other pairs have most often. Empty where the text was cut before the name;
        without the naming figures where every naming word is right.
    """
    alignments = align(probe.smiles, probe.texts)
    answers: list[dict] = []
    frequencies = [_count_elsewhere(probe, alignment.words, pair) for pair, alignment in enumerate(alignments)]
    for question in probe.questions:
        alignment, frequency = alignments[question.pair], frequencies[question.pair]
        is_right = _overlap(alignment.words, question.spans)  # (W,)
        pools = {"hit@1": np.ones_like(is_right), "naming_hit@1": frequency >= 0}
        answer: dict[str, float] = {}
        for name, pool in pools.items():
            right = is_right[pool]
            if not right.any() or right.all():
                continue
            answer[f"chance_{name}"] = float(right.mean())
            values_of = {kind: getattr(alignment, kind)[question.motifs] for kind in KINDS}
            values_of["frequent"] = frequency[None]
            for kind, all_values in values_of.items():
                values = all_values[:, pool]  # (m, C)
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
        - `figures`: for each system `alignment/{kind}_{pool}` for each of `KINDS`, `BASELINES` and `POOLS`, with
          `_low` and `_high`, and `..._over_chance` and `..._over_frequent`, what a kind is above a baseline, pair by
          pair;
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
    values = {system: average_pairs(probe, asked, answer) for system, answer in answers.items()}
    for system, averages in values.items():
        figures[system] = summarise_queries(averages)
        if num_samples:
            figures[system] |= bootstrap_intervals(averages, num_samples)
            figures[system] |= _compare_with_baselines(averages, num_samples)
            if system != first:
                differences[system] = compare_paired(values[first], averages, num_samples)
    return {
        "probe": {"pairs": len({probe.questions[place].pair for place in asked}), "questions": len(asked)},
        "figures": figures,
        "differences": differences,
        "names": summarise_names(probe, asked, answers[first]),
    }


def format_alignment_table(report: Mapping[str, Any]) -> str:
    """Lay out what `evaluate_alignment` found: one line per system and kind, and one per difference."""
    rows: list[Sequence[str]] = [("system", "by", *(f"first of {words}" for words in POOLS.values()))]
    for system, figures in report["figures"].items():
        for kind in (*KINDS, *BASELINES):
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


def _count_elsewhere(probe: AlignmentProbe, words: Sequence[Any], pair: int) -> np.ndarray:
    """Count for each word of a text how many other pairs have its name for a motif; -1 where it says none. `(W,)`."""
    counts = np.full(len(words), -1)
    others = Counter(question.name for question in probe.questions if question.pair != pair)
    for name, spans in probe.said[pair].items():
        counts = np.maximum(counts, np.where(_overlap(words, spans), others[name], -1))
    return counts


def average_pairs(probe: Any, asked: Sequence[int], answers: Sequence[dict]) -> dict[str, np.ndarray]:
    """Average the answers of each pair.

    Args:
        probe (`AlignmentProbe`, or another with `questions` of a `pair` and a `name`): What was asked.
        asked (sequence of `int`): Numbers of the questions that count.
        answers (sequence of `dict`): Figures of every question.

    Returns:
        For each figure, as `alignment/{name}`, an array of the pairs that have it, in their order.
    """
    by_pair: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for place in asked:
        for key, value in answers[place].items():
            by_pair[f"alignment/{key}"][probe.questions[place].pair].append(value)
    return {key: np.array([np.mean(questions) for questions in pairs.values()]) for key, pairs in by_pair.items()}


def _compare_with_baselines(values: Mapping[str, np.ndarray], num_samples: int) -> dict[str, float]:
    """What every kind is above each baseline, pair by pair, with intervals."""
    comparison: dict[str, float] = {}
    for pool, baseline in itertools.product(POOLS, BASELINES):
        blind = values.get(f"alignment/{baseline}_{pool}")
        if blind is None:
            continue
        reached = {f"alignment/{kind}_{pool}_over_{baseline}": values[f"alignment/{kind}_{pool}"] for kind in KINDS}
        comparison |= compare_paired(reached, dict.fromkeys(reached, blind), num_samples)
    return comparison


def summarise_names(probe: Any, asked: Sequence[int], answers: Sequence[dict]) -> dict[str, dict]:
    """Count and average the questions of each name, the commonest first; arguments as of `average_pairs`."""
    by_name: dict[str, list[dict]] = defaultdict(list)
    for place in asked:
        by_name[probe.questions[place].name].append(answers[place])
    return {
        name: {"questions": len(questions)}
        | {
            key: float(np.mean([answer[key] for answer in questions if key in answer]))
            for key in dict.fromkeys(key for answer in questions for key in answer)
        }
        for name, questions in sorted(by_name.items(), key=lambda item: -len(item[1]))
    }
