"""Optimizer groups: one learning rate per kind of part, no decay on vectors."""

from typing import Any

from accelerate.utils import extract_model_from_parallel
from torch import nn

from ..model.molecule_encoder_finemoltex import FineMolTexZeroTable
from ..model.parts_finemoltex import find_kinds
from .muon import MUON

# Name of a learning rate -> kind of the parts that it trains. The other parts are trained with `learning_rate`.
KIND_OF_RATE = {
    "head": "head",
    "projection": "projection",
    "graph": "molecule",
    "text": "text",
    "adversary": "adversary",
}
ADVERSARY_BETAS = (0.0, 0.9)  # no momentum: the other side moves too (Gulrajani et al. 2017, algorithm 1)


def build_parameter_groups(
    model: nn.Module,
    learning_rate: float,
    weight_decay: float,
    part_learning_rates: dict[str, float | None],
    muon_learning_rate: float | None = None,
) -> list[dict[str, Any]]:
    """Divide the trainable parameters by part, by weight decay and by optimizer.

    Weight decay is for matrices: biases, norms, scales and other single vectors get none. Muon, if asked for, gets the
    matrices that map states to states: neither embedding tables nor the heads. Adversaries are trained by Adam without
    decay or momentum.

    Args:
        model (`nn.Module`): The model to train, wrapped or not. It declares its parts.
        learning_rate (`float`): Rate of every part without a rate of its own.
        weight_decay (`float`): Decay of parameters with two axes or more.
        part_learning_rates (`dict`): Rate of the parts `graph`, `projection`, `text`, `head`, `adversary`; `None`:
            `learning_rate`.
        muon_learning_rate (`float`, *optional*): Learning rate of Muon's parameters; `None` disables Muon.

    Returns:
        Groups for a torch optimizer with `params`, `lr`, `weight_decay`, `muon` and `name`, in a fixed order, none
        empty; those of adversaries with `betas`.

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
    kinds, tables = find_kinds(model), _find_tables(model)
    for parameter in model.parameters():
        part = rate_of_kind.get(kinds[id(parameter)], "other")
        is_map = parameter.ndim == 2 and min(parameter.shape) > 1 and id(parameter) not in tables
        by_muon = is_map and part not in ("head", "adversary") and muon_learning_rate is not None
        decays = parameter.ndim >= 2 and part != "adversary"
        if parameter.requires_grad:
            groups[MUON if by_muon else part, decays].append(parameter)
    return [
        {
            "params": parameters,
            "lr": learning_rate if rates.get(part) is None else rates[part],
            "weight_decay": weight_decay if decay else 0.0,
            "name": part if decay else f"{part}_no_decay",
            MUON: part == MUON,
            **({"betas": ADVERSARY_BETAS} if part == "adversary" else {}),
        }
        for (part, decay), parameters in groups.items()
        if parameters
    ]


def _find_tables(model: nn.Module) -> set[int]:
    """List the `id` of every table of vectors, which is no map."""
    return {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding | FineMolTexZeroTable)}


def split_adversaries(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Tell the trained parameters of adversaries, which minimise losses of their own, from all others.

    Args:
        model (`nn.Module`): Wrapped or not. It declares its parts.

    Returns:
        Parameters of the model, and of its adversaries.
    """
    model = extract_model_from_parallel(model)
    kinds = find_kinds(model)
    sides: tuple[list[nn.Parameter], list[nn.Parameter]] = ([], [])
    for parameter in model.parameters():
        if parameter.requires_grad:
            sides[kinds[id(parameter)] == "adversary"].append(parameter)
    return sides


__all__ = ["KIND_OF_RATE", "build_parameter_groups", "split_adversaries"]
