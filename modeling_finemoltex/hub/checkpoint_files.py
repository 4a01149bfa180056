"""Files of published checkpoints: found by their names, and read so that nothing in them runs."""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")
_NAME = re.compile(r"(?P<part>molecule|mol2latent|multi|frag|text|text2latent)(_model)?(_(?P<name>\w+))?")
_REFUSED = re.compile(r"nsupported (?:global: )?GLOBAL (\S+)|unrecognized function (.+)|allowlisted .*but got (.+)")
_SHOWN = 12  # keys that a message lists
# What the files of a set are called, and the set.
SETS = {
    "finemoltex": ("molecule", "mol2latent", "multi", "frag"),
    "moleculestm": ("molecule", "mol2latent", "text", "text2latent"),
}


class CheckpointFiles(NamedTuple):
    """The files of one checkpoint.

    Args:
        kind (`str`): A key of `SETS`, or `"gin"` for a molecule encoder alone.
        files (`dict[str, Path]`): The file of each part.
    """

    kind: str
    files: dict[str, Path]


def find_checkpoint(source: str | Path, checkpoint: str | None = None) -> CheckpointFiles:
    """Find the files of a published checkpoint.

    Args:
        source (`str` or `Path`): A folder with a set of files such as `molecule_model_10.pth`, or the file of a
            molecule encoder.
        checkpoint (`str`, *optional*): Which set of the folder, by the end of its names: `"10"` or `"final"`, or `""`
            for names without an end. The only complete one, if absent.

    Raises:
        ValueError: If no set is complete, or several are and none is chosen; lists what there is.
    """
    source = Path(source)
    if source.is_file():
        return CheckpointFiles("gin", {"molecule": source})
    if not source.is_dir():
        raise ValueError(f"{source} is neither a folder of checkpoints nor a file.")
    found: dict[str, dict[str, Path]] = {}
    for file in sorted(source.iterdir()):
        match = _NAME.fullmatch(file.stem) if file.suffix in SUFFIXES else None
        if match:
            found.setdefault(match["name"] or "", {})[match["part"]] = file
    complete = [(kind, name) for name, files in found.items() for kind in SETS if files.keys() >= set(SETS[kind])]
    chosen = [one for one in complete if checkpoint in (None, one[1])]
    if len(chosen) != 1:
        raise ValueError(_explain_choice(source, found, complete, checkpoint))
    ((kind, name),) = chosen
    return CheckpointFiles(kind, {part: found[name][part] for part in SETS[kind]})


def _explain_choice(
    source: Path, found: Mapping[str, Mapping[str, Path]], complete: list[tuple[str, str]], checkpoint: str | None
) -> str:
    """Say which sets a folder holds, and what is missing."""
    wanted = " or ".join(f"{', '.join(parts)} ({kind})" for kind, parts in SETS.items())
    there = sorted(path.name for files in found.values() for path in files.values())
    if complete:
        names = ", ".join(repr(name) for _, name in complete)
        given = "give `checkpoint`" if checkpoint is None else f"there is no {checkpoint!r}"
        return f"{source} holds complete checkpoints with the ends {names} of their names: {given}, one of these."
    return (
        f"{source} holds no complete checkpoint: got {', '.join(there) or 'no file of one'}, and a checkpoint has "
        f"{wanted}, as .pth or .safetensors files of these names, such as molecule_model_10.pth."
    )


def read_tensors(file: Path) -> dict[str, Tensor]:
    """Read a state dict: tensors by name, and nothing else.

    Args:
        file (`Path`): Of `torch.save` or safetensors. Only tensors are built from it; no code in it runs.

    Returns:
        `dict[str, torch.Tensor]`: Of any shape, on the CPU.

    Raises:
        ValueError: If it holds anything but tensors, which could run code, or is damaged.
    """
    try:
        if file.suffix == ".safetensors":
            tensors = load_file(file)
        else:
            tensors = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(_explain_pickle(file, str(error))) from error
    except (SafetensorError, RuntimeError, EOFError, UnicodeDecodeError, KeyError, IndexError, TypeError) as error:
        raise ValueError(f"{file} cannot be read as a checkpoint ({str(error)[:200]}): download it again.") from error
    if not isinstance(tensors, Mapping) or not all(isinstance(one, Tensor) for one in tensors.values()) or not tensors:
        held = list_keys(tensors) if isinstance(tensors, Mapping) else type(tensors).__name__
        raise ValueError(
            f"{file} is no state dict, tensors by name: it holds {held or 'nothing'}. Save `model.state_dict()` alone."
        )
    return {str(name): tensor for name, tensor in tensors.items()}


def list_keys(keys: object) -> str:
    """List some keys, and how many there are beside.

    Example:
    >>> list_keys({"weight": 1, "bias": 2})
    'bias, weight'
    """
    names = sorted(map(str, keys))  # type: ignore[call-overload]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _explain_pickle(file: Path, message: str) -> str:
    match = _REFUSED.search(message)
    if match is None:
        return f"{file} cannot be read as a checkpoint: it is damaged, or no file of `torch.save`. Download it again."
    name = next(group for group in match.groups() if group).strip(".,:'\"")
    return (
        f"{file} holds more than tensors: {name}, which may run code. It was not loaded, and nothing of it was "
        "executed. Convert a file that holds `model.state_dict()` alone."
    )


__all__ = ["SETS", "CheckpointFiles", "find_checkpoint", "list_keys", "read_tensors"]
