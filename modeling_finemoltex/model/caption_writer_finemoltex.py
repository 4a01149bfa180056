"""A writer that may copy: an encoder-decoder of the type T5 that mixes its words with those of what it reads.

Axes: `B` texts, `T` their tokens, `S` states that the encoder reads, `D` width, `V` vocabulary.
"""

import inspect
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import T5ForConditionalGeneration, initialization
from transformers.modeling_outputs import Seq2SeqLMOutput

NO_SOURCE = -1  # id of a state that is no token
LEAST = 1e-30  # of a probability
# Start of the bonus of a token of the source for each further token before it that equals what was written last.
FOLLOWS = (3.0, 2.0, 2.0, 2.0)
GATE = 1.0  # start of the gate before its sigmoid


class FineMolTexPointer(nn.Module):
    """Says which token of a source comes next, and how much it counts beside the vocabulary.

    Shapes:
        - **input:** states of the decoder `(B, T, D)` and the encoder `(B, S, D)`, ids `(B, S)`, written `(B, T)`
        - **output:** weights of the tokens `(B, T, S)`, 0 in a row without a source, and the gate `(B, T, 1)`
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, 1)
        self.follows = nn.Parameter(torch.empty(len(FOLLOWS)))

    def reset_parameters(self) -> None:
        """Start so that a writer repeats its source."""
        for linear in (self.query, self.key, self.gate):
            initialization.normal_(linear.weight, std=0.02)
        initialization.constant_(self.gate.bias, GATE)
        initialization.copy_(self.follows, torch.tensor(FOLLOWS))

    def forward(self, states: Tensor, encoded: Tensor, source_ids: Tensor, written: Tensor) -> tuple[Tensor, Tensor]:
        """Weigh the tokens of the source; see the shapes above."""
        is_token = source_ids != NO_SOURCE  # (B, S)
        scores = self.query(states) @ self.key(encoded).mT * states.shape[-1] ** -0.5  # (B, T, S)
        scores = scores.float() + self.reward_order(source_ids, written)[:, -states.shape[1] :]
        scores = scores.masked_fill(~is_token[:, None], torch.finfo(scores.dtype).min)
        has_source = is_token.any(-1)[:, None, None]  # (B, 1, 1)
        return scores.softmax(-1) * has_source, self.gate(states).float().sigmoid() * has_source

    def reward_order(self, source_ids: Tensor, written: Tensor) -> Tensor:
        """Add up the bonuses of places that go on from what was written. `(B, S)`, `(B, T)` -> `(B, T, S)`."""
        total: Any = 0.0
        equal: Any = True
        for back, bonus in enumerate(self.follows):
            # Token so many places before; padding on both sides is never equal.
            source = F.pad(source_ids, (back + 1, 0), value=NO_SOURCE)[:, : source_ids.shape[1]]  # (B, S)
            last = F.pad(written, (back, 0), value=NO_SOURCE - 1)[:, : written.shape[1]]  # (B, T)
            equal = equal & (source[:, None] == last[..., None])  # (B, T, S)
            total = total + bonus * equal
        return total


class FineMolTexCopyingWriter(T5ForConditionalGeneration):
    r"""T5 with a pointer: \(p(w) = (1 - g)\,p_{vocabulary}(w) + g \sum_{s: w_s = w} a_s\).

    The weights \(a\) over the tokens of the source are a softmax over the products of the decoder's state with the
    encoder's, and a learned bonus for each of up to four tokens before a place that equal the tokens written last. So
    what is copied goes on where it stopped, and an untrained writer repeats its source. The gate \(g\) is read from
    the decoder's state. It is 0 for a row without a source.
    """

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.pointer = FineMolTexPointer(config.d_model)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, FineMolTexPointer):
            module.reset_parameters()

    def forward(  # noqa: D417
        self,
        *args: Any,
        source_ids: Tensor | None = None,
        written_ids: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Any,
    ) -> Seq2SeqLMOutput:
        """Write as T5 does, with words of the source mixed in.

        Args:
            source_ids (`torch.LongTensor` of shape `(B, S)`, *optional*): Token at each state that the encoder read,
                -1 where there is none. Without it, nothing is copied. The other arguments are those of T5.
            written_ids (`torch.LongTensor` of shape `(B, T')`, *optional*): All that is written so far, where
                `decoder_input_ids` are the last of it, as with a cache.
            decoder_input_ids (`torch.LongTensor` of shape `(B, T)`, *optional*): What is written so far.
            labels (`torch.LongTensor` of shape `(B, T)`, *optional*): What to write, -100 where it does not count.

        Returns:
            `Seq2SeqLMOutput`; `logits` `(B, T, V)` are logarithms of probabilities if there is a source. In training
            they are those of the vocabulary alone: the loss needs the labels of the mixture and no other word.
        """
        if decoder_input_ids is None and labels is not None:
            decoder_input_ids = self._shift_right(labels)
        if source_ids is None:
            return super().forward(*args, decoder_input_ids=decoder_input_ids, labels=labels, **kwargs)
        kwargs |= {"output_hidden_states": True, "return_dict": True}
        output = super().forward(*args, decoder_input_ids=decoder_input_ids, **kwargs)
        states, encoded = output.decoder_hidden_states[-1], output.encoder_last_hidden_state  # (B, T, D), (B, S, D)
        written = decoder_input_ids if written_ids is None else written_ids
        weights, gate = self.pointer(states, encoded, source_ids, written)  # (B, T, S), (B, T, 1)
        if labels is not None:
            output.loss = self._compare(output.logits, gate, weights, source_ids, labels)
        if labels is None or not self.training:
            output.logits = self._mix(output.logits, gate, weights, source_ids)  # (B, T, V)
        return output

    def prepare_inputs_for_generation(self, input_ids: Tensor, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Prepare a step as T5 does, and pass on all that is written, for the order of what is copied."""
        prepared = super().prepare_inputs_for_generation(input_ids, *args, **kwargs)
        return prepared if prepared.get("source_ids") is None else {**prepared, "written_ids": input_ids}

    def _compare(self, logits: Tensor, gate: Tensor, weights: Tensor, source_ids: Tensor, labels: Tensor) -> Tensor:
        """Compare the mixture with the labels `(B, T)`, without making it for all words. -> `()`."""
        known = labels.clamp(min=0)[..., None]  # (B, T, 1)
        logits = logits.float()
        written = (logits.gather(-1, known)[..., 0] - logits.logsumexp(-1)).exp()  # (B, T)
        copied = (weights * (source_ids[:, None] == known)).sum(-1)  # (B, T)
        likely = (1 - gate[..., 0]) * written + gate[..., 0] * copied  # (B, T)
        counts = labels != -100  # (B, T)
        return -(likely.clamp(min=LEAST).log() * counts).sum() / counts.sum()

    def _mix(self, logits: Tensor, gate: Tensor, weights: Tensor, source_ids: Tensor) -> Tensor:
        """Mix the words of the vocabulary with those of the source. -> `(B, T, V)`, logarithms of probabilities."""
        places = source_ids.clamp(min=0)[:, None].expand_as(weights)  # (B, T, S)
        mixed = ((1 - gate) * logits.float().softmax(-1)).scatter_add(-1, places, gate * weights)  # (B, T, V)
        return mixed.clamp(min=LEAST).log()


# `generate` looks up in the signature what it may pass on.
_of_t5 = inspect.signature(T5ForConditionalGeneration.forward)
_sources = [
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in ("source_ids", "written_ids")
]
_own = [one for one in _of_t5.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
_rest = [one for one in _of_t5.parameters.values() if one.kind is inspect.Parameter.VAR_KEYWORD]
FineMolTexCopyingWriter.forward.__signature__ = _of_t5.replace(  # type: ignore[attr-defined]
    parameters=[*_own, *_sources, *_rest]
)

__all__ = ["NO_SOURCE", "FineMolTexCopyingWriter"]
