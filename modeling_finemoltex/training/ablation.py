"""Ablation: variants of a pre-training run for equal processor time, several seeds each, compared seed by seed."""

import json
import statistics
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..embedding.encoder import MoleculeTextEncoder
from ..evaluation.structure_queries import PRECISION_AT, StructurePool, evaluate_structure_queries, score_by_model
from .command_line import parse_arguments
from .concept_fitting import finish_concepts
from .fitting import finish_fitted
from .guessing_baselines import evaluate_against_guessing
from .preparation import preparation_settings, prepare_data
from .pretraining import build_model, build_trainer
from .recipe import option_words

PROBE_STEPS = 32  # to learn how long a step takes on average, the rare ones with masked losses among them
DECIDING = "t2m_mrr"
COLUMNS = {
    "t2m_choose_one_of_20": "T=20 t→m",
    "m2t_choose_one_of_20": "T=20 m→t",
    "t2m_hits@1": "Hits@1 t→m",
    "m2t_hits@1": "Hits@1 m→t",
    "t2m_hits@10": "Hits@10 t→m",
    "t2m_mrr": "MRR t→m",
    "structure_single_p@10": "one group, P@10",
    "structure_pair_p@10": "two groups, P@10",
    "masked_motif_accuracy": "motifs",
    "motif_without_text": "without text",
    "motif_with_other_text": "with another text",
    "motif_neighbourhood": "neighbourhood",
    "motif_majority": "majority",
    "masked_word_accuracy": "words",
    "word_without_molecule": "without molecule",
    "word_majority": "majority",
}


def run_variant(
    options: Mapping[str, Any],
    base: Sequence[str],
    seed: int,
    seconds: float | None,
    folder: Path,
    steps: int | None = None,
    pool: StructurePool | None = None,
) -> dict:
    """Train one variant from one seed for its time or steps, and measure it on the validation split.

    Args:
        options (mapping): Options of pre-training by which the variant differs, as in a recipe.
        base (sequence of `str`): Words of the command line common to all variants.
        seed (`int`): Of weights, order and masks; the data are prepared with the seed in `base` alone.
        seconds (`float`, *optional*): Processor time of the training, all threads together; preparation and
            evaluation come on top.
        folder (`Path`): For the prepared data, which variants of the same data share.
        steps (`int`, *optional*): Steps of the training, instead of `seconds`.
        pool ([`StructurePool`], *optional*): Asked queries about structure too, by all scores that the model has.

    Returns:
        `dict`, ready for JSON: `seed`, `steps`, `seconds`, `options` and `metrics`.

    Raises:
        ValueError: If neither or both of `seconds` and `steps` are given.
    """
    if (seconds is None) == (steps is None):
        raise ValueError(f"Give either `seconds` or `steps`: got {seconds} and {steps}.")
    words = [*base, *option_words(dict(options))]
    if steps is None:
        steps = max(1, int(seconds * PROBE_STEPS / _train(words, PROBE_STEPS, seed, folder)[2]))
    trainer, prepared, used = _train(words, steps, seed, folder)
    metrics = evaluate_against_guessing(trainer, prepared.features["train"])
    if pool is not None:
        encoder = MoleculeTextEncoder(trainer.model.finemoltex, prepared.processor)
        figures = evaluate_structure_queries(pool, score_by_model(encoder, pool.smiles))
        metrics |= {f"structure_{kind}_p@{PRECISION_AT}": one[f"P@{PRECISION_AT}"] for kind, one in figures.items()}
    return {"seed": seed, "steps": steps, "seconds": round(used, 1), "options": dict(options), "metrics": metrics}


def summarise_runs(names: Sequence[str], runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """Average the metrics of each variant over its seeds.

    Args:
        names (sequence of `str`): The variants.
        runs (sequence of mappings): As `run_variant` returns them, with `variant`.

    Returns:
        `dict`: Variant -> metric -> `mean`, `seeds` and, of several, the standard `deviation`.
    """
    summary: dict[str, dict[str, dict[str, float]]] = {}
    for name in names:
        values: dict[str, list[float]] = {}
        for run in runs:
            for metric, value in run["metrics"].items() if run["variant"] == name else ():
                values.setdefault(metric, []).append(value)
        summary[name] = {
            metric: {"mean": statistics.mean(found), "seeds": len(found)}
            | ({"deviation": statistics.stdev(found)} if found[1:] else {})
            for metric, found in values.items()
        }
    return summary


def format_ablation_table(names: Sequence[str], runs: Sequence[Mapping[str, Any]]) -> str:
    """Write what the runs came to as a Markdown table, in percent: mean and standard deviation over the seeds.

    Measures that no run has are left out.

    The last column is the difference of the mean reciprocal rank from the first variant with its 95 % interval, a
    t-interval over the seeds that both have: of the same seed, both see the same pairs in the same order.

    Args:
        names (sequence of `str`): The variants, in the order of the rows.
        runs (sequence of mappings): As `run_variant` returns them, with `variant`.
    """
    columns = {key: title for key, title in COLUMNS.items() if any(key in run["metrics"] for run in runs)}
    header = ["variant", "seeds", "steps", *columns.values(), f"{COLUMNS[DECIDING]}, difference"]
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    by_name = {name: {run["seed"]: run for run in runs if run["variant"] == name} for name in names}
    first = {seed: run["metrics"].get(DECIDING) for seed, run in by_name[names[0]].items()}
    for name, by_seed in by_name.items():
        steps = f"{statistics.mean(run['steps'] for run in by_seed.values()):.0f}" if by_seed else "–"
        cells = [name, f"{len(by_seed)}", steps]
        for column in columns:
            values = [100 * run["metrics"][column] for run in by_seed.values() if column in run["metrics"]]
            spread = f" ± {statistics.stdev(values):.1f}" if values[1:] else ""
            cells.append(f"{statistics.mean(values):.1f}{spread}" if values else "–")
        shared = [seed for seed in by_seed if seed in first] if name != names[0] else []
        cells.append(_format_difference([100 * (by_seed[seed]["metrics"][DECIDING] - first[seed]) for seed in shared]))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _format_difference(differences: Sequence[float]) -> str:
    """Write the mean of paired differences with its t-interval; without one if there are fewer than two."""
    if not differences:
        return "–"
    mean = statistics.mean(differences)
    if len(differences) == 1:
        return f"{mean:+.1f}"
    from scipy import stats  # scikit-learn, which evaluation needs, brings it

    half = float(stats.t.ppf(0.975, len(differences) - 1)) * statistics.stdev(differences) / len(differences) ** 0.5
    return f"{mean:+.1f} [{mean - half:+.1f}, {mean + half:+.1f}]"


def _train(words: Sequence[str], max_steps: int, seed: int, folder: Path) -> tuple[Any, Any, float]:
    """Train for so many steps; returns the trainer, the prepared data and the processor seconds of the training."""
    options = f"--max_steps {max_steps} --save_strategy no --report_to none --eval_strategy no"
    options += " --load_best_model_at_end False --resume_from_checkpoint"
    model_args, data_args, training_args = parse_arguments([*words, *options.split()])
    settings = json.dumps(preparation_settings(model_args, data_args, training_args.seed), sort_keys=True)
    training_args.output_dir = str(folder / f"{zlib.crc32(settings.encode()):08x}")
    prepared = prepare_data(model_args, data_args, training_args)
    training_args.seed = seed
    trainer = build_trainer(build_model(model_args, prepared, seed), prepared, data_args, training_args)
    start = time.process_time()
    trainer.train()
    finish_concepts(trainer)
    finish_fitted(trainer)
    return trainer, prepared, time.process_time() - start


__all__ = ["format_ablation_table", "run_variant", "summarise_runs"]
