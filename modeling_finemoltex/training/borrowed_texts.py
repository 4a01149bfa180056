"""Borrowed texts: a molecule sometimes gets the text of one that resembles it, and knows how much it does.

After AMOLE (Lee et al., CIKM 2024), which shares a text among the 50 nearest molecules.
"""

from collections.abc import Callable, Sequence
from typing import Any

import datasets
import numpy as np
import torch
from torch import Tensor

from ..data.identifiers import try_parse
from ..data.similarity import find_nearest
from ..model.masking_finemoltex import GOLDEN_GAMMA, mix_bits

NUM_NEIGHBOURS = 50
NEIGHBOUR_COLUMNS = NEIGHBOURS, SIMILARITIES = "neighbours", "neighbour_similarities"


def add_neighbours(
    rows: datasets.Dataset, smiles: Sequence[str], num_neighbours: int = NUM_NEIGHBOURS
) -> datasets.Dataset:
    """Add the rows of the most similar other molecules to each row, as two columns of lists.

    Of a molecule with several rows, each neighbour is given once, by its first row. Structure queries neither borrow
    nor lend.

    Args:
        rows (`datasets.Dataset`): `R` featurised pairs.
        smiles (sequence of `str`): Their `R` molecules.
        num_neighbours (`int`): `K`, fewer if there are not so many molecules.
    """
    ids = rows.with_format("numpy")["molecule_ids"][:]  # (R,)
    is_pair = np.ones(len(rows), dtype=bool)
    if "conditions" in rows.column_names:
        is_pair = rows.select_columns("conditions").with_format("arrow")[:].column(0).is_null().to_numpy()
    pairs = np.flatnonzero(is_pair)
    _, first, molecule_of_pair = np.unique(ids[pairs], return_index=True, return_inverse=True)
    first = pairs[first]  # (molecules,): a row of each
    size = max(1, min(num_neighbours, len(first) - 1))
    nearest, similarities = find_nearest([try_parse(smiles[row]) for row in first], size)
    neighbours = np.full((len(rows), size), -1, dtype=np.int32)
    likeness = np.zeros((len(rows), size), dtype=np.float32)
    neighbours[pairs] = np.where(nearest < 0, -1, first[nearest])[molecule_of_pair]
    likeness[pairs] = similarities[molecule_of_pair]
    rows = rows.add_column(NEIGHBOURS, list(neighbours), feature=datasets.List(datasets.Value("int32")))
    return rows.add_column(SIMILARITIES, list(likeness), feature=datasets.List(datasets.Value("float32")))


class TextBorrower:
    """Exchange the texts of a batch for those of similar molecules.

    What is exchanged is a function of the seeds, which follow from pair and step alone: several processes and a
    resumed run do the same.

    Args:
        rows (`datasets.Dataset`): `R` training rows with the columns of [`add_neighbours`], in the order of their
            `pair_ids`.
        share (`float`): Share of the molecules that borrow.
        collate (callable): Pads rows with `input_ids`, as `FineMolTexDataCollator` does.
    """

    def __init__(self, rows: datasets.Dataset, share: float, collate: Callable[..., dict[str, Tensor]]) -> None:
        if NEIGHBOURS not in rows.column_names:
            raise ValueError(
                f"The rows have no column {NEIGHBOURS!r}. Prepare them with `borrowed_texts` above 0, or with "
                "`add_neighbours`."
            )
        columns = rows.with_format("numpy")
        self.texts = columns.select_columns(["input_ids", "text_ids"])
        self.pair_ids = columns["pair_ids"][:]  # (R,)
        self.neighbours = np.stack(list(columns[NEIGHBOURS][:]))  # (R, K)
        self.similarities = np.stack(list(columns[SIMILARITIES][:]))  # (R, K)
        self.share, self.collate = share, collate

    def __call__(self, inputs: dict[str, Any], pair_ids: Tensor) -> dict[str, Any]:
        """Exchange texts.

        Args:
            inputs (`dict`): A batch of `B` pairs with `seeds`.
            pair_ids (`torch.LongTensor` of shape `(B,)`): Row numbers of the pairs.

        Returns:
            `dict`: The batch with other `input_ids`, `attention_mask` and `text_ids` where a text is borrowed, and
            `pair_similarities (B,)`: of each molecule with the one its text was written about, 1 for its own text.
        """
        rows = np.searchsorted(self.pair_ids, pair_ids.cpu().numpy())  # (B,)
        borrows, chosen = self._draw(inputs["seeds"].cpu(), rows)
        similarities = np.where(borrows, self.similarities[rows, chosen], 1.0)  # (B,)
        device = inputs["input_ids"].device
        changed = {**inputs, "pair_similarities": torch.from_numpy(similarities).float().to(device)}
        if not borrows.any():
            return changed
        places = np.flatnonzero(borrows)
        taken = self.texts[self.neighbours[rows, chosen][places].tolist()]
        words, mask = inputs["input_ids"].cpu(), inputs["attention_mask"].bool().cpu()  # (B, T)
        texts = [one[is_word].numpy() for one, is_word in zip(words, mask, strict=True)]
        for place, text in zip(places, taken["input_ids"], strict=True):
            texts[place] = text
        changed |= {name: one.to(device) for name, one in self.collate([{"input_ids": one} for one in texts]).items()}
        if inputs.get("text_ids") is not None:
            text_ids = inputs["text_ids"].clone()
            text_ids[torch.from_numpy(places).to(device)] = torch.from_numpy(taken["text_ids"]).to(device)
            changed["text_ids"] = text_ids
        return changed

    def _draw(self, seeds: Tensor, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Draw who borrows, and from which neighbour. `(B,)`, `(B,)` -> `(B,)`, `(B,)`."""
        mixed = mix_bits(seeds)  # apart from what else is drawn from seeds
        whether, which = mix_bits(mixed + GOLDEN_GAMMA), mix_bits(mixed - GOLDEN_GAMMA)
        counts = (self.neighbours[rows] >= 0).sum(1)  # (B,)
        numbers = ((whether >> 11) & ((1 << 53) - 1)).double().numpy() / 2**53  # (B,), in [0, 1)
        return (numbers < self.share) & (counts > 0), which.numpy() % counts.clip(min=1)


__all__ = ["TextBorrower", "add_neighbours"]
