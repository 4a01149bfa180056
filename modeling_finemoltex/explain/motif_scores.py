"""Which motif the words of a text mean: values of every motif, for `evaluate_planted`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .aligner import MotifWordAligner
from .alignment import Alignment


def score_motifs(aligner: MotifWordAligner, questions: Sequence[Any]) -> list[dict[str, np.ndarray]]:
    """Score every motif of a molecule for the words of a text that name something.

    Args:
        aligner (`MotifWordAligner`): Of the model.
        questions (sequence): Each with `smiles`, `text` and `spans`, the places of the naming words in the text.

    Returns:
        For each question the values of the `K` motifs, by position in the motif tree, by kind: those of
        [`Alignment`], means over the naming words; `tokens`, if the model has a token score, how surely one of these
        words finds an atom of the motif; and `model`, the tokens, or else the similarity. Empty where the text was cut
        before the words.
    """
    alignments = aligner.align([one.smiles for one in questions], [one.text for one in questions])
    scores: list[dict[str, np.ndarray]] = []
    for question, alignment in zip(questions, alignments, strict=True):
        names = [
            place
            for place, word in enumerate(alignment.words)
            if any(word.start < end and word.end > start for start, end in question.spans)
        ]
        scores.append(_score(alignment, names) if names else {})
    return scores


def _score(alignment: Alignment, names: list[int]) -> dict[str, np.ndarray]:
    """Give the values of the motifs for the words of some numbers, `(K,)` of each kind."""
    values = {kind: alignment.matrix(kind)[:, names].mean(1) for kind in alignment.kinds}
    if alignment.matches is not None:  # the same for a word that adds nothing
        values["tokens"] = alignment.matches.find_motifs(alignment.motifs)[:, names].max(1)
    return {**values, "model": values[alignment.default_kind]}
