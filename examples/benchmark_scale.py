"""What does a large library cost: molecules a second here and through Ray, bytes a molecule, and an index on LanceDB?

Needs: `pip install -e ".[lance,ray]"`, and a file of molecules.
Takes: five minutes for 20,000 molecules on a core. `plan_scale.py` makes the plan of a larger library of the figures.

One worker of Ray takes a library from SMILES to vectors, and an index on LanceDB is made of them. Before and after,
this process embeds the first half and the second of `--num_local` molecules of it, as `finemoltex embed` does. All
compute on one thread. The rate of Ray counts from its first partition on, when its worker has loaded the model;
`seconds_of_all` count from the start of the script to its end. Rates by seconds of the processor are little disturbed
by other programs; those by the clock are, and hold what Ray itself takes. Queries are molecules that follow the
library in the file.
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
    parser.add_argument("--num_molecules", type=int, default=20_000, help="of the library")
    parser.add_argument("--num_local", type=int, default=20_000, help="that are embedded without Ray, at most")
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


def measure_ray(smiles: list[str], model: str, folder: Path, partition_rows: int) -> dict[str, float]:
    """Embed molecules with one worker of Ray: what the script counted, and molecules a second as above."""
    pq.write_table(pa.table({"smiles": smiles}), folder.with_suffix(".parquet"))
    figures, start = folder.with_suffix(".json"), time.perf_counter()
    words = ["--model", model, "--partition_rows", str(partition_rows), "--figures", str(figures)]
    command = [sys.executable, str(SCRIPT), str(folder.with_suffix(".parquet")), str(folder), *words]
    # By default a worker yields to every other program, and this process does not.
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{SCRIPT.name} failed: {done.stderr[-2000:]}")
    found = json.loads(figures.read_text())
    found |= {"seconds_of_all": time.perf_counter() - start, "wall": found.pop("rate")}
    return {**found, "processor": found["rows"] / found["processor_seconds"]}


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


def measure_product(width: int) -> float:
    """Multiply vectors with centres: products of two numbers, in a second of the processor."""
    vectors = torch.ones(MULTIPLIED, width)
    vectors @ vectors.T
    used = time.process_time()
    vectors @ vectors.T
    return MULTIPLIED**2 * width / (time.process_time() - used)


def compare(local: list[dict[str, float]], ray_figures: dict[str, float]) -> dict[str, float]:
    """Give the rates of both ways, and how they compare."""
    found = {}
    for kind in ("wall", "processor"):
        found[f"local_per_{kind}_second"] = statistics.harmonic_mean([one[kind] for one in local])
        found[f"ray_per_{kind}_second"] = ray_figures[kind]
        found[f"ray_to_local_{kind}"] = ray_figures[kind] / found[f"local_per_{kind}_second"]
    return found


def main() -> None:
    """Measure, print and write the figures."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    encoder = MoleculeTextEncoder.from_pretrained(arguments.model, device="cpu")
    needed = arguments.num_molecules + NUM_QUERIES
    smiles = [row.value for row in itertools.islice(MoleculeFile(arguments.smiles_file), needed)]
    if len(smiles) < needed:
        raise SystemExit(f"{arguments.smiles_file} has {len(smiles)} molecules, {needed} are needed. Ask for fewer.")
    queries, library = encoder.encode_molecules(smiles[-NUM_QUERIES:]), smiles[:-NUM_QUERIES]
    here, size = library[: arguments.num_local], arguments.partition_rows
    halves = (here[: len(here) // 2], here[len(here) // 2 :])
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        local = [measure_local(halves[0], encoder, place / "local-0", size)]
        by_ray = measure_ray(library, arguments.model, place / "ray", size)
        local.append(measure_local(halves[1], encoder, place / "local-1", size))
        figures: dict[str, Any] = {
            "machine": platform.processor() or platform.machine(), "threads": 1, "num_molecules": len(library),
            "num_local": len(here), "partition_rows": size, "width": encoder.embedding_size,
            "finemoltex": __version__, "torch": torch.__version__, "ray": ray.__version__,
            "lancedb": lancedb.__version__, "local_halves": local, "by_ray": by_ray, **compare(local, by_ray),
            "ray_bytes_per_row": count_bytes(place / "ray", "*.parquet") / len(library),
            "products_per_processor_second": measure_product(encoder.embedding_size),
        }  # fmt: skip
        figures["lance"], exact = measure_index(place / "ray", place / "flat.lance", "lance", queries, None)
        figures["lance_ivf_pq"], _ = measure_index(place / "ray", place / "ivf.lance", "lance_ivf_pq", queries, exact)
    print(json.dumps(figures, indent=2))
    if arguments.output:
        write_text(arguments.output, json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
