"""How often the motif that a model finds for a word is one that the word means: questions whose answer is planted.

A written sentence names a group; the atoms that match its pattern are known, so each motif that shares one is right.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..data.identifiers import try_parse
from ..data.structural_facts import add_article, count_facts, make_plural, match_fact, structural_facts
from ..data.structural_queries import SINGLE
from .alignment_probe import average_pairs, summarise_names
from .intervals import bootstrap_intervals, compare_paired, summarise_queries
from .tables import align_columns, format_cell

# What a blind system points to: any motif; the one of most atoms; and the motif that other molecules have most often
# where the same group is, which takes a dictionary made of the answers.
BLIND = ("chance", "largest", "dictionary")
ASKED_KINDS = ("group", "ring")  # a class or a relation has no atoms of its own


class PlantedQuestion(NamedTuple):
    """A sentence that names a group of a molecule, and the motifs that hold it."""

    pair: int  # number of the molecule
    name: str
    smiles: str
    text: str
    spans: list[tuple[int, int]]  # in the text, that say the name
    labels: list[str]  # of the K motifs, by position in the motif tree
    sizes: np.ndarray  # (K,), atoms of each
    is_right: np.ndarray  # (K,) bool, neither all nor none


class PlantedProbe(NamedTuple):
    """Questions about molecules."""

    questions: list[PlantedQuestion]


def build_planted_probe(
    smiles: Sequence[str], feature_extractor: Any, per_molecule: int = 2, seed: int = 0
) -> PlantedProbe:
    """Write sentences that name a group which some motifs of a molecule hold, and others do not.

    Args:
        smiles (sequence of `str`): Molecules.
        feature_extractor (`FineMolTexFeatureExtractor`): Knows the motifs; the systems must share its fragmentation.
        per_molecule (`int`): Most questions about one molecule; the groups are drawn at random.
        seed (`int`): Of groups, names and wording.

    Returns:
        `PlantedProbe`; molecules without such a group are left out.

    Raises:
        ValueError: If a molecule cannot be parsed, or no question can be asked.
    """
    facts, generator, questions = structural_facts(), random.Random(seed), []
    for pair, one in enumerate(smiles):
        molecule = try_parse(one)
        if molecule is None:
            raise ValueError(f"RDKit cannot parse the SMILES {one!r:.200}.")
        motifs = feature_extractor.motifs(one)
        numbers = np.flatnonzero(count_facts(molecule)).tolist()
        numbers = [number for number in numbers if facts[number].kind in ASKED_KINDS]
        generator.shuffle(numbers)
        asked = 0
        for number in numbers:
            found = {atom for match in match_fact(molecule, number) for atom in match}
            is_right = np.array([not found.isdisjoint(motif.atoms) for motif in motifs])
            nouns = [(name, name) for name in facts[number].names]
            nouns += [(f"{group} group", group) for group in facts[number].groups]
            if asked == per_molecule or not nouns or is_right.all() or not is_right.any():
                continue
            asked += 1
            noun, name = generator.choice(nouns)
            text = generator.choice(SINGLE).format(a=add_article(noun), s=make_plural(noun), n=noun)
            said = name if name in text else make_plural(name)  # "nuclei"
            spans = [(text.index(said), text.index(said) + len(said))]
            labels, sizes = [motif.label for motif in motifs], np.array([len(motif.atoms) for motif in motifs])
            questions.append(PlantedQuestion(pair, facts[number].name, one, text, spans, labels, sizes, is_right))
    if not questions:
        raise ValueError(f"None of the {len(smiles)} molecules has a group in some of its motifs but not in all.")
    return PlantedProbe(questions)


def score_hit(values: np.ndarray, is_right: np.ndarray) -> float:
    """Probability that the best motif is right, one of equally good ones being drawn by lot. `(K,)`, `(K,)` bool."""
    is_best = values == values.max()
    return float(is_right[is_best].mean())


def evaluate_planted(
    probe: PlantedProbe,
    systems: Mapping[str, Callable[[Sequence[PlantedQuestion]], Sequence[Mapping[str, np.ndarray]]]],
    num_samples: int = 1000,
) -> dict[str, Any]:
    """Measure how often the best motif for the naming words holds the group, beside blind guesses.

    Questions that some system cannot be asked are asked of none. Figures are means over molecules of the mean over
    their questions, and intervals resample molecules.

    Args:
        probe (`PlantedProbe`): Of `build_planted_probe`.
        systems (mapping of `str` to callable): For the questions, each gives the values of the `K` motifs by kind,
            as `score_motifs` of `explain` does; an empty mapping where it cannot read the name. The others
            are compared with the first.
        num_samples (`int`): Resamples of the 95 % intervals; 0 for none.

    Returns:
        `dict`, ready for JSON, of the form of `evaluate_alignment`: `probe`, `figures` with `alignment/{kind}_hit@1`
        and `..._over_{blind}`, `differences` and `names`.

    Raises:
        ValueError: If no question can be asked of every system.
    """
    questions = probe.questions
    values = {system: answer(questions) for system, answer in systems.items()}
    asked = [place for place in range(len(questions)) if all(answers[place] for answers in values.values())]
    if not asked:
        raise ValueError("No question can be asked: every text is cut before the name of its group.")
    guesses = _guess_blindly(questions)
    averages, answers = {}, {}
    for system, by_question in values.items():
        answers[system] = [
            {f"{kind}_hit@1": score_hit(scores, question.is_right) for kind, scores in {**blind, **given}.items()}
            for question, blind, given in zip(questions, guesses, by_question, strict=True)
        ]
        averages[system] = average_pairs(probe, asked, answers[system])
    first = next(iter(averages))
    figures, differences = {}, {}
    for system, means in averages.items():
        figures[system] = summarise_queries(means)
        if num_samples:
            figures[system] |= bootstrap_intervals(means, num_samples)
            for blind in BLIND:
                reached = {f"{key}_over_{blind}": mean for key, mean in means.items() if _kind(key) not in BLIND}
                guessed = dict.fromkeys(reached, means[f"alignment/{blind}_hit@1"])
                figures[system] |= compare_paired(reached, guessed, num_samples)
            if system != first:
                differences[system] = compare_paired(averages[first], means, num_samples)
    return {
        "probe": {"pairs": len({questions[place].pair for place in asked}), "questions": len(asked)},
        "figures": figures,
        "differences": differences,
        "names": summarise_names(probe, asked, answers[first]),
    }


def format_planted_table(report: Mapping[str, Any]) -> str:
    """Lay out what `evaluate_planted` found: a line per system and kind with what it is above each blind guess."""
    rows: list[Sequence[str]] = [("system", "by", "hit@1", *(f"over {blind}" for blind in BLIND))]
    first = next(iter(report["figures"]))
    for system, figures in report["figures"].items():
        for kind in [_kind(key) for key in figures if key.endswith("_hit@1")]:
            key = f"alignment/{kind}_hit@1"
            keys = (key, *(f"{key}_over_{blind}" for blind in BLIND))
            rows.append((system, kind, *(format_cell(figures, one) for one in keys)))
    for system, figures in report["differences"].items():
        cell = format_cell(figures, "alignment/model_hit@1")
        rows.append((f"{first} - {system}", "model", cell, *("" for _ in BLIND)))
    return align_columns(rows, 2)


def _kind(key: str) -> str:
    """Take the kind out of `alignment/{kind}_hit@1`."""
    return key.removeprefix("alignment/").removesuffix("_hit@1")


def _guess_blindly(questions: Sequence[PlantedQuestion]) -> list[dict[str, np.ndarray]]:
    """Give the values of the motifs of every question, `(K,)`, by each of `BLIND`."""
    holders: dict[str, Counter] = defaultdict(Counter)
    own: dict[tuple[str, int], Counter] = defaultdict(Counter)  # a molecule does not answer its own questions
    for one in questions:
        right = [label for label, is_right in zip(one.labels, one.is_right, strict=True) if is_right]
        holders[one.name].update(right)
        own[one.name, one.pair].update(right)
    return [
        {
            "chance": np.zeros(len(one.labels)),
            "largest": one.sizes,
            "dictionary": np.array([(holders[one.name] - own[one.name, one.pair])[label] for label in one.labels]),
        }
        for one in questions
    ]
