"""The fusion: a motif stream, a word stream and co-attention between them."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers.masking_utils import create_bidirectional_mask

from .attention_finemoltex import FineMolTexCoAttention, FineMolTexFusionLayer
from .chunking_finemoltex import chunk_by_length, count_slots


class FineMolTexFusion(nn.Module):
    """The motif stream, the text stream and the co-attention blocks between them.

    The layers before the first co-attention block need one side only. `encode_motifs_alone` and `encode_words_alone`
    run them, and `forward` continues with both. `finish_motifs_alone` and `finish_words_alone` run the layers after
    them without the other side, for a read-out that asks for it.

    Args:
        config ([`FineMolTexConfig`]): Sizes of the model.
        with_text (`bool`): Build the text layers and the co-attention too.

    Shapes:
        - **input:** motif states `(B, K, H)` and mask `(B, K)`, word states `(B, T, H)` and mask `(B, T)`
        - **output:** motif states `(B, K, H)`, word states `(B, T, H)`
    """

    def __init__(self, config: Any, with_text: bool = True) -> None:
        super().__init__()
        self.config, sizes = config, config.multimodal_config
        self.motif_layers = nn.ModuleList(
            FineMolTexFusionLayer(config, sizes.num_motif_attention_heads, sizes.motif_intermediate_size)
            for _ in range(sizes.num_motif_layers)
        )
        num_text_layers, num_blocks = sizes.num_text_layers, len(sizes.co_attention_motif_layers)
        self.text_layers = nn.ModuleList(
            FineMolTexFusionLayer(config, sizes.num_text_attention_heads) for _ in range(num_text_layers * with_text)
        )
        self.co_attention = nn.ModuleList(FineMolTexCoAttention(config) for _ in range(num_blocks * with_text))

    @property
    def _alone(self) -> tuple[int, int]:
        """Number of motif and of text layers before the first co-attention block."""
        sizes = self.config.multimodal_config
        blocks = zip(sizes.co_attention_motif_layers, sizes.co_attention_text_layers, strict=True)
        return next(blocks, (len(self.motif_layers), len(self.text_layers)))

    def encode_motifs_alone(self, states: Tensor, mask: Tensor) -> Tensor:
        """Run the motif layers before the first co-attention block. `(B, K, H)`, `(B, K)` -> `(B, K, H)`."""
        return self._run(self.motif_layers[: self._alone[0]], states, mask)

    def encode_words_alone(self, states: Tensor, mask: Tensor) -> Tensor:
        """Run the text layers before the first co-attention block. `(B, T, H)`, `(B, T)` -> `(B, T, H)`."""
        return self._run(self.text_layers[: self._alone[1]], states, mask)

    def finish_motifs_alone(self, states: Tensor, mask: Tensor) -> Tensor:
        """Run the other motif layers, without words. `(B, K, H)`, `(B, K)` -> `(B, K, H)`."""
        return self._run(self.motif_layers[self._alone[0] :], states, mask)

    def finish_words_alone(self, states: Tensor, mask: Tensor) -> Tensor:
        """Run the other text layers, without motifs. `(B, T, H)`, `(B, T)` -> `(B, T, H)`."""
        return self._run(self.text_layers[self._alone[1] :], states, mask)

    def forward(
        self, motif_states: Tensor, motif_mask: Tensor, word_states: Tensor, text_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Join streams that `encode_motifs_alone` and `encode_words_alone` have encoded; see the shapes above.

        A CPU joins chunks of pairs of similar length, see [`chunk_by_length`], and leaves zeros on their padding.
        """
        if not self.co_attention:
            return motif_states, word_states
        slots, words = count_slots(motif_mask), count_slots(text_mask)  # (B,), (B,)
        chunks = chunk_by_length(slots + words)
        if chunks is None:
            return self.fuse(motif_states, motif_mask, word_states, text_mask)
        order, sizes = torch.cat(chunks), [len(rows) for rows in chunks]
        inputs = (motif_states, motif_mask, word_states, text_mask)
        joined_motifs, joined_words = [], []
        for rows, motifs, motifs_mask, texts, texts_mask in zip(
            chunks, *(tensor.index_select(0, order).split(sizes) for tensor in inputs), strict=True
        ):
            num_slots, num_words = int(slots[rows].max()), int(words[rows].max())
            motifs, texts = self.fuse(
                motifs[:, :num_slots], motifs_mask[:, :num_slots], texts[:, :num_words], texts_mask[:, :num_words]
            )  # (rows, num_slots, H), (rows, num_words, H)
            joined_motifs.append(nn.functional.pad(motifs, (0, 0, 0, motif_mask.shape[1] - num_slots)))
            joined_words.append(nn.functional.pad(texts, (0, 0, 0, text_mask.shape[1] - num_words)))
        back = order.argsort()  # (B,)
        return torch.cat(joined_motifs).index_select(0, back), torch.cat(joined_words).index_select(0, back)

    def fuse(
        self, motif_states: Tensor, motif_mask: Tensor, word_states: Tensor, text_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Fuse whole batches: every layer from the first co-attention block on; see `forward`."""
        sizes = self.config.multimodal_config
        over_text = create_bidirectional_mask(self.config, motif_states, text_mask, encoder_hidden_states=word_states)
        over_motifs = create_bidirectional_mask(
            self.config, word_states, motif_mask, encoder_hidden_states=motif_states
        )
        motif_done, text_done = self._alone
        for block, motif_stop, text_stop in zip(
            self.co_attention, sizes.co_attention_motif_layers, sizes.co_attention_text_layers, strict=True
        ):
            motif_states = self._run(self.motif_layers[motif_done:motif_stop], motif_states, motif_mask)  # (B, K, H)
            word_states = self._run(self.text_layers[text_done:text_stop], word_states, text_mask)  # (B, T, H)
            motif_states, word_states = block(motif_states, word_states, over_text, over_motifs)
            motif_done, text_done = motif_stop, text_stop
        motif_states = self._run(self.motif_layers[motif_done:], motif_states, motif_mask)  # (B, K, H)
        return motif_states, self._run(self.text_layers[text_done:], word_states, text_mask)  # (B, T, H)

    def _run(self, layers: nn.ModuleList, states: Tensor, mask: Tensor) -> Tensor:
        attention_mask = create_bidirectional_mask(self.config, states, mask)
        for layer in layers:
            states = layer(states, attention_mask)
        return states


__all__ = ["FineMolTexFusion"]
