"""A retrieval task: what a protocol asks, embedded once and scored for any system."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from .chance import score_at_random
from .pools import RetrievalSetting
from .ranking_metrics import score_queries


@dataclass(frozen=True, eq=False)
class RetrievalTask:
    """Pairs to find, candidates that are nobody's pair, and what is counted.

    Args:
        name (`str`): Prefix of the result keys.
        smiles (`list[str]` of length `R`): Molecules of the pairs.
        texts (`list[str]` of length `R`): Texts of the pairs.
        setting (`RetrievalSetting`): Who asks, which answers are right, what is counted.
        extra_smiles (`list[str]` of length `X`): Further candidates of *t2m*.
        extra_texts (`list[str]` of length `Y`): Further candidates of *m2t*.
        text_parts (`list[list[str]]`, *optional*): Sentences of each pair's text; the score of a pair is then the mean
            cosine over its sentences.
    """

    name: str
    smiles: list[str]
    texts: list[str]
    setting: RetrievalSetting
    extra_smiles: list[str] = field(default_factory=list)
    extra_texts: list[str] = field(default_factory=list)
    text_parts: list[list[str]] | None = None

    @property
    def all_smiles(self) -> list[str]:
        """The candidates of *t2m*, `R + X` of them."""
        return [*self.smiles, *self.extra_smiles]

    @property
    def all_texts(self) -> list[str]:
        """The candidates of *m2t*, `R + Y` of them."""
        return [*self.texts, *self.extra_texts]

    def score(self, molecule_embeds: Any, text_embeds: Any, **options: Any) -> dict[str, np.ndarray]:
        """Score every query.

        Args:
            molecule_embeds (`(R + X, P)` tensor, array or SciPy sparse matrix): Rows of `all_smiles`.
            text_embeds (`(R + Y, P)`): Rows of `all_texts`.
            options: Of `score_queries`.

        Returns:
            `dict[str, np.ndarray]`, `(Q,)` each: As of `score_queries`.
        """
        size = len(self.smiles)
        parts = (molecule_embeds[:size], text_embeds[:size], self.setting, molecule_embeds[size:], text_embeds[size:])
        # Means over sentences are no longer of unit length, and cosines with them would not be means of cosines.
        return score_queries(*parts, normalize=self.text_parts is None, **options)

    def score_at_random(self) -> dict[str, np.ndarray]:
        """Give what random embeddings are expected to score: `(Q,)` each, see `score_at_random`."""
        return score_at_random(self.setting, len(self.smiles), len(self.extra_smiles), len(self.extra_texts))

    def with_queries(self, num_queries: int, seed: int = 0) -> "RetrievalTask":
        """Let a random part of the pairs ask; all stay candidates.

        Args:
            num_queries (`int`): How many; all if there are no more.
            seed (`int`): Seed of the choice.

        Returns:
            `RetrievalTask`, its name saying how many ask.
        """
        if num_queries >= len(self.smiles):
            return self
        queries = np.sort(np.random.default_rng(seed).choice(len(self.smiles), size=num_queries, replace=False))
        return replace(self, name=f"{self.name}_{num_queries}queries", setting=replace(self.setting, queries=queries))


def embed_tasks(tasks: Sequence[RetrievalTask], encoder: Any) -> list[tuple[Any, Any]]:
    """Embed each distinct molecule and text of all tasks exactly once.

    Args:
        tasks (sequence of `RetrievalTask`): What will be scored.
        encoder (`MoleculeTextEncoder`, or a baseline): Its `encode_molecules` and `encode_texts` turn a list into rows
            of unit length, a NumPy array or a SciPy sparse matrix.

    Returns:
        `list` of pairs: For each task the embeddings of `all_smiles`, `(R + X, P)`, and of `all_texts`, `(R + Y, P)`;
        where a text has parts, its row is their mean, not rescaled.
    """
    smiles = pd.unique(pd.Series([molecule for task in tasks for molecule in task.all_smiles], dtype=object))
    texts = pd.unique(pd.Series([text for task in tasks for parts in _parts_of(task) for text in parts], dtype=object))
    molecule_rows, text_rows = pd.Index(smiles), pd.Index(texts)
    molecule_embeds, text_embeds = encoder.encode_molecules(list(smiles)), encoder.encode_texts(list(texts))
    embeds = []
    for task in tasks:
        parts = _parts_of(task)
        rows = text_embeds[text_rows.get_indexer([text for sentences in parts for text in sentences])]
        if task.text_parts is not None:
            rows = _average([len(sentences) for sentences in parts]) @ rows
        embeds.append((molecule_embeds[molecule_rows.get_indexer(task.all_smiles)], rows))
    return embeds


def _average(lengths: list[int]) -> Any:
    """Build the matrix that averages consecutive runs of rows: sparse (runs, rows)."""
    from scipy.sparse import csr_matrix  # comes with scikit-learn; sentence-level PCdes alone needs it

    weights = np.repeat(1 / np.asarray(lengths, dtype=np.float32), lengths)
    return csr_matrix((weights, np.arange(len(weights)), np.concatenate([[0], np.cumsum(lengths)])))


def _parts_of(task: RetrievalTask) -> list[list[str]]:
    """List the sentences of each text, extra ones last."""
    parts = task.text_parts or [[text] for text in task.texts]
    return [*parts, *([text] for text in task.extra_texts)]
