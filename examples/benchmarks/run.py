"""How fast is everything on my machine? `python examples/benchmarks/run.py --only featurise encode search`.

Needs `pip install -e ".[examples,retrieval,editing,onnx]"` and no data: without files it takes the molecules and names
of the package `chemicals` and the model that comes with the package. Takes: an hour for everything on a CPU core, a
minute or two for most names alone, or for everything with `--smoke`.

Cases of a benchmark take turns after a warm-up. Each file of `--output` holds the machine, the versions, the settings
and, for each case, median and quartiles of wall and processor time, units per second, the most memory held, and the
ratio of its rate to that of its baseline in the same rounds. `examples/write_results.py` makes the table of the docs.
"""

import argparse
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from benchmark_cases import FORM, KINDS, describe_machine, list_versions
from benchmark_inputs import DTYPES, Inputs, Settings
from measure_training import BATCHES

from modeling_finemoltex.data import write_text

# Name -> module with a function `benchmark(inputs, settings)`, and what it measures.
BENCHMARKS = {
    "featurise": ("measure_featurizing", "molecules to tensors, batches of them, tokens of texts"),
    "forward": ("measure_forwarding", "the two towers on batches"),
    "step": ("measure_training", "pre-training steps of the presets"),
    "mini-batches": ("measure_mini_batches", "memory and time of one large batch in mini-batches"),
    "encode": ("measure_encoding", "molecules, texts and files to embeddings"),
    "evaluate": ("measure_ranking", "a retrieval protocol on embeddings"),
    "export": ("measure_exporting", "single queries by the exported model"),
    "search": ("measure_searching", "building, opening and searching an index; re-scoring by tokens"),
    "edit": ("measure_editing", "edits by search and by latents"),
    "predict": ("measure_predicting", "properties by a fine-tuned model"),
    "start": ("measure_starting", "commands from their start to their end"),
}
METHODS = ("flat", "hnsw", "ivf_flat", "ivf_pq")


def parse_arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    listed = "; ".join(f"{name}: {what}" for name, (_, what) in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=listed
    )
    add = parser.add_argument
    add("--only", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS), metavar="NAME", help="see below")
    add("--smoke", action="store_true", help="sizes of a test: the figures mean nothing")
    add("--model", default="", help="model folder or Hub id; the one of the package, if absent")
    add(
        "--editing_model", default="", help="editing folder with a generator; the small one of the checkout, if absent"
    )
    add("--export", type=Path, help="folder that finemoltex export wrote of the model; made anew, if absent")
    add("--molecules", type=Path, help="file of molecules, instead of those of the pairs")
    add("--smiles_column", help="its SMILES column")
    add("--pairs", help="pairs as for pretrain.py, instead of the names of the package chemicals")
    add("--embeddings", type=Path, nargs="+", default=(), help="embedding folder to index, and others to search with")
    add("--sizes", type=int, nargs="+", default=Settings.sizes, help="vectors of the indices")
    add("--methods", nargs="+", choices=METHODS, default=METHODS, help="kinds of index")
    add("--presets", nargs="+", choices=BATCHES, default=Settings.presets, help="sizes of the pre-training step")
    add("--batch_size", type=int, help="rows of a batch, instead of the usual number of each benchmark")
    add("--device", default="cpu", help="such as cuda")
    add("--dtype", default="float32", choices=DTYPES, help="type to compute in; steps keep their weights in float32")
    add("--compile", action="store_true", help="measure compiled towers and steps too")
    add("--threads", type=int, default=1, help="of torch and faiss")
    add("--repeats", type=int, default=5, help="rounds")
    add("--warm_up", type=int, default=1, help="rounds before that")
    add("--clock", choices=KINDS, help="of rates and ratios: processor (the usual one on a CPU) or wall")
    add("--seed", type=int, default=0, help="of weights, samples and mixtures")
    add("--quiet", action="store_true", help="no progress bars")
    add("--output", type=Path, help="folder for NAME.json")
    arguments = parser.parse_args(words)
    check(parser, arguments)
    return arguments


def check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Refuse what cannot be measured."""
    least = {"threads": 1, "repeats": 1, "warm_up": 0}
    for name, number in least.items():
        if getattr(arguments, name) < number:
            parser.error(f"--{name} is {getattr(arguments, name)}: give a whole number from {number} on.")
    for name in ("sizes", "batch_size"):
        value = getattr(arguments, name)
        for one in value if isinstance(value, list | tuple) else [value]:
            if one is not None and one < (2 if name == "batch_size" else 100):
                parser.error(f"--{name} has {one}: give at least {2 if name == 'batch_size' else 100}.")
    try:
        device = torch.device(arguments.device)
    except RuntimeError:
        parser.error(f"--device {arguments.device!r} is unknown: give cpu, cuda, cuda:1 or mps.")
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if device.type != "cpu" and (accelerator is None or accelerator.type != device.type):
        there = "none is" if accelerator is None else f"{accelerator.type} is"
        parser.error(f"--device {arguments.device}: PyTorch finds no such device here, {there}.")
    for file in (arguments.molecules, arguments.export, *arguments.embeddings):
        if file is not None and not file.exists():
            parser.error(f"{file} does not exist.")


def make_settings(arguments: argparse.Namespace) -> Settings:
    """Take the settings from the command line."""
    names = Settings.__dataclass_fields__
    found = {name: value for name, value in vars(arguments).items() if name in names and value is not None}
    found = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
    if arguments.clock is None:
        found["clock"] = "processor" if torch.device(arguments.device).type == "cpu" else "wall"
    if arguments.smoke:
        found |= {"repeats": 1, "warm_up": 0, "presets": ("tiny",)}
    return Settings(**found)


def run_benchmark(name: str, inputs: Inputs, settings: Settings) -> dict[str, Any]:
    """Run one benchmark and put its figures into the common form."""
    hidden = ("quiet", "molecules", "pairs", "embeddings", "model", "editing_model", "export")
    written = {key: value for key, value in vars(settings).items() if key not in hidden}
    cases = importlib.import_module(BENCHMARKS[name][0]).benchmark(inputs, settings)
    return {
        "form": FORM,
        "benchmark": name,
        "measures": BENCHMARKS[name][1],
        "model": Path(inputs.model).name,
        "source": inputs.source,
        "machine": describe_machine(settings.device),
        "versions": list_versions(),
        "settings": written,
        "cases": cases,
    }


def print_cases(result: dict[str, Any]) -> None:
    """Print a line for each case."""
    print(f"\n{result['benchmark']}: {result['measures']}")
    for name, case in result["cases"].items():
        ratio = f"{case['ratio']['median']:8.3f} x {case['baseline']}" if "ratio" in case else ""
        further = ", ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in case.get("figures", {}).items()
        )
        memory = f"{case['peak_memory_mb']:8.0f} MB" if "peak_memory_mb" in case else " " * 11
        print(f"  {name:<32} {case['per_second']:12.1f} / {case['clock']} s {memory} {ratio}  {further}".rstrip())


def main() -> int:
    """Measure what was asked for; write each file as soon as it is known."""
    arguments = parse_arguments()
    settings = make_settings(arguments)
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    inputs = Inputs(settings)
    for name in arguments.only:
        result = run_benchmark(name, inputs, settings)
        print_cases(result)
        if arguments.output is not None:
            arguments.output.mkdir(parents=True, exist_ok=True)
            write_text(arguments.output / f"{name}.json", json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
