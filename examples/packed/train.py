"""Train the encoders of a pack: `python train.py`. Needs torch, transformers and numpy.

Lies in a folder that `pack_training.py` wrote. Writes `trained/`, a checkpoint in files of 16 MB at most, and goes on
from `state.pt` after an interruption.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from transformers import AutoModel

HERE = Path(__file__).parent
SAVE_EVERY = 200  # steps
MOLECULE_COLUMNS = ("atom_features", "edge_index", "edge_features", "atom_to_motif", "motif_positions")


class Rows:
    """Arrays of different lengths, read from the files of one kind: `take` joins some rows."""

    def __init__(self, name: str) -> None:
        parts = [np.load(file) for file in sorted(HERE.glob(f"{name}_*.npz"))]
        columns = [column for column in parts[0].files if not column.endswith("_length")]
        self.arrays = {column: np.concatenate([part[column] for part in parts]) for column in columns}
        self.ends = {
            column: np.concatenate([part[f"{column}_length"] for part in parts]).astype(np.int64).cumsum()
            for column in columns
        }

    def take(self, column: str, rows: np.ndarray) -> list[np.ndarray]:
        """Take one column of some rows."""
        ends = self.ends[column]
        starts = np.where(rows > 0, ends[rows - 1], 0)
        return [self.arrays[column][start:end] for start, end in zip(starts, ends[rows], strict=True)]


def join_molecules(rows: Rows, places: np.ndarray, device: torch.device) -> dict[str, torch.Tensor]:
    """Join molecules to the tensors that the model takes, atoms and motifs numbered over the batch."""
    columns = {name: rows.take(name, places) for name in MOLECULE_COLUMNS}
    atoms = np.array([len(one) for one in columns["atom_features"]])
    motifs = np.array([len(one) for one in columns["motif_positions"]])
    first_atom, first_motif = atoms.cumsum() - atoms, motifs.cumsum() - motifs
    bonds = [one.astype(np.int64) + first for one, first in zip(columns["edge_index"], first_atom, strict=True)]
    owners = [one.astype(np.int64) + first for one, first in zip(columns["atom_to_motif"], first_motif, strict=True)]
    joined = {name: np.concatenate(columns[name]) for name in ("atom_features", "edge_features", "motif_positions")}
    ends = np.concatenate(bonds).T  # (2, E / 2): each bond once, and both ways below
    joined["edge_features"] = np.concatenate([joined["edge_features"]] * 2)
    joined["edge_index"] = np.concatenate([ends, ends[::-1]], axis=1)
    joined |= {"atom_to_motif": np.concatenate(owners), "motif_counts": motifs}
    return {name: torch.from_numpy(array.astype(np.int64)).to(device) for name, array in joined.items()}


def join_texts(rows: Rows, places: np.ndarray, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad texts: ids and mask, `(B, T)` each."""
    texts = rows.take("input_ids", places)
    ids = np.zeros((len(texts), max(map(len, texts))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)], mask[row, : len(text)] = text, 1
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


def contrast(molecules: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    """InfoNCE in both directions; pairs of the same molecule or text `(B, B)` are no negatives."""
    logits = (scale * texts @ molecules.T).masked_fill(same, -torch.inf)
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def make_optimizers(model: torch.nn.Module, settings: dict) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for everything else."""
    tables = {id(module.weight) for module in model.modules() if isinstance(module, torch.nn.Embedding)}
    trained = [one for one in model.parameters() if one.requires_grad]
    inner = (
        [one for one in trained if one.ndim == 2 and id(one) not in tables] if settings["muon_learning_rate"] else []
    )
    chosen = {id(one) for one in inner}
    others = [one for one in trained if id(one) not in chosen]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(others, lr=settings["learning_rate"], weight_decay=settings["weight_decay"])
    ]
    if inner:
        optimizers.append(torch.optim.Muon(inner, lr=settings["muon_learning_rate"], weight_decay=0.0))
    return optimizers


def main() -> None:
    """Train or go on, and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num_steps", type=int, help="stop after so many; all that are packed, if absent")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    device, settings = torch.device(options.device), json.loads((HERE / "settings.json").read_text())
    pairs, molecules, texts = np.load(HERE / "pairs.npz"), Rows("molecules"), Rows("texts")
    order, molecule_of_pair, text_of_pair = pairs["order"], pairs["molecule"], pairs["text"]
    num_steps = min(len(order), options.num_steps or len(order))
    model = AutoModel.from_pretrained(HERE / "model", trust_remote_code=True).to(device).train()
    optimizers, first, state = make_optimizers(model, settings), 0, HERE / "state.pt"
    if state.is_file():
        saved = torch.load(state, map_location=device, weights_only=True)
        first = saved["step"]
        model.load_state_dict(saved["model"])
        for one, content in zip(optimizers, saved["optimizers"], strict=True):
            one.load_state_dict(content)
    groups = [group for one in optimizers for group in one.param_groups]
    rates = [group.get("initial_lr", group["lr"]) for group in groups]
    start = time.time()
    for step in range(first, num_steps):
        warm = min(1.0, (step + 1) / max(1, settings["warmup_steps"]))
        share = warm * 0.5 * (1 + math.cos(math.pi * step / num_steps))
        for group, rate in zip((one for each in optimizers for one in each.param_groups), rates, strict=True):
            group["initial_lr"], group["lr"] = rate, rate * share
        rows = order[step]
        ids = [torch.from_numpy(column[rows]).to(device) for column in (molecule_of_pair, text_of_pair)]
        same = (ids[0][:, None] == ids[0]) | (ids[1][:, None] == ids[1])
        same.fill_diagonal_(False)
        input_ids, mask = join_texts(texts, text_of_pair[rows], device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            placed = model.get_molecule_features(**join_molecules(molecules, molecule_of_pair[rows], device))
            said = model.get_text_features(input_ids, mask)
        loss = contrast(placed.float(), said.float(), model.inverse_temperature, same)
        for one in optimizers:
            one.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings["max_grad_norm"])
        for one in optimizers:
            one.step()
        if (step + 1) % 20 == 0 or step + 1 == num_steps:
            print(f"step {step + 1} of {num_steps}, loss {loss.item():.3f}, {time.time() - start:.0f} s", flush=True)
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == num_steps:
            content = [one.state_dict() for one in optimizers]
            torch.save({"step": step + 1, "model": model.state_dict(), "optimizers": content}, state)
    model.save_pretrained(HERE / "trained", max_shard_size="16MB")


if __name__ == "__main__":
    main()
