"""Optimizer groups: one learning rate per part of the model, no decay on vectors."""

import re
from typing import Any

from torch import nn

from .muon import MUON

# First match wins; what matches nothing (fusion, motif layers, word head, ...) is trained with `learning_rate`.
PART_PATTERNS: dict[str, re.Pattern[str]] = {
    "head": re.compile(r"(?:^|\.)(?:motif_head|classifier)\."),
    "projection": re.compile(r"(?:^|\.)motif_tower\.projection\."),
    "graph": re.compile(r"(?:^|\.)graph_encoder\."),
    "text": re.compile(r"(?:^|\.)text_encoder\."),
}


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
        model (`nn.Module`): The model to train, wrapped or not.
        learning_rate (`float`): Rate of every part without a rate of its own.
        weight_decay (`float`): Decay of parameters with two axes or more.
        part_learning_rates (`dict`): Rate of the parts `graph`, `projection`, `text`, `head`; `None`: `learning_rate`.
        muon_learning_rate (`float`, *optional*): Rate of what Muon trains, whatever its part; none: AdamW trains all.

    Returns:
        Groups for a torch optimizer with `params`, `lr`, `weight_decay`, `muon` and `name`, in a fixed order, none
        empty.
    """
    unknown = set(part_learning_rates) - set(PART_PATTERNS)
    if unknown:
        raise ValueError(
            f"Unknown model parts {sorted(unknown)}: a learning rate can be set for {list(PART_PATTERNS)}."
        )
    rates = {**part_learning_rates, MUON: muon_learning_rate}
    groups: dict[tuple[str, bool], list[nn.Parameter]] = {
        (part, decay): [] for part in (MUON, *PART_PATTERNS, "other") for decay in (True, False)
    }
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    for name, parameter in model.named_parameters():
        part = find_part(name)
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


def find_part(parameter_name: str) -> str:
    """Return the part of the model a parameter belongs to: a key of `PART_PATTERNS`, or `other`."""
    return next((part for part, pattern in PART_PATTERNS.items() if pattern.search(parameter_name)), "other")
