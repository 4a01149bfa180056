"""Optimizer groups: one learning rate per kind of part, no decay on vectors."""

from typing import Any

from accelerate.utils import extract_model_from_parallel
from torch import nn

from ..model.molecule_encoder_finemoltex import FineMolTexZeroTable
from ..model.parts_finemoltex import find_kinds
from .muon import MUON

# Name of a learning rate -> kind of the parts that it trains. The other parts are trained with `learning_rate`.
KIND_OF_RATE = {"head": "head", "projection": "projection", "graph": "molecule", "text": "text"}


def build_parameter_groups(
    model: nn.Module,
    learning_rate: float,
    weight_decay: float,
    part_learning_rates: dict[str, float | None],
    muon_learning_rate: float | None = None,
) -> list[dict[str, Any]]:
    """Divide the trainable parameters by part, by weight decay and by optimizer.

    Weight decay is for matrices: biases, norms, scales and other single vectors get none. Muon, if asked for, gets the
    matrices that map states to states: neither embedding tables nor the heads.

    Args:
        model (`nn.Module`): The model to train, wrapped or not. It declares its parts.
        learning_rate (`float`): Rate of every part without a rate of its own.
        weight_decay (`float`): Decay of parameters with two axes or more.
        part_learning_rates (`dict`): Rate of the parts `graph`, `projection`, `text`, `head`; `None`: `learning_rate`.
        muon_learning_rate (`float`, *optional*): Learning rate of Muon's parameters; `None` disables Muon.

    Returns:
        Groups for a torch optimizer with `params`, `lr`, `weight_decay`, `muon` and `name`, in a fixed order, none
        empty.

    Raises:
        ValueError: If there is no part of that name.
    """
    unknown = set(part_learning_rates) - set(KIND_OF_RATE)
    if unknown:
        raise ValueError(
            f"Unknown model parts {sorted(unknown)}: a learning rate can be set for {list(KIND_OF_RATE)}."
        )
    rates = {**part_learning_rates, MUON: muon_learning_rate}
    groups: dict[tuple[str, bool], list[nn.Parameter]] = {
        (part, decay): [] for part in (MUON, *KIND_OF_RATE, "other") for decay in (True, False)
    }
    model = extract_model_from_parallel(model)
    rate_of_kind = {kind: name for name, kind in KIND_OF_RATE.items()}
    kinds = find_kinds(model)
    tables = {
        id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding | FineMolTexZeroTable)
    }
    for parameter in model.parameters():
        part = rate_of_kind.get(kinds[id(parameter)], "other")
        is_map = parameter.ndim == 2 and min(parameter.shape) > 1 and id(parameter) not in tables and part != "head"
        if parameter.requires_grad:
            groups[MUON if is_map and muon_learning_rate is not None else part, parameter.ndim >= 2].append(parameter)
    return [
        {
            "params": parameters,
            "lr": learning_rate if rates.get(part) is None else rates[part],
            "weight_decay": weight_decay if decay else 0.0,
            "name": part if decay else f"{part}_no_decay",
            MUON: part == MUON,
        }
        for (part, decay), parameters in groups.items()
        if parameters
    ]


__all__ = ["KIND_OF_RATE", "build_parameter_groups"]
