"""The contrastive objective: whole molecules against whole texts."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .answers_finemoltex import mark_answers
from .losses_finemoltex import CONTRASTIVE_LOSSES, contrastive_loss, multi_positive_nce
from .objectives_finemoltex import EncodedPairs, Objective, ObjectiveOptions, PairBatch, Terms, check_choice


@dataclass
class ContrastiveOptions(ObjectiveOptions):
    """Options of the contrastive objective.

    Args:
        weight (`float`): Weight in the loss.
        loss (`str`): `"info_nce"`; `"ebm_nce"` for batches too small for a meaningful softmax; or `"sigmoid"`, where
            pairs do not compete.
    """

    loss: str = "info_nce"

    def __post_init__(self) -> None:
        """Check the choice of the loss."""
        check_choice("loss", self.loss, CONTRASTIVE_LOSSES)


class ContrastiveObjective(Objective):
    """Bring every molecule near its own text and away from the other texts, and the other way round.

    The loss is [`contrastive_loss`] of the two embeddings; equal embeddings everywhere give `log(B)` with
    `"info_nce"`. Every other objective builds on the space that this one makes. Prefer soft targets beside it where
    many molecules of a batch resemble each other.
    """

    Options = ContrastiveOptions

    def forward(self, model: Any, pairs: EncodedPairs, batch: PairBatch) -> Terms:
        """Compare all molecules with all texts, those of the other ranks too; with queries, those of this rank."""
        loss = contrast(
            pairs.molecule_embeds,
            pairs.text_embeds,
            model.inverse_temperature,
            batch,
            loss=self.options.loss,
            gather=self.training,
        )
        return Terms({"contrastive": loss}, {"contrastive": self.options.weight})


def contrast(
    molecule_embeds: Tensor,
    text_embeds: Tensor,
    logit_scale: Tensor,
    batch: PairBatch,
    loss: str = "info_nce",
    gather: bool = False,
) -> Tensor:
    """Contrast the molecules and texts of a batch; with queries, every molecule that answers one is a positive.

    Args:
        molecule_embeds, text_embeds (`torch.FloatTensor` of shape `(b, P)`): L2-normalised.
        logit_scale (`torch.FloatTensor` of shape `()`): Inverse temperature.
        batch ([`PairBatch`]): Whose identities and queries they are.
        loss (`str`): Key of `CONTRASTIVE_LOSSES`; with queries it is always InfoNCE.
        gather (`bool`): Take negatives from all ranks, unless there are queries.

    Returns:
        `torch.FloatTensor` of shape `()`.
    """
    if batch.conditions is None:
        return contrastive_loss(
            molecule_embeds, text_embeds, logit_scale, loss, batch.molecule_ids, batch.text_ids, gather
        )
    with torch.autocast(text_embeds.device.type, enabled=False):
        logits = logit_scale * text_embeds @ molecule_embeds.T  # (B, B)
        fits, excluded = mark_answers(batch)  # (B, B), (B, B)
        return 0.5 * (multi_positive_nce(logits, fits, excluded) + multi_positive_nce(logits.T, fits.T, excluded.T))


__all__ = ["ContrastiveObjective", "ContrastiveOptions", "contrast"]
