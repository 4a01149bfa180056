"""Training batches in which every molecule is spelled at random, as the encoder `smiles` wants them."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..model.masking_finemoltex import hash_uniform
from ..processors.smiles_view_finemoltex import SmilesView, spell_at_random

SPELLING_STREAM = 48  # of the draws
MOST = 2**31 - 2


class Respelling:
    """Spell the molecules of a batch in another order, beside their canonical SMILES.

    The order follows from the seeds, which follow from pair and step alone: several processes and a resumed run do the
    same, and evaluation always reads the same spellings.

    Args:
        with_target (`bool`): Draw a second spelling, as the target of the objective `smiles_reconstruction`.
    """

    def __init__(self, with_target: bool = False) -> None:
        self.with_target, self.view = with_target, SmilesView()

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Add the spellings.

        Args:
            inputs (`dict`): `B` molecules with their `smiles_ids`, `smiles_ends`, `smiles_places`, and `seeds (B,)`.

        Returns:
            `dict`: The batch with `other_smiles_ids` (B, L'), `other_smiles_ends` (B, L', 2) and `other_smiles_places`
            (N,), and with a target `target_smiles_ids` (B, L'').
        """
        device = inputs["smiles_ids"].device
        draws = 1 + (hash_uniform(inputs["seeds"].cpu(), 2, SPELLING_STREAM).double() * MOST).long()  # (B, 2)
        rows = split_rows(*(inputs[name] for name in self.view.model_input_names))
        drawn: dict[str, np.ndarray] = {
            f"other_{name}": array for name, array in self._spell(rows, draws[:, 0].tolist()).items()
        }
        if self.with_target:
            drawn["target_smiles_ids"] = self._spell(rows, draws[:, 1].tolist())["smiles_ids"]
        return inputs | {name: torch.from_numpy(array).to(device) for name, array in drawn.items()}

    def _spell(self, rows: list[dict[str, np.ndarray]], seeds: list[int]) -> dict[str, np.ndarray]:
        return self.view.collate([spell_at_random(row, seed) for row, seed in zip(rows, seeds, strict=True)])


def split_rows(ids: Tensor, ends: Tensor, places: Tensor) -> list[dict[str, np.ndarray]]:
    """Take a batch of the SMILES view apart; the inverse of its `collate`.

    Args:
        ids (`torch.LongTensor` of shape `(B, L)`), ends (`(B, L, 2)`), places (`(N,)`): As `SmilesView.collate` gives
            them.

    Returns:
        `list[dict[str, np.ndarray]]`: `B` molecules with `smiles_ids` (l,), `smiles_ends` (l, 2) and `smiles_places`
        (n,), numbered by themselves.
    """
    width = ids.shape[1]
    all_ids, all_ends, all_places = (one.cpu().numpy() for one in (ids, ends, places))
    counts = np.bincount(all_places // width, minlength=len(ids))
    firsts = np.cumsum(counts) - counts
    rows = []
    for number, (first, count) in enumerate(zip(firsts.tolist(), counts.tolist(), strict=True)):
        length = int((all_ids[number] != 0).sum()) - 1  # without [CLS]
        rows.append(
            {
                "smiles_ids": all_ids[number, 1 : 1 + length],
                "smiles_ends": all_ends[number, 1 : 1 + length] - first,
                "smiles_places": all_places[first : first + count] - number * width - 1,
            }
        )
    return rows


def make_respelling(model: Any) -> Respelling | None:
    """Make what a model wants of random spellings, if anything.

    Args:
        model ([`FineMolTexForPreTraining`]): Its encoder and objectives are asked.
    """
    objective = model.objectives["smiles_reconstruction"] if "smiles_reconstruction" in model.objectives else None
    with_target = objective is not None and objective.options.target == "random"
    reads = "smiles" in model.finemoltex.graph_encoder.needs
    return Respelling(with_target) if reads or with_target else None


__all__ = ["Respelling", "make_respelling", "split_rows"]
