"""Hard negatives: the pairs of the training rows that a model finds alike."""

from typing import Any

import datasets
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from ..data.sources import PairSource
from ..model.molecules_finemoltex import MOLECULE_TENSORS

NEIGHBOURS_PER_PLACE = 3  # of a chain, as others may have taken some of them
BATCH, BLOCK = 128, 1024  # rows encoded and compared at once


def find_similar_pairs(model: Any, rows: datasets.Dataset, sources: list[PairSource], collate: Any) -> np.ndarray:
    """Find the rows like each row, within the sources that draw similar pairs together.

    Two pairs are alike by the mean of the cosine of their molecules and that of their texts. Rows of the same molecule
    or the same text are no negatives of each other, and left out.

    Args:
        model ([`FineMolTexModel`]): Embeds them; its mode is left as it was.
        rows (`datasets.Dataset`): `R` featurised pairs with `source_ids`, `molecule_ids` and `text_ids`.
        sources (list of `PairSource`): What `source_ids` number.
        collate (callable): Makes batches of rows.

    Returns:
        `np.ndarray` of shape `(R, K)`: Rows, the most similar first, -1 where there are none.
    """
    lengths = [source.similar_together or 0 for source in sources]
    columns = rows.with_format("numpy")
    source_ids, molecule_ids, text_ids = (columns[name][:] for name in ("source_ids", "molecule_ids", "text_ids"))
    neighbours = np.full((len(rows), NEIGHBOURS_PER_PLACE * max(lengths)), -1, dtype=np.int32)
    for number, length in enumerate(lengths):
        places = np.flatnonzero(source_ids == number)
        if length and len(places):
            embeds = torch.cat(_embed(model, rows.select(places), collate, sources[number].name), dim=1)  # (r, 2 P)
            same = [torch.from_numpy(one[places]) for one in (molecule_ids, text_ids)]
            nearest = _find_nearest(embeds, same, min(NEIGHBOURS_PER_PLACE * length, len(places)))  # (r, k)
            neighbours[places, : nearest.shape[1]] = np.where(nearest < 0, -1, places[nearest])
    return neighbours


@torch.no_grad()
def _embed(model: Any, rows: datasets.Dataset, collate: Any, name: str) -> tuple[Tensor, Tensor]:
    """Embed the molecules and the texts of `r` pairs: `(r, P)` each."""
    was_training, device = model.training, model.device
    model.eval()
    molecules, texts = [], []
    loader = DataLoader(rows, BATCH, collate_fn=collate)
    for batch in tqdm(loader, desc=f"Comparing pairs of {name}", disable=None):
        batch = {key: tensor.to(device) for key, tensor in batch.items()}
        tensors = {key: batch[key] for key in MOLECULE_TENSORS if key in batch}
        molecules.append(model.get_molecule_features(**tensors).cpu())
        texts.append(model.get_text_features(batch["input_ids"], batch["attention_mask"]).cpu())
    model.train(was_training)
    return torch.cat(molecules), torch.cat(texts)


def _find_nearest(embeds: Tensor, same: list[Tensor], count: int) -> np.ndarray:
    """Find the nearest rows of other identities. `(r, 2 P)`, twice `(r,)` -> `(r, count)`, -1 where none is left."""
    nearest = []
    for start in range(0, len(embeds), BLOCK):
        block = slice(start, start + BLOCK)
        scores = embeds[block] @ embeds.T  # (BLOCK, r)
        for ids in same:
            scores.masked_fill_(ids[block, None] == ids, -torch.inf)
        best = scores.topk(count)
        nearest.append(torch.where(best.values.isinf(), -1, best.indices))
    return torch.cat(nearest).numpy()


__all__ = ["find_similar_pairs"]
