"""Does this text describe this molecule? A decision on the pair, after motifs and words have attended to each other.

It reads what the embeddings cannot: which word goes with which motif. It costs a pass through the co-attention blocks
per pair, so it learns from few hard pairs and re-ranks the best of what the embeddings found.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .fusion_finemoltex import FineMolTexFusion, average_tokens
from .masking_finemoltex import hash_uniform


class FineMolTexMatchingHead(nn.Module):
    """The means of both joined streams -> one logit. `(B, K + 1, H)`, `(B, T, H)` and their masks -> `(B,)`."""

    def __init__(self, config) -> None:
        super().__init__()
        config = config.multimodal_config
        self.dense = nn.Linear(2 * config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.score = nn.Linear(config.hidden_size, 1)

    def forward(self, motif_states: Tensor, motif_mask: Tensor, text_states: Tensor, text_mask: Tensor) -> Tensor:
        """Read the pair; see the shapes above."""
        means = [average_tokens(motif_states, motif_mask), average_tokens(text_states, text_mask)]
        pair = torch.cat(means, dim=-1).to(self.dense.weight.dtype)  # (B, 2H)
        return self.score(self.norm(F.gelu(self.dense(pair))))[:, 0]  # (B,)


def match_pairs(
    fusion: FineMolTexFusion,
    head: FineMolTexMatchingHead,
    motif_states: Tensor,
    motif_mask: Tensor,
    word_states: Tensor,
    word_mask: Tensor,
) -> Tensor:
    """Score pairs of molecules and texts from their states before the fusion.

    Args:
        fusion (`FineMolTexFusion`): Joins the two streams.
        head (`FineMolTexMatchingHead`): Reads the joined streams.
        motif_states (`torch.FloatTensor` of shape `(R, K + 1, H)`), motif_mask (`(R, K + 1)`): The molecules.
        word_states (`torch.FloatTensor` of shape `(R, T, H)`), word_mask (`(R, T)`): Text `i` meets molecule `i`.

    Returns:
        `torch.FloatTensor` of shape `(R,)`: Logits; higher where the text describes the molecule.
    """
    joined_motifs, joined_words = fusion(motif_states, motif_mask, word_states, word_mask)
    return head(joined_motifs, motif_mask, joined_words, word_mask)  # (R,)


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


__all__ = ["FineMolTexMatchingHead", "draw_hard_negatives", "match_pairs", "matching_loss"]
