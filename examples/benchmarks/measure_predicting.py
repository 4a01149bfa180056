"""How fast are properties predicted? A fine-tuned model beside its encoder alone."""

import torch
from benchmark_cases import Case, measure
from benchmark_inputs import Inputs, Settings

from modeling_finemoltex import FineMolTexForPropertyPrediction
from modeling_finemoltex.property_prediction import PropertyPredictor

BATCH = 64


def benchmark(inputs: Inputs, settings: Settings) -> dict[str, dict]:
    """Measure predictions of one task by a head with random weights, which take as long as those of a trained one."""
    torch.manual_seed(settings.seed)
    model = FineMolTexForPropertyPrediction.from_pretrained(
        inputs.model, num_labels=1, problem_type="multi_label_classification", dtype=settings.torch_dtype
    ).to(settings.device)
    predictor = PropertyPredictor(model, inputs.encoder.processor)
    smiles = inputs.smiles[: settings.scale(512, 16)]
    parts = [smiles[start : start + BATCH] for start in range(0, len(smiles), BATCH)]
    cases = {
        "encode": Case(lambda: [inputs.encoder.encode_molecules(part) for part in parts], len(smiles)),
        "predict": Case(lambda: [predictor.predict(part) for part in parts], len(smiles), "encode"),
    }
    return measure(cases, settings, "predict")
