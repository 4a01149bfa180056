"""Let a model folder from before there were rare features tell isomers and isotopes apart, without training.

Needs: a model folder, changed in place. Runs in a second.
    python examples/seed_rare_features.py --folder my-model

The embeddings of relative stereo, isotopes and enhanced stereo get fixed random values, so that molecules which
differ in them get different vectors. The values carry no learned meaning: which of two isomers lies closer to a text
is chance. Molecules without these features keep their vectors. Train the model further to give them a meaning.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import HfArgumentParser

from modeling_finemoltex import FineMolTexGraphConfig

ATOM_TABLE, RARE_TABLE = "graph_encoder.atom_embedding.table.weight", "graph_encoder.rare_embedding.table.weight"


@dataclass
class Arguments:
    """What to change."""

    folder: Path = field(metadata={"help": "Model folder with config.json and model.safetensors."})
    scale: float = field(default=2.0, metadata={"help": "Size of the values, compared to that of learned ones."})
    seed: int = field(default=0, metadata={"help": "Seed of the values."})


def main() -> None:
    """Add the table to the weights, and its sizes to the configuration."""
    arguments = HfArgumentParser(Arguments).parse_args_into_dataclasses()[0]
    weights_file, config_file = arguments.folder / "model.safetensors", arguments.folder / "config.json"
    config = json.loads(config_file.read_text(encoding="utf-8"))
    if config["graph_config"].get("rare_feature_sizes"):
        raise SystemExit(f"{arguments.folder} reads these features already: nothing to do.")
    with safe_open(weights_file, "pt") as file:
        metadata, weights = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    place = next(name for name in weights if name.endswith(ATOM_TABLE))
    learned = weights[place]
    sizes = list(FineMolTexGraphConfig().rare_feature_sizes)
    generator = torch.Generator().manual_seed(arguments.seed)
    rows = torch.randn(sum(sizes), learned.shape[1], generator=generator) * learned.std() * arguments.scale
    first = 0
    for size in sizes:  # "none", a value that is unknown and [MASK] say nothing
        rows[[first, first + size - 1]] = 0.0
        first += size
    weights[place.removesuffix(ATOM_TABLE) + RARE_TABLE] = rows.to(learned.dtype)
    config["graph_config"]["rare_feature_sizes"] = sizes
    save_file(weights, weights_file, metadata)
    config_file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
