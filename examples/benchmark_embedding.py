"""Measure how fast a file of molecules becomes embeddings, against featurisation alone and the model alone.

Needs: a model folder and a csv, tsv, smi, sdf or Parquet file (see `finemoltex embed --help`) of molecules.
Runtime: about half a minute for 3,000 molecules and a `small` model.

Everything computes on one thread. With --cores 1 the process keeps to one core; there the job does both parts in turn.
With --cores 2 a worker featurises beside the model. Processor time (of the worker too) is little disturbed by other
programs and tells what one core does; wall time, on a quiet machine, what the overlap makes of two.
"""

import argparse
import itertools
import json
import os
import platform
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import rdkit
import torch
import transformers

from modeling_finemoltex import __version__
from modeling_finemoltex.data import MoleculeFile, write_text
from modeling_finemoltex.embedding import MoleculeTextEncoder, embed_file


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="model folder or Hub id")
    parser.add_argument("--smiles_file", type=Path, required=True, help="molecules")
    parser.add_argument("--smiles_column", help="its SMILES column")
    parser.add_argument("--num_molecules", type=int, default=3000, help="at most so many")
    parser.add_argument("--rounds", type=int, default=3, help="parts measured one after the other; medians are given")
    parser.add_argument("--batch_size", type=int, help="molecules the model takes at once")
    parser.add_argument("--cores", type=int, choices=(1, 2), default=1, help="2: a worker process featurises")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    return parser.parse_args()


class Clock:
    """Processor time of this process and its ended children, and wall time, since the last call."""

    def __init__(self) -> None:
        self.times = self.read()

    def read(self) -> tuple[float, float]:
        """Both times since some fixed moment."""
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in usage), time.perf_counter()

    def lap(self) -> tuple[float, float]:
        """Seconds of the processor and of the wall since the last call."""
        before, self.times = self.times, self.read()
        return self.times[0] - before[0], self.times[1] - before[1]


def measure(encoder: MoleculeTextEncoder, smiles: list[str], batch_size: int, num_workers: int) -> dict[str, float]:
    """Rates of featurisation, model and job on the same molecules."""
    clock = Clock()
    for one in smiles:
        encoder.processor.feature_extractor.featurize(one)
    featurize = clock.lap()
    prepared = encoder.preparation(is_text=False, batch_size=batch_size)(smiles)
    clock.lap()
    encoder.embed_window(prepared)
    forward = clock.lap()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "molecules.smi")
        write_text(source, "".join(f"{one}\n" for one in smiles))
        clock.lap()
        embed_file(source, Path(folder, "out"), encoder, batch_size, num_workers=num_workers, progress_bar=False)
        job = clock.lap()
    rates = {}
    for place, kind in enumerate(("processor", "wall")):
        parts = {"featurize": featurize, "forward": forward, "job": job}
        seconds = {name: times[place] / len(smiles) for name, times in parts.items()}
        rates |= {f"{name}_per_{kind}_second": 1 / value for name, value in seconds.items()}
        rates[f"job_to_slower_part_{kind}"] = max(seconds["featurize"], seconds["forward"]) / seconds["job"]
    return rates


def main() -> None:
    """Print the medians over the rounds and write the figures."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):  # also tells the job how many cores it may count on
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    encoder = MoleculeTextEncoder.from_pretrained(arguments.model)
    batch_size = arguments.batch_size or encoder.default_batch_size
    source = MoleculeFile(arguments.smiles_file, arguments.smiles_column)
    rows = (row.value if source.to_smiles is None else source.to_smiles(row.value) for row in source)
    smiles = list(itertools.islice(rows, arguments.num_molecules))
    smiles = [smiles[index] for index in encoder.encode_molecules(smiles, on_error="skip")[1]]  # also warms up
    rounds = [
        measure(encoder, smiles[part :: arguments.rounds], batch_size, arguments.cores - 1)
        for part in range(arguments.rounds)
    ]
    medians = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    figures: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "device": str(encoder.model.device),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "rdkit": rdkit.__version__,
        "finemoltex": __version__,
        "file": arguments.smiles_file.name,
        "num_molecules": len(smiles),
        "parameters": sum(one.numel() for one in encoder.model.parameters()),
        "batch_size": batch_size,
        "cores": arguments.cores,
        **medians,
        "rounds": rounds,
    }
    for kind in ("processor", "wall"):
        parts = ", ".join(
            f"{name} {medians[f'{name}_per_{kind}_second']:.0f}" for name in ("featurize", "forward", "job")
        )
        ratio = medians[f"job_to_slower_part_{kind}"]
        print(f"molecules per {kind} second: {parts}; the job reaches {ratio:.0%} of the slower part")
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        write_text(arguments.output, json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
