"""Motifs and words as points in one plane: near ones mean alike to the model."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from .alignment import Alignment

METHODS = ("tsne", "umap")
MIN_LETTERS = 3
MIN_TOKENS = 4


@dataclass(frozen=True, eq=False)
class TokenMap:
    """Tokens in the plane.

    Args:
        labels (`list[str]`): SMILES of `R` motifs and words in small letters, each token once.
        is_motif (`np.ndarray` of shape `(R,)`): Which of them are motifs.
        counts (`np.ndarray` of shape `(R,)`): How often each occurs.
        embeds (`np.ndarray` of shape `(R, P)`): Mean of its occurrences, less the mean of its kind, L2-normalised.
        points (`np.ndarray` of shape `(R, 2)`): Places in the plane.
    """

    labels: list[str]
    is_motif: np.ndarray
    counts: np.ndarray
    embeds: np.ndarray
    points: np.ndarray

    def nearest_words(self, motif: str, k: int = 3) -> list[tuple[str, float]]:
        """List the words nearest to a motif in the shared space (not in the plane), with cosines.

        Raises:
            ValueError: If the motif is not on the map.
        """
        motifs = [label for label, is_motif in zip(self.labels, self.is_motif, strict=True) if is_motif]
        if motif not in motifs:
            raise ValueError(f"The map has no motif {motif!r}; it has {', '.join(motifs)}.")
        row = self.embeds[motifs.index(motif)] @ self.embeds[~self.is_motif].T  # motifs come first
        words = self.labels[len(motifs) :]
        return [(words[place], float(row[place])) for place in np.argsort(-row, kind="stable")[:k]]


def map_tokens(
    alignments: Sequence[Alignment],
    num_motifs: int = 30,
    num_words: int = 40,
    words: Collection[str] | None = None,
    method: str = "tsne",
    seed: int = 0,
) -> TokenMap:
    """Place the commonest motifs and words of some pairs in one plane.

    Args:
        alignments (sequence of `Alignment`): Of `MotifWordAligner.align`.
        num_motifs (`int`): Motifs to place.
        num_words (`int`): Words to place; English function words and those of less than three letters are left out.
        words (collection of `str`, *optional*): The words to place instead, in small letters.
        method (`str`): `"tsne"` (scikit-learn) or `"umap"` (if `umap-learn` is installed).
        seed (`int`): Of the method.

    Returns:
        `TokenMap`, motifs first. Motifs and words are centred apart: where each kind lies as a whole says nothing.

    Raises:
        ValueError: If the method is unknown, or there are fewer than four tokens.
        ImportError: If scikit-learn, or `umap-learn` for `"umap"`, is absent.
    """
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {', '.join(map(repr, METHODS))}: got {method!r}.")
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    motif_sums: dict[str, list[np.ndarray]] = defaultdict(list)
    word_sums: dict[str, list[np.ndarray]] = defaultdict(list)
    for alignment in alignments:
        for motif, embed in zip(alignment.motifs, alignment.motif_embeds, strict=True):
            motif_sums[motif.smiles].append(embed)
        for word, embed in zip(alignment.words, alignment.word_embeds, strict=True):
            word_sums[word.text.lower()].append(embed)
    if words is None:
        usual = {word for word in word_sums if len(word) < MIN_LETTERS or word in ENGLISH_STOP_WORDS}
        words = word_sums.keys() - usual
    kept = {word: occurrences for word, occurrences in word_sums.items() if word in words}
    kinds = [_commonest(motif_sums, num_motifs), _commonest(kept, num_words)]
    labels = [label for kind in kinds for label in kind]
    if not all(kinds) or len(labels) < MIN_TOKENS:
        raise ValueError(
            f"A map needs motifs and words, {MIN_TOKENS} tokens at least: got {len(kinds[0])} motifs and "
            f"{len(kinds[1])} words. Give more pairs, or other `words`."
        )
    embeds = np.concatenate([_centre(kind) for kind in kinds])  # (R, P)
    return TokenMap(
        labels,
        np.arange(len(labels)) < len(kinds[0]),
        np.array([len(occurrences) for kind in kinds for occurrences in kind.values()]),
        embeds,
        _place(embeds, method, seed),
    )


def _commonest(occurrences: dict[str, list[np.ndarray]], count: int) -> dict[str, list[np.ndarray]]:
    """Keep the tokens that occur most often, ties by name."""
    return {
        label: occurrences[label]
        for label in sorted(occurrences, key=lambda label: (-len(occurrences[label]), label))[:count]
    }


def _centre(kind: dict[str, list[np.ndarray]]) -> np.ndarray:
    """Average the occurrences of tokens, take what is common to all of them away, scale to length 1: `(R, P)`."""
    means = np.stack([np.mean(occurrences, axis=0) for occurrences in kind.values()])
    centred = means - means.mean(axis=0)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)


def _place(embeds: np.ndarray, method: str, seed: int) -> np.ndarray:
    """Place tokens in the plane by cosine distance: `(R, P)` -> `(R, 2)`."""
    if method == "umap":
        try:
            from umap import UMAP
        except ImportError as error:
            raise ImportError('A UMAP map needs umap-learn: pip install umap-learn, or take method="tsne".') from error
        neighbours = min(15, len(embeds) - 1)
        return UMAP(metric="cosine", random_state=seed, n_neighbors=neighbours).fit_transform(embeds)
    from sklearn.manifold import TSNE

    # A perplexity is about the number of neighbours that count: of few tokens a third at most.
    perplexity = min(15.0, (len(embeds) - 1) / 3)
    return TSNE(metric="cosine", init="pca", perplexity=perplexity, random_state=seed).fit_transform(embeds)
