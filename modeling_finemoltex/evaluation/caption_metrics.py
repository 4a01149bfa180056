"""How near captions are to those that people wrote, and how much of what they say about structure is false."""

import importlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from ..data.caption_statements import FALSE, UNCHECKED, check_caption
from ..data.identifiers import try_parse

_NORMALIZER, _SPLITTER = BertNormalizer(lowercase=True), BertPreTokenizer()


def split_caption(text: str) -> list[str]:
    """Split a text into lower-case words and marks, as every metric here counts them.

    Example:
    >>> split_caption("A 2-hydroxy acid.")
    ['a', '2', '-', 'hydroxy', 'acid', '.']
    """
    return [word for word, _ in _SPLITTER.pre_tokenize_str(_NORMALIZER.normalize_str(text))]


def score_captions(captions: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Compare captions with one reference each.

    Args:
        captions (sequence of `str`): `R` captions.
        references (sequence of `str`): `R` captions that people wrote.

    Returns:
        `dict`, all between 0 and 1: `bleu_2` and `bleu_4` of the corpus (NLTK, not smoothed), `rouge_l`, the mean
        F-measure (`rouge-score`), and the mean METEOR (NLTK) as `meteor`, or as `meteor_without_synonyms` where NLTK
        finds no WordNet. Words are those of [`split_caption`]; published tables count word pieces.

    Raises:
        ImportError: If NLTK or rouge-score is missing.
        ValueError: If there are no captions, or the numbers differ.
    """
    if not captions or len(captions) != len(references):
        raise ValueError(
            f"Captions are compared with one reference each: got {len(captions)} captions and {len(references)} "
            "references."
        )
    bleu, meteor = _import("nltk.translate.bleu_score"), _import("nltk.translate.meteor_score")
    rouge = _import("rouge_score.rouge_scorer").RougeScorer(["rougeL"], tokenizer=_Words())
    written, wanted = [split_caption(one) for one in captions], [split_caption(one) for one in references]
    pairs = list(zip(wanted, written, strict=True))
    name, wordnet = _find_wordnet()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no word agrees is what 0 says
        scores = {
            f"bleu_{most}": float(bleu.corpus_bleu([[one] for one in wanted], written, weights=[1 / most] * most))
            for most in (2, 4)
        }
    longest = [rouge.score(one, other)["rougeL"].fmeasure for one, other in zip(references, captions, strict=True)]
    mean = np.mean([meteor.meteor_score([one], other, wordnet=wordnet) if other else 0.0 for one, other in pairs])
    return {**scores, "rouge_l": float(np.mean(longest)), name: float(mean)}


def count_false_statements(smiles: Sequence[str], captions: Sequence[str]) -> dict[str, float]:
    """Count what captions say about the structure of their molecules, and what of it is false.

    Args:
        smiles (sequence of `str`): `R` molecules.
        captions (sequence of `str`): A caption of each.

    Returns:
        `dict` with `num_statements` that a structure can decide, `num_false`, `false_share`, their ratio (0 without
        statements), and `captions_with_false_share`; see [`check_caption`].

    Raises:
        ValueError: If a molecule cannot be parsed, or the numbers differ.

    Example:
    >>> count_false_statements(["CCO"], ["It is an alcohol and a ketone."])["num_false"]
    1
    """
    checked = wrong = affected = 0
    for one, caption in zip(smiles, captions, strict=True):
        molecule = try_parse(one)
        if molecule is None:
            raise ValueError(f"{one!r:.80} is no molecule that can be parsed.")
        verdicts = [statement.verdict for statement in check_caption(molecule, caption)]
        checked += sum(verdict != UNCHECKED for verdict in verdicts)
        wrong += verdicts.count(FALSE)
        affected += FALSE in verdicts
    return {
        "num_statements": checked,
        "num_false": wrong,
        "false_share": wrong / checked if checked else 0.0,
        "captions_with_false_share": affected / len(captions) if captions else 0.0,
    }


def format_caption_table(figures: dict[str, dict[str, float]]) -> str:
    """Lay out figures as a table in Markdown: a row for each writer of captions.

    Args:
        figures (`dict`): Name of the writer -> its figures, of the two functions above.

    Example:
    >>> print(format_caption_table({"nearest": {"bleu_2": 0.5, "num_false": 3}}))
    | captions | bleu_2 | num_false |
    | --- | --- | --- |
    | nearest | 0.500 | 3 |
    """
    names = list(dict.fromkeys(name for values in figures.values() for name in values))
    rows = [["captions", *names], ["---"] * (len(names) + 1)]
    for writer, values in figures.items():
        rows.append([writer, *(_cell(values.get(name)) for name in names)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


class _Words:
    """The tokenizer of rouge-score."""

    def tokenize(self, text: str) -> list[str]:
        """Split as all metrics here do."""
        return split_caption(text)


class _NoSynonyms:
    """Stands for WordNet where its data are not installed."""

    def synsets(self, word: str) -> list[Any]:
        """List none."""
        return []


def _find_wordnet() -> tuple[str, Any]:
    """Give the name of METEOR and the synonyms that it counts."""
    wordnet = _import("nltk.corpus").wordnet
    try:
        wordnet.ensure_loaded()
    except LookupError:
        return "meteor_without_synonyms", _NoSynonyms()
    return "meteor", wordnet


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError('The metrics of captions need `pip install "finemoltex[captioning]"`.') from error
