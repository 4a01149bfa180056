"""Published checkpoints -> a model folder of this package, every weight accounted for."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ..model.modeling_finemoltex import FineMolTexModel
from ..model.pretraining_finemoltex import FineMolTexForPreTraining
from .checkpoint_configs import Tensors, make_config
from .checkpoint_files import list_keys
from .checkpoint_keys import GIN_PREFIX, SPARE_ROWS, TIED_KEY, WORDS_KEY, Entry, is_unused, list_entries

SPARE_LOGIT = -1e4  # of [UNK] and [MASK], which the published motif head does not know
UNTRAINED = {"moleculestm": ("motif_tower.",)}  # what a system does not have
# Beginning of names in each file, by which it is told from another architecture, and what else is known by its names.
SIGNATURES = {
    "molecule": (f"{GIN_PREFIX}atom_encoder.", "atom_encoder.", f"{GIN_PREFIX}x_embedding", "x_embedding"),
    "mol2latent": ("weight",),
    "text2latent": ("weight",),
    "frag": ("0.", "1."),
    "multi": ("bert.v_embeddings.", "bert.encoder.c_layer."),
    "text": ("embeddings.word_embeddings.",),
}
STRANGERS = {
    "finemoltex.": "a model of this package, which needs no conversion",
    "graph_encoder.": "a model of this package, which needs no conversion",
    "molecule_node_model.": "a graph encoder of MoleculeSTM or FineMolTex",
    "x_embedding": "a GIN of pretrain-gnns",
    "atom_encoder.": "a GIN with the features of OGB",
    "bert.encoder.c_layer.": "the multimodal part of FineMolTex",
    "embeddings.word_embeddings.": "a BERT",
    "bert.embeddings.": "a BERT with heads",
    "encoder.layer.": "a part of a BERT",
    "encoder.layers.": "a Transformer encoder such as MegaMolBART",
    "shared.": "a T5 or BART",
    "transformer.": "a GPT",
    "module.": "a model inside a parallel wrapper; save `model.module.state_dict()`",
}


class Converted(NamedTuple):
    """A converted checkpoint.

    Args:
        model (`PreTrainedModel`): With the published weights, in evaluation mode.
        weights (`dict[str, torch.Tensor]`): Those of its state that come from the checkpoint, and the temperature.
        unused (`list[str]`): Published weights that no output depends on, as `part: name`.
        untrained (`list[str]`): Weights of the model that the checkpoint does not hold; they are random.
    """

    model: PreTrainedModel
    weights: dict[str, Tensor]
    unused: list[str]
    untrained: list[str]


def convert_tensors(
    kind: str,
    tensors: Tensors,
    settings: Mapping[str, Any] | None = None,
    text_settings: Mapping[str, Any] | None = None,
) -> Converted:
    """Turn the state dicts of a published checkpoint into a model of this package.

    Args:
        kind (`str`): `"finemoltex"`, `"moleculestm"` or `"gin"`.
        tensors (mapping): State dict of each file: `"molecule"`, `"mol2latent"`, `"multi"` and `"frag"`;
            `"molecule"`, `"mol2latent"`, `"text"` and `"text2latent"`; or `"molecule"`. Shapes tell the sizes.
        settings, text_settings (mapping, *optional*): Fields of the published configurations; see [`make_config`].

    Returns:
        [`Converted`]: The model and what was left out.

    Raises:
        ValueError: If a file is of another architecture, or a weight is unknown, missing, of another shape or not
            finite; lists them.
    """
    for part, state in tensors.items():
        _check_architecture(part, state)
    entries = list_entries(kind, tensors, _measure_heights(tensors))
    _check_names(tensors, entries)
    config = make_config(kind, tensors, settings, text_settings)
    if kind == "finemoltex":
        model: Any = FineMolTexForPreTraining(config)
    else:
        model = FineMolTexModel(config, with_text=kind != "gin")
    weights = _fill(model.state_dict(), tensors, entries)
    weights |= {name: one for name, one in model.state_dict().items() if name.endswith("logit_scale")}
    untrained = sorted(model.load_state_dict(weights, strict=False).missing_keys)
    _check_complete(kind, untrained)
    unused = [f"{part}: {name}" for part, state in tensors.items() for name in state if is_unused(part, name)]
    return Converted(model.eval(), weights, unused, untrained)


def restore_tensors(kind: str, weights: Mapping[str, Tensor], like: Tensors) -> dict[str, dict[str, Tensor]]:
    """Give the weights of a converted model their published names back.

    Args:
        kind (`str`): `"finemoltex"`, `"moleculestm"` or `"gin"`.
        weights (mapping): State dict of the model.
        like (mapping): The published tensors; their shapes say which rows are theirs.

    Returns:
        `dict[str, dict[str, torch.Tensor]]`: State dict of each file, without the weights that no output depends on.
    """
    heights = _measure_heights(like)
    restored: dict[str, dict[str, Tensor]] = {part: {} for part in like}
    for part, key, own, first in list_entries(kind, like, heights):
        restored[part][key] = weights[own] if first is None else weights[own][first : first + heights[part, key]]
    return restored


def _measure_heights(tensors: Tensors) -> dict[tuple[str, str], int]:
    """Tell the number of rows of every weight that has rows."""
    return {(part, name): len(one) for part, state in tensors.items() for name, one in state.items() if one.ndim}


def _check_architecture(part: str, state: Mapping[str, Tensor]) -> None:
    """Refuse a file none of whose names begin as they must."""
    if any(name.startswith(SIGNATURES[part]) for name in state):
        return
    stranger = next((what for start, what in STRANGERS.items() if any(name.startswith(start) for name in state)), None)
    looks = f"It looks like {stranger}." if stranger else "It is of an architecture that is not known here."
    raise ValueError(
        f"The file {part!r} is no {part} checkpoint of FineMolTex, MoleculeSTM or a GIN: no name begins with "
        f"{' or '.join(SIGNATURES[part])}. {looks} Its names: {list_keys(state)}."
    )


def _check_names(tensors: Tensors, entries: list[Entry]) -> None:
    """Refuse names that match nothing, missing ones, numbers that are not finite, and a tie that was cut."""
    expected = {(entry.part, entry.key) for entry in entries}
    given = {(part, name) for part, state in tensors.items() for name in state}
    problems = {
        "unknown": {one for one in given - expected if not is_unused(*one)},
        "missing": expected - given,
        "no matrix": {one for one in given & expected if _is_matrix(one[1]) and tensors[one[0]][one[1]].ndim != 2},
        "not finite (NaN or infinite)": {
            one for one in given & expected if not tensors[one[0]][one[1]].isfinite().all()
        },
    }
    multi = tensors.get("multi", {})
    if TIED_KEY in multi and WORDS_KEY in multi and not torch.equal(multi[TIED_KEY], multi[WORDS_KEY]):
        problems[f"different from {WORDS_KEY}, to which it is tied"] = {("multi", TIED_KEY)}
    _raise_problems(problems)


def _is_matrix(name: str) -> bool:
    """Tell by its name that a weight has rows and columns."""
    return name.endswith("weight") and re.search(r"norm|mlp\.1\.", name, re.IGNORECASE) is None


def _check_complete(kind: str, untrained: list[str]) -> None:
    """Refuse sizes at which the model would have a weight that no published checkpoint holds."""
    extra = [name for name in untrained if not name.startswith(UNTRAINED.get(kind, ()))]
    if extra:
        raise ValueError(
            f"The parts of the checkpoint do not fit each other: a model of these sizes has {list_keys(extra)} too. "
            "The text encoder and both streams must be equally wide."
        )


def _fill(own: Mapping[str, Tensor], tensors: Tensors, entries: list[Entry]) -> dict[str, Tensor]:
    """Put the published weights where they belong; rows that the checkpoint does not have say nothing."""
    wrong, weights = set(), {}
    for part, key, name, first in entries:
        tensor, whole = tensors[part][key], own[name]
        shape = whole.shape if first is None else (_count_rows(key, tensors[part], whole), *whole.shape[1:])
        if tensor.shape != shape:
            wrong.add((part, f"{key} {tuple(tensor.shape)} instead of {tuple(shape)}"))
        elif first is None:
            weights[name] = tensor.to(whole.dtype).clone()
        else:
            weights.setdefault(name, _start_rows(whole))[first : first + len(tensor)] = tensor
    _raise_problems({"of another shape": wrong})
    return weights


def _count_rows(key: str, state: Mapping[str, Tensor], whole: Tensor) -> int:
    """Say how many rows of a weight here one published table has: tables of all layers are equally high."""
    first = re.sub(r"gnns\.\d+", "gnns.0", key)
    return len(whole) - SPARE_ROWS if first.startswith("1.") else len(state[first])


def _start_rows(whole: Tensor) -> Tensor:
    """Start a table of which some rows are spare: zeros, and for the bias of the motif head no chance."""
    rows = torch.zeros_like(whole)
    if whole.ndim == 1:
        rows[:SPARE_ROWS] = SPARE_LOGIT
    return rows


def _raise_problems(problems: Mapping[str, set[tuple[str, str]]]) -> None:
    told = [f"{what}: {text}" for what, found in problems.items() for text in _tell(found)]
    if told:
        raise ValueError(
            f"The checkpoint cannot be converted, and nothing was written. {'; '.join(told)}. Is every file of the "
            "same set, and complete?"
        )


def _tell(found: set[tuple[str, str]]) -> Iterator[str]:
    for part in sorted({part for part, _ in found}):
        yield f"{list_keys(name for one, name in found if one == part)} (in {part!r})"


__all__ = ["Converted", "convert_tensors", "restore_tensors"]
