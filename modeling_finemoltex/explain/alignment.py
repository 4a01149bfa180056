"""What a model sees between the motifs of one molecule and the words of one text."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .prepared_pairs import AlignedMotif
from .token_matches import TokenMatches
from .words import Word

KINDS = ("similarity", "context", "attention", "combined", "tokens")
LEAST_TOKEN = 0.01  # a smaller value by tokens is none


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
        matches (`TokenMatches`, *optional*): What each word finds, and what that adds to the score; absent where the
            model has no token score, or was not asked.
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
    matches: TokenMatches | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of matrices that the model has."""
        absent = set() if self.attention.any() else {"attention", "combined"}
        absent |= {"tokens"} if self.matches is None else set()
        return tuple(kind for kind in KINDS if kind not in absent)

    @property
    def default_kind(self) -> str:
        """The kind that is right most often: tokens, or similarity where there are none.

        By tokens, the motif that a word means ranks first far more often than by similarity. In captions, the word
        that names a motif ranks first by similarity several times as often as by attention or by words in their
        context, and attention beside similarity only harms.
        """
        return "similarity" if self.matches is None else "tokens"

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

    @property
    def tokens(self) -> np.ndarray | None:
        """How surely a word finds an atom of a motif, times the weight of the word, `(K, W)` from 0 to 1; or `None`.

        The weight is what the word adds to the score, as a share of the largest contribution of a word. A word that
        adds nothing, or counts against the molecule, has none.
        """
        return None if self.matches is None else self.matches.find_motifs(self.motifs) * self.matches.word_weights

    def choose_kind(self, kind: str | None = None) -> str:
        """Give the kind itself, or the `default_kind` for `None`.

        Raises:
            ValueError: If the kind is unknown, or the model has none of it.
        """
        if kind is not None and kind not in self.kinds:
            advice = ""
            if kind in KINDS:
                needs = "a token score" if kind == "tokens" else "co-attention"
                advice = f" {kind!r} takes a model with {needs}."
            raise ValueError(f"`kind` must be one of {', '.join(map(repr, self.kinds))}: got {kind!r}.{advice}")
        return self.default_kind if kind is None else kind

    def matrix(self, kind: str | None = None) -> np.ndarray:
        """Take the matrix of a kind, `(K, W)`.

        Args:
            kind (`str`, *optional*): One of `kinds`; the `default_kind`, if absent.

        Raises:
            ValueError: If the kind is unknown, or the model has no token score.
        """
        return getattr(self, self.choose_kind(kind))

    def rank_words(self, motif: int, k: int = 3, kind: str | None = None) -> list[int]:
        """Number the words that go best with a motif, best first; by tokens only those that find it."""
        row = self.matrix(kind)[motif]
        least = LEAST_TOKEN if self.choose_kind(kind) == "tokens" else -np.inf
        return [word for word in np.argsort(-row, kind="stable")[:k].tolist() if row[word] >= least]

    def best_words(self, motif: int, k: int = 3, kind: str | None = None) -> list[tuple[str, float]]:
        """List the words of `rank_words` with their values."""
        row = self.matrix(kind)[motif]
        return [(self.words[word].text, float(row[word])) for word in self.rank_words(motif, k, kind)]

    def color_words(self, kind: str | None = None) -> tuple[list[int], np.ndarray]:
        """Tell for each word the motif that it goes best with, the largest of equals, and how strongly.

        Returns:
            Motif of each word `(W,)`, and strengths `(W,)`: by tokens the values, by another kind from 0 (least of
            the words) to 1 (most).
        """
        matrix = self.matrix(kind)
        by_size = np.argsort([-len(motif.atoms) for motif in self.motifs], kind="stable")  # (K,)
        motif_of_word = by_size[matrix[by_size].argmax(axis=0)].tolist()
        best = matrix.max(axis=0)  # (W,)
        if self.choose_kind(kind) == "tokens":
            return motif_of_word, np.where(best >= LEAST_TOKEN, best, 0)
        return motif_of_word, (best - best.min()) / (float(np.ptp(best)) or 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the embeddings as JSON-able values."""
        return {
            "smiles": self.smiles,
            "text": self.text,
            "motifs": [motif._asdict() for motif in self.motifs],
            "words": [word._asdict() for word in self.words],
            **{kind: np.round(self.matrix(kind).astype(float), 4).tolist() for kind in self.kinds},
        }


def _standardise(matrix: np.ndarray) -> np.ndarray:
    """Mean 0 and deviation 1 in each row; constant rows are zeros."""
    deviation = matrix.std(axis=1, keepdims=True)
    return (matrix - matrix.mean(axis=1, keepdims=True)) / np.where(deviation > 0, deviation, 1)
