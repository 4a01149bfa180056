"""Measure what a choice in pre-training buys for equal computing time: every variant of a file, several seeds.

`python examples/ablate.py [RECIPE.yaml] --variants examples/ablations/objective.yaml [options of pretrain.py]`
Needs `pip install finemoltex[examples]`. Takes --seconds of processor time per run, beside preparation and
evaluation; finished runs are kept, so it can be interrupted and continued.
"""

import json
import platform
import statistics
import sys
import time
import zlib
from argparse import ArgumentParser
from pathlib import Path

import torch
import transformers
import yaml

from modeling_finemoltex import (
    FineMolTexDataCollator,
    FineMolTexFeatureExtractor,
    FineMolTexProcessor,
    train_motif_vocab,
)
from modeling_finemoltex.training import (
    ProcessorTools,
    build_model,
    build_trainer,
    evaluate_with_floors,
    option_words,
    parse_arguments,
    preparation_settings,
    prepare_data,
)

TOOLS = ProcessorTools(FineMolTexFeatureExtractor, FineMolTexProcessor, FineMolTexDataCollator, train_motif_vocab)
PROBE_STEPS = 12  # to learn how long a step takes; the first ones are slower
COLUMNS = {
    "t2m_choose_one_of_20": "T=20 t→m",
    "m2t_choose_one_of_20": "T=20 m→t",
    "t2m_hits@1": "Hits@1 t→m",
    "t2m_hits@10": "Hits@10 t→m",
    "t2m_mrr": "MRR t→m",
    "masked_motif_accuracy": "motifs",
    "motif_without_text": "without text",
    "motif_majority": "majority",
    "masked_word_accuracy": "words",
    "word_without_molecule": "without molecule",
    "word_majority": "majority",
}


def train(words: list[str], max_steps: int, seed: int, folder: Path) -> tuple:
    """Train for so many steps; returns the trainer, the prepared data and the processor seconds of the training."""
    words = [*words, "--max_steps", str(max_steps), "--save_strategy", "no", "--report_to", "none"]
    words += ["--eval_strategy", "no", "--load_best_model_at_end", "False", "--resume_from_checkpoint"]
    model_args, data_args, training_args = parse_arguments(words)
    settings = json.dumps(preparation_settings(model_args, data_args, training_args.seed), sort_keys=True)
    training_args.output_dir = str(
        folder / f"{zlib.crc32(settings.encode()):08x}"
    )  # variants of the same data share it
    prepared = prepare_data(model_args, data_args, training_args, TOOLS)
    training_args.seed = seed
    trainer = build_trainer(build_model(model_args, prepared, seed), prepared, data_args, training_args, TOOLS)
    start = time.process_time()
    trainer.train()
    return trainer, prepared, time.process_time() - start


def run_variant(options: dict, base: list[str], seed: int, seconds: float, folder: Path) -> dict:
    """Train one variant from one seed for its time, and measure it."""
    words = [*base, *option_words(options)]
    max_steps = max(1, int(seconds * PROBE_STEPS / train(words, PROBE_STEPS, seed, folder)[2]))
    trainer, prepared, used = train(words, max_steps, seed, folder)
    metrics = evaluate_with_floors(trainer, prepared.features["train"])
    return {"seed": seed, "steps": max_steps, "seconds": round(used, 1), "options": options, "metrics": metrics}


def format_table(variants: dict, results: list[dict]) -> str:
    """Write the mean and the standard deviation over the seeds of every variant as a Markdown table, in percent."""
    header = ["variant", "seeds", "steps", *COLUMNS.values()]
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    for name in variants:
        runs = [result for result in results if result["variant"] == name]
        cells = [name, f"{len(runs)}", f"{statistics.mean(run['steps'] for run in runs):.0f}" if runs else "–"]
        for column in COLUMNS:
            values = [100 * run["metrics"][column] for run in runs if column in run["metrics"]]
            spread = f" ± {statistics.stdev(values):.1f}" if values[1:] else ""
            cells.append(f"{statistics.mean(values):.1f}{spread}" if values else "–")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Run what is missing; after each run write the table and the raw results."""
    parser = ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--variants", type=Path, required=True, help="YAML: name of each variant and its options.")
    parser.add_argument("--output_dir", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--seconds", type=float, default=190.0, help="Processor time of each training run.")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="Threads of each run.")
    options, base = parser.parse_known_args()  # the rest goes to the training arguments
    variants = yaml.safe_load(options.variants.read_text(encoding="utf-8"))
    raw = options.output_dir / f"{options.variants.stem}.json"
    raw.parent.mkdir(parents=True, exist_ok=True)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    report = {"processor": platform.machine(), "threads": options.threads, **versions, "base": base, "runs": []}
    report = json.loads(raw.read_text(encoding="utf-8")) if raw.is_file() else report
    torch.set_num_threads(options.threads)
    for seed in options.seeds:
        for name, choices in variants.items():
            if not any((run["variant"], run["seed"]) == (name, seed) for run in report["runs"]):
                run = run_variant(choices or {}, base, seed, options.seconds, options.output_dir)
                report["runs"].append({"variant": name, **run})
                raw.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    table = format_table(variants, report["runs"])
    raw.with_suffix(".md").write_text(table + "\n", encoding="utf-8")
    print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
