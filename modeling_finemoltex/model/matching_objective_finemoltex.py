"""Matching: tell a pair from the hardest wrong ones of the batch by cross-attention (ALBEF, Li et al. 2021).

Axes as in `modeling_finemoltex.py`; `A` anchors, `n` negatives of each.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from .configuration_finemoltex import FineMolTexConfig
from .masking_finemoltex import hash_uniform
from .matching_finemoltex import FineMolTexMatchingHead, match_pairs
from .objectives_finemoltex import EncodedPairs, Objective, ObjectiveOptions, PairBatch, Terms


@dataclass
class MatchingOptions(ObjectiveOptions):
    """Options of the matching objective.

    Args:
        weight (`float`): Weight in the loss.
        num_negatives (`int`): Wrong molecules per text, and wrong texts per molecule.
    """

    num_negatives: int = 3

    def __post_init__(self) -> None:
        """Check the number of negatives."""
        if self.num_negatives < 1:
            raise ValueError(f"`num_negatives` must be at least 1: got {self.num_negatives}.")


class MatchingObjective(Objective):
    """Fuse some pairs, and each side of them with its hardest wrong partners; the head chooses the right one.

    The loss is [`matching_loss`] in both directions; equal logits give `log(n + 1)`. It trains the matching head,
    with which [`FineMolTexForRetrieval`] re-ranks. Every (1 + 2 n)-th pair is an anchor, so the fusion sees as many
    pairs as the batch has. All `B (1 + 2 n)` would not fit.
    """

    Options = MatchingOptions
    reads = frozenset({"word_states", "motif_states"})
    is_costly = True
    encodes_more = True

    def __init__(self, config: FineMolTexConfig, options: MatchingOptions) -> None:
        super().__init__(config, options)
        self.matching_head = FineMolTexMatchingHead(config)

    def forward(self, model: Any, pairs: EncodedPairs, batch: PairBatch) -> Terms:
        """Draw the wrong partners, fuse, choose."""
        count, seeds, mask = self.options.num_negatives, batch.seeds, batch.molecules.motif_attention_mask
        anchors = torch.arange(0, len(seeds), 1 + 2 * count, device=seeds.device)  # (A,)
        is_negative = ~torch.eye(len(seeds), dtype=torch.bool, device=seeds.device)  # (B, B)
        for ids in (batch.molecule_ids, batch.text_ids):
            if ids is not None:
                is_negative = is_negative & (ids[:, None] != ids)
        with torch.no_grad(), torch.autocast(seeds.device.type, enabled=False):
            logits = model.inverse_temperature * pairs.text_embeds @ pairs.molecule_embeds.T  # (B, B)
        draw = (is_negative[anchors], count, seeds[anchors])
        molecules, is_molecule = draw_hard_negatives(logits[anchors], *draw, stream=2)  # (A, n), (A, n)
        texts, is_text = draw_hard_negatives(logits.T[anchors], *draw, stream=3)  # (A, n), (A, n)
        repeated = anchors.repeat_interleave(molecules.shape[1])  # (A n,)
        molecule_rows = torch.cat([anchors, molecules.flatten(), repeated])  # (A + 2 A n,)
        text_rows = torch.cat([anchors, repeated, texts.flatten()])  # (A + 2 A n,)
        scores = match_pairs(
            model.fusion,
            self.matching_head,
            pairs.motif_states[molecule_rows],
            mask[molecule_rows],
            pairs.word_states[text_rows],
            batch.attention_mask[text_rows],
        )  # (A + 2 A n,)
        positive, *wrong = scores.split([len(anchors), molecules.numel(), texts.numel()])
        losses = [
            matching_loss(positive, negatives.view_as(rows), is_drawn)
            for negatives, rows, is_drawn in zip(wrong, (molecules, texts), (is_molecule, is_text), strict=True)
        ]
        return Terms({"matching": 0.5 * (losses[0] + losses[1])}, {"matching": self.options.weight})


def draw_hard_negatives(
    logits: Tensor, is_negative: Tensor, num_negatives: int, seeds: Tensor, stream: int
) -> tuple[Tensor, Tensor]:
    """Draw wrong candidates without replacement from the softmax of their contrastive logits (ALBEF, Li et al. 2021).

    Args:
        logits (`torch.FloatTensor` of shape `(A, B)`): Similarities over temperature.
        is_negative (`torch.BoolTensor` of shape `(A, B)`): Candidates that are wrong.
        num_negatives (`int`): Candidates to draw per row; at most `B - 1` are.
        seeds (`torch.LongTensor` of shape `(A,)`): One seed per row.
        stream (`int`): Separates independent uses of one seed.

    Returns:
        `(columns, is_drawn)`, both `(A, n)`: the drawn columns, and which of them really are negatives.
    """
    noise = -torch.log(-torch.log(hash_uniform(seeds, logits.shape[1], stream)))  # (A, B): Gumbel, see the masking
    keys = (logits.float() + noise).masked_fill(~is_negative, float("-inf"))
    best = keys.topk(min(num_negatives, logits.shape[1] - 1), dim=1)  # (A, n)
    return best.indices, best.values > float("-inf")


def matching_loss(positive: Tensor, negatives: Tensor, is_negative: Tensor) -> Tensor:
    """Choose the right candidate among the hard ones: cross-entropy over one positive and `n` negatives.

    Args:
        positive (`torch.FloatTensor` of shape `(A,)`): Logit of the pair itself.
        negatives (`torch.FloatTensor` of shape `(A, n)`): Logits of the wrong candidates.
        is_negative (`torch.BoolTensor` of shape `(A, n)`): False where a batch had no further negative.

    Returns:
        `torch.FloatTensor` of shape `()`; `log(n + 1)` for equal logits.
    """
    candidates = torch.cat([positive[:, None], negatives.masked_fill(~is_negative, float("-inf"))], dim=1)  # (A, n+1)
    return F.cross_entropy(candidates, torch.zeros_like(positive, dtype=torch.long))


__all__ = ["MatchingObjective", "MatchingOptions", "draw_hard_negatives", "matching_loss"]
