"""What does a model that knows nothing score under my protocol? More than 1 / T, where equal texts compete as one.

Needs: `pip install "finemoltex[retrieval]"` and the file of the protocol; no model.
Takes: two minutes for the four levels of the DrugBank ATC table. Try `--protocol drugbank_atc --texts drugbank_atc.csv
--atc_levels 1 2 3 4 --output chance.json`.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from transformers import HfArgumentParser

from modeling_finemoltex.data import write_text
from modeling_finemoltex.evaluation import PROTOCOLS, embed_tasks, load_protocol


@dataclass
class Arguments:
    """Which protocol, how many random models."""

    texts: str = field(metadata={"help": "Pairs of the protocol: file or folder, as published or as a table."})
    protocol: str = field(default="pairs", metadata={"help": f"One of {', '.join(PROTOCOLS)}."})
    atc_levels: list[int] | None = field(default=None, metadata={"help": "DrugBank ATC table: levels, 1 to 4."})
    duplicates: str = field(default="right", metadata={"help": "Equal items are 'right', or 'wrong' as published."})
    num_models: int = field(default=100, metadata={"help": "Random models to average over."})
    width: int = field(default=256, metadata={"help": "Width of the random embeddings."})
    seed: int = field(default=0, metadata={"help": "Seed of the first model."})
    output: str | None = field(default=None, metadata={"help": "JSON file for the figures."})


class RandomEncoder:
    """Give every distinct molecule and every distinct text a random direction."""

    def __init__(self, width: int, seed: int) -> None:
        self.width, self.generator = width, np.random.default_rng(seed)

    def encode_molecules(self, smiles: list[str]) -> np.ndarray:
        """Draw one row for each molecule: (R, P)."""
        return self.generator.standard_normal((len(smiles), self.width), dtype=np.float32)

    encode_texts = encode_molecules


def main() -> None:
    """Score random models, average, print, write."""
    (arguments,) = HfArgumentParser(Arguments).parse_args_into_dataclasses()
    levels = [{"atc_level": level} for level in arguments.atc_levels or ()] or [{}]
    settings = asdict(arguments) | {"texts": Path(arguments.texts).name}
    report = {"arguments": settings, "figures": {}}
    for options in levels:
        for task in load_protocol(arguments.protocol, arguments.texts, arguments.duplicates, **options):
            runs = []
            for seed in range(arguments.seed, arguments.seed + arguments.num_models):
                (embeds,) = embed_tasks([task], RandomEncoder(arguments.width, seed))
                scores = task.score(*embeds)
                runs.append({name: float(values.mean()) for name, values in scores.items()})
            for name in runs[0]:
                values = [run[name] for run in runs]
                report["figures"][f"{task.name}/{name}"] = float(np.mean(values))
                report["figures"][f"{task.name}/{name}_deviation"] = float(np.std(values, ddof=1))
                print(f"{task.name}/{name}: {np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}")
    if arguments.output:
        write_text(Path(arguments.output), json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
