"""`output_hidden_states` and `output_attentions` of every model: what the layers compute, recorded while it runs."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from torch import Tensor, nn

from .attention_finemoltex import FineMolTexAttention, FineMolTexCoAttention, FineMolTexFusionLayer
from .chunking_finemoltex import compute_at_once

SWITCHES = ("output_hidden_states", "output_attentions")


class Recording(NamedTuple):
    """What the layers computed, in the order they ran: molecule encoder, text encoder, fusion."""

    hidden_states: list[Tensor]  # (N, H_graph) of atoms, (B, T, H_text) of words, (B, K + 1, H) of motifs
    attentions: list[Tensor]  # (B, heads, L, S)


def records_states(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Give a forward `output_hidden_states` and `output_attentions`, and its output the tuples they ask for.

    Args:
        forward (callable): Method of a `FineMolTexPreTrainedModel` whose output has `hidden_states` and `attentions`.
    """

    @functools.wraps(forward)
    def wrapper(
        self: Any,
        *args: Any,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Record where asked to, and call the method."""
        wants_states = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        wants_attentions = self.config.output_attentions if output_attentions is None else output_attentions
        if not (wants_states or wants_attentions):
            return forward(self, *args, **kwargs)
        with record_states(self, wants_attentions) as recording:
            output = forward(self, *args, **kwargs)
        if wants_states:
            output["hidden_states"] = tuple(recording.hidden_states)
        if wants_attentions:
            output["attentions"] = tuple(recording.attentions)
        return output

    signature = inspect.signature(forward)
    switches = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in SWITCHES]
    wrapper.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), *switches]
    )
    return wrapper


@contextmanager
def record_states(model: Any, with_attentions: bool) -> Iterator[Recording]:
    """Record what the layers of a model compute inside this block.

    Batches are computed whole, and attention weights by the eager implementation, which alone keeps them.

    Args:
        model ([`FineMolTexPreTrainedModel`]): Any model of this package.
        with_attentions (`bool`): Record attention weights too.

    Yields:
        [`Recording`], filled as the model runs.
    """
    recording = Recording([], [])
    base = model.base_model
    layers = (base.graph_encoder.layer_class, FineMolTexFusionLayer)

    def keep_states(module: nn.Module, inputs: Any, output: Any) -> None:
        """Keep the states of one layer."""
        recording.hidden_states.extend(output if isinstance(module, FineMolTexCoAttention) else (output,))

    def keep_weights(module: nn.Module, inputs: Any, output: Any) -> None:
        """Keep the weights of one attention."""
        recording.attentions.append(output[1])

    def keep_both(module: nn.Module, inputs: Any, output: Any) -> None:
        """Keep what an encoder of Transformers recorded."""
        recording.hidden_states.extend(output.hidden_states or ())
        recording.attentions.extend(output.attentions or ())

    with ExitStack() as stack:
        stack.enter_context(compute_at_once())
        encoders = model.sequence_encoders()
        if with_attentions:
            stack.enter_context(_eager_attention([model.config, *(one.config for one in encoders)]))
        for module in base.modules():
            if isinstance(module, (*layers, FineMolTexCoAttention)):
                stack.callback(module.register_forward_hook(keep_states).remove)
            elif isinstance(module, FineMolTexAttention):
                stack.callback(module.register_forward_hook(keep_weights).remove)
        for encoder in encoders:
            stack.callback(encoder.register_forward_hook(keep_both).remove)
            for switch in SWITCHES if with_attentions else SWITCHES[:1]:
                stack.enter_context(_switched_on(encoder.config, switch))
        yield recording


@contextmanager
def _eager_attention(configs: list[Any]) -> Iterator[None]:
    before = [
        {"": one._attn_implementation}
        | {part: getattr(one, part)._attn_implementation for part in one.sub_configs if getattr(one, part) is not None}
        for one in configs
    ]
    for one in configs:
        one._attn_implementation = "eager"
    try:
        yield
    finally:
        for one, implementations in zip(configs, before, strict=True):
            one._attn_implementation = implementations


@contextmanager
def _switched_on(config: Any, name: str) -> Iterator[None]:
    before = getattr(config, name)
    setattr(config, name, True)
    try:
        yield
    finally:
        setattr(config, name, before)


__all__ = ["Recording", "record_states", "records_states"]
