"""What a model sees between the motifs of one molecule and the words of one text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .words import Word

KINDS = ("similarity", "context", "attention", "combined")
# In captions, the word that names a motif ranks first by similarity several times as often as by attention or by words
# in their context, and attention beside similarity only harms.
DEFAULT_KIND = "similarity"


class AlignedMotif(NamedTuple):
    """A motif of the molecule."""

    smiles: str  # canonical, of the motif alone
    atoms: list[int]  # in the order of the molecule's SMILES


@dataclass(frozen=True, eq=False)
class Alignment:
    """Motifs and words of one pair, and how they go together.

    Args:
        smiles (`str`): The molecule.
        text (`str`): The text.
        motifs (list of `AlignedMotif`): Its `K` motifs, by position in the motif tree.
        words (list of `Word`): The `W` words that the model read.
        motif_embeds (`np.ndarray` of shape `(K, P)`): The motifs in the shared space, L2-normalised.
        common_motif (`np.ndarray` of shape `(P,)`): Mean place of the commonest motifs of the vocabulary.
        word_embeds (`np.ndarray` of shape `(W, P)`): The words in the shared space, each as a text of its own,
            L2-normalised.
        context_embeds (`np.ndarray` of shape `(W, P)`): The words of this text in the shared space, where their
            states have taken up what stands around them; L2-normalised.
        attention (`np.ndarray` of shape `(K, W)`): Co-attention, the mean of how much the motif looks at the word
            and the word at the motif, over heads and blocks; zeros where the model has no co-attention. Says nothing
            of a model that was trained without cross-attention, by the contrastive objective alone.
    """

    smiles: str
    text: str
    motifs: list[AlignedMotif]
    words: list[Word]
    motif_embeds: np.ndarray
    common_motif: np.ndarray
    word_embeds: np.ndarray
    context_embeds: np.ndarray
    attention: np.ndarray

    @property
    def similarity(self) -> np.ndarray:
        """Cosine of motif and word less that of the common motifs and the word, `(K, W)`.

        A word that fits any motif then fits none in particular.
        """
        return (self.motif_embeds - self.common_motif) @ self.word_embeds.T

    @property
    def context(self) -> np.ndarray:
        """The same with the words as they are in their text, `(K, W)`."""
        return (self.motif_embeds - self.common_motif) @ self.context_embeds.T

    @property
    def combined(self) -> np.ndarray:
        """Mean of similarity and attention, each in standard deviations from the mean of its row, `(K, W)`."""
        return (_standardise(self.similarity) + _standardise(self.attention)) / 2

    def matrix(self, kind: str = DEFAULT_KIND) -> np.ndarray:
        """Take the matrix of a kind, `(K, W)`.

        Args:
            kind (`str`): `"similarity"`, `"context"`, `"attention"` or `"combined"`.

        Raises:
            ValueError: If the kind is unknown.
        """
        if kind not in KINDS:
            raise ValueError(f"`kind` must be one of {', '.join(map(repr, KINDS))}: got {kind!r}.")
        return getattr(self, kind)

    def best_words(self, motif: int, k: int = 3, kind: str = DEFAULT_KIND) -> list[tuple[str, float]]:
        """List the words that go best with a motif, with their values, best first."""
        row = self.matrix(kind)[motif]
        return [(self.words[place].text, float(row[place])) for place in np.argsort(-row, kind="stable")[:k]]

    def to_dict(self) -> dict[str, Any]:
        """Everything but the embeddings as JSON-able values."""
        return {
            "smiles": self.smiles,
            "text": self.text,
            "motifs": [motif._asdict() for motif in self.motifs],
            "words": [word._asdict() for word in self.words],
            **{kind: np.round(self.matrix(kind).astype(float), 4).tolist() for kind in KINDS},
        }


def word_strengths(matrix: np.ndarray) -> tuple[Sequence[int], np.ndarray]:
    """Tell for each word the motif that it goes best with, and how strongly.

    Args:
        matrix (`np.ndarray` of shape `(K, W)`): Of an `Alignment`.

    Returns:
        Motif of each word `(W,)`, and strengths `(W,)` from 0 (least of the words) to 1 (most).
    """
    best = matrix.max(axis=0)  # (W,)
    spread = float(np.ptp(best)) or 1.0
    return matrix.argmax(axis=0).tolist(), (best - best.min()) / spread


def _standardise(matrix: np.ndarray) -> np.ndarray:
    """Mean 0 and deviation 1 in each row; constant rows are zeros."""
    deviation = matrix.std(axis=1, keepdims=True)
    return (matrix - matrix.mean(axis=1, keepdims=True)) / np.where(deviation > 0, deviation, 1)
