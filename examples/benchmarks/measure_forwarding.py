"""How fast do the two towers read batches? Beside a plain dual encoder of the same size, compiled, and by length."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from benchmark_cases import Case, measure
from benchmark_inputs import Inputs, Settings, count_parameters
from plain_dual_encoder import PlainDualEncoder

BATCH = 64


def benchmark(inputs: Inputs, settings: Settings) -> dict[str, dict]:
    """Measure both towers on batches that are at hand."""
    torch.manual_seed(settings.seed)
    model = inputs.encoder.model
    plain = PlainDualEncoder(model.config).to(settings.device, settings.torch_dtype).eval()
    size = settings.batch_size or BATCH
    smiles, texts = inputs.take_pairs(settings.scale(512, 16))
    smiles, texts = inputs.smiles[: len(texts)] or smiles, texts
    molecules = make_batches(inputs, size, smiles=smiles)
    words = make_batches(inputs, size, text=texts)
    sorted_words = make_batches(inputs, size, text=sorted(texts, key=len))
    both = {"parameters": count_parameters(model.base_model)}, {"parameters": count_parameters(plain)}
    cases = {
        "molecules, plain": run_case(lambda batch: plain.embed_molecules(batch), molecules, len(smiles), both[1]),
        "molecules": run_case(molecule_tower(model), molecules, len(smiles), both[0], "molecules, plain"),
        "texts, plain": run_case(lambda batch: plain.embed_texts(batch), words, len(texts), both[1]),
        "texts": run_case(text_tower(model), words, len(texts), both[0], "texts, plain"),
        "texts by length": run_case(text_tower(model), sorted_words, len(texts), {}, "texts"),
    }
    if settings.compile:
        tower = torch.compile(model.get_molecule_features, dynamic=True)
        reader = torch.compile(model.get_text_features, dynamic=True)
        cases["molecules, compiled"] = run_case(
            lambda batch: tower(**batch), molecules, len(smiles), {}, "molecules"
        )  # fmt: skip
        cases["texts, compiled"] = run_case(lambda batch: reader(**batch), words, len(texts), {}, "texts")
    return measure(cases, settings, "forward")


def make_batches(inputs: Inputs, size: int, **rows: list[str]) -> list[dict[str, Any]]:
    """Make batches of consecutive molecules or texts, on the device."""
    ((name, values),) = rows.items()
    options = {} if name == "smiles" else {"padding": True, "max_length": inputs.encoder.max_length}
    processor, device = inputs.encoder.processor, inputs.settings.device
    parts = [values[start : start + size] for start in range(0, len(values), size)]
    return [dict(processor(**{name: part}, return_tensors="pt", **options).to(device)) for part in parts]


def molecule_tower(model: Any) -> Callable[[dict], Any]:
    """Give the tower of molecules as a function of a batch."""
    return lambda batch: model.get_molecule_features(**batch)


def text_tower(model: Any) -> Callable[[dict], Any]:
    """Give the tower of texts as a function of a batch."""
    return lambda batch: model.get_text_features(**batch)


def run_case(tower: Callable, batches: list[dict], count: int, figures: dict, baseline: str | None = None) -> Case:
    """Run a tower over all batches without gradients."""
    return Case(partial(_run, tower, batches), count, baseline, figures)


@torch.inference_mode()
def _run(tower: Callable, batches: list[dict]) -> None:
    for batch in batches:
        tower(batch)
