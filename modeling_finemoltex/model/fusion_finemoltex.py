"""Cross-modal part of FineMolTex: self-attention per stream and co-attention between motif and word tokens."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from transformers.activations import ACT2FN
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

NUM_CHUNKS = 4  # of a batch: more waste less on padding, but keep a CPU less busy
FEWEST_ROWS = 16  # of a chunk


def chunk_by_length(lengths: Tensor) -> tuple[Tensor, ...] | None:
    """Cut the rows of a batch into chunks of similar length, to be computed one after the other on a CPU.

    A CPU pays for padding as for words: on random batches of names a contrastive step takes a third less time when
    each chunk is cut to the longest of its rows, and the result is the same.

    Args:
        lengths (`torch.LongTensor` of shape `(B,)`): Length of each sequence.

    Returns:
        Row numbers of each chunk (`torch.cat(chunks).argsort()` puts concatenated results back into order), or `None`
        where the batch is best computed at once: on other devices, in a compiled graph, and if it is small.
    """
    if lengths.device.type != "cpu" or torch.compiler.is_compiling() or len(lengths) <= FEWEST_ROWS:
        return None
    return lengths.argsort().split(max(FEWEST_ROWS, math.ceil(len(lengths) / NUM_CHUNKS)))


def count_slots(mask: Tensor) -> Tensor:
    """Count the slots up to the last token, wherever the padding is. `(B, L)` -> `(B,)`."""
    return (mask * torch.arange(1, mask.shape[1] + 1, device=mask.device)).amax(1)


def encode_in_chunks(
    encode: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, mask: Tensor, keep_states: bool = True
) -> tuple[Tensor | None, Tensor]:
    """Encode padded sequences, on a CPU in chunks of similar length; see [`chunk_by_length`].

    Args:
        encode (callable): Takes inputs and mask of some sequences; returns their states `(rows, L, H)`.
        inputs (`torch.Tensor` of shape `(B, L, ...)`): What it encodes.
        mask (`torch.LongTensor` of shape `(B, L)`): 1 on tokens, 0 on padding.
        keep_states (`bool`): Put the states together again; a CPU notices the time that it takes.

    Returns:
        States `(B, L, H)`, zeros on padding that was not computed, or `None` if they are not kept; and their means
        over the tokens `(B, H)`: a loss on the means alone pays for no gradients of padding.
    """
    lengths = count_slots(mask)  # (B,)
    chunks = chunk_by_length(lengths)
    if chunks is None:
        states = encode(inputs, mask)
        return states if keep_states else None, average_tokens(states, mask)
    order = torch.cat(chunks)  # (B,)
    padded, means = [], []
    # Split, not sliced: the gradient of a slice is as large as what it was taken from.
    for chunk, chunk_mask, longest in zip(
        inputs.index_select(0, order).split([len(rows) for rows in chunks]),
        mask.index_select(0, order).split([len(rows) for rows in chunks]),
        (int(lengths[rows[-1]]) for rows in chunks),
        strict=True,
    ):
        states = encode(chunk[:, :longest], chunk_mask[:, :longest])  # (rows, longest, H)
        means.append(average_tokens(states, chunk_mask[:, :longest]))
        if keep_states:
            padded.append(nn.functional.pad(states, (0, 0, 0, mask.shape[1] - longest)))
    back = order.argsort()  # (B,)
    states = torch.cat(padded).index_select(0, back) if keep_states else None  # (B, L, H)
    return states, torch.cat(means).index_select(0, back)


def average_tokens(states: Tensor, mask: Tensor) -> Tensor:
    """Average the states of the tokens, padding left out, in float32. `(B, L, H)`, `(B, L)` -> `(B, H)`."""
    weights = mask[..., None].float()  # (B, L, 1)
    return (states.float() * weights).sum(1) / weights.sum(1).clamp(min=1)


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
        - **output:** `(B, L, H)`
    """

    is_causal = False

    def __init__(self, config, num_heads: int) -> None:
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

    def forward(self, states: Tensor, context: Tensor, attention_mask: Tensor | None) -> Tensor:
        query, key, value = (
            linear(source).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)  # (B, heads, L or S, D)
            for linear, source in ((self.query, states), (self.key, context), (self.value, context))
        )
        attend: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        dropout = self.dropout_prob if self.training else 0.0
        mixed, _ = attend(self, query, key, value, attention_mask, dropout=dropout, scaling=self.scaling)
        mixed = mixed.reshape(states.shape)  # (B, L, H)
        return self.norm(states + self.dropout(self.output(mixed)))


class FineMolTexFeedForward(nn.Module):
    """Two linear layers with residual and LayerNorm. `(B, L, H)` -> `(B, L, H)`."""

    def __init__(self, config) -> None:
        super().__init__()
        config = config.multimodal_config
        self.expand = nn.Linear(config.hidden_size, config.intermediate_size)
        self.activation = ACT2FN[config.hidden_act]
        self.contract = nn.Linear(config.intermediate_size, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, states: Tensor) -> Tensor:
        return self.norm(states + self.dropout(self.contract(self.activation(self.expand(states)))))  # (B, L, H)


class FineMolTexFusionLayer(GradientCheckpointingLayer):
    """Self-attention within one stream, then the feed-forward part. `(B, L, H)` -> `(B, L, H)`."""

    def __init__(self, config, num_heads: int) -> None:
        super().__init__()
        self.attention = FineMolTexAttention(config, num_heads)
        self.feed_forward = FineMolTexFeedForward(config)

    def forward(self, states: Tensor, attention_mask: Tensor | None) -> Tensor:
        return self.feed_forward(self.attention(states, states, attention_mask))  # (B, L, H)


class FineMolTexCoAttention(GradientCheckpointingLayer):
    """ViLBERT-style co-attention (Lu et al. 2019): each stream asks the other; both see the other's old states.

    Shapes:
        - **input:** motif states `(B, K, H)`, text states `(B, T, H)`, masks motif-over-text and text-over-motif
        - **output:** motif states `(B, K, H)`, text states `(B, T, H)`
    """

    def __init__(self, config) -> None:
        super().__init__()
        num_heads = config.multimodal_config.num_co_attention_heads
        self.motif_attention = FineMolTexAttention(config, num_heads)
        self.text_attention = FineMolTexAttention(config, num_heads)
        self.motif_feed_forward = FineMolTexFeedForward(config)
        self.text_feed_forward = FineMolTexFeedForward(config)

    def forward(
        self, motif_states: Tensor, text_states: Tensor, text_mask: Tensor | None, motif_mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        motif_context = self.motif_attention(motif_states, text_states, text_mask)  # (B, K, H)
        text_context = self.text_attention(text_states, motif_states, motif_mask)  # (B, T, H)
        return self.motif_feed_forward(motif_context), self.text_feed_forward(text_context)


class FineMolTexFusion(nn.Module):
    """The motif stream, the text stream and the co-attention blocks between them.

    What stands before the first co-attention block needs one side only: `encode_motifs` and `encode_text` run it, and
    `forward` continues with both.

    Shapes:
        - **input:** motif states `(B, K, H)` and mask `(B, K)`, text states `(B, T, H)` and mask `(B, T)`
        - **output:** motif states `(B, K, H)`, text states `(B, T, H)`
    """

    def __init__(self, config) -> None:
        super().__init__()
        self.config, sizes = config, config.multimodal_config
        self.motif_layers = nn.ModuleList(
            FineMolTexFusionLayer(config, sizes.num_motif_attention_heads) for _ in range(sizes.num_motif_layers)
        )
        self.text_layers = nn.ModuleList(
            FineMolTexFusionLayer(config, sizes.num_text_attention_heads) for _ in range(sizes.num_text_layers)
        )
        self.co_attention = nn.ModuleList(FineMolTexCoAttention(config) for _ in sizes.co_attention_motif_layers)

    @property
    def _alone(self) -> tuple[int, int]:
        """Number of motif and of text layers before the first co-attention block."""
        sizes = self.config.multimodal_config
        blocks = zip(sizes.co_attention_motif_layers, sizes.co_attention_text_layers, strict=True)
        return next(blocks, (len(self.motif_layers), len(self.text_layers)))

    def encode_motifs(self, states: Tensor, mask: Tensor) -> Tensor:
        """Run the motif layers before the first co-attention block. `(B, K, H)`, `(B, K)` -> `(B, K, H)`."""
        return self._run(self.motif_layers[: self._alone[0]], states, mask)

    def encode_text(self, states: Tensor, mask: Tensor) -> Tensor:
        """Run the text layers before the first co-attention block. `(B, T, H)`, `(B, T)` -> `(B, T, H)`."""
        return self._run(self.text_layers[: self._alone[1]], states, mask)

    def forward(
        self, motif_states: Tensor, motif_mask: Tensor, text_states: Tensor, text_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Join streams that `encode_motifs` and `encode_text` have encoded; see the shapes above.

        A CPU joins chunks of pairs of similar length, see [`chunk_by_length`], and leaves zeros on their padding.
        """
        if not self.co_attention:
            return motif_states, text_states
        slots, words = count_slots(motif_mask), count_slots(text_mask)  # (B,), (B,)
        chunks = chunk_by_length(slots + words)
        if chunks is None:
            return self.join(motif_states, motif_mask, text_states, text_mask)
        order, sizes = torch.cat(chunks), [len(rows) for rows in chunks]
        inputs = (motif_states, motif_mask, text_states, text_mask)
        joined_motifs, joined_words = [], []
        for rows, motifs, motifs_mask, texts, texts_mask in zip(
            chunks, *(tensor.index_select(0, order).split(sizes) for tensor in inputs), strict=True
        ):
            num_slots, num_words = int(slots[rows].max()), int(words[rows].max())
            motifs, texts = self.join(
                motifs[:, :num_slots], motifs_mask[:, :num_slots], texts[:, :num_words], texts_mask[:, :num_words]
            )  # (rows, num_slots, H), (rows, num_words, H)
            joined_motifs.append(nn.functional.pad(motifs, (0, 0, 0, motif_mask.shape[1] - num_slots)))
            joined_words.append(nn.functional.pad(texts, (0, 0, 0, text_mask.shape[1] - num_words)))
        back = order.argsort()  # (B,)
        return torch.cat(joined_motifs).index_select(0, back), torch.cat(joined_words).index_select(0, back)

    def join(
        self, motif_states: Tensor, motif_mask: Tensor, text_states: Tensor, text_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Join whole batches: every layer from the first co-attention block on; see `forward`."""
        sizes = self.config.multimodal_config
        over_text = create_bidirectional_mask(self.config, motif_states, text_mask, encoder_hidden_states=text_states)
        over_motifs = create_bidirectional_mask(
            self.config, text_states, motif_mask, encoder_hidden_states=motif_states
        )
        motif_done, text_done = self._alone
        for block, motif_stop, text_stop in zip(
            self.co_attention, sizes.co_attention_motif_layers, sizes.co_attention_text_layers, strict=True
        ):
            motif_states = self._run(self.motif_layers[motif_done:motif_stop], motif_states, motif_mask)  # (B, K, H)
            text_states = self._run(self.text_layers[text_done:text_stop], text_states, text_mask)  # (B, T, H)
            motif_states, text_states = block(motif_states, text_states, over_text, over_motifs)
            motif_done, text_done = motif_stop, text_stop
        motif_states = self._run(self.motif_layers[motif_done:], motif_states, motif_mask)  # (B, K, H)
        return motif_states, self._run(self.text_layers[text_done:], text_states, text_mask)  # (B, T, H)

    def _run(self, layers: nn.ModuleList, states: Tensor, mask: Tensor) -> Tensor:
        attention_mask = create_bidirectional_mask(self.config, states, mask)
        for layer in layers:
            states = layer(states, attention_mask)
        return states


__all__ = ["FineMolTexFusion", "average_tokens", "chunk_by_length", "encode_in_chunks"]
