"""How fast, and how nearly right, is each kind of index? Beside a flat table of faiss on the same vectors.

The vectors are those of `--embeddings`; more of them are mixtures of two neighbours each, and without a folder all are
random. A text as a query lies elsewhere than molecules do, and is harder to answer.
"""

import ctypes
import gc
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from benchmark_cases import Case, Memory, measure
from benchmark_inputs import Inputs, Settings

from modeling_finemoltex import MoleculeTextIndex

K = 10
ROUNDING = 2e-6  # float32 sums differ with their order
NUM_QUERIES = 200  # for the recall, of each kind
NUM_TIMED = 20
HNSW_UP_TO = 500_000  # vectors; as `method="auto"` has it
PER_CLUSTER = 50


def benchmark(inputs: Inputs, settings: Settings) -> dict[str, dict]:
    """Measure building, opening and searching for each size and method, and re-scoring by tokens."""
    faiss.omp_set_num_threads(settings.threads)
    real, queries = read_vectors(inputs, settings)
    source = settings.embeddings[0].name if settings.embeddings else "drawn in clusters"
    found: dict[str, dict] = {}
    for size in (400, 800) if settings.smoke else settings.sizes:
        vectors = take_vectors(real, size, settings.seed)
        facts = {"vectors": size, "width": vectors.shape[1], "source": source, "mixtures": max(0, size - len(real))}
        with tempfile.TemporaryDirectory() as folder:
            found |= measure_size(vectors, queries, Path(folder), facts, settings)
        del vectors
        gc.collect()
    return found | measure_tokens(inputs, settings)


def read_vectors(inputs: Inputs, settings: Settings) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Give the vectors `(R, P)` to index, and queries `(Q, P)` of each kind, which are none of them."""
    random = np.random.default_rng(settings.seed)
    number = settings.scale(NUM_QUERIES, 10)
    if not settings.embeddings:
        vectors = draw_vectors(settings.scale(20_000, 500), random)
        return vectors[number:], {"molecules": vectors[:number]}
    vectors = inputs.read_vectors(settings.embeddings[0])
    order = random.permutation(len(vectors))
    queries = {"molecules": vectors[order[:number]]}
    for folder in settings.embeddings[1:]:
        queries[folder.name] = inputs.read_vectors(folder)[:number]
    return vectors[np.sort(order[number:])], queries


def draw_vectors(size: int, random: np.random.Generator, width: int = 256, factors: int = 24) -> np.ndarray:
    """Draw unit vectors in clusters that vary in few directions, as embeddings of molecules do: `(R, P)`."""
    centres = random.normal(size=(size // 250 + 1, factors))
    found = centres[random.integers(len(centres), size=size)] + 0.5 * random.normal(size=(size, factors))
    return scale_rows(found @ random.normal(size=(factors, width)) + 0.2 * random.normal(size=(size, width)))


def scale_rows(vectors: np.ndarray) -> np.ndarray:
    """Scale rows to length one: `(R, P)`."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def take_vectors(real: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Take so many vectors `(size, P)`: real ones, and where there are too few, mixtures of two of one cluster."""
    if size <= len(real):
        return real[:size]
    random = np.random.default_rng(seed)
    clusters = faiss.Kmeans(real.shape[1], max(1, len(real) // PER_CLUSTER), niter=8, seed=seed, spherical=True)
    clusters.train(real)
    owner = clusters.index.search(real, 1)[1][:, 0]  # (R,)
    order, counts = np.argsort(owner, kind="stable"), np.bincount(owner, minlength=clusters.k)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    vectors = np.empty((size, real.shape[1]), np.float32)
    vectors[: len(real)] = real
    for first in range(len(real), size, 50_000):
        number = min(50_000, size - first)
        one = random.integers(len(real), size=number)
        other = order[starts[owner[one]] + (random.random(number) * counts[owner[one]]).astype(np.int64)]
        share = random.uniform(0.5, 1, size=(number, 1)).astype(np.float32)
        vectors[first : first + number] = scale_rows(share * real[one] + (1 - share) * real[other])
    return vectors


def measure_size(
    vectors: np.ndarray, queries: dict[str, np.ndarray], folder: Path, facts: dict[str, Any], settings: Settings
) -> dict[str, dict]:
    """Measure all methods on the same vectors."""
    size, found = len(vectors), {}
    plain = faiss.IndexFlatIP(vectors.shape[1])
    plain.add(vectors)
    truth = {kind: plain.search(rows, K)[0][:, -1] for kind, rows in queries.items()}  # the tenth best score
    cases, timed = {}, settings.scale(NUM_TIMED, 4)
    for kind, rows in queries.items():
        name = f"{size}, faiss, {kind}"
        cases[name] = Case(partial(search_plain, plain, rows[:timed]), min(timed, len(rows)), None, dict(facts))
    for method in methods_for(size, settings):
        index, building = build(vectors, method, folder / method)
        found[f"{size}, {method}, building"] = building
        for kind, rows in queries.items():
            figures = {f"recall@{K}": measure_recall(index, rows, truth[kind]), **facts}
            run = partial(search, index, rows[:timed])
            cases[f"{size}, {method}, {kind}"] = Case(run, min(timed, len(rows)), f"{size}, faiss, {kind}", figures)
    return found | measure(cases, settings, f"search, {size}")


def methods_for(size: int, settings: Settings) -> Iterator[str]:
    """Leave out what nobody would build at this size; a method that is asked for alone is built."""
    if len(settings.methods) == 1:
        yield settings.methods[0]
        return
    for method in settings.methods:
        if (method == "hnsw" and size > HNSW_UP_TO) or (method == "ivf_pq" and size < 10_000):
            continue
        yield method


def build(vectors: np.ndarray, method: str, folder: Path) -> tuple[MoleculeTextIndex, dict[str, Any]]:
    """Build and save an index, and open it from the disk as its users do."""
    start, before = time.perf_counter(), time.process_time()
    index = MoleculeTextIndex.from_arrays(vectors, smiles=["C"] * len(vectors), method=method)
    seconds = {"wall": time.perf_counter() - start, "processor": time.process_time() - before}
    index.save(folder)
    del index
    release_memory()
    held = Memory()
    held.start()
    anonymous, start = read_own_memory(), time.perf_counter()
    index = MoleculeTextIndex.load(folder)
    figures = {
        "seconds_to_open": time.perf_counter() - start,
        "own_memory_to_open_mb": read_own_memory() - anonymous,
        "files_mb": sum(file.stat().st_size for file in folder.iterdir()) / 1e6,
        "structure_mb": (folder / "index.faiss").stat().st_size / 1e6,
    }
    rates = {
        kind: {"median": value, "low": value, "high": value, "per_second": len(vectors) / value}
        for kind, value in seconds.items()
    }
    return index, {
        "count": len(vectors),
        "repeats": 1,
        **rates,
        "clock": "processor",
        "per_second": rates["processor"]["per_second"],
        "milliseconds_each": 1000 * seconds["processor"] / len(vectors),
        "figures": figures,
        **held.stop(),
    }


def release_memory() -> None:
    """Give back what is free, where the allocator can be told to: or else what is taken next would not show."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc
        if trim is not None:
            trim(0)


def read_own_memory() -> float:
    """Memory in MB that is this process's own, and not that of a mapped file; nothing where no system tells."""
    status = Path(f"/proc/{os.getpid()}/status")
    if not status.exists():
        return 0.0
    line = next(line for line in status.read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024 / 1e6


def search_plain(index: Any, queries: np.ndarray) -> None:
    """Search a table of faiss, one query at a time."""
    for query in queries:
        index.search(query[None], K)


def search(index: MoleculeTextIndex, queries: np.ndarray) -> None:
    """Search an index, one query at a time."""
    for query in queries:
        index.search(embeddings=query, k=K)


def measure_recall(index: MoleculeTextIndex, queries: np.ndarray, worst: np.ndarray) -> float:
    """Share of the true best that are found. By score, as rows of equal score are equally right."""
    answers = index.search(embeddings=queries, k=K)
    right = sum(hit.score >= least - ROUNDING for hits, least in zip(answers, worst, strict=True) for hit in hits)
    return min(1.0, right / (K * len(queries)))


def measure_tokens(inputs: Inputs, settings: Settings) -> dict[str, dict]:
    """Search by texts with and without ordering the nearest again by their token vectors, where the model has some."""
    if not inputs.encoder.token_size:
        return {}
    smiles, texts = inputs.smiles[: settings.scale(1_000, 24)], inputs.texts[: settings.scale(20, 4)]
    index = MoleculeTextIndex.build(inputs.encoder, smiles=smiles)
    cases = {
        "texts, pooled": Case(partial(search_texts, index, texts, 0), len(texts)),
        "texts, re-scored": Case(partial(search_texts, index, texts, None), len(texts), "texts, pooled"),
    }
    return measure(cases, settings, "tokens")


def search_texts(index: MoleculeTextIndex, texts: list[str], rescored: int | None) -> None:
    """Search by texts, one at a time, as the command does."""
    for text in texts:
        index.search(texts=text, k=K, rescored=rescored)
