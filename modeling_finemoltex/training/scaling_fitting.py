"""The centres of local scaling, fitted to the training pairs.

Axes: `n` pairs, `K` centres, `P` size of an embedding before local scaling.
"""

from collections.abc import Sequence
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

BATCH = 256
MOST_PAIRS = 20_000  # embedded once more
NUM_ROUNDS = 15  # of the clustering, after which hardly a centre moves


@torch.no_grad()
def fit_scaling(
    model: Any, rows: datasets.Dataset, collate: Any, num_pairs: int, sources: Sequence[PairSource] = (), seed: int = 0
) -> None:
    """Set the centres of local scaling to those of the training molecules and texts, by spherical k-means.

    Args:
        model ([`FineMolTexForPreTraining`]): With local scaling, whose centres are changed; all else is left as it is.
        rows (`datasets.Dataset`), collate (callable), sources (sequence), seed (`int`): As for `fit_counts`, which is
            to go first.
        num_pairs (`int`): `n` at most, and 20,000 at most.

    Raises:
        ValueError: If the model has no local scaling, or there are fewer pairs than centres.

    Example:
    >>> fit_scaling(model, rows, collator, num_pairs=20_000)  # after a training  # doctest: +SKIP
    """
    base, num_centres = model.base_model, model.config.scaling_config.num_centres
    chosen = choose_pairs(rows, min(num_pairs, MOST_PAIRS), sources, seed)
    if not 0 < num_centres <= len(chosen):
        raise ValueError(
            f"{num_centres} centres cannot be fitted to {len(chosen)} pairs. Set `scaling_config.num_centres` to 1 or "
            "more, and to no more than there are pairs."
        )
    molecules, texts = _embed(base, rows.select(chosen), collate)  # (n, P) each
    generator = torch.Generator().manual_seed(seed)
    scaling = base.fitted.scaling
    scaling.molecule_centres.copy_(find_centres(molecules, num_centres, generator))
    scaling.text_centres.copy_(find_centres(texts, num_centres, generator))


def find_centres(embeds: Tensor, num_centres: int, generator: torch.Generator) -> Tensor:
    """Cluster directions by spherical k-means (Dhillon and Modha 2001); a cluster that empties keeps its centre.

    Args:
        embeds (`torch.FloatTensor` of shape `(n, P)`): L2-normalised.
        num_centres (`int`): `K`.
        generator (`torch.Generator`): Chooses the rows to start from.

    Returns:
        `torch.FloatTensor` of shape `(K, P)`, L2-normalised.
    """
    centres = embeds[torch.randperm(len(embeds), generator=generator)[:num_centres]]  # (K, P)
    for _ in range(NUM_ROUNDS):
        nearest = torch.cat([(block @ centres.T).argmax(1) for block in embeds.split(4 * BATCH)])  # (n,)
        sums = torch.zeros_like(centres).index_add(0, nearest, embeds)  # (K, P)
        is_empty = torch.bincount(nearest, minlength=num_centres) == 0  # (K,)
        centres = torch.where(is_empty[:, None], centres, F.normalize(sums, dim=1))
    return centres


def _embed(base: Any, rows: datasets.Dataset, collate: Any) -> tuple[Tensor, Tensor]:
    """Embed molecules and texts as they are before local scaling: `(n, P)` each, on the CPU."""
    was_training, scaling = base.training, base.fitted.scaling
    base.eval()
    base.fitted.scaling = None
    molecules, texts = [], []
    try:
        for batch in tqdm(DataLoader(rows, BATCH, collate_fn=collate), desc="Embedding training pairs", disable=None):
            batch = {name: tensor.to(base.device) for name, tensor in batch.items()}
            value = Molecules.from_tensors(**{name: batch[name] for name in MOLECULE_TENSORS if name in batch})
            molecules.append(base.get_molecule_features(value).cpu())
            texts.append(base.get_text_features(batch["input_ids"], batch["attention_mask"]).cpu())
    finally:
        base.fitted.scaling = scaling
        base.train(was_training)
    return torch.cat(molecules), torch.cat(texts)


__all__ = ["find_centres", "fit_scaling"]
