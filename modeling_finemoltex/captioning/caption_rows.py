"""Rows of a captioning run: captions, prompts and what the tower makes of the molecules, computed once."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..data.atomic_files import staged_file
from ..data.progress import progress_bar
from .caption_prompts import pad_rows, write_prompt
from .caption_text import encode_caption

TOWER_FILE = "tower_states.safetensors"
BATCH = 64  # molecules that the tower takes at once
Row = dict[str, Any]


def make_rows(
    parts: Any, smiles: Sequence[str], captions: Sequence[str], embeds: np.ndarray | None = None
) -> list[Row]:
    """Turn pairs into tokens.

    Args:
        parts ([`CaptioningParts`]): Its tokenizer, its configuration and its memory are used.
        smiles, captions (sequence of `str`): `R` pairs.
        embeds (`np.ndarray` of shape `(R, P)`, *optional*): Of the molecules, where the model chooses what is quoted.

    Returns:
        `list` of rows with `pair_ids`, `smiles`, `labels`, `prompt_ids`, and the number of tokens as `length`.
    """
    config, rows = parts.model.config.captioning_config, []
    pairs = list(zip(smiles, captions, strict=True))
    for number, (molecule, caption) in enumerate(progress_bar(pairs, None, desc="Prompts", unit=" pairs")):
        labels = encode_caption(parts.tokenizer, caption, config.max_caption_length)
        embed = None if embeds is None else embeds[number]
        prompt = write_prompt(molecule, parts.tokenizer, config, parts.memory, skips_skeleton=True, embed=embed)
        row = {"pair_ids": number, "smiles": molecule, "labels": labels, "prompt_ids": prompt}
        rows.append({**row, "length": 2 * len(labels) + len(prompt)})  # a token to write costs about twice one to read
    return rows


@torch.no_grad()
def add_tower_states(rows: list[Row], parts: Any, folder: Path | None = None) -> None:
    """Give each row what the frozen tower makes of its molecule: `tower`, from each kind of state to `(S, width)`.

    Args:
        rows (`list`): From [`make_rows`]; changed.
        parts ([`CaptioningParts`]): Its model and its processor are used.
        folder (`Path`, *optional*): Keeps the states in `tower_states.safetensors`, for a run that goes on.
    """
    smiles = list(dict.fromkeys(row["smiles"] for row in rows))
    digest = _digest(smiles, parts.model)
    states = _load_states(folder, digest) if folder is not None else None
    if states is None:
        states = _compute_states(smiles, parts)
        if folder is not None:
            with staged_file(folder / TOWER_FILE) as staged:
                save_file(states, staged, metadata={"digest": digest})
    kinds = parts.model.config.captioning_config.states
    split = {kind: states[kind].split(states[f"{kind}_counts"].tolist()) for kind in kinds}
    place = {molecule: number for number, molecule in enumerate(smiles)}
    for row in rows:
        row["tower"] = {kind: split[kind][place[row["smiles"]]] for kind in kinds}


def _compute_states(smiles: list[str], parts: Any) -> dict[str, Tensor]:
    """Run the tower: states of each kind, one molecule after the other, and how many each has."""
    found: dict[str, list[Tensor]] = {}
    starts = range(0, len(smiles), BATCH)
    for start in progress_bar(starts, None, desc="Tower", unit=" batches"):
        batch = parts.processor(smiles=smiles[start : start + BATCH]).to(parts.model.device)
        for kind, (states, mask) in parts.model.read_tower(**batch).items():
            found.setdefault(kind, []).append(states[mask.bool()].half().cpu())  # (S of all, width)
            found.setdefault(f"{kind}_counts", []).append(mask.sum(1).cpu())  # (b,)
    return {name: torch.cat(one) for name, one in found.items()}


def _load_states(folder: Path, digest: str) -> dict[str, Tensor] | None:
    """Read the states of an earlier part of a run; `None` if there are none, or they are of other molecules."""
    try:
        with safe_open(folder / TOWER_FILE, framework="pt") as file:
            if (file.metadata() or {}).get("digest") != digest:
                return None
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return None


def _digest(smiles: Sequence[str], model: Any) -> str:
    """Hash what the states depend on: the molecules, the kinds of states and the weights of the tower."""
    found = hashlib.sha256("\n".join([*smiles, *model.config.captioning_config.states]).encode())
    for name, weight in sorted(model.finemoltex.state_dict().items()):
        found.update(name.encode() + weight.detach().float().cpu().numpy().tobytes())
    return found.hexdigest()


class CaptionCollator:
    """Join rows into a batch.

    Args:
        parts ([`CaptioningParts`]): Its tokenizer pads; its processor reads molecules of rows without tower states.
    """

    def __init__(self, parts: Any) -> None:
        self.processor, self.pad_id = parts.processor, parts.tokenizer.pad_token_id

    def __call__(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Make `labels`, the prompt if there is one, and `tower_states` or the tensors of the molecules."""
        batch: dict[str, Any] = {"labels": pad_rows([row["labels"] for row in rows], -100)[0]}
        batch["pair_ids"] = torch.tensor([row["pair_ids"] for row in rows])
        if any(row["prompt_ids"] for row in rows):
            ids, mask = pad_rows([row["prompt_ids"] for row in rows], self.pad_id)
            batch |= {"prompt_ids": ids, "prompt_attention_mask": mask}
        if "tower" not in rows[0]:
            return batch | dict(self.processor(smiles=[row["smiles"] for row in rows]))
        batch["tower_states"] = {kind: _pad_states([row["tower"][kind] for row in rows]) for kind in rows[0]["tower"]}
        return batch


def _pad_states(rows: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Lay states out side by side. -> `(B, S, width)`, float32, and the mask `(B, S)`."""
    counts = np.array([len(row) for row in rows])
    states = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).float()
    return states, torch.from_numpy((np.arange(states.shape[1]) < counts[:, None]).astype(np.int64))
