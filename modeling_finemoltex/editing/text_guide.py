"""Which way a sentence points in embedding space, and how far a molecule lies that way."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..processors.text_normalization_finemoltex import normalize_text

# A subject says nothing about the molecule: averaging over these removes what each adds to an embedding.
SUBJECTS = ("This molecule", "The molecule", "The compound", "It")
# What any sentence about a molecule shares.
BACKGROUND = (
    "This molecule.",
    "The molecule is a compound.",
    "The compound is a chemical.",
    "This molecule has a property.",
)
# "and" joins clauses where a verb follows, and words otherwise ("a drug and a dye").
_JOINT = re.compile(r",?\s+and\s+(?=(?:it\s+)?(?:is|has|contains|includes|carries|looks|acts|shows|dissolves)\b)")


class TextGuide:
    """Scores molecules by a sentence: `embedding @ direction`, one direction for each of its clauses.

    A direction leads to the prompt from what any sentence says, so that what all sentences share cancels; with an
    opposite, from there, so that all that both say cancels, such as "water". Each side is the mean over several
    subjects.

    Args:
        encoder (`MoleculeTextEncoder`): Embeds texts.
        prompt (`str`): What a molecule is to be, such as "This molecule is soluble in water.". Clauses joined by "and"
            are scored one by one: all must hold.
        opposite (`str`, *optional*): What it is not to be, in words of its own: models hardly notice a "not". With
            clauses of its own, as many as the prompt has, they are paired.

    Raises:
        ValueError: If a sentence is blank, or has no letter.
    """

    def __init__(self, encoder: Any, prompt: str, opposite: str | None = None) -> None:
        self.clauses = split_clauses(prompt, "prompt")
        others: list[str | None] = [None] * len(self.clauses)
        if opposite is not None:
            against: list[str | None] = list(split_clauses(opposite, "opposite"))
            whole = normalize_text(opposite).text.strip()
            others = against if len(against) == len(self.clauses) else [whole] * len(self.clauses)
        pairs = zip(self.clauses, others, strict=True)
        background = _embed_mean(encoder, BACKGROUND)  # (P,)
        directions = []
        for clause, other in pairs:
            origin = background if other is None else _embed_mean(encoder, vary_subject(other))
            directions.append(_embed_mean(encoder, vary_subject(clause)) - origin)
        self.directions = np.stack(directions)  # (C, P)

    def score(self, embeddings: np.ndarray) -> np.ndarray:
        """Score molecules by each clause.

        Args:
            embeddings (`np.ndarray` of shape `(R, P)`): Molecules, rows of length one.

        Returns:
            `np.ndarray` of shape `(R, C)`: Cosine to the clause minus cosine to its origin, averaged over subjects.
        """
        return embeddings @ self.directions.T


def split_clauses(sentence: str, name: str = "sentence") -> list[str]:
    """Split a sentence at each "and" that starts a new clause, and give each clause the subject of the first.

    Raises:
        ValueError: If the sentence is blank, or has no letter.

    Example:
    >>> split_clauses("This molecule is soluble in water and has a ring and a chain.")
    ['This molecule is soluble in water.', 'This molecule has a ring and a chain.']
    """
    plain = normalize_text(sentence).text.strip() if isinstance(sentence, str) else ""
    if not plain:
        raise ValueError(
            f"The {name} is blank: got {sentence!r}. Write what the molecule is to be, such as 'This molecule is "
            "soluble in water.'."
        )
    if not any(map(str.isalpha, plain)):
        raise ValueError(f"The {name} has no words, only {sentence.strip()!r:.80}. Say what the molecule is to be.")
    subject = _find_subject(plain)
    if subject is None:
        return [plain]
    first, *rest = _JOINT.split(plain.removesuffix("."))
    return [f"{first}.", *(f"{subject} {part.removeprefix('it ')}." for part in rest)]


def vary_subject(sentence: str) -> list[str]:
    """Say a sentence of each of `SUBJECTS`; a sentence about something else stays as it is.

    Example:
    >>> vary_subject("It is a dye.")
    ['This molecule is a dye.', 'The molecule is a dye.', 'The compound is a dye.', 'It is a dye.']
    """
    subject = _find_subject(sentence)
    if subject is None:
        return [sentence]
    return [other + sentence[len(subject) :] for other in SUBJECTS]


def _find_subject(sentence: str) -> str | None:
    return next((subject for subject in SUBJECTS if sentence.lower().startswith(f"{subject} ".lower())), None)


def _embed_mean(encoder: Any, texts: Sequence[str]) -> np.ndarray:
    return encoder.encode_texts(texts).mean(axis=0)  # (P,)
