"""The count embedding of a model, fitted to its training pairs in closed form.

Axes: `n` pairs, `V` buckets of a text, `W` buckets of a molecule, `R` size of the embedding.
"""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import datasets
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from ..data.sources import PairSource
from ..model.molecules_finemoltex import MOLECULE_TENSORS, Molecules
from .sampling import choose_pairs

BATCH = 512
# Added to the diagonals of the covariances of unit vectors, summed over the pairs: what is seen in fewer than about so
# many pairs counts little.
TEXT_PENALTY, MOLECULE_PENALTY = 0.3, 3.0
LEAST_DEVIATION = 0.05  # of a bucket, in logarithms of counts: rare ones are not blown up further
EPS = 1e-9


def fit_counts(
    model: Any, rows: datasets.Dataset, collate: Any, num_pairs: int, sources: Sequence[PairSource] = (), seed: int = 0
) -> Tensor:
    r"""Fit the count embedding of a model by regularised canonical correlation.

    Texts are vectors \(x\) of their character n-grams, weighted as in TF-IDF with \(\log(1 + c)\), molecules vectors
    \(y\) of their standardised neighbourhood counts, both of length one. With the covariances \(C\) and the penalties
    \(\lambda\), \((C_{xx} + \lambda_x)^{-1/2} C_{xy} (C_{yy} + \lambda_y)^{-1/2} = U S V^\top\) (canonical ridge,
    Vinod 1976), and the score of a pair is the part of rank `R` of \(x^\top (C_{xx} + \lambda_x)^{-1/2} U S V^\top
    (C_{yy} + \lambda_y)^{-1/2} y\), half of \(S\) on each side, and the embeddings L2-normalised.

    Args:
        model ([`FineMolTexForPreTraining`]): With a count embedding, which is changed; all else is left as it is.
        rows (`datasets.Dataset`): Featurised pairs, with `source_ids` if there are several sources.
        collate ([`FineMolTexDataCollator`]): Makes batches of rows; its tokenizer spells the words.
        num_pairs (`int`): `n` at most; each source gives its share by weight, or all it has.
        sources (sequence of `PairSource`): What `source_ids` number.
        seed (`int`): Of the choice of pairs.

    Returns:
        `torch.FloatTensor` of shape `(R,)`: The canonical correlations, the largest first.

    Raises:
        ValueError: If the model has no count embedding, it is wider than the pairs can tell, or the tokenizer is no
            WordPiece.

    Example:
    >>> fit_counts(model, rows, collator, num_pairs=40_000)  # after a training  # doctest: +SKIP
    """
    base, sizes = model.base_model, model.config.count_config
    chosen = choose_pairs(rows, num_pairs, sources, seed)
    if not sizes.size or sizes.size > min(len(chosen), sizes.num_molecule_buckets):
        raise ValueError(
            f"A count embedding of {sizes.size} numbers cannot be fitted to {len(chosen)} pairs. Set "
            "`count_config.size` to 1 or more, and to no more than there are pairs and `num_molecule_buckets`."
        )
    tokenizer = collate.processor.tokenizer
    words = tokenizer.get_vocab()
    if not any(word.startswith("##") for word in words):
        raise ValueError(
            f"The words of a {type(tokenizer).__name__} cannot be spelled: a count embedding needs a WordPiece "
            "tokenizer, whose continuations begin with ##. Set `count_config.size` to 0."
        )
    base.fitted.counts.texts.spell(words, tokenizer.all_special_ids)
    pairs = _CountedPairs(base, rows.select(chosen), collate)
    texts, molecules = base.fitted.counts.texts.projection, base.fitted.counts.molecules.projection
    weights, mean, deviation = _find_scales(pairs)  # (V,), (W,), (W,)
    moments = _find_covariances(pairs, weights, mean, deviation)
    left, right, correlations = _correlate(*moments, sizes.size)  # (V, R), (W, R), (R,)
    with torch.no_grad():
        # Lengths are one in the end, so that the scales of a row need not be kept.
        texts.table.copy_(weights[:, None] * left)
        molecules.table.copy_(right / deviation[:, None])
        texts.offset.zero_()
        molecules.offset.copy_((mean / deviation) @ right)
    return correlations


class _CountedPairs:
    """Batches of logarithms of counts, `(b, V)` and `(b, W)` float32, as often as asked for."""

    def __init__(self, base: Any, rows: datasets.Dataset, collate: Any) -> None:
        self.base, self.rows, self.collate = base, rows, collate

    def __len__(self) -> int:
        return len(self.rows)

    @torch.no_grad()
    def batches(self, doing: str) -> Iterator[tuple[Tensor, Tensor]]:
        """Go through the pairs, with a bar that tells what is being done."""
        loader = DataLoader(self.rows, BATCH, collate_fn=self.collate)
        for batch in tqdm(loader, desc=doing, disable=None):
            batch = {name: tensor.to(self.base.device) for name, tensor in batch.items()}
            molecules = Molecules.from_tensors(**{name: batch[name] for name in MOLECULE_TENSORS if name in batch})
            texts = self.base.fitted.counts.texts.count(batch["input_ids"], batch["attention_mask"])
            yield texts.log1p(), self.base.fitted.counts.molecules.count(molecules).log1p()


def _find_scales(pairs: _CountedPairs) -> tuple[Tensor, Tensor, Tensor]:
    """Find how rare each n-gram is, `(V,)`, and mean and deviation of each neighbourhood's count, `(W,)` each."""
    frequency, total, squares = 0, 0, 0
    for texts, molecules in pairs.batches("Counting"):
        frequency += (texts > 0).sum(0)
        total += molecules.sum(0)
        squares += molecules.square().sum(0)
    mean = total / len(pairs)
    deviation = (squares / len(pairs) - mean.square()).clamp(min=0).sqrt() + LEAST_DEVIATION
    return ((1 + len(pairs)) / (1 + frequency)).log(), mean, deviation


def _find_covariances(
    pairs: _CountedPairs, weights: Tensor, mean: Tensor, deviation: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Sum up the covariances of the texts `(V, V)`, of both sides `(V, W)`, and of the molecules `(W, W)`."""
    num_texts, num_molecules = len(weights), len(mean)
    own, across = weights.new_zeros(num_texts, num_texts), weights.new_zeros(num_texts, num_molecules)
    other, sums = weights.new_zeros(num_molecules, num_molecules), [torch.zeros_like(weights), torch.zeros_like(mean)]
    for texts, molecules in pairs.batches("Correlating"):
        texts = F.normalize(texts * weights, dim=1)  # (b, V)
        molecules = F.normalize((molecules - mean) / deviation, dim=1)  # (b, W)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse CSR tensor support", UserWarning)
            transposed = texts.T.to_sparse_csr()  # nearly all n-grams do not occur
        own.addmm_(transposed, texts)
        across.addmm_(transposed, molecules)
        other += molecules.T @ molecules
        sums[0] += texts.sum(0)
        sums[1] += molecules.sum(0)
    own.addr_(sums[0], sums[0], alpha=-1 / len(pairs))
    across.addr_(sums[0], sums[1], alpha=-1 / len(pairs))
    other.addr_(sums[1], sums[1], alpha=-1 / len(pairs))
    return own, across, other


def _correlate(own: Tensor, across: Tensor, other: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Solve for both sides, `(V, R)` and `(W, R)`, and the canonical correlations `(R,)`; changes the covariances."""
    own.diagonal().add_(TEXT_PENALTY)
    other.diagonal().add_(MOLECULE_PENALTY)
    left, right = torch.linalg.cholesky(own), torch.linalg.cholesky(other)
    whitened = torch.linalg.solve_triangular(left, across, upper=False)  # (V, W)
    whitened = torch.linalg.solve_triangular(right, whitened.T, upper=False)  # (W, V)
    # Few pairs leave nearly all eigenvalues at 0, among which single precision does not converge.
    squares, directions = torch.linalg.eigh((whitened @ whitened.T).double())  # (W,), (W, W), ascending
    correlations = squares[-size:].flip(0).clamp(min=EPS).sqrt().to(whitened.dtype)  # (R,)
    directions = directions[:, -size:].flip(1).to(whitened.dtype)  # (W, R)
    texts = torch.linalg.solve_triangular(left.T, whitened.T @ directions / correlations, upper=True)
    molecules = torch.linalg.solve_triangular(right.T, directions, upper=True)
    return texts * correlations.sqrt(), molecules * correlations.sqrt(), correlations


__all__ = ["fit_counts"]
