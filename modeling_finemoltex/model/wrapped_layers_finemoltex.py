"""Read layers that others may have wrapped: quantised by PyTorch, adapted by peft, off-loaded by Accelerate."""

import torch
from torch import Tensor, nn


def input_dtype(linear: nn.Module) -> torch.dtype:
    """Tell the type in which a linear layer takes its input: that of its weights, float32 if they are quantised.

    Args:
        linear (`nn.Module`): A linear layer, or what has taken its place.

    Example:
    >>> input_dtype(torch.nn.Linear(1, 1).bfloat16())
    torch.bfloat16
    """
    weight = linear.weight  # of a quantised layer it is a method
    return weight.dtype if isinstance(weight, Tensor) else torch.float32


def read_weight(module: nn.Module, name: str = "weight") -> Tensor:
    """Give a parameter outside of the call of its module, also where Accelerate fetches it only around calls.

    Args:
        module (`nn.Module`): Owns the parameter.
        name (`str`): Its name in the module.

    Returns:
        `torch.Tensor`: The parameter, or a copy of it if it is off-loaded.
    """
    weight = getattr(module, name)
    if not (weight.is_meta and hasattr(module, "_hf_hook")):
        return weight
    module._hf_hook.pre_forward(module)
    copy = getattr(module, name).detach().clone()
    module._hf_hook.post_forward(module, None)
    return copy


__all__ = ["input_dtype", "read_weight"]
