"""How fast does an exported model answer, one query at a time? Beside the model itself, by PyTorch."""

from collections.abc import Callable
from functools import partial

from benchmark_cases import Case, measure
from benchmark_inputs import Inputs, Settings

from modeling_finemoltex.runtime import OnnxMoleculeTextEncoder


def benchmark(inputs: Inputs, settings: Settings) -> dict[str, dict]:
    """Measure single texts and single molecules; the exported graphs run on the CPU whatever the device is."""
    exported = OnnxMoleculeTextEncoder(inputs.export, num_threads=settings.threads)
    number = settings.scale(50, 3)
    texts, smiles = inputs.texts[:number], inputs.smiles[:number]
    cases = {
        "text": Case(partial(run_singly, inputs.encoder.encode_texts, texts), len(texts)),
        "text, exported": Case(partial(run_singly, exported.encode_texts, texts), len(texts), "text"),
        "molecule": Case(partial(run_singly, inputs.encoder.encode_molecules, smiles), len(smiles)),
        "molecule, exported": Case(partial(run_singly, exported.encode_molecules, smiles), len(smiles), "molecule"),
    }
    return measure(cases, settings, "export")


def run_singly(encode: Callable[[list[str]], object], rows: list[str]) -> None:
    """Embed one row after the other."""
    for row in rows:
        encode([row])
