"""The memory bank objective: atoms and words answer the same learned questions alike."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from .answers_finemoltex import mark_relatives
from .contrastive_objective_finemoltex import contrast
from .distributed_finemoltex import gather_from_ranks, is_distributed
from .memory_bank_finemoltex import FineMolTexMemoryBank
from .objectives_finemoltex import EncodedPairs, Objective, ObjectiveOptions, PairBatch, Terms, check_choice

LOSSES = ("triplet", "info_nce")


@dataclass
class MemoryBankOptions(ObjectiveOptions):
    """Options of the memory bank.

    Args:
        weight (`float`): Weight in the loss.
        slots (`int`): Learned questions.
        heads (`int`): Attention heads; they divide `multimodal_config.hidden_size`.
        loss (`str`): `"triplet"`, each item against its hardest neighbours, or `"info_nce"`, against all.
        margin (`float`): How much farther the hardest negative of a triplet should be than the hardest positive.
        faithful (`bool`): Keep the published bank: slot 0 frozen at zero, and a head of a factor, BatchNorm and tanh.
    """

    slots: int = 28
    heads: int = 4
    loss: str = "triplet"
    margin: float = 0.3
    faithful: bool = False

    def __post_init__(self) -> None:
        """Check the sizes, the loss and its margin."""
        check_choice("loss", self.loss, LOSSES)
        least = 2 if self.faithful else 1
        if self.slots < least:
            raise ValueError(
                f"`slots` must be at least {least}: got {self.slots}."
                + (" One of them is frozen at zero." if self.faithful else "")
            )
        if self.heads < 1:
            raise ValueError(f"`heads` must be at least 1: got {self.heads}.")
        if self.margin < 0:
            raise ValueError(f"`margin` must not be negative: got {self.margin}.")


class MemoryBankObjective(Objective):
    r"""Align molecules and texts by what a shared memory bank reads from their atoms and words (Song et al. 2024).

    \(L = \mathrm{mean}_i \max(0, \max_{p} d_{ip} - \min_{n} d_{in} + \mu)\) over molecules and texts, stacked, with
    Euclidean distances and positives and negatives of both kinds: [`batch_hard_triplet`]. Equal molecules and equal
    texts are positives. Equal embeddings everywhere give the margin \(\mu\). With `loss="info_nce"` it is the
    contrastive loss of the bank's embeddings.

    Atoms come from the projection that makes motif tokens of them, so that they have the width of words. The bank is a
    head of pre-training: search and tasks use the embeddings of the model. So choose it beside `contrastive`, which
    trains those from the same atom and word states, and `second_order`, whose losses act on them; the preset
    `memory_bank` does.
    """

    Options = MemoryBankOptions
    reads = frozenset({"word_states"})

    def __init__(self, config: Any, options: MemoryBankOptions) -> None:
        super().__init__(config, options)
        width = config.multimodal_config.hidden_size
        if width % options.heads:
            raise ValueError(
                f"The objective 'memory_bank' has {options.heads} heads, which do not divide the width {width} of "
                "`multimodal_config.hidden_size`: choose a divisor as `heads`."
            )
        self.bank = FineMolTexMemoryBank(
            width, config.encoder_size, options.slots, options.heads, faithful=options.faithful
        )

    def forward(self, model: Any, pairs: EncodedPairs, batch: PairBatch) -> Terms:
        """Read both sides with the bank and compare them, with those of the other ranks too."""
        molecules, texts = self.embed(model, pairs, batch)  # (b, P) each
        if self.options.loss == "info_nce":
            loss = contrast(molecules, texts, model.inverse_temperature, batch, gather=self.training)
        else:
            loss = self._compare(molecules, texts, batch)
        return Terms({"memory_bank": loss}, {"memory_bank": self.options.weight})

    def embed(self, model: Any, pairs: EncodedPairs, batch: PairBatch) -> tuple[Tensor, Tensor]:
        """Place molecules and texts by the bank. -> `(b, P)` and `(b, P)`, L2-normalised, float32."""
        atom_states = model.motif_tower.projection(pairs.atom_states)  # (N, H)
        molecules = self.bank(atom_states, batch.molecules.molecule_of_atom, batch.molecules.num_molecules)
        is_word = batch.attention_mask.bool()  # (b, T)
        texts = self.bank(pairs.word_states[is_word], is_word.nonzero()[:, 0], len(is_word))
        return molecules, texts

    def _compare(self, molecules: Tensor, texts: Tensor, batch: PairBatch) -> Tensor:
        """Stack both kinds and take the hardest of each row's. `(b, P)`, `(b, P)` -> `()`."""
        gather = self.training and is_distributed() and batch.conditions is None
        own, equal, neutral = mark_relatives(batch, gather)  # (b, B) each
        stacked = torch.cat([texts, molecules])  # (2b, P)
        others = torch.cat([gather_from_ranks(texts), gather_from_ranks(molecules)]) if gather else stacked  # (2B, P)
        is_positive, is_negative = (own | equal).repeat(2, 2), ~(own | equal | neutral).repeat(2, 2)  # (2b, 2B) each
        return batch_hard_triplet(stacked, others, is_positive, is_negative, self.options.margin)


def batch_hard_triplet(
    embeds: Tensor, others: Tensor, is_positive: Tensor, is_negative: Tensor, margin: float
) -> Tensor:
    r"""Hinge between the farthest positive and the nearest negative of each row (Hermans et al. 2017, batch hard).

    Equal embeddings give the margin; a row without a negative gives 0. It looks at two others a row. With large
    batches or noisy pairs, where the hardest negative is often no negative, prefer InfoNCE.

    Args:
        embeds (`torch.FloatTensor` of shape `(r, P)`): Rows.
        others (`torch.FloatTensor` of shape `(R, P)`): What they are compared with, themselves included.
        is_positive (`torch.BoolTensor` of shape `(r, R)`): What belongs to each row, itself included.
        is_negative (`torch.BoolTensor` of shape `(r, R)`): What does not; the rest says nothing.
        margin (`float`): \(\mu\).

    Returns:
        `torch.FloatTensor` of shape `()`: The mean over the rows.
    """
    with torch.autocast(embeds.device.type, enabled=False):
        # Directly: through a product of matrices, near points would lose their distance to rounding.
        distances = torch.cdist(embeds.float(), others.float(), compute_mode="donot_use_mm_for_euclid_dist")  # (r, R)
        farthest = distances.masked_fill(~is_positive, 0.0).amax(1)  # (r,)
        nearest = distances.masked_fill(~is_negative, float("inf")).amin(1)  # (r,)
        return F.relu(farthest - nearest + margin).mean()


__all__ = ["MemoryBankObjective", "MemoryBankOptions", "batch_hard_triplet"]
