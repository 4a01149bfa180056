"""How much memory do mini-batches save, and what do they cost? One contrastive step on a large batch, both ways.

Each way runs in a process of its own: memory on top of the model and the batch, seconds, loss, and the cosine of the
two gradients.
"""

import multiprocessing
from typing import Any

import torch
from benchmark_cases import Case, Clock, Memory, describe
from benchmark_inputs import Inputs, Settings
from measure_training import TOKENIZER_TEXTS, build

from modeling_finemoltex import FineMolTexForPreTraining

PAIRS, MINI_BATCH, LONGEST = 1024, 32, 128
NAMES = ("at once", "in mini-batches")


def benchmark(inputs: Inputs, settings: Settings) -> dict[str, dict]:
    """Measure both ways."""
    context = multiprocessing.get_context("spawn")  # memory that one way took must not be there for the other
    found = {}
    for name in NAMES:
        with context.Pool(1) as pool:
            found[name] = pool.apply(take_step, (settings, name))
    gradients = [torch.from_numpy(one.pop("gradient")).double() for one in found.values()]
    pairs = settings.scale(PAIRS, 12)
    figures = {
        "gradient_cosine": float(torch.cosine_similarity(*gradients, dim=0)),
        "mini_batch": settings.scale(MINI_BATCH, 4),
    }
    whole, mini = (found[name] for name in NAMES)
    figures["memory_ratio"] = mini["memory"]["added_memory_mb"] / max(whole["memory"]["added_memory_mb"], 1e-9)
    cases = {NAMES[0]: Case(print, pairs, None, {"loss": whole["loss"]})}
    cases[NAMES[1]] = Case(print, pairs, NAMES[0], figures | {"loss": mini["loss"]})
    laps = {name: [one["lap"]] for name, one in found.items()}
    return {name: describe(name, cases, laps, settings) | found[name]["memory"] for name in NAMES}


def take_step(settings: Settings, name: str) -> dict[str, Any]:
    """Compute the gradient of one batch, in mini-batches or at once."""
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    inputs, pairs = Inputs(settings), settings.scale(PAIRS, 12)
    size = settings.scale(MINI_BATCH, 4) if name == NAMES[1] else None
    smiles, texts = inputs.take_pairs(pairs)
    tokenizer_texts = inputs.pairs["text"][: settings.scale(TOKENIZER_TEXTS, 200)]
    model, processor = build(settings.presets[0], tokenizer_texts, "functional")
    model = leave_contrastive(model).to(settings.device)
    words = {"padding": True, "truncation": True, "max_length": LONGEST, "return_tensors": "pt"}
    batch = processor(smiles=smiles, text=texts, **words).to(settings.device)
    numbers = torch.arange(pairs, device=settings.device)
    small = processor(smiles=smiles[:8], text=texts[:8], **words).to(settings.device)
    model(**small, seeds=numbers[:8], mini_batch_size=4).loss.backward()  # what every step needs is there
    model.zero_grad()
    held, clock = Memory(settings.device), Clock(settings.device)
    held.start()
    clock.lap()
    with settings.autocast():
        loss = model(**batch, seeds=numbers, mini_batch_size=size).loss
    loss.backward()
    lap, memory = clock.lap(), held.stop()
    gradient = torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None])
    return {"loss": loss.item(), "lap": lap, "memory": memory, "gradient": gradient.cpu().numpy()}


def leave_contrastive(model: FineMolTexForPreTraining) -> FineMolTexForPreTraining:
    """Leave the contrastive objective alone, without dropout, which would draw other numbers for other shapes."""
    for name in [name for name in model.objectives if name != "contrastive"]:
        del model.objectives[name]
    model.config.objectives = {"contrastive": model.config.objectives["contrastive"]}
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model
