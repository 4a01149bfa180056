"""Second-order alignment: the neighbours of a molecule and those of its text should be the same."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .answers_finemoltex import mark_relatives
from .distributed_finemoltex import gather_from_ranks, is_distributed
from .objectives_finemoltex import EncodedPairs, Objective, ObjectiveOptions, PairBatch, Terms, check_choice

SIMILARITIES = ("euclidean", "cosine")


@dataclass
class SecondOrderOptions(ObjectiveOptions):
    """Options of the second-order alignment.

    Args:
        weight (`float`): Weight of both losses.
        u2u_weight (`float`): Weight of neighbours within one modality against those within the other.
        u2c_weight (`float`): Weight of neighbours across modalities against those within one.
        similarity (`str`): `"euclidean"` compares by distance, `"cosine"` by half of 1 minus the cosine.
        sign (`int`): -1 gives the near ones the mass; +1 the far ones, as published with `"euclidean"`.
        temperature (`float`): Temperature of the distributions. Published is 1, which leaves them almost uniform.
    """

    u2u_weight: float = 1.0
    u2c_weight: float = 1.0
    similarity: str = "euclidean"
    sign: int = -1
    temperature: float = 0.1

    def __post_init__(self) -> None:
        """Check the similarity, its sign and its temperature."""
        check_choice("similarity", self.similarity, SIMILARITIES)
        if self.sign not in (-1, 1):
            raise ValueError(f"`sign` must be -1, where near ones get the mass, or 1: got {self.sign}.")
        if self.temperature <= 0:
            raise ValueError(f"`temperature` must be positive: got {self.temperature}.")


class SecondOrderObjective(Objective):
    r"""Compare how items lie to each other, in four distributions over the batch (Song et al. 2024).

    With the distances \(d\), the sign \(s\) and \(P_{xy}(i) = \mathrm{softmax}_j(s\,d(x_i, y_j) / \tau)\) of texts
    \(t\) and molecules \(m\), averaged over the rows, and `sg` a teacher without gradient:

    - `u2u`: \(\mathrm{KL}(P_{mm} \| P_{tt}) + \mathrm{KL}(P_{tt} \| P_{mm})\)
    - `u2c`: \(\mathrm{KL}(\mathrm{sg}[P_{mm}] \| P_{tm}) + \mathrm{KL}(\mathrm{sg}[P_{tt}] \| P_{mt})\)

    Both act on the embeddings that search uses. Both are 0 where the two modalities coincide, and where all embeddings
    are equal: use them beside the contrastive objective, which keeps embeddings apart. Other pairs of an equal
    molecule or text are left out. Soft targets take the neighbours from motifs instead of from the model.
    """

    Options = SecondOrderOptions

    def forward(self, model: Any, pairs: EncodedPairs, batch: PairBatch) -> Terms:
        """Compare with all pairs, those of the other ranks too; with queries, those of this rank."""
        gather = self.training and is_distributed() and batch.conditions is None
        _, equal, neutral = mark_relatives(batch, gather)  # (b, B) each
        rows = {"m": pairs.molecule_embeds, "t": pairs.text_embeds}  # (b, P) each
        columns = {name: gather_from_ranks(one) if gather else one for name, one in rows.items()}  # (B, P) each
        options = self.options
        mm, tt, tm, mt = (
            spread(rows[x], columns[y], equal | neutral, options)  # (b, B)
            for x, y in ("mm", "tt", "tm", "mt")
        )
        return Terms(
            {"u2u": diverge(mm, tt) + diverge(tt, mm), "u2c": diverge(mm.detach(), tm) + diverge(tt.detach(), mt)},
            {"u2u": options.weight * options.u2u_weight, "u2c": options.weight * options.u2c_weight},
        )


def spread(embeds: Tensor, others: Tensor, left_out: Tensor, options: SecondOrderOptions) -> Tensor:
    r"""Spread each row over the columns by their distance: the logarithms of \(\mathrm{softmax}_j(s\,d_{ij} / \tau)\).

    Args:
        embeds (`torch.FloatTensor` of shape `(b, P)`), others (`(B, P)`): L2-normalised.
        left_out (`torch.BoolTensor` of shape `(b, B)`): Columns without mass.
        options ([`SecondOrderOptions`]): Similarity, sign and temperature.

    Returns:
        `torch.FloatTensor` of shape `(b, B)`, float32.
    """
    with torch.autocast(embeds.device.type, enabled=False):
        embeds, others = embeds.float(), others.float()
        if options.similarity == "cosine":
            distances = 0.5 * (1 - embeds @ others.T)  # (b, B)
        else:  # directly: through a product of matrices, near points would lose their distance to rounding
            distances = torch.cdist(embeds, others, compute_mode="donot_use_mm_for_euclid_dist")  # (b, B)
        logits = options.sign * distances / options.temperature
        lowest = torch.finfo(logits.dtype).min / 2  # finite: 0 times the logarithm of no mass is 0
        return logits.masked_fill(left_out, lowest).log_softmax(-1)


def diverge(teacher: Tensor, student: Tensor) -> Tensor:
    r"""Kullback-Leibler divergence \(\sum_j p_j (\log p_j - \log q_j)\) of log-distributions, averaged over the rows.

    Args:
        teacher, student (`torch.FloatTensor` of shape `(b, B)`): \(\log p\) and \(\log q\).

    Returns:
        `torch.FloatTensor` of shape `()`; 0 for equal distributions.
    """
    return (teacher.exp() * (teacher - student)).sum(-1).mean()


__all__ = ["SecondOrderObjective", "SecondOrderOptions", "diverge", "spread"]
