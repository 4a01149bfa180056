"""Measure what each part of the pre-training objective buys for equal computing time: `python examples/ablate.py`.

Needs `pip install finemoltex[examples]`; uses the bundled corpus and several seeds per variant.
Takes about 5 minutes per run on one core (18 runs); finished runs are kept, so it can be interrupted and continued.
"""

import json
import math
import platform
import statistics
import sys
import time
from argparse import ArgumentParser
from pathlib import Path

import datasets
import torch
import transformers
from torch import Tensor, nn
from transformers import TrainerCallback

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
    parse_arguments,
    prepare_data,
)

TOOLS = ProcessorTools(FineMolTexFeatureExtractor, FineMolTexProcessor, FineMolTexDataCollator, train_motif_vocab)
VARIANTS = {
    "contrastive only": ["--word_loss_weight", "0", "--motif_loss_weight", "0"],
    "+ masked words": ["--motif_loss_weight", "0"],
    "+ masked motifs, token level": ["--motif_mask_level", "token"],
    "+ masked motifs, atom level": ["--motif_mask_level", "atom"],
    "random instead of importance masking": ["--masking", "random"],
    "paper instead of functional fragmentation": ["--fragmentation", "paper"],
}
COLUMNS = {
    "t2m_choose_one_of_20": "T=20 t→m",
    "m2t_choose_one_of_20": "T=20 m→t",
    "t2m_hits@10": "Hits@10 t→m",
    "t2m_mrr": "MRR t→m",
    "masked_motif_accuracy": "motifs",
    "motif_without_text": "without text",
    "motif_majority": "majority",
    "masked_word_accuracy": "words",
    "word_without_molecule": "without molecule",
    "word_majority": "majority",
}


class ConstantHead(nn.Module):
    """Always answers the most frequent label: the floor of a masked prediction."""

    def __init__(self, label: int, num_labels: int) -> None:
        super().__init__()
        self.register_buffer("scores", nn.functional.one_hot(torch.tensor(label), num_labels).float())

    def forward(self, states: Tensor, table: Tensor | None = None) -> Tensor:
        """Return the same scores everywhere. `(..., H)` -> `(..., V)`."""
        return self.scores.expand(*states.shape[:-1], -1)


class TimeBudget(TrainerCallback):
    """Stops training after so many seconds of processor time, which other programs on the machine do not shorten."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.end = seconds, math.inf

    def on_train_begin(self, args, state, control, **kwargs) -> None:
        """Start the clock."""
        self.end = time.process_time() + self.seconds

    def on_step_end(self, args, state, control, **kwargs) -> None:
        """Stop after the step that used the time up."""
        control.should_training_stop |= time.process_time() >= self.end


def most_frequent(rows: datasets.Dataset, column: str, excluded: list[int]) -> int:
    """Find the most frequent maskable label of the training rows."""
    labels = torch.cat([torch.as_tensor(labels) for labels in rows.with_format("numpy")[column][:]])
    return int(torch.bincount(labels[~torch.isin(labels, torch.tensor(excluded))]).argmax())


def hide(batch: dict[str, Tensor], config, side: str) -> dict[str, Tensor]:
    """Replace all words, or all atoms and bonds, of a batch by [MASK]."""
    if side == "text":
        special = torch.isin(batch["input_ids"], torch.tensor(list(config.special_token_ids)))
        return {**batch, "input_ids": batch["input_ids"].where(special, torch.tensor(config.mask_token_id))}
    masks = {
        "atom_features": config.graph_config.atom_feature_sizes,
        "edge_features": config.graph_config.bond_feature_sizes,
    }
    return {**batch, **{name: (torch.tensor(sizes) - 1).expand_as(batch[name]) for name, sizes in masks.items()}}


def measure(trainer, model, prepared, collator) -> dict[str, float]:
    """Evaluate on the validation rows: the model, the model with one side hidden, and the constant answers."""
    rows, config = trainer.eval_dataset, model.config

    def run(collate=collator) -> dict[str, float]:
        trainer.data_collator = collate
        metrics = {key.split("/")[1]: value for key, value in trainer.evaluate(rows).items() if "/" in key}
        return {key: value for key, value in metrics.items() if value == value}  # without what was not masked

    results = run()
    if not model.is_masked_modelling:
        return results
    floors = {
        "motif_without_text": run(lambda batch: hide(collator(batch), config, "text")).get("masked_motif_accuracy"),
        "word_without_molecule": run(lambda b: hide(collator(b), config, "molecule")).get("masked_word_accuracy"),
    }
    train = prepared.features["train"]
    words, motifs = config.text_config.vocab_size, config.graph_config.motif_vocab_size
    model.word_head = ConstantHead(most_frequent(train, "input_ids", list(config.special_token_ids)), words)
    model.motif_head = ConstantHead(most_frequent(train, "motif_ids", [0]), motifs)
    constant = run()
    floors["word_majority"] = constant.get("masked_word_accuracy")
    floors["motif_majority"] = constant.get("masked_motif_accuracy")
    return results | {key: value for key, value in floors.items() if value is not None}


def run_variant(name: str, seed: int, seconds: float, folder: Path, arguments: list[str]) -> dict[str, object]:
    """Train one variant from one seed and measure it."""
    options = [
        *VARIANTS[name],
        *arguments,
        "--output_dir",
        str(folder),
        "--save_strategy",
        "no",
        "--report_to",
        "none",
    ]
    options += ["--eval_strategy", "no", "--load_best_model_at_end", "False", "--resume_from_checkpoint"]
    # The number of steps is not known beforehand, so the learning rate cannot decay towards the end.
    options += ["--max_steps", "1000000", "--lr_scheduler_type", "constant_with_warmup"]
    model_args, data_args, training_args = parse_arguments(options)
    prepared = prepare_data(model_args, data_args, training_args, TOOLS)  # made once per fragmentation
    training_args.seed = seed
    model = build_model(model_args, prepared, seed)
    trainer = build_trainer(model, prepared, data_args, training_args, TOOLS)
    trainer.add_callback(TimeBudget(seconds))
    trainer.train()
    metrics = measure(trainer, model, prepared, trainer.data_collator)
    return {"variant": name, "seed": seed, "steps": trainer.state.global_step, "seconds": seconds, "metrics": metrics}


def format_table(results: list[dict]) -> str:
    """Write the mean and the standard deviation over the seeds of every variant as a Markdown table, in percent."""
    header = ["variant", "steps", *COLUMNS.values()]
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    for name in VARIANTS:
        runs = [result for result in results if result["variant"] == name]
        cells = [name, f"{statistics.mean(run['steps'] for run in runs):.0f}"] if runs else [name, "–"]
        for column in COLUMNS:
            values = [100 * run["metrics"][column] for run in runs if column in run["metrics"]]
            cells.append(f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}" if values[1:] else "–")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Run what is missing, then write the raw results and the table."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output_dir", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--seconds", type=float, default=190.0, help="Processor time of each training run.")
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--num_threads", type=int, default=torch.get_num_threads(), help="Threads of each run.")
    parser.add_argument("--table", type=Path, default=None, help="Write the table here, raw results beside it.")
    options, arguments = parser.parse_known_args()  # the rest goes to the training arguments
    torch.set_num_threads(options.num_threads)
    (options.output_dir / "runs").mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        for number, name in enumerate(VARIANTS):
            file = options.output_dir / "runs" / f"variant{number}-seed{seed}.json"
            if name in options.variants and not file.exists():
                fragmentation = "paper" if "--fragmentation" in VARIANTS[name] else "functional"
                result = run_variant(name, seed, options.seconds, options.output_dir / fragmentation, arguments)
                file.write_text(json.dumps(result | {"arguments": arguments}, indent=2), encoding="utf-8")
    results = [json.loads(file.read_text()) for file in sorted((options.output_dir / "runs").glob("*.json"))]
    table = format_table(results)
    print(table)
    if options.table is not None:
        machine = {"processor": platform.processor() or platform.machine(), "threads": options.num_threads}
        machine |= {"torch": torch.__version__, "transformers": transformers.__version__}
        options.table.write_text(table + "\n", encoding="utf-8")
        raw = {"machine": machine, "runs": results}
        options.table.with_suffix(".json").write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
