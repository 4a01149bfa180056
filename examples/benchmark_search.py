"""How fast, and how nearly right, is each search method? Compares them with brute force on the same vectors.

Needs: nothing; `--embeddings` takes a folder of `finemoltex embed` instead of random vectors, `--queries` another one
(of texts, say) instead of rows held out.
Takes: a minute for 250,000 vectors of width 256; twice their size in memory.
"""

import argparse
import json
import platform
import time
from pathlib import Path

import faiss
import numpy as np
import torch

from modeling_finemoltex import MoleculeTextIndex, __version__
from modeling_finemoltex.data import write_text
from modeling_finemoltex.embedding import load_embeddings

METHODS = ("flat", "ivf_flat", "hnsw", "ivf_pq")
K = 10


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embeddings", type=Path, help="embedding folder to index")
    parser.add_argument("--queries", type=Path, nargs="*", default=[], help="embedding folders to search with")
    parser.add_argument("--num_vectors", type=int, default=250_000, help="random vectors, without --embeddings")
    parser.add_argument("--num_queries", type=int, default=200, help="of each kind")
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    return parser.parse_args()


def read_vectors(folder: Path) -> np.ndarray:
    """Return the vectors of an embedding folder: `(R, P)`."""
    opened = load_embeddings(folder)
    width = opened.metadata["embedding_size"]
    return np.concatenate(
        [table["embedding"].combine_chunks().flatten().to_numpy() for table in opened.shards()]
    ).reshape(-1, width)


def draw_vectors(num_vectors: int, width: int = 256, num_factors: int = 24) -> np.ndarray:
    """Draw unit vectors in clusters that vary in few directions, as embeddings of molecules do."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(num_vectors // 250 + 1, num_factors))
    factors = centres[random.integers(len(centres), size=num_vectors)] + 0.5 * random.normal(
        size=(num_vectors, num_factors)
    )
    vectors = factors @ random.normal(size=(num_factors, width)) + 0.2 * random.normal(size=(num_vectors, width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def measure(index: MoleculeTextIndex, queries: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Search one query at a time: share of the true best found, and milliseconds."""
    index.search(embeddings=queries[0], k=K)  # the first search touches everything for the first time
    answers, seconds, found = [], [], 0
    for query in queries:  # nothing else in between, which would push the index out of the processor's caches
        start = time.perf_counter()
        answers += index.search(embeddings=query, k=K)
        seconds.append(time.perf_counter() - start)
    for hits, truth in zip(answers, scores, strict=True):
        # By score, as rows of equal score are equally right; float32 sums differ by 1e-6 with their order.
        worst = np.partition(truth, -K)[-K] - 1e-6
        found += sum(truth[hit.row] >= worst for hit in hits)
    p50, p95 = np.percentile(seconds, [50, 95]) * 1000
    return {f"recall@{K}": found / (K * len(queries)), "p50_ms": p50, "p95_ms": p95}


def main() -> None:
    """Measure on one thread, print a line per method and kind of query, write the figures."""
    arguments = parse_arguments()
    torch.set_num_threads(1)  # the index gives faiss as many
    vectors = read_vectors(arguments.embeddings) if arguments.embeddings else draw_vectors(arguments.num_vectors)
    order = np.random.default_rng(0).permutation(len(vectors))
    queries = {"held_out": vectors[order[: arguments.num_queries]]}
    vectors = vectors[np.sort(order[arguments.num_queries :])]
    queries |= {folder.name: read_vectors(folder)[: arguments.num_queries] for folder in arguments.queries}
    scores = {name: rows @ vectors.T for name, rows in queries.items()}
    figures = {
        "machine": platform.processor() or platform.machine(), "threads": 1, "python": platform.python_version(),
        "faiss": faiss.__version__, "numpy": np.__version__, "finemoltex": __version__,
        "vectors": arguments.embeddings.name if arguments.embeddings else "random", "num_vectors": len(vectors),
        "width": vectors.shape[1], "methods": {},
    }  # fmt: skip
    for method in arguments.methods:
        start = time.process_time()
        index = MoleculeTextIndex.from_arrays(vectors, smiles=["C"] * len(vectors), method=method)
        figures["methods"][method] = results = {"build_seconds": time.process_time() - start}
        for name, rows in queries.items():
            results[name] = one = measure(index, rows, scores[name])
            exact = figures["methods"].get("flat", {}).get(name)
            one["time_of_flat"] = one["p50_ms"] / exact["p50_ms"] if exact else None
            share = f", {one['time_of_flat']:.3f} of flat" if exact else ""
            print(
                f"{method:<9} {name:<10} recall@{K} {one[f'recall@{K}']:.4f}, p50 {one['p50_ms']:.2f} ms{share}; "
                f"built in {results['build_seconds']:.0f} s"
            )
    if arguments.output:
        write_text(arguments.output, json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
