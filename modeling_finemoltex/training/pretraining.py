"""The steps of a pre-training run, in the order `examples/pretrain.py` chains them."""

import functools
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np
import torch
from transformers import EvalPrediction, set_seed
from transformers.utils import is_matplotlib_available, logging

from ..data import deduplicate_against, featurize_pairs, random_split, scaffold_split
from ..data.atomic_files import write_text
from ..data.query_rows import find_facts
from ..data.sources import PairSource, load_molecules, load_source, sample_rows
from ..data.structural_queries import QueryWriter
from ..evaluation import compute_pretraining_metrics
from ..evaluation.pools import choices_that_fit
from ..model.configuration_finemoltex import PAPER_OBJECTIVES, FineMolTexConfig, merge_fields
from ..model.presets_finemoltex import PRESETS
from ..model.pretraining_finemoltex import FineMolTexForPreTraining
from ..processors import FineMolTexDataCollator, FineMolTexFeatureExtractor, FineMolTexProcessor, train_motif_vocab
from .arguments import DataArguments, FineMolTexTrainingArguments, ModelArguments
from .borrowed_texts import NEIGHBOUR_COLUMNS, NUM_NEIGHBOURS, TextBorrower, add_neighbours
from .checkpoints import read_step, resolve_resume_argument, set_aside_other_checkpoints
from .concept_fitting import finish_concepts
from .interruption import SaveOnInterrupt
from .preset_defaults import SCRATCH
from .query_collator import QueryCollator
from .text_model import build_text_model
from .trainer import FineMolTexTrainer

logger = logging.get_logger(__name__)

PREPARATION_FOLDER = "preparation"
SUMMARY_FILE = "summary.json"
TEST_RESULTS_FILE = "test_results.json"
CHOOSE_FROM = (4, 10, 20)  # the sizes of T-choose-one in the literature


class PreparedData(NamedTuple):
    """What `prepare_data` leaves on disk and every process loads."""

    processor: Any
    text_config: dict[str, Any]
    features: datasets.DatasetDict  # train, and validation and test unless their size is 0
    summary: dict[str, Any]  # rows and molecules of each split, what was removed, and the settings


def use_cpu_threads(training_args: FineMolTexTrainingArguments) -> None:
    """Compute on all cores, shared among the processes, or on `cpu_threads`; leaves a GPU run as it is.

    `accelerate launch` sets `OMP_NUM_THREADS=1` unless told otherwise, which leaves all cores but one idle.
    """
    if training_args.device.type == "cpu":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        torch.set_num_threads(training_args.cpu_threads or max(1, cores // training_args.world_size))


def prepare_data(
    model_args: ModelArguments,
    data_args: DataArguments,
    training_args: FineMolTexTrainingArguments,
) -> PreparedData:
    """Load and split the pairs, learn the vocabularies from the training split, and compute features, once.

    The main process does the work and saves it in `output_dir/preparation`; every process then loads the same files. A
    resumed run finds them there, so its vocabularies and rows are those of the interrupted run.

    Args:
        model_args (`ModelArguments`): Vocabulary sizes, fragmentation and text encoder.
        data_args (`DataArguments`): Sources and splits.
        training_args (`FineMolTexTrainingArguments`): Output folder, seed and whether the run is resumed.

    Returns:
        `PreparedData`.

    Raises:
        ValueError: If a resumed run asks for other data than it was started with.
    """
    folder = Path(training_args.output_dir) / PREPARATION_FOLDER
    with training_args.main_process_first(local=training_args.save_on_each_node, desc="data preparation"):
        if training_args.should_save:
            settings = preparation_settings(model_args, data_args, training_args.seed)
            if training_args.resume_from_checkpoint is None or not _is_prepared(folder, settings):
                _prepare(folder, settings, model_args, data_args, training_args.seed)
    summary = json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8"))
    return PreparedData(
        processor=FineMolTexProcessor.from_pretrained(folder / "processor"),
        text_config=summary.pop("text_config"),
        features=datasets.load_from_disk(str(folder / "features")),
        summary=summary,
    )


def build_model(model_args: ModelArguments, prepared: PreparedData, seed: int) -> FineMolTexForPreTraining:
    """Build the model of the preset around the vocabularies, or load the one to continue from.

    Args:
        model_args (`ModelArguments`): Preset, text encoder or initial model, and objective.
        prepared (`PreparedData`): Vocabularies and text configuration.
        seed (`int`): Seed of the initial weights.
    """
    set_seed(seed)
    if model_args.initial_model is not None:
        config = FineMolTexConfig.from_pretrained(model_args.initial_model)
        config = FineMolTexConfig(**model_args.change_config(config.to_dict()))
        return FineMolTexForPreTraining.from_pretrained(model_args.initial_model, config=config)
    tokenizer = prepared.processor.tokenizer
    own = {
        "text_config": prepared.text_config,
        "motif_config": {"vocab_size": prepared.processor.feature_extractor.motif_vocab_size},
        "mask_token_id": tokenizer.mask_token_id,
        "special_token_ids": tokenizer.all_special_ids,
    }
    fields = merge_fields({"objectives": PAPER_OBJECTIVES, **PRESETS[model_args.preset]}, own)
    config = FineMolTexConfig(**model_args.change_config(fields))
    model = FineMolTexForPreTraining(config)
    if model_args.text_model != SCRATCH:
        kept = {} if model_args.text_layers is None else {"num_hidden_layers": model_args.text_layers}
        model.finemoltex.load_text_encoder(model_args.text_model, **kept)
    return model


def build_trainer(
    model: FineMolTexForPreTraining,
    prepared: PreparedData,
    data_args: DataArguments,
    training_args: FineMolTexTrainingArguments,
) -> FineMolTexTrainer:
    """Build the Trainer with the collator, the metrics and a bounded validation set."""
    model.freeze(*(training_args.freeze or ()))
    if training_args.device.type == "cpu":
        # The backward pass of sdpa takes a quarter of a step there.
        model.set_attn_implementation({"": "eager", "text_config": "eager"})
    validation = prepared.features.get("validation")
    if validation is not None:
        validation = sample_rows(validation, data_args.max_eval_samples, training_args.seed)
    else:
        training_args.eval_strategy = "no"
        training_args.load_best_model_at_end = False
    if training_args.ddp_find_unused_parameters is None:
        # Every parameter takes part in a masked step; in other steps, at least the mask token does not.
        is_masked_always = "masked_modelling" in model.objectives and training_args.costly_share == 1
        training_args.ddp_find_unused_parameters = not is_masked_always
    sources, train = data_args.training_sources(), prepared.features["train"]
    collate = FineMolTexDataCollator(prepared.processor)
    borrow = TextBorrower(train, data_args.borrowed_texts, collate) if data_args.borrowed_texts else None
    if data_args.queries_per_batch:
        writer = QueryWriter(find_facts(train)[1], training_args.seed)
        collate = QueryCollator(collate, writer, data_args.queries_per_batch)
    return FineMolTexTrainer(
        model=model,
        args=training_args,
        train_dataset=train.remove_columns([name for name in NEIGHBOUR_COLUMNS if name in train.column_names]),
        eval_dataset=validation,
        data_collator=collate,
        processing_class=prepared.processor,
        compute_metrics=functools.partial(compute_metrics, protocol="validation"),
        sources=sources if len(sources) > 1 or data_args.sources or training_args.texts_together else None,
        borrow=borrow,
    )


def compute_metrics(eval_prediction: EvalPrediction, protocol: str) -> dict[str, float]:
    """Score the whole evaluation set, with rows of the same molecule or text not counted as errors."""
    molecule_ids, text_ids = eval_prediction.label_ids
    return compute_pretraining_metrics(
        eval_prediction,
        protocol,
        choose_from=choices_that_fit(CHOOSE_FROM, molecule_ids, text_ids),
        molecule_ids=molecule_ids,
        text_ids=text_ids,
    )


def run_training(trainer: FineMolTexTrainer) -> bool:
    """Train, or resume training, up to the end or to Ctrl-C.

    Returns:
        Whether training reached its end; if not, a checkpoint was saved and the log says how to continue.
    """
    interruption = SaveOnInterrupt()
    trainer.add_callback(interruption)
    checkpoint = resolve_resume_argument(trainer.args.resume_from_checkpoint, trainer.args.output_dir)
    if trainer.args.should_save:
        set_aside_other_checkpoints(trainer.args.output_dir, 0 if checkpoint is None else read_step(checkpoint))
    trainer.accelerator.wait_for_everyone()
    result = trainer.train(resume_from_checkpoint=checkpoint)
    if interruption.interrupted:
        logger.warning(
            f"Training stopped at step {trainer.state.global_step}. Run the same command with "
            "`--resume_from_checkpoint` to continue it exactly from there."
        )
        return False
    finish_concepts(trainer)
    trainer.log_metrics("train", result.metrics)
    trainer.save_metrics("train", result.metrics, combined=False)
    trainer.save_state()
    if trainer.args.should_save:
        trainer.save_arguments(trainer.args.output_dir)
        plot_training_curves(trainer.state.log_history, Path(trainer.args.output_dir, "training_curves.png"))
    return True


def evaluate_on_test(trainer: FineMolTexTrainer, test_features: datasets.Dataset, protocol: str) -> dict[str, float]:
    """Evaluate on held-out pairs and write `test_results.json`.

    Args:
        trainer (`FineMolTexTrainer`): The Trainer after training, with the best weights loaded.
        test_features (`datasets.Dataset`): Features of the test split.
        protocol (`str`): Name of data and protocol, the prefix of every retrieval metric.

    Returns:
        The metrics; those of retrieval are ready for `format_retrieval_table`.
    """
    trainer.compute_metrics = functools.partial(compute_metrics, protocol=protocol)
    metrics = trainer.evaluate(test_features, metric_key_prefix="test")
    metrics = {name.removeprefix("test_") if "/" in name else name: value for name, value in metrics.items()}
    if trainer.args.should_save:
        _write_json(Path(trainer.args.output_dir, TEST_RESULTS_FILE), metrics)
    return metrics


def name_test_protocol(data_args: DataArguments) -> str:
    """Name the data and the split of the test metrics, e.g. `chemicals_scaffold_test`."""
    pairs = [source for source in data_args.training_sources() if not source.queries]
    source = "+".join(Path(source.name).name.split(".")[0] for source in pairs)
    return f"{source}_{data_args.split}_test"


def name_training_data(data_args: DataArguments) -> str:
    """Name the origin of the training pairs for the model card: a dataset, or the sources of a recipe."""
    if data_args.sources is None:
        pairs = data_args.dataset or "the names of the `chemicals` package (PubChem)"
        return f"{pairs}, and structure queries about its molecules" if data_args.query_molecules else pairs
    return f"the sources {', '.join(source.name for source in data_args.training_sources())}"


def plot_training_curves(log_history: list[dict[str, float]], file: Path) -> None:
    """Draw the logged losses and the validation reciprocal ranks; does nothing without matplotlib."""
    if not is_matplotlib_available():
        logger.info(f"matplotlib is not installed: {file.name} is not drawn.")
        return
    from matplotlib.figure import Figure

    logged = dict.fromkeys(name for entry in log_history for name in entry)
    loss_names = [name for name in logged if name.endswith("loss") and name not in ("train_loss",)]
    loss_names = [name for name in loss_names if not name.startswith("eval_") or name == "eval_loss"]
    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, ranks = figure.subplots(1, 2)
    for axes, names in (
        (losses, loss_names),
        (ranks, ("eval_validation/t2m_mrr", "eval_validation/m2t_mrr")),
    ):
        for name in names:
            points = [(entry["step"], entry[name]) for entry in log_history if name in entry]
            if points:
                axes.plot(*zip(*points, strict=True), label=name.removeprefix("eval_validation/"))
        axes.set_xlabel("step")
        if axes.lines:
            axes.legend()
    losses.set_ylabel("loss")
    ranks.set_ylabel("validation mean reciprocal rank")
    figure.savefig(file, dpi=120)


def _prepare(
    folder: Path,
    settings: dict[str, Any],
    model_args: ModelArguments,
    data_args: DataArguments,
    seed: int,
) -> None:
    """Do the work of `prepare_data`; the summary, written last, marks it as complete."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    splits, removed = load_splits(data_args, seed)
    processor, text_config = _build_processor(splits["train"], model_args, data_args.max_text_length)
    processor.save_pretrained(folder / "processor")
    features = datasets.DatasetDict(
        {
            name: featurize_pairs(
                pairs, processor, data_args.max_text_length, num_proc=data_args.num_proc, on_error=data_args.on_error
            )
            for name, pairs in splits.items()
        }
    )
    train = splits["train"]
    kept = features["train"].with_format("numpy")["pair_ids"][:]
    source_ids = train.with_format("numpy")["source_ids"][kept]
    features["train"] = features["train"].add_column("source_ids", source_ids)
    if data_args.borrowed_texts:
        features["train"] = add_neighbours(features["train"], train.select(kept)["smiles"][:])
    features.save_to_disk(str(folder / "features"))
    names = [source.name for source in data_args.training_sources()]
    summary = {
        "settings": settings,
        "splits": {
            name: {"pairs": len(rows), "molecules": len(set(rows["molecule_ids"]))} for name, rows in features.items()
        },
        "sources": {
            name: {"pairs": int((source_ids == number).sum()), "removed": removed["sources"].get(name, 0)}
            for number, name in enumerate(names)
        },
        "removed": removed["eval_sets"],
        "words": len(processor.tokenizer),
        "motifs": processor.feature_extractor.motif_vocab_size,
        "text_config": text_config,
    }
    _write_json(folder / SUMMARY_FILE, summary)
    logger.info(
        f"Prepared {summary['splits']} from {summary['sources']}, {summary['words']} words and {summary['motifs']} "
        f"motifs in {folder}."
    )


def _build_processor(
    train: datasets.Dataset, model_args: ModelArguments, max_text_length: int
) -> tuple[Any, dict[str, Any]]:
    """Learn words and motifs from the training split, or take those of the initial model; with the text encoder."""
    if model_args.initial_model is not None:
        config = FineMolTexConfig.from_pretrained(model_args.initial_model)
        return FineMolTexProcessor.from_pretrained(model_args.initial_model), config.text_config.to_dict()
    tokenizer, text_config = build_text_model(
        model_args.text_model, train["text"], model_args.text_vocab_size, max_text_length
    )
    if model_args.text_layers is not None:
        text_config["num_hidden_layers"] = model_args.text_layers
    motif_vocab = train_motif_vocab(
        sorted(set(train["smiles"])),
        fragmentation=model_args.fragmentation,
        min_count=model_args.motif_min_count,
        max_size=model_args.motif_vocab_size,
    )
    feature_extractor = FineMolTexFeatureExtractor(motif_vocab=motif_vocab, fragmentation=model_args.fragmentation)
    return FineMolTexProcessor(feature_extractor=feature_extractor, tokenizer=tokenizer), text_config


def load_splits(data_args: DataArguments, seed: int) -> tuple[dict[str, datasets.Dataset], dict[str, dict[str, int]]]:
    """Load the pairs, remove from training what leaks from the evaluation sets, and split.

    Returns:
        The non-empty splits by name (train, validation, test; `source_ids` numbers the sources of training pairs), and
        the pairs removed from training for each evaluation set and from each source.
    """
    data_dir, num_proc = data_args.data_dir, data_args.num_proc
    load: Callable[..., datasets.Dataset] = functools.partial(
        load_source, data_dir=data_dir, seed=seed, num_proc=num_proc, on_error=data_args.on_error
    )
    held_out = {}
    if data_args.validation_set is not None:
        held_out["validation"] = load(data_args.own_source(data_args.validation_set), identify=True)
    sources = data_args.training_sources()
    if data_args.split == "given":
        sizes = {"validation": data_args.validation_size, "test": data_args.test_size}
        given = {name: replace(sources[0], split=name) for name, size in sizes.items() if size}
        held_out = {name: load(source, identify=True) for name, source in given.items()} | held_out
    named = [PairSource.parse(text) for text in data_args.eval_sets or []]
    eval_sets = {source.name: load_molecules(source, data_dir, num_proc) for source in named} | held_out
    most = data_args.max_train_samples
    parts = [load(source, identify=bool(eval_sets), max_rows=most) for source in sources]
    pairs = _number_sources([sample_rows(part, most, seed) for part in parts])  # a row may give several pairs
    removed: dict[str, dict[str, int]] = {"eval_sets": {}, "sources": {}}
    if eval_sets:
        before = np.bincount(pairs["source_ids"], minlength=len(sources))
        pairs, report = deduplicate_against(pairs, list(eval_sets.values()))
        after = np.bincount(pairs["source_ids"], minlength=len(sources))
        entries = zip(eval_sets, report["eval_sets"], strict=True)
        removed["eval_sets"] = {name: entry["num_removed"] for name, entry in entries}
        removed["sources"] = {one.name: int(n) for one, n in zip(sources, before - after, strict=True)}
        logger.info(
            "Removed from training, because their molecule is in an evaluation set: "
            f"{removed['eval_sets']} pairs, of the sources {removed['sources']}."
        )
    splits = {"train": pairs} if data_args.split == "given" else _split(pairs, data_args, seed)
    return {name: rows for name, rows in (splits | held_out).items() if len(rows)}, removed


def _number_sources(parts: list[datasets.Dataset]) -> datasets.Dataset:
    """Join the pairs of all sources, numbered in the column `source_ids`."""
    lengths = [len(part) for part in parts]
    pairs = datasets.concatenate_datasets(parts)
    return pairs.add_column("source_ids", np.repeat(np.arange(len(parts)), lengths))


def _split(pairs: datasets.Dataset, data_args: DataArguments, seed: int) -> dict[str, datasets.Dataset]:
    """Divide the pairs by scaffold or at random, with validation pairs only if none are given."""
    split = scaffold_split if data_args.split == "scaffold" else random_split
    validation_size = 0 if data_args.validation_set is not None else data_args.validation_size
    if not validation_size and not data_args.test_size:
        return {"train": pairs}
    sizes = [int(size) if size >= 1 else size for size in (validation_size, data_args.test_size)]
    rows = split(pairs["smiles"][:], *sizes, seed=seed, num_proc=data_args.num_proc)
    if "conditions" in pairs.column_names:  # a query has many answers: only pairs are held out
        is_pair = pairs.select_columns("conditions").with_format("arrow")[:].column(0).is_null().to_numpy()
        rows = {key: rows[key] if key == "train" else [row for row in rows[key] if is_pair[row]] for key in rows}
    names = {"train": "train", "valid": "validation", "test": "test"}
    return {name: pairs.select(rows[key]) for key, name in names.items()}


def preparation_settings(model_args: ModelArguments, data_args: DataArguments, seed: int) -> dict[str, Any]:
    """List the arguments that the prepared files depend on."""
    model_names = (
        "initial_model",
        "text_model",
        "text_layers",
        "text_vocab_size",
        "fragmentation",
        "motif_min_count",
        "motif_vocab_size",
    )
    settings = {name: getattr(model_args, name) for name in model_names} | asdict(data_args) | {"seed": seed}
    # No effect on the files, wherever the data lies.
    for name in ("num_proc", "max_eval_samples", "data_dir", "source_weights", "queries_per_batch"):
        del settings[name]
    settings["borrowed_texts"] = NUM_NEIGHBOURS if data_args.borrowed_texts else 0  # the share counts in training
    if data_args.sources is not None:  # weights count when rows are drawn
        settings["sources"] = {source.name: source.rows_identity() for source in data_args.training_sources()}
    names = [source.dataset for source in data_args.training_sources()]
    settings["contents"] = {
        name: _hash_contents(name.replace("${data_dir}", data_args.data_dir or "")) for name in names
    }
    return settings


def _hash_contents(path: str) -> str | None:
    """Hash a local file, or the names and sizes of the files of a folder; `None` for anything else."""
    digest, place = hashlib.sha256(), Path(path)
    if place.is_dir():
        files = sorted(file for file in place.rglob("*") if file.is_file())
        digest.update(repr([(str(file.relative_to(place)), file.stat().st_size) for file in files]).encode())
    elif place.is_file():
        with place.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    else:
        return None
    return digest.hexdigest()[:16]


def _is_prepared(folder: Path, settings: dict[str, Any]) -> bool:
    """Tell whether the folder holds the complete preparation of this very run."""
    try:
        stored = json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8"))["settings"]
    except FileNotFoundError:
        return False
    # Files that are gone are not needed any more, and earlier versions noted none.
    known = stored.get("contents", {})
    other = [name for name, found in settings["contents"].items() if found and known.get(name, found) != found]
    if other:
        raise ValueError(
            f"A resumed run must use the data it was started with, but {', '.join(other)} changed since. Put the old "
            "files back, or start a new run in another --output_dir."
        )
    # Earlier versions noted fewer settings.
    changed = [name for name, value in settings.items() if name != "contents" and stored.get(name, value) != value]
    if changed:
        differences = ", ".join(f"{name}: {stored.get(name)!r} -> {settings[name]!r}" for name in changed)
        raise ValueError(
            f"A resumed run must use the data it was started with, but these arguments changed: {differences}. Use "
            "the old values, or start a new run in another --output_dir."
        )
    return True


def _write_json(file: Path, content: dict[str, Any]) -> None:
    """Write readable, strictly valid JSON: numbers that are not finite become null."""
    finite = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in content.items()
    }
    write_text(file, json.dumps(finite, indent=2) + "\n")
