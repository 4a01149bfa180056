"""Which weights of a loaded model can be used: those that were in its folder, or trained since, and are finite."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

_SHOWN = 12  # names of a part that a message lists


def remember_missing(model: nn.Module, report: dict[str, Any]) -> None:
    """Note on a model which of its weights loading did not find.

    Args:
        model (`nn.Module`): Just loaded.
        report (`dict`): Its loading info.
    """
    absent = {*map(str, report["missing_keys"]), *(str(key[0]) for key in report["mismatched_keys"])}
    weights = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    # The version of a tensor grows with every change in place: what was trained since is not missing any more.
    model.missing_weights = {name: one._version for name, one in weights.items() if name in absent}


def find_bad_weights(model: nn.Module, names: Iterable[str]) -> dict[str, list[str]]:
    """Sort out the weights that are missing or not finite.

    Args:
        model ([`FineMolTexPreTrainedModel`]): The model.
        names (iterable of `str`): Weights and buffers to look at, as in `state_dict`.

    Returns:
        `dict[str, list[str]]`: Names under `"missing"` and under `"not finite (NaN or infinite)"`; a key without names
        is left out.
    """
    missing, state = getattr(model, "missing_weights", {}), model.state_dict()
    bad: dict[str, list[str]] = {}
    for name in sorted(names):
        weight = state.get(name)
        if not isinstance(weight, torch.Tensor):  # a quantised layer packs its weights
            continue
        if missing.get(name) == weight._version:
            bad.setdefault("missing", []).append(name)
        elif weight.is_floating_point() and not weight.is_meta and not bool(weight.isfinite().all()):
            bad.setdefault("not finite (NaN or infinite)", []).append(name)
    return bad


def require_weights(model: Any, purpose: str, parts: Iterable[str]) -> None:
    """Refuse a model whose parts for some purpose are missing or damaged.

    Args:
        model ([`FineMolTexPreTrainedModel`]): Declares its `parts`.
        purpose (`str`): What it is loaded for, for the message.
        parts (iterable of `str`): Names of `parts`, or kinds; those the model does not have are left out.

    Raises:
        ValueError: Lists the weights, part by part.
    """
    wanted, problems = set(parts), []
    for name, part in model.parts().items():
        if wanted & {name, part.kind}:
            for reason, weights in find_bad_weights(model, part.state_names(model)).items():
                more = f" and {len(weights) - _SHOWN} more" if len(weights) > _SHOWN else ""
                problems.append(f"{name.replace('_', ' ')}: {reason}: {', '.join(weights[:_SHOWN])}{more}")
    if problems:
        raise ValueError(
            f"The weights of {str(model.name_or_path)!r} cannot be used for {purpose}. {'; '.join(problems)}. Load "
            "the folder that training wrote, or copy its model.safetensors again."
        )


__all__ = ["find_bad_weights", "remember_missing", "require_weights"]
