"""How fast are texts and molecules ranked for an evaluation? Beside the bare product and sorting of the scores."""

import numpy as np
import torch
from benchmark_cases import Case, measure
from benchmark_inputs import Inputs, Settings

from modeling_finemoltex import evaluate_retrieval


def benchmark(inputs: Inputs, settings: Settings) -> dict[str, dict]:
    """Measure the full protocol on random vectors, whose values do not change its speed."""
    random = np.random.default_rng(settings.seed)
    rows, others, width = settings.scale(3_301, 40), settings.scale(29_709, 80), inputs.encoder.embedding_size
    molecules, texts, further = (
        random.normal(size=(number, width)).astype(np.float32) for number in (rows, rows, others)
    )
    pool = torch.from_numpy(np.concatenate([molecules, further]))
    queries = torch.from_numpy(texts)
    cases = {
        "product and sorting": Case(lambda: sort_scores(queries, pool), rows),
        "evaluate": Case(
            lambda: evaluate_retrieval(molecules, texts, "benchmark", extra_molecule_embeds=further),
            rows,
            "product and sorting",
            {"molecules": len(pool)},
        ),
    }
    return measure(cases, settings, "evaluate")


def sort_scores(queries: torch.Tensor, pool: torch.Tensor) -> None:
    """Sort the candidates of each query, 256 queries at a time, in the direction that evaluation asks first."""
    for part in queries.split(256):
        (part @ pool.T).argsort(dim=1, descending=True)
