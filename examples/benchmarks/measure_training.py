"""How long does a pre-training step take? Beside a plain dual encoder of the same size, on the same batches."""

from collections.abc import Callable
from functools import partial
from itertools import cycle
from typing import Any

import torch
from benchmark_cases import Case, measure
from benchmark_inputs import Inputs, Settings, count_parameters
from plain_dual_encoder import PlainDualEncoder

from modeling_finemoltex import (
    FineMolTexConfig,
    FineMolTexFeatureExtractor,
    FineMolTexForPreTraining,
    FineMolTexProcessor,
)
from modeling_finemoltex.training import build_text_model

BATCHES = {"tiny": 8, "small": 32, "paper": 4}
TOKENIZER_TEXTS = 20_000


def build(preset: str, texts: list[str], fragmentation: str) -> tuple[FineMolTexForPreTraining, FineMolTexProcessor]:
    """Build the model of a preset with random weights, and a processor whose vocabularies fit it."""
    words = FineMolTexConfig.from_preset(preset).text_config.vocab_size
    tokenizer, _ = build_text_model("scratch", texts, words, max_length=512)
    extractor = FineMolTexFeatureExtractor(fragmentation=fragmentation)
    config = FineMolTexConfig.from_preset(
        preset,
        motif_config={"vocab_size": extractor.motif_vocab_size},
        mask_token_id=tokenizer.mask_token_id,
        special_token_ids=tokenizer.all_special_ids,
    )
    return FineMolTexForPreTraining(config).train(), FineMolTexProcessor(extractor, tokenizer)


def benchmark(inputs: Inputs, settings: Settings) -> dict[str, dict]:
    """Measure a step of each preset: all its objectives, the contrastive one alone, and the plain encoder."""
    found: dict[str, dict] = {}
    for preset in settings.presets:
        found |= measure_preset(preset, inputs, settings)
    return found


def measure_preset(preset: str, inputs: Inputs, settings: Settings) -> dict[str, dict]:
    """Measure the steps of one preset on batches that are at hand."""
    torch.manual_seed(settings.seed)
    size = settings.batch_size or settings.scale(BATCHES[preset], 2)
    smiles, texts = inputs.take_pairs(size * settings.scale(4, 2))
    model, processor = build(preset, inputs.pairs["text"][: settings.scale(TOKENIZER_TEXTS, 200)], "functional")
    batches = make_batches(processor, smiles, texts, size, model.config, settings)
    plain = PlainDualEncoder(model.config).to(settings.device).train()
    model = model.to(settings.device)
    forward = torch.compile(model, dynamic=True) if settings.compile else model
    facts = {"parameters": count_parameters(model), "tokens_per_text": batches[0]["input_ids"].shape[1]}
    base = f"{preset}, plain"
    optimizers = [make_optimizer(one, settings) for one in (plain, model)]
    cases = {
        base: Case(
            make_step(optimizers[0], plain, batches, settings), size, None, {"parameters": count_parameters(plain)}
        )
    }
    whole = make_step(optimizers[1], lambda batch: model(**batch).loss, batches, settings)
    cases[f"{preset}, all objectives"] = Case(whole, size, base, facts)
    alone = make_step(optimizers[1], lambda batch: contrast(model, batch), batches, settings)
    cases[f"{preset}, contrastive alone"] = Case(alone, size, base, {})
    if settings.compile:
        quick = make_step(optimizers[1], lambda batch: forward(**batch).loss, batches, settings)
        cases[f"{preset}, compiled"] = Case(quick, size, f"{preset}, all objectives", {})
    return measure(cases, settings, f"step, {preset}")


def make_batches(
    processor: Any, smiles: list[str], texts: list[str], size: int, config: Any, settings: Settings
) -> list[dict[str, Any]]:
    """Make padded batches of pairs, on the device."""
    longest = min(512, config.text_config.max_position_embeddings)
    options = {"padding": True, "truncation": True, "max_length": longest, "return_tensors": "pt"}
    starts = range(0, len(smiles), size)
    parts = [(smiles[start : start + size], texts[start : start + size]) for start in starts]
    return [dict(processor(smiles=one, text=other, **options).to(settings.device)) for one, other in parts]


def contrast(model: FineMolTexForPreTraining, batch: dict[str, Any]) -> torch.Tensor:
    """Compute the contrastive loss and nothing that it does not read."""
    objectives = model.objectives
    model.objectives = torch.nn.ModuleDict({"contrastive": objectives["contrastive"]})
    try:
        return model(**batch).loss
    finally:
        model.objectives = objectives


def make_optimizer(model: torch.nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """Make an AdamW for a model, fused on an accelerator."""
    return torch.optim.AdamW(model.parameters(), lr=1e-5, fused=torch.device(settings.device).type == "cuda")


def make_step(
    optimizer: torch.optim.Optimizer, loss: Callable[[dict], torch.Tensor], batches: list[dict], settings: Settings
) -> Callable[[], None]:
    """Give a function that takes one step on the next batch."""
    return partial(_step, loss, optimizer, cycle(batches), settings)


def _step(loss: Callable, optimizer: torch.optim.Optimizer, batches: Any, settings: Settings) -> None:
    with settings.autocast():
        found = loss(next(batches))
    found.backward()
    optimizer.step()
    optimizer.zero_grad()
