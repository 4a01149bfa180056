"""How fast do molecules become tensors? Beside RDKit's bare parsing of the same molecules, and bare concatenation."""

import multiprocessing
from functools import partial

import numpy as np
from benchmark_cases import Case, measure
from benchmark_inputs import Inputs, Settings
from rdkit import Chem, rdBase

from modeling_finemoltex import FineMolTexFeatureExtractor, FineMolTexProcessor

FRAGMENTATIONS = ("paper", "functional")
WORKERS = 2
# A fork starts at once and holds no model of its own; where there is none, a worker imports everything.
CONTEXT = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
extractors: list[FineMolTexFeatureExtractor] = []  # of one worker process


def benchmark(inputs: Inputs, settings: Settings) -> dict[str, dict]:
    """Measure parsing, featurising, joining into batches, and tokenising."""
    with rdBase.BlockLogs():
        molecules = inputs.smiles[: settings.scale(2_000, 40)]
        cases = {"parse": Case(partial(parse, molecules), len(molecules))}
        for fragmentation in FRAGMENTATIONS:
            run = partial(featurize, molecules, fragmentation)
            cases[fragmentation] = Case(run, len(molecules), "parse", count_motifs(molecules, fragmentation))
        found = measure(cases, settings, "featurise")
        return found | measure_workers(molecules, settings) | measure_joining(molecules, inputs, settings)


def parse(molecules: list[str]) -> None:
    """Parse and forget."""
    for smiles in molecules:
        Chem.MolFromSmiles(smiles)


def featurize(molecules: list[str], fragmentation: str) -> list:
    """Featurise by an extractor that has seen none of them."""
    extractor = FineMolTexFeatureExtractor(fragmentation=fragmentation)
    return [extractor.featurize(smiles) for smiles in molecules]


def count_motifs(molecules: list[str], fragmentation: str) -> dict[str, float]:
    """Say what the molecules are cut into."""
    motifs = np.concatenate([one.motif_ids for one in featurize(molecules, fragmentation)])
    return {"motifs_per_molecule": len(motifs) / len(molecules), "unknown_motifs": float(np.mean(motifs == 0))}


def measure_workers(molecules: list[str], settings: Settings) -> dict[str, dict]:
    """Featurise in one and in two processes, by the clock on the wall."""
    parts = [molecules[start : start + 50] for start in range(0, len(molecules), 50)]
    pools = [CONTEXT.Pool(number, start_worker) for number in (1, WORKERS)]
    try:
        cases = {
            "one worker": Case(partial(pools[0].map, work, parts, 1), len(molecules), clock="wall"),
            "two workers": Case(partial(pools[1].map, work, parts, 1), len(molecules), "one worker", clock="wall"),
        }
        return measure(cases, settings, "workers")
    finally:
        for pool in pools:
            pool.terminate()


def start_worker() -> None:
    """Load the vocabulary of a worker."""
    extractors.append(FineMolTexFeatureExtractor(fragmentation="functional"))


def work(part: list[str]) -> int:
    """Featurise a part; the arrays stay in the worker, so that the pipe is not measured."""
    return len([extractors[0].featurize(smiles) for smiles in part])


def measure_joining(molecules: list[str], inputs: Inputs, settings: Settings) -> dict[str, dict]:
    """Join featurised molecules into batches, and tokenise texts."""
    processor: FineMolTexProcessor = inputs.encoder.processor
    extractor, size, texts = processor.feature_extractor, 64, inputs.texts[: settings.scale(1_000, 20)]
    rows = [extractor.featurize(smiles) for smiles in molecules]
    batches = [rows[start : start + size] for start in range(0, len(rows), size)]
    join = partial(map, partial(extractor.collate, return_tensors="pt"), batches)
    cases = {
        "concatenate": Case(partial(concatenate, batches), len(rows)),
        "collate": Case(lambda: list(join()), len(rows), "concatenate"),
        "bare tokenizer": Case(lambda: processor.tokenizer(texts, truncation=True), len(texts)),
        "tokenise": Case(lambda: processor.tokenize_texts(texts, truncation=True), len(texts), "bare tokenizer"),
    }
    return measure(cases, settings, "collate")


def concatenate(batches: list[list[dict]]) -> None:
    """Put the arrays of molecules one after the other, and do nothing else."""
    for rows in batches:
        for name in rows[0]:
            np.concatenate([np.atleast_1d(row[name]) for row in rows])
