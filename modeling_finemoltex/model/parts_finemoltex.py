"""The parts of a model, declared by the model: for freezing, learning rates, quantisation and export."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from torch import nn

Kind = Literal[
    "molecule", "text", "readout", "fitted", "projection", "fusion", "objective", "adversary", "head", "generator"
]


@dataclass(frozen=True)
class Part:
    """Modules and single parameters that belong together.

    Args:
        kind (`str`): `"molecule"` and `"text"` are the encoders, `"readout"` places their states in the shared space,
            `"fitted"` is solved for after a training, `"projection"` turns atoms into motif tokens, `"fusion"` joins
            both streams, `"objective"` is needed in pre-training alone, `"adversary"` too, but minimises a loss of its
            own, `"head"` answers a task or names a motif, `"generator"` writes molecules.
        modules (`tuple[nn.Module, ...]`): Whole modules.
        single (`tuple[nn.Parameter, ...]`): Parameters that stand in no module of their own.
    """

    kind: Kind
    modules: tuple[nn.Module, ...]
    single: tuple[nn.Parameter, ...] = ()

    def parameters(self) -> Iterator[nn.Parameter]:
        """Go through every parameter of the part."""
        for module in self.modules:
            yield from module.parameters()
        yield from self.single

    def state_names(self, model: nn.Module) -> set[str]:
        """Name the weights and buffers of the part, as in `model.state_dict()`."""
        prefixes = {id(module): f"{name}." for name, module in model.named_modules()}
        names = {f"{prefixes[id(module)]}{name}" for module in self.modules for name in module.state_dict()}
        single = {id(parameter) for parameter in self.single}
        return names | {name for name, parameter in model.named_parameters() if id(parameter) in single}


def find_kinds(model: nn.Module) -> dict[int, str]:
    """Tell the kind of part that each parameter of a model belongs to.

    Args:
        model ([`FineMolTexPreTrainedModel`]): Declares its `parts`.

    Returns:
        `dict[int, str]`: `id` of a parameter to the kind of its part.

    Example:
    >>> sorted(set(find_kinds(model).values()))
    ['fusion', 'head', 'molecule', 'objective', 'projection', 'readout', 'text']
    """
    return {id(parameter): part.kind for part in model.parts().values() for parameter in part.parameters()}


__all__ = ["Kind", "Part", "find_kinds"]
