"""What does a large library cost: molecules a second here and through Ray, bytes a molecule, and an index on LanceDB?

Needs: `pip install -e ".[lance,ray]"`, and a file of molecules.
Takes: ten minutes for 90,000 molecules on a core. `plan_scale.py` turns the figures into the plan of a larger library.

First a part of the molecules goes both ways in each round, in turn, on one thread. The rate of Ray counts from its
first partition on, when its worker has loaded the model. Rates by seconds of the processor are little disturbed by
other programs; those by the clock are, and hold what Ray itself takes. Then a shard goes from SMILES to an index, with
all starts; molecules that follow it in the file are the queries.
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray
import torch

from modeling_finemoltex import MoleculeTextEncoder, MoleculeTextIndex, __version__, default_model, embed_file
from modeling_finemoltex.data import MoleculeFile, write_text

NUM_QUERIES, K = 50, 10
MULTIPLIED = 4096  # rows and columns of the product that stands for comparing vectors with the centres of lists
SCRIPT = Path(__file__).with_name("embed_with_ray.py")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smiles_file", type=Path, required=True, help="molecules")
    parser.add_argument("--model", default=str(default_model()), help="model folder")
    parser.add_argument("--num_molecules", type=int, default=20_000, help="of the comparison")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--shard_rows", type=int, default=50_000, help="molecules that become an index")
    parser.add_argument("--partition_rows", type=int, default=1024)
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    return parser.parse_args()


def measure_local(
    smiles: list[str], encoder: MoleculeTextEncoder, folder: Path, partition_rows: int
) -> dict[str, float]:
    """Embed molecules as `finemoltex embed` does: molecules a second, of the clock and of the processor."""
    write_text(folder.with_suffix(".smi"), "".join(f"{one}\n" for one in smiles))
    start, used = time.perf_counter(), time.process_time()
    options = {"shard_rows": partition_rows, "num_workers": 0, "progress_bar": False, "tokens": False}
    embed_file(folder.with_suffix(".smi"), folder, encoder, **options)
    wall, processor = time.perf_counter() - start, time.process_time() - used
    return {"wall": len(smiles) / wall, "processor": len(smiles) / processor}


def start_ray(smiles: list[str], model: str, folder: Path, partition_rows: int) -> dict[str, float]:
    """Embed molecules with one worker of Ray; what the script counted, and the seconds from its start to its end."""
    pq.write_table(pa.table({"smiles": smiles}), folder.with_suffix(".parquet"))
    figures, start = folder.with_suffix(".json"), time.perf_counter()
    words = ["--model", model, "--partition_rows", str(partition_rows), "--figures", str(figures)]
    command = [sys.executable, str(SCRIPT), str(folder.with_suffix(".parquet")), str(folder), *words]
    # By default a worker yields to every other program, and this process does not.
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{SCRIPT.name} failed: {done.stderr[-2000:]}")
    return {**json.loads(figures.read_text()), "seconds_of_all": time.perf_counter() - start}


def measure_ray(smiles: list[str], model: str, folder: Path, partition_rows: int) -> dict[str, float]:
    """Embed molecules with one worker of Ray: molecules a second, of the clock and of the processor."""
    found = start_ray(smiles, model, folder, partition_rows)
    return {"wall": found["rate"], "processor": found["rows"] / found["processor_seconds"]}


def count_bytes(folder: Path, pattern: str = "*") -> int:
    """Add up the sizes of files."""
    return sum(file.stat().st_size for file in folder.rglob(pattern) if file.is_file())


def measure_index(
    embeddings: Path, location: Path, method: str, queries: np.ndarray, exact: list | None
) -> tuple[dict[str, Any], list]:
    """Make an index and search it: its figures, and its answers."""
    start, used = time.perf_counter(), time.process_time()
    index = MoleculeTextIndex.from_embeddings(embeddings, method, location)
    figures = {"seconds": time.perf_counter() - start, "processor_seconds": time.process_time() - used}
    figures["bytes_per_row"] = count_bytes(location) / len(index)
    index.search(embeddings=queries[0])
    answers, seconds, processor = [], [], []
    for query in queries:
        start, used = time.perf_counter(), time.process_time()
        answers.append({hit.row for hit in index.search(embeddings=query, k=K)[0]})
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    figures |= {"p50_ms": statistics.median(seconds) * 1000, "p50_processor_ms": statistics.median(processor) * 1000}
    if exact is not None:
        figures["recall@10"] = sum(len(a & b) for a, b in zip(answers, exact, strict=True)) / (K * len(answers))
    return figures, answers


def measure_shard(
    smiles: list[str], arguments: argparse.Namespace, queries: np.ndarray, place: Path
) -> dict[str, Any]:
    """Take molecules from SMILES to an index on LanceDB."""
    found = start_ray(smiles, arguments.model, place / "shard", arguments.partition_rows)
    figures = {**found, "bytes_per_row": count_bytes(place / "shard", "*.parquet") / len(smiles)}
    figures["lance"], exact = measure_index(place / "shard", place / "flat.lance", "lance", queries, None)
    figures["lance_ivf_pq"], _ = measure_index(place / "shard", place / "ivf.lance", "lance_ivf_pq", queries, exact)
    return figures


def measure_product(width: int) -> float:
    """Multiply vectors with centres: products of two numbers, in a second of the processor."""
    vectors = torch.ones(MULTIPLIED, width)
    vectors @ vectors.T
    used = time.process_time()
    vectors @ vectors.T
    return MULTIPLIED**2 * width / (time.process_time() - used)


def summarise(rounds: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Give all rates, their medians, and how the two ways compare within a round."""
    found: dict[str, Any] = {"rounds": rounds}
    for kind in ("wall", "processor"):
        for name in ("local", "ray"):
            found[f"{name}_per_{kind}_second"] = statistics.median(one[name][kind] for one in rounds)
        found[f"ray_to_local_{kind}"] = statistics.median(one["ray"][kind] / one["local"][kind] for one in rounds)
    return found


def main() -> None:
    """Measure, print and write the figures."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    encoder = MoleculeTextEncoder.from_pretrained(arguments.model, device="cpu")
    needed = max(arguments.num_molecules, arguments.shard_rows + NUM_QUERIES)
    smiles = [row.value for row in itertools.islice(MoleculeFile(arguments.smiles_file), needed)]
    if len(smiles) < needed:
        raise SystemExit(f"{arguments.smiles_file} has {len(smiles)} molecules, {needed} are needed. Ask for fewer.")
    queries = encoder.encode_molecules(smiles[-NUM_QUERIES:])
    compared, size = smiles[: arguments.num_molecules], arguments.partition_rows
    with tempfile.TemporaryDirectory() as name:
        place, rounds = Path(name), []
        for part in range(arguments.rounds):
            chosen = compared[part :: arguments.rounds]
            local = measure_local(chosen, encoder, place / f"local-{part}", size)
            rounds.append({"local": local, "ray": measure_ray(chosen, arguments.model, place / f"ray-{part}", size)})
            print(rounds[-1], flush=True)
        figures: dict[str, Any] = {
            "machine": platform.processor() or platform.machine(), "threads": 1, "num_molecules": len(compared),
            "partition_rows": size, "finemoltex": __version__, "torch": torch.__version__, "ray": ray.__version__,
            "lancedb": lancedb.__version__, "width": encoder.embedding_size, **summarise(rounds),
            "products_per_processor_second": measure_product(encoder.embedding_size),
            "shard": measure_shard(smiles[: arguments.shard_rows], arguments, queries, place),
        }  # fmt: skip
    print(json.dumps(figures, indent=2))
    if arguments.output:
        write_text(arguments.output, json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
