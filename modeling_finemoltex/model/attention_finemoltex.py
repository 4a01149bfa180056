"""Layers of the fusion: attention within a stream, attention between streams, feed-forward parts."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers.activations import ACT2FN
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS


def eager_attention_forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **kwargs,
) -> tuple[Tensor, Tensor]:
    """Plain attention of `(B, heads, L, D)` queries over `(B, heads, S, D)` keys -> `(B, L, heads, D)`, weights."""
    scores = query @ key.transpose(2, 3) * scaling  # (B, heads, L, S)
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = nn.functional.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
    weights = nn.functional.dropout(weights, p=dropout, training=module.training)
    return (weights @ value).transpose(1, 2).contiguous(), weights


class FineMolTexAttention(nn.Module):
    """Multi-head attention of one sequence over another, with residual and LayerNorm.

    Shapes:
        - **input:** queries `(B, L, H)`, keys and values `(B, S, H)`, mask as made by `create_bidirectional_mask`
        - **output:** states `(B, L, H)`; weights `(B, heads, L, S)`, or `None` from kernels that keep none
    """

    is_causal = False

    def __init__(self, config: Any, num_heads: int) -> None:
        super().__init__()
        self.config = config  # of the whole model: it alone holds the attention implementation
        config = config.multimodal_config
        self.head_dim = config.hidden_size // num_heads
        self.scaling = self.head_dim**-0.5
        self.dropout_prob = config.attention_probs_dropout_prob
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.output = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, states: Tensor, context: Tensor, attention_mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Attend; see the shapes above."""
        query, key, value = (
            linear(source).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)  # (B, heads, L or S, D)
            for linear, source in ((self.query, states), (self.key, context), (self.value, context))
        )
        attend: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        dropout = self.dropout_prob if self.training else 0.0
        mixed, weights = attend(self, query, key, value, attention_mask, dropout=dropout, scaling=self.scaling)
        mixed = mixed.reshape(states.shape)  # (B, L, H)
        return self.norm(states + self.dropout(self.output(mixed))), weights


class FineMolTexFeedForward(nn.Module):
    """Two linear layers with residual and LayerNorm, `width` wide between them. `(B, L, H)` -> `(B, L, H)`."""

    def __init__(self, config: Any, width: int | None = None) -> None:
        super().__init__()
        config = config.multimodal_config
        width = width or config.intermediate_size
        self.expand = nn.Linear(config.hidden_size, width)
        self.activation = ACT2FN[config.hidden_act]
        self.contract = nn.Linear(width, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, states: Tensor) -> Tensor:
        """Run both layers; see the shapes above."""
        return self.norm(states + self.dropout(self.contract(self.activation(self.expand(states)))))  # (B, L, H)


class FineMolTexFusionLayer(GradientCheckpointingLayer):
    """Self-attention within one stream, then the feed-forward part. `(B, L, H)` -> `(B, L, H)`."""

    def __init__(self, config: Any, num_heads: int, width: int | None = None) -> None:
        super().__init__()
        self.attention = FineMolTexAttention(config, num_heads)
        self.feed_forward = FineMolTexFeedForward(config, width)

    def forward(self, states: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Run the layer; see the shapes above."""
        states, _ = self.attention(states, states, attention_mask)  # (B, L, H)
        return self.feed_forward(states)


class FineMolTexCoAttention(GradientCheckpointingLayer):
    """ViLBERT-style co-attention (Lu et al. 2019): each stream asks the other; both see the other's old states.

    Shapes:
        - **input:** motif states `(B, K, H)`, word states `(B, T, H)`, masks motif-over-text and text-over-motif
        - **output:** motif states `(B, K, H)`, word states `(B, T, H)`
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        sizes = config.multimodal_config
        num_heads = sizes.num_co_attention_heads
        self.motif_attention = FineMolTexAttention(config, num_heads)
        self.text_attention = FineMolTexAttention(config, num_heads)
        self.motif_feed_forward = FineMolTexFeedForward(config, sizes.motif_intermediate_size)
        self.text_feed_forward = FineMolTexFeedForward(config)

    def forward(
        self, motif_states: Tensor, word_states: Tensor, text_mask: Tensor | None, motif_mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Run the block; see the shapes above."""
        motif_context, _ = self.motif_attention(motif_states, word_states, text_mask)  # (B, K, H)
        word_context, _ = self.text_attention(word_states, motif_states, motif_mask)  # (B, T, H)
        return self.motif_feed_forward(motif_context), self.text_feed_forward(word_context)


__all__ = ["FineMolTexAttention", "FineMolTexCoAttention", "FineMolTexFeedForward", "FineMolTexFusionLayer"]
