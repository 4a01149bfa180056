"""How do I train on a machine that has a GPU, torch and transformers, and nothing else? Pack what the training needs.

`python examples/pack_training.py --run runs/finemoltex/encoders --output packed --num_steps 2000`
RUN is a folder in which `pretrain.py` has prepared its data (stop it with Ctrl-C after the first steps, or let it
end). The pack holds features, the order of the pairs, the model to start from and `train.py`, in files of 16 MB at
most. Copy it, run `python train.py` there, copy `trained/` back, and go on with `--initial_model trained`.
Takes some minutes for 300,000 pairs.
"""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from transformers import AutoModel, HfArgumentParser

from modeling_finemoltex import FineMolTexFeatureExtractor
from modeling_finemoltex.data import write_text
from modeling_finemoltex.training import MixtureSampler, RowIds, parse_arguments

SCRIPT = Path(__file__).parent / "packed" / "train.py"
LARGEST_FILE = "16MB"
ROWS_PER_FILE = 40_000  # molecules or texts: about 8 MB
# Columns of a molecule, and the smallest integers that hold them.
COLUMNS = {
    "atom_features": np.uint8,
    "edge_index": np.uint16,
    "edge_features": np.uint8,
    "atom_to_motif": np.uint16,
    "motif_positions": np.uint16,
}
# What stands beside the graph of the molecule: the text of a pair, and what the pair is.
PAIR_COLUMNS = ("input_ids", "pair_ids", "molecule_ids", "text_ids", "num_tokens", "source_ids")


@dataclass
class Arguments:
    """What to pack, and where to."""

    run: Path = field(metadata={"help": "Output folder of pretrain.py, with its `preparation`."})
    output: Path = field(metadata={"help": "Folder to write."})
    recipe: str = field(default="examples/recipes/finemoltex.yaml", metadata={"help": "Recipe of that run."})
    num_steps: int = field(default=2000, metadata={"help": "Steps whose pairs are drawn."})
    batch_size: int = field(default=256, metadata={"help": "Pairs of a step."})
    seed: int = field(default=42, metadata={"help": "Of the draws."})


def draw_order(rows: datasets.Dataset, arguments: Arguments) -> np.ndarray:
    """Draw the rows of every step as the training would. -> `(num_steps, batch_size)`."""
    words = [arguments.recipe, "--output_dir", str(arguments.run), "--data_dir", "."]
    sources = parse_arguments(words)[1].training_sources()
    columns = rows.with_format("numpy")
    lengths = "-".join(str(source.similar_together or 0) for source in sources)
    file = arguments.run / "preparation" / f"similar_pairs_{lengths}.npy"
    neighbours = np.load(file) if file.is_file() else None
    ids = RowIds(columns["source_ids"][:], None, columns["text_ids"][:], neighbours)
    order: list[int] = []
    while len(order) < arguments.num_steps * arguments.batch_size:
        step = len(order) // arguments.batch_size
        sampler = MixtureSampler(
            ids, sources, arguments.batch_size, arguments.num_steps, 1, arguments.seed, lambda step=step: step
        )
        order += list(sampler)
    return np.array(order[: arguments.num_steps * arguments.batch_size]).reshape(-1, arguments.batch_size)


def refuse_views(rows: datasets.Dataset) -> None:
    """Refuse what a pack cannot hold, rather than train without it."""
    known = {*FineMolTexFeatureExtractor().columns, *PAIR_COLUMNS}
    views = [name for name in rows.column_names if name not in known]
    if views:
        raise SystemExit(
            f"The run has {', '.join(views)} beside the graphs of the molecules, for its encoder or an objective, and "
            "a pack holds graphs alone. Train it where the package is installed, with `pretrain.py`."
        )


def write_rows(folder: Path, name: str, rows: list[dict[str, np.ndarray]]) -> None:
    """Write rows of arrays of different lengths, some thousands to a file: joined, with the length of each."""
    for number, start in enumerate(range(0, len(rows), ROWS_PER_FILE)):
        part = rows[start : start + ROWS_PER_FILE]
        arrays: dict[str, np.ndarray] = {}
        for column in part[0]:
            arrays[column] = np.concatenate([row[column] for row in part])
            arrays[f"{column}_length"] = np.array([len(row[column]) for row in part], dtype=np.uint16)
        np.savez_compressed(folder / f"{name}_{number:02d}.npz", **arrays)


def read_molecule(row: dict[str, Any]) -> dict[str, np.ndarray]:
    """Give the flat columns of a molecule their shapes."""
    arrays = {name: np.asarray(row[name]) for name in COLUMNS}
    arrays["atom_features"] = arrays["atom_features"].reshape(len(arrays["atom_to_motif"]), -1)  # (N, F)
    arrays["edge_index"] = arrays["edge_index"].reshape(-1, 2)  # each bond once
    arrays["edge_features"] = arrays["edge_features"].reshape(len(arrays["edge_index"]), -1)
    return {name: array.astype(COLUMNS[name]) for name, array in arrays.items()}


def main() -> None:
    """Draw, write the molecules and texts that were drawn, and the model."""
    (arguments,) = HfArgumentParser(Arguments).parse_args_into_dataclasses()
    rows = datasets.load_from_disk(arguments.run / "preparation" / "features")["train"]
    refuse_views(rows)
    order = draw_order(rows, arguments)
    drawn, places = np.unique(order, return_inverse=True)
    some = rows.select(drawn)
    columns = some.with_format("numpy")
    packed: dict[str, np.ndarray] = {"order": places.reshape(order.shape).astype(np.int32)}
    arguments.output.mkdir(parents=True, exist_ok=True)
    for side in ("molecule", "text"):
        ids = columns[f"{side}_ids"][:]
        _, first, packed[side] = np.unique(ids, return_index=True, return_inverse=True)
        packed[side] = packed[side].astype(np.int32)
        if side == "molecule":
            names = [*COLUMNS]
            found = [read_molecule(row) for row in some.select(first).select_columns(names).with_format("numpy")]
        else:
            texts = some.select(first).select_columns(["input_ids"])
            found = [{"input_ids": np.asarray(row["input_ids"], dtype=np.uint16)} for row in texts]
        write_rows(arguments.output, f"{side}s", found)
    np.savez_compressed(arguments.output / "pairs.npz", **packed)
    words = [arguments.recipe, "--output_dir", str(arguments.run), "--data_dir", "."]
    model_args, _, training_args = parse_arguments(words)
    model = AutoModel.from_pretrained(model_args.initial_model)
    model.save_pretrained(arguments.output / "model", max_shard_size=LARGEST_FILE)
    settings = {
        "learning_rate": training_args.learning_rate,
        "muon_learning_rate": training_args.muon_learning_rate,
        "weight_decay": training_args.weight_decay,
        "max_grad_norm": training_args.max_grad_norm,
        "warmup_steps": int(training_args.warmup_steps),
    }
    write_text(arguments.output / "settings.json", json.dumps(settings, indent=1) + "\n")
    shutil.copyfile(SCRIPT, arguments.output / "train.py")
    size = sum(file.stat().st_size for file in arguments.output.rglob("*") if file.is_file())
    print(f"{arguments.output}: {len(drawn)} pairs, {size / 1e6:.0f} MB. There: python train.py")


if __name__ == "__main__":
    main()
