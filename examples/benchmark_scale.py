"""What does a large library cost: molecules a second here and through Ray, bytes a molecule, and an index on LanceDB?

Needs: `pip install "ray[data]" "finemoltex[lance]"`, and a file of molecules.
Takes: ten minutes for 9,000 molecules on a core. `plan_scale.py` turns the figures into the plan of a larger library.

Both ways compute on one thread, in turn, a part of the molecules in each round; the rate of Ray counts from its first
partition on, when its worker has loaded the model. Rates by seconds of the processor are little disturbed by other
programs; those by the clock are, and hold what Ray itself takes.
"""

import argparse
import itertools
import json
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

PARTITION_ROWS, NUM_QUERIES = 256, 50
SCRIPT = Path(__file__).with_name("embed_with_ray.py")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smiles_file", type=Path, required=True, help="molecules")
    parser.add_argument("--model", default=str(default_model()), help="model folder")
    parser.add_argument("--num_molecules", type=int, default=9216, help="at most so many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    return parser.parse_args()


def measure_local(
    smiles: list[str], encoder: MoleculeTextEncoder, folder: Path, **options: Any
) -> tuple[float, float]:
    """Embed a part as `finemoltex embed` does: molecules a second, of the clock and of the processor."""
    write_text(folder.with_suffix(".smi"), "".join(f"{one}\n" for one in smiles))
    start, used = time.perf_counter(), time.process_time()
    options = {"shard_rows": PARTITION_ROWS, "num_workers": 0, "progress_bar": False, **options}
    embed_file(folder.with_suffix(".smi"), folder, encoder, **options)
    return len(smiles) / (time.perf_counter() - start), len(smiles) / (time.process_time() - used)


def measure_ray(smiles: list[str], model: str, folder: Path) -> tuple[float, float]:
    """Embed a part with one worker of Ray: molecules a second, of the clock and of the processor."""
    pq.write_table(pa.table({"smiles": smiles}), folder.with_suffix(".parquet"))
    figures = folder.with_suffix(".json")
    words = ["--model", model, "--partition_rows", str(PARTITION_ROWS), "--figures", str(figures)]
    subprocess.run(
        [sys.executable, SCRIPT, folder.with_suffix(".parquet"), folder, *words], check=True, capture_output=True
    )
    found = json.loads(figures.read_text())
    return found["rate"], found["rows"] / found["processor_seconds"]


def count_bytes(folder: Path, pattern: str = "*") -> int:
    """Add up the sizes of files."""
    return sum(file.stat().st_size for file in folder.rglob(pattern) if file.is_file())


def measure_index(embeddings: Path, location: Path, method: str, exact: list | None) -> tuple[dict[str, Any], list]:
    """Make an index and search it: its figures, and its answers."""
    start = time.perf_counter()
    index = MoleculeTextIndex.from_embeddings(embeddings, method, location)
    figures = {"rows_per_second": len(index) / (time.perf_counter() - start)}
    figures["bytes_per_row"] = count_bytes(location) / len(index)
    queries = np.random.default_rng(0).normal(size=(NUM_QUERIES, index.embedding_size))
    index.search(embeddings=queries[0])
    answers, seconds = [], []
    for query in queries:
        start = time.perf_counter()
        answers.append({hit.row for hit in index.search(embeddings=query, k=10)[0]})
        seconds.append(time.perf_counter() - start)
    figures["p50_ms"] = statistics.median(seconds) * 1000
    if exact is not None:
        figures["recall@10"] = sum(len(a & b) for a, b in zip(answers, exact, strict=True)) / (10 * NUM_QUERIES)
    return figures, answers


def summarise(rates: dict[str, list[tuple[float, float]]]) -> dict[str, Any]:
    """Give all rates, their medians, and how the two ways compare within a round."""
    found: dict[str, Any] = {"rounds": rates}
    for place, kind in enumerate(("wall", "processor")):
        for name, pairs in rates.items():
            found[f"{name}_per_{kind}_second"] = statistics.median(pair[place] for pair in pairs)
        shares = [there[place] / here[place] for here, there in zip(rates["local"], rates["ray"], strict=True)]
        found[f"ray_to_local_{kind}"] = statistics.median(shares)
    return found


def main() -> None:
    """Measure, print and write the figures."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    encoder = MoleculeTextEncoder.from_pretrained(arguments.model, device="cpu")
    smiles = [row.value for row in itertools.islice(MoleculeFile(arguments.smiles_file), arguments.num_molecules)]
    encoder.encode_molecules(smiles[:256])
    with tempfile.TemporaryDirectory() as name:
        place, rates = Path(name), {"local": [], "ray": []}
        for part in range(arguments.rounds):
            chosen = smiles[part :: arguments.rounds]
            rates["local"].append(measure_local(chosen, encoder, place / f"local-{part}", tokens=False))
            rates["ray"].append(measure_ray(chosen, arguments.model, place / f"ray-{part}"))
            print({kind: found[-1] for kind, found in rates.items()}, flush=True)
        figures: dict[str, Any] = {
            "machine": platform.processor() or platform.machine(), "threads": 1, "num_molecules": len(smiles),
            "finemoltex": __version__, "torch": torch.__version__, "ray": ray.__version__,
            "lancedb": lancedb.__version__, "width": encoder.embedding_size,
            **summarise(rates),
            "ray_bytes_per_row": count_bytes(place / "ray-0", "*.parquet") / len(smiles[:: arguments.rounds]),
        }  # fmt: skip
        measure_local(smiles, encoder, place / "all", tokens=True)
        figures["embedding_bytes_per_row"] = count_bytes(place / "local-0") / len(smiles[:: arguments.rounds])
        figures["embedding_bytes_per_row_with_tokens"] = count_bytes(place / "all") / len(smiles)
        figures["lance"], exact = measure_index(place / "all", place / "flat.lance", "lance", None)
        figures["lance_ivf_pq"], _ = measure_index(place / "all", place / "ivf.lance", "lance_ivf_pq", exact)
    print(json.dumps(figures, indent=2))
    if arguments.output:
        write_text(arguments.output, json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
