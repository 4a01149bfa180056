"""Does this text describe this molecule? A decision on the pair, after motifs and words have attended to each other.

It reads what the embeddings cannot: which word goes with which motif. It costs a pass through the co-attention blocks
per pair, so it learns from few hard pairs and re-ranks the best of what the embeddings found.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .chunking_finemoltex import average_tokens
from .fusion_finemoltex import FineMolTexFusion
from .wrapped_layers_finemoltex import input_dtype


class FineMolTexMatchingHead(nn.Module):
    """The means of both joined streams -> one logit. `(B, K + 1, H)`, `(B, T, H)` and their masks -> `(B,)`."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        config = config.multimodal_config
        self.dense = nn.Linear(2 * config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.score = nn.Linear(config.hidden_size, 1)

    def forward(self, motif_states: Tensor, motif_mask: Tensor, word_states: Tensor, text_mask: Tensor) -> Tensor:
        """Read the pair; see the shapes above."""
        means = [average_tokens(motif_states, motif_mask), average_tokens(word_states, text_mask)]
        pair = torch.cat(means, dim=-1).to(input_dtype(self.dense))  # (B, 2H)
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


__all__ = ["FineMolTexMatchingHead", "match_pairs"]
