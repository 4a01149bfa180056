"""Objectives as words of the command line: `masked_modelling.word_weight=0.1`, `matching`, `masked_modelling=none`."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import yaml

from ..model.pretraining_finemoltex import OBJECTIVES

LEFT_OUT = "none"
EXPLANATION = (
    "Changes of the objectives, each `name.option=value`, such as `masked_modelling.word_weight=0.1`; `name` adds an "
    f"objective with its defaults, `name={LEFT_OUT}` leaves it out. Names: {', '.join(OBJECTIVES)}."
)


def change_objectives(objectives: Mapping[str, dict[str, Any]], words: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Change a table of objectives by words of the command line.

    Args:
        objectives (mapping): Names and options, as in `FineMolTexConfig.objectives`. Not changed.
        words (sequence of `str`): The changes, in order.

    Returns:
        `dict`: The objectives after the changes; new ones come last.

    Raises:
        ValueError: If a word is not of these forms, or it or the table names an unknown objective or option.

    Example:
    >>> change_objectives({"contrastive": {}}, ["contrastive.loss=ebm_nce", "matching"])
    {'contrastive': {'loss': 'ebm_nce'}, 'matching': {}}
    """
    changed = copy.deepcopy(dict(objectives))
    unknown = [name for name in changed if name not in OBJECTIVES]
    if unknown:
        raise ValueError(f"There is no objective {unknown[0]!r}, only {', '.join(OBJECTIVES)}.")
    for word in words:
        path, has_value, text = word.partition("=")
        name, has_option, option = path.partition(".")
        if name not in OBJECTIVES:
            raise ValueError(f"--objective {word}: there is no objective {name!r}, only {', '.join(OBJECTIVES)}.")
        if has_option and has_value:
            known = [one.name for one in fields(OBJECTIVES[name].Options)]
            if option not in known:
                raise ValueError(f"--objective {word}: {name} has no option {option!r}, only {', '.join(known)}.")
            changed.setdefault(name, {})[option] = yaml.safe_load(text)
        elif has_value and text == LEFT_OUT:
            changed.pop(name, None)
        elif not has_value and not has_option:
            changed.setdefault(name, {})
        else:
            raise ValueError(f"--objective {word}: write `name.option=value`, `name` or `name={LEFT_OUT}`.")
    return changed


__all__ = ["EXPLANATION", "LEFT_OUT", "change_objectives"]
