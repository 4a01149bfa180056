"""How much memory do mini-batches save, and what do they cost? `python examples/benchmark_mini_batches.py`.

One contrastive step of a preset on a large batch, at once and in mini-batches, each in a process of its own: memory on
top of the model and the batch, seconds, loss, and the cosine of the two gradients. Needs nothing but the package; the
pairs are those of the package `chemicals`, or `--dataset PAIRS`. Takes a minute or two on a CPU core.
"""

import json
import multiprocessing
import platform
import resource
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import torch
import transformers
from benchmark_pretraining import build

from modeling_finemoltex import FineMolTexForPreTraining, load_chemicals_pairs, load_pairs
from modeling_finemoltex.data import write_text


def take_step(options: Namespace, size: int | None) -> dict[str, Any]:
    """Compute the gradient of one batch, in mini-batches of `size` pairs or at once."""
    torch.set_num_threads(options.num_threads)
    torch.manual_seed(0)
    pairs = load_chemicals_pairs(0) if options.dataset is None else load_pairs(options.dataset)
    rows = pairs[: options.batch_size]
    model, processor = build(options.preset, rows["text"], "functional")
    model = _leave_contrastive(model)
    words = {"padding": True, "truncation": True, "max_length": options.max_text_length, "return_tensors": "pt"}
    batch = processor(smiles=rows["smiles"], text=rows["text"], **words)
    numbers = torch.arange(len(rows["text"]))
    small = processor(smiles=rows["smiles"][:8], text=rows["text"][:8], **words)
    model(**small, seeds=numbers[:8], mini_batch_size=4).loss.backward()  # what every step needs is there
    model.zero_grad()
    before, start = _peak(), time.perf_counter()
    loss = model(**batch, seeds=numbers, mini_batch_size=size).loss
    loss.backward()
    seconds = time.perf_counter() - start
    gradient = torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None])
    return {"loss": loss.item(), "seconds": seconds, "memory_mb": _peak() - before, "gradient": gradient.numpy()}


def _leave_contrastive(model: FineMolTexForPreTraining) -> FineMolTexForPreTraining:
    """Leave the contrastive objective alone, without dropout, which would draw other numbers for other shapes."""
    for name in [name for name in model.objectives if name != "contrastive"]:
        del model.objectives[name]
    model.config.objectives = {"contrastive": model.config.objectives["contrastive"]}
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def _peak() -> float:
    """Most memory that this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> int:
    """Measure both ways and write JSON."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default=None, help="Pairs as for pretrain.py; none: the bundled corpus.")
    parser.add_argument("--preset", default="small", choices=("tiny", "small", "paper"))
    parser.add_argument("--batch_size", type=int, default=1024)
    parser.add_argument("--mini_batch_size", type=int, default=32)
    parser.add_argument("--max_text_length", type=int, default=128)
    parser.add_argument("--num_threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path, default=None, help="Write the figures here as JSON.")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")  # memory that one way took must not be there for the other
    found = {}
    for name, size in (("whole", None), ("mini", options.mini_batch_size)):
        with context.Pool(1) as pool:
            found[name] = pool.apply(take_step, (options, size))
    gradients = [torch.from_numpy(one.pop("gradient")).double() for one in found.values()]
    result = {
        "settings": {name: value for name, value in vars(options).items() if name != "output"},
        **found,
        "memory_ratio": found["mini"]["memory_mb"] / found["whole"]["memory_mb"],
        "time_ratio": found["mini"]["seconds"] / found["whole"]["seconds"],
        "gradient_cosine": float(torch.cosine_similarity(*gradients, dim=0)),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    print(json.dumps(result, indent=2))
    if options.output is not None:
        write_text(options.output, json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
