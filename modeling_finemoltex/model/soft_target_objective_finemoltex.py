"""Soft targets: a text may also fit molecules that resemble its own, as much as they do."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .distributed_finemoltex import first_row_of_rank, gather_from_ranks, is_distributed
from .molecules_finemoltex import UNKNOWN_MOTIF_ID, Molecules
from .neighbourhoods_finemoltex import count_neighbourhoods
from .objectives_finemoltex import EncodedPairs, Objective, ObjectiveOptions, PairBatch, Terms, check_choice

SIMILARITIES = ("motif", "fingerprint")


@dataclass
class SoftTargetOptions(ObjectiveOptions):
    """Options of the soft targets.

    Args:
        weight (`float`): Weight in the loss.
        target_temperature (`float`): Temperature of the targets; near 0 only the own text counts.
        similarity (`str`): What two molecules are compared by: `"motif"` counts their motifs, `"fingerprint"` their
            circular neighbourhoods, which tells apart what has the same motifs (as AMOLE does).
    """

    target_temperature: float = 0.1
    similarity: str = "motif"

    def __post_init__(self) -> None:
        """Check the temperature and the choice of the similarity."""
        check_choice("similarity", self.similarity, SIMILARITIES)
        if self.target_temperature <= 0:
            raise ValueError(f"`target_temperature` must be positive: got {self.target_temperature}.")


class SoftTargetObjective(Objective):
    r"""Cross-entropy towards the Tanimoto similarity of the molecules instead of towards the own pair alone.

    \(L = -\sum_j q_{ij} \log p_{ij}\) in both directions, with \(p_i = \mathrm{softmax}(s_i)\) of the cosines
    over temperature and \(q_i = \mathrm{softmax}(T_i / \tau)\) of the Tanimoto similarities. Equal embeddings give
    `log(B)`. Add it to the contrastive objective where many molecules of a batch are alike; with few alike both say
    the same.
    """

    Options = SoftTargetOptions

    def __init__(self, config: Any, options: SoftTargetOptions) -> None:
        super().__init__(config, options)
        self.motif_vocab_size = config.motif_config.vocab_size

    def forward(self, model: Any, pairs: EncodedPairs, batch: PairBatch) -> Terms:
        """Compare all molecules with all texts, those of the other ranks too."""
        if self.options.similarity == "motif":
            counts = count_motifs(batch.molecules, self.motif_vocab_size)  # (b, V)
        else:
            counts = count_neighbourhoods(batch.molecules)  # (b, V)
        molecules, texts, all_counts = pairs.molecule_embeds, pairs.text_embeds, counts
        own = torch.arange(len(counts), device=counts.device)  # (b,): column of each own pair
        if self.training and is_distributed():
            own = own + first_row_of_rank(len(counts))
            molecules, texts, all_counts = (gather_from_ranks(one) for one in (molecules, texts, counts))  # (B, ...)
        with torch.autocast(counts.device.type, enabled=False):
            # The own text always fits, also a molecule without a known motif; a borrowed one as far as it is alike.
            known = batch.pair_similarities
            fit = torch.ones_like(own, dtype=counts.dtype) if known is None else known  # (b,)
            similarity = tanimoto(counts, all_counts).scatter(1, own[:, None], fit[:, None])  # (b, B)
            targets = (similarity / self.options.target_temperature).softmax(-1)  # (b, B)
            scale = model.inverse_temperature
            by_molecule = soft_cross_entropy(scale * pairs.molecule_embeds @ texts.T, targets)
            by_text = soft_cross_entropy(scale * pairs.text_embeds @ molecules.T, targets)
        return Terms({"soft_target": 0.5 * (by_molecule + by_text)}, {"soft_target": self.options.weight})


def count_motifs(molecules: Molecules, vocab_size: int) -> Tensor:
    """Count the motifs of each molecule by their ids, unknown ones left out. -> `(B, V)` float32."""
    counts = molecules.motif_counts.new_zeros(len(molecules), vocab_size, dtype=torch.float32)
    ones = torch.ones_like(molecules.motif_ids, dtype=torch.float32)  # (M,)
    counts.index_put_((molecules.molecule_of_motif, molecules.motif_ids), ones, accumulate=True)
    counts[:, UNKNOWN_MOTIF_ID] = 0  # to share what has no name says nothing
    return counts


def tanimoto(counts: Tensor, others: Tensor) -> Tensor:
    r"""Tanimoto similarity of count vectors, \(ab / (aa + bb - ab)\) (Willett et al. 1998).

    Args:
        counts (`torch.FloatTensor` of shape `(b, V)`): Not negative.
        others (`torch.FloatTensor` of shape `(B, V)`): The same.

    Returns:
        `torch.FloatTensor` of shape `(b, B)`, between 0 and 1; 0 where either vector is zero.

    Example:
    >>> tanimoto(torch.tensor([[1.0, 1.0, 0.0]]), torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]]))
    tensor([[1.0000, 0.3333]])
    """
    shared = counts @ others.T  # (b, B)
    either = counts.square().sum(1)[:, None] + others.square().sum(1) - shared  # (b, B)
    return shared / either.clamp(min=1e-6)


def soft_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy towards a distribution. `(b, B)`, `(b, B)` with rows that add up to 1 -> `()`."""
    return -(targets * logits.float().log_softmax(-1)).sum(-1).mean()


__all__ = ["SoftTargetObjective", "SoftTargetOptions", "count_motifs", "soft_cross_entropy", "tanimoto"]
