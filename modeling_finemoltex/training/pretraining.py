"""The steps of a pre-training run, in the order `examples/pretrain.py` chains them."""

import functools
import json
import math
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from transformers import EvalPrediction, set_seed
from transformers.utils import is_matplotlib_available, logging

from ..data.atomic_files import open_atomically, write_text
from ..data.query_rows import find_facts
from ..data.sources import PairSource, sample_rows
from ..data.structural_queries import QueryWriter
from ..data.worker_processes import count_cores
from ..evaluation import compute_pretraining_metrics
from ..evaluation.pools import choices_that_fit
from ..model.configuration_finemoltex import FineMolTexConfig, merge_fields
from ..model.pretraining_finemoltex import FineMolTexForPreTraining, check_mini_batches, check_without_texts
from ..processors import FineMolTexDataCollator
from .arguments import BEST_METRIC, DataArguments, FineMolTexTrainingArguments, ModelArguments
from .borrowed_texts import NEIGHBOUR_COLUMNS, TextBorrower
from .checkpoints import read_step, resolve_resume_argument, set_aside_other_checkpoints
from .concept_fitting import check_detectors, finish_concepts
from .fitting import average_with_start, check_fitted, finish_fitted
from .interruption import SaveOnInterrupt
from .perturbation import Perturbation
from .preparation import PreparedData, starting_fields
from .preset_defaults import SCRATCH
from .query_collator import QueryCollator
from .respelling import make_respelling
from .similar_pairs import find_similar_pairs
from .trainer import FineMolTexTrainer

logger = logging.get_logger(__name__)

PREPARATION_FOLDER = "preparation"
SUMMARY_FILE = "summary.json"
SIMILAR_PAIRS_FILE = "similar_pairs_{}.npy"  # for each choice of lengths
TEST_RESULTS_FILE = "test_results.json"
CHOOSE_FROM = (4, 10, 20)  # the sizes of T-choose-one in the literature


def use_cpu_threads(training_args: FineMolTexTrainingArguments) -> None:
    """Compute on all cores, shared among the processes, or on `cpu_threads`; leaves a GPU run as it is.

    `accelerate launch` sets `OMP_NUM_THREADS=1` unless told otherwise, which leaves all cores but one idle.
    """
    if training_args.device.type == "cpu":
        cores = count_cores()
        torch.set_num_threads(training_args.cpu_threads or max(1, cores // training_args.world_size))


def check_options(
    model_args: ModelArguments, data_args: DataArguments, training_args: FineMolTexTrainingArguments
) -> None:
    """Refuse options that contradict the objectives, before any data are prepared.

    Raises:
        ValueError: If an objective cannot be computed in mini-batches, or reads texts where there are none.
    """
    objectives = model_args.change_config(starting_fields(model_args))["objectives"]
    if training_args.mini_batch_size is not None:
        check_mini_batches(objectives)
    if any(source.without_texts for source in data_args.training_sources()):
        check_without_texts(objectives)


def build_model(model_args: ModelArguments, prepared: PreparedData, seed: int) -> FineMolTexForPreTraining:
    """Build the model of the preset around the vocabularies, or load the one to continue from.

    Args:
        model_args (`ModelArguments`): Preset, text encoder or initial model, and objective.
        prepared (`PreparedData`): Vocabularies and text configuration.
        seed (`int`): Seed of the initial weights.
    """
    set_seed(seed)
    tokenizer, fields = prepared.processor.tokenizer, starting_fields(model_args)
    if model_args.initial_model is not None:
        if model_args.new_words:
            words = {"mask_token_id": tokenizer.mask_token_id, "special_token_ids": tokenizer.all_special_ids}
            # Sizes stay those of the model, but for the number of words and their positions.
            fields = merge_fields(fields, {**words, "text_config": prepared.text_config})
        config = FineMolTexConfig(**model_args.change_config(fields))
        return FineMolTexForPreTraining.from_pretrained(
            model_args.initial_model, config=config, ignore_mismatched_sizes=model_args.new_words
        )
    own = {
        "text_config": prepared.text_config,
        "motif_config": {"vocab_size": prepared.processor.feature_extractor.motif_vocab_size},
        "mask_token_id": tokenizer.mask_token_id,
        "special_token_ids": tokenizer.all_special_ids,
    }
    config = FineMolTexConfig(**model_args.change_config(merge_fields(fields, own)))
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
    if training_args.concept_epochs and model.config.token_config.num_concepts:
        check_detectors(model)
    check_fitted(model, training_args.fit_pairs)
    if training_args.device.type == "cpu":
        # The backward pass of sdpa takes a quarter of a step there.
        model.set_attn_implementation({"": "eager", "text_config": "eager"})
    if not model.reads_texts and training_args.metric_for_best_model == BEST_METRIC:  # there is no ranking
        training_args.metric_for_best_model, training_args.greater_is_better = "loss", False
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
    neighbours = _load_similar_pairs(model, train, sources, collate, training_args)
    borrow = TextBorrower(train, data_args.borrowed_texts, collate) if data_args.borrowed_texts else None
    shares = training_args.perturbation_shares()
    if shares and "facts" in train.column_names:
        raise ValueError(
            "The training rows have structural facts and queries, whose truth a perturbed molecule or text has not. "
            "Leave out `perturbed_bonds`, `perturbed_atoms` and `perturbed_words`, or train without queries."
        )
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
        perturb=Perturbation(shares, model.config) if shares else None,
        neighbours=neighbours,
        respell=make_respelling(model),
    )


def _load_similar_pairs(
    model: FineMolTexForPreTraining,
    train: datasets.Dataset,
    sources: list[PairSource],
    collate: FineMolTexDataCollator,
    training_args: FineMolTexTrainingArguments,
) -> np.ndarray | None:
    """Find the hard negatives before the first step; a resumed run goes on with those."""
    lengths = [source.similar_together or 0 for source in sources]
    if not any(lengths):
        return None
    name = SIMILAR_PAIRS_FILE.format("-".join(map(str, lengths)))
    file = Path(training_args.output_dir, PREPARATION_FOLDER, name)
    with training_args.main_process_first(local=training_args.save_on_each_node, desc="hard negatives"):
        if training_args.should_save and not file.is_file():
            found = find_similar_pairs(model.finemoltex.to(training_args.device), train, sources, collate)
            with open_atomically(file, "wb") as stream:
                np.save(stream, found)
    return np.load(file)


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


def run_training(trainer: FineMolTexTrainer, initial_model: str | None = None) -> bool:
    """Train, or resume training, up to the end or to Ctrl-C; then average and fit what the arguments say.

    Args:
        trainer (`FineMolTexTrainer`): Ready to train.
        initial_model (`str`, *optional*): What its model started from, for `average_weight`.

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
    trained = trainer.accelerator.unwrap_model(trainer.model)
    average_with_start(trained, initial_model, trainer.args.average_weight)
    finish_concepts(trainer)
    finish_fitted(trainer)
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


def _write_json(file: Path, content: dict[str, Any]) -> None:
    """Write readable, strictly valid JSON: numbers that are not finite become null."""
    finite = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in content.items()
    }
    write_text(file, json.dumps(finite, indent=2) + "\n")
