"""Time whole pre-training steps: `python examples/benchmark_pretraining.py [--preset small] [--dataset pairs.csv]`.

Needs `pip install finemoltex[examples]`; the text encoder has random weights and a tokenizer trained on the texts.
Takes about a minute for the paper preset (191 million parameters, 8 GB) on two CPU cores.
"""

import json
import platform
import resource
import statistics
import sys
import time
from argparse import ArgumentParser
from pathlib import Path

import torch
import torch_geometric
import transformers

from modeling_finemoltex import (
    FineMolTexConfig,
    FineMolTexFeatureExtractor,
    FineMolTexForPreTraining,
    FineMolTexProcessor,
    load_chemicals_pairs,
    load_pairs,
)
from modeling_finemoltex.data import write_text
from modeling_finemoltex.training import build_text_model


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


def time_steps(model, processor, pairs, batch_size: int, num_steps: int) -> tuple[list[float], list[int]]:
    """Run steps on consecutive batches; return seconds and padded text lengths, the first (warm-up) step left out."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    seconds, lengths = [], []
    for step in range(num_steps + 1):
        rows = pairs[step * batch_size : (step + 1) * batch_size]
        start = time.perf_counter()
        batch = processor(smiles=rows["smiles"], text=rows["text"], padding=True, truncation=True, return_tensors="pt")
        model(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - start)
        lengths.append(batch["input_ids"].shape[1])
    return seconds[1:], lengths[1:]


def main() -> int:
    """Measure and write JSON."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default=None, help="Pairs as for pretrain.py; none: the bundled corpus.")
    parser.add_argument("--preset", default="paper", choices=("tiny", "small", "paper"))
    parser.add_argument("--fragmentation", default="paper", choices=("paper", "functional"))
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--num_steps", type=int, default=8)
    parser.add_argument("--num_threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path, default=None, help="Write the figures here as JSON.")
    options = parser.parse_args()
    torch.set_num_threads(options.num_threads)
    torch.manual_seed(0)

    pairs = load_chemicals_pairs(0) if options.dataset is None else load_pairs(options.dataset)
    model, processor = build(options.preset, pairs["text"][:], options.fragmentation)
    seconds, lengths = time_steps(model, processor, pairs, options.batch_size, options.num_steps)
    result = {
        "preset": options.preset,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "batch_size": options.batch_size,
        "tokens_per_text": lengths,
        "seconds_per_pair": [round(value / options.batch_size, 3) for value in seconds],
        "median_seconds_per_pair": round(statistics.median(seconds) / options.batch_size, 3),
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "threads": options.num_threads,
        "machine": platform.machine(),
        "torch": torch.__version__,
        "torch_geometric": torch_geometric.__version__,
        "transformers": transformers.__version__,
    }
    print(json.dumps(result, indent=2))
    if options.output is not None:
        write_text(options.output, json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
