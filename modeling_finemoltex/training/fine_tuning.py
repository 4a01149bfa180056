"""Fine-tune a property prediction model, all of it or by LoRA; the validation metric chooses the epoch."""

import logging
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import EarlyStoppingCallback, PrinterCallback, TrainingArguments
from transformers.trainer_utils import EvalPrediction

from ..data.feature_cache import POSITIONS
from ..data.identifiers import try_parse
from ..data.property_tables import PropertyTable
from ..data.rejection import join_reasons, refuse_all
from ..evaluation.property_metrics import compute_property_metrics, selection_score
from ..processors.conformer_view_finemoltex import has_conformer
from .parameter_groups import build_parameter_groups
from .trainer import MoleculeTrainer

logger = logging.getLogger(__name__)

FEW_ATOMS = 100  # molecules as small are not tested on their own before training: nothing makes them fail
EVALUATION_BATCH = 64
# Linear layers of attention, feed-forward parts, message passing and the motif projection.
LORA_TARGETS = r"finemoltex\..*\.(query|key|value|output|expand|contract|projection)"
MAX_CLASS_WEIGHT = 100.0  # beyond, a handful of positives would shake the whole model
SELECTION = "selection_score"


@dataclass(frozen=True)
class FineTuningSettings:
    """How a model is fine-tuned.

    Args:
        epochs (`int`): Passes over the training rows, at most.
        batch_size (`int`): Molecules per step.
        learning_rate (`float`): Of what was pre-trained (of the whole model, if it was not).
        head_learning_rate (`float`): Of the linear layer.
        weight_decay (`float`): Of matrices.
        warmup (`float`): Share of the steps in which the rates rise; afterwards they fall linearly.
        patience (`int`): Stop after so many epochs without a better validation metric.
        lora_rank (`int`, *optional*): Train low-rank updates of this rank instead of the weights.
        balance_classes (`bool`): Weigh labels such that each task has as much of either.
        seed (`int`): Of the linear layer, the order of the rows and dropout.
    """

    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 3e-4
    head_learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.1
    patience: int = 10
    lora_rank: int | None = None
    balance_classes: bool = False
    seed: int = 0


def leave_out_unusable(table: PropertyTable, feature_extractor: Any) -> PropertyTable:
    """Leave out the molecules that can be parsed but not featurised: with too many atoms, or bonds at an atom.

    Args:
        table ([`PropertyTable`]): `R` molecules.
        feature_extractor (`FineMolTexFeatureExtractor`): That of the model.

    Returns:
        [`PropertyTable`]: The others; those left out are among its `unparseable`, and in the log with their reasons.

    Raises:
        ValueError: If none is left; says why.
    """
    reasons: dict[int, str] = {}
    for place, smiles in enumerate(table.smiles):
        molecule = try_parse(smiles)
        if molecule is None or molecule.GetNumAtoms() > FEW_ATOMS or len(smiles) > FEW_ATOMS:
            try:
                feature_extractor.featurize(smiles, int(table.row_numbers[place]))
            except ValueError as error:
                reasons[place] = f"row {table.row_numbers[place]}: {error}"
    if not reasons:
        return table
    if len(reasons) == len(table.smiles):
        raise refuse_all(table.name, len(reasons), reasons.values())
    shown = join_reasons(reasons.values(), len(reasons))
    logger.warning("%s: left out %d of %d molecules (%s).", table.name, len(reasons), len(table.smiles), shown)
    lost = {int(table.row_numbers[place]): table.smiles[place] for place in reasons}
    kept = np.setdiff1d(np.arange(len(table.smiles)), list(reasons))
    return replace(table.select(kept), unparseable=dict(sorted((table.unparseable | lost).items())))


def prepare_rows(table: PropertyTable, processor: Any) -> list[dict[str, Any]]:
    """Featurise the molecules, and tokenise the texts, of a table once.

    Args:
        table ([`PropertyTable`]): `R` molecules.
        processor (`FineMolTexProcessor`): That of the model.

    Returns:
        `R` rows, as `FineMolTexDataCollator` takes them.

    Raises:
        ValueError: If a molecule has too many atoms; names its row.
    """
    rows = []
    for place, smiles in enumerate(table.smiles):
        labels = table.labels[place]  # (K,)
        row: dict[str, Any] = dict(processor.feature_extractor.featurize(smiles, int(table.row_numbers[place])))
        row["pair_ids"] = int(table.row_numbers[place])  # named if training fails there
        if table.task_type == "multiclass":
            row["labels"] = -100 if np.isnan(labels[0]) else int(labels[0])
        else:
            row["labels"] = labels.astype(np.float32)
        rows.append(row)
    missing = sum(not has_conformer(row[POSITIONS]) for row in rows if POSITIONS in row)
    if missing:
        logger.warning("%s: %d of %d molecules have no conformer.", table.name, missing, len(rows))
    if table.texts is not None:
        tokens = processor.tokenize_texts(table.texts, truncation=True)["input_ids"]
        rows = [{**row, "input_ids": ids} for row, ids in zip(rows, tokens, strict=True)]
    return rows


def describe_task(config: Any, table: PropertyTable, balance_classes: bool = False) -> None:
    """Write into a configuration what a training table says about labels: names, type, units and class weights.

    Args:
        config ([`FineMolTexConfig`]): Changed in place, before the model is built.
        table ([`PropertyTable`]): The training rows.
        balance_classes (`bool`): Set `class_weights`.
    """
    config.id2label = dict(enumerate(table.label_names))
    config.label2id = {name: number for number, name in config.id2label.items()}
    options = config.property_config
    config.problem_type, options.with_text = table.problem_type, table.texts is not None
    options.target_mean = options.target_scale = options.class_weights = None
    options.calibration_temperature = 1.0
    if table.task_type == "regression":
        has_label = ~np.isnan(table.labels).all(0)  # (K,)
        known = np.where(has_label, table.labels, 0.0)
        options.target_mean = np.nanmean(known, axis=0).tolist()
        scale = np.nanstd(known, axis=0)
        options.target_scale = np.where(scale > 0, scale, 1.0).tolist()
    elif balance_classes and table.task_type == "binary":
        positive, negative = (table.labels == 1).sum(0), (table.labels == 0).sum(0)  # (K,)
        weights = np.where(positive * negative > 0, negative / np.maximum(positive, 1), 1.0)
        options.class_weights = weights.clip(1 / MAX_CLASS_WEIGHT, MAX_CLASS_WEIGHT).tolist()
    elif balance_classes:
        classes = table.labels[:, 0]
        counts = np.array([(classes == number).sum() for number in range(len(table.classes))])
        weights = counts.sum() / (len(counts) * np.maximum(counts, 1))
        options.class_weights = weights.clip(1 / MAX_CLASS_WEIGHT, MAX_CLASS_WEIGHT).tolist()


@torch.inference_mode()
def predict_logits(model: nn.Module, rows: Sequence[dict[str, Any]], collate: Any) -> np.ndarray:
    """Run a model on prepared rows, in their order. -> `(R, K)` float32."""
    model.eval()
    parts = []
    for start in range(0, len(rows), EVALUATION_BATCH):
        batch = collate(rows[start : start + EVALUATION_BATCH])
        for name in ("labels", "pair_ids"):
            batch.pop(name, None)
        parts.append(model(**{name: tensor.to(model.device) for name, tensor in batch.items()}).logits.float().cpu())
    return torch.cat(parts).numpy() if parts else np.empty((0, model.config.num_labels), dtype=np.float32)


def fine_tune(
    model: Any,
    collate: Any,
    train_rows: Sequence[dict[str, Any]],
    valid_rows: Sequence[dict[str, Any]],
    valid: PropertyTable,
    settings: FineTuningSettings,
) -> tuple[Any, list[dict[str, float]]]:
    """Train a model, and return it as it was after the epoch with the best validation metric.

    Args:
        model ([`FineMolTexForPropertyPrediction`]): Described by [`describe_task`]; changed in place.
        collate (`FineMolTexDataCollator`): Makes batches.
        train_rows, valid_rows (sequence of `dict`): From [`prepare_rows`].
        valid ([`PropertyTable`]): The validation rows, for their labels.
        settings ([`FineTuningSettings`]): How.

    Returns:
        The model, LoRA updates merged into its weights, and the validation figures of every epoch.

    Raises:
        ImportError: If LoRA is asked for without peft.
        ValueError: If the validation rows have no label.
    """
    trained = model if settings.lora_rank is None else _add_lora(model, settings.lora_rank)

    def score(evaluated: EvalPrediction) -> dict[str, float]:
        """Score the validation predictions."""
        predictions = model.predict(torch.from_numpy(evaluated.predictions)).numpy()
        metrics = compute_property_metrics(predictions, valid.labels, valid.task_type, valid.label_names)
        return {SELECTION: selection_score(metrics)} | {
            name: value for name, value in metrics.items() if isinstance(value, float)
        }

    groups = build_parameter_groups(
        trained, settings.learning_rate, settings.weight_decay, {"head": settings.head_learning_rate}
    )
    with tempfile.TemporaryDirectory(prefix="finemoltex-") as folder:
        trainer = MoleculeTrainer(
            model=trained,
            args=_training_arguments(settings, folder, len(train_rows)),
            train_dataset=train_rows,
            eval_dataset=valid_rows,
            data_collator=collate,
            compute_metrics=score,
            optimizers=(torch.optim.AdamW(groups), None),
            callbacks=[EarlyStoppingCallback(settings.patience)],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        history = [
            {name.removeprefix("eval_"): value for name, value in entry.items() if isinstance(value, float)}
            for entry in trainer.state.log_history
            if f"eval_{SELECTION}" in entry
        ]
    return (trained if trained is model else trained.merge_and_unload()).eval(), history


def _training_arguments(settings: FineTuningSettings, folder: str, num_rows: int) -> TrainingArguments:
    return TrainingArguments(
        output_dir=folder,
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=EVALUATION_BATCH,
        # A short last batch would give the norms statistics of a few atoms; a set of one short batch needs it.
        dataloader_drop_last=num_rows > settings.batch_size,
        dataloader_pin_memory=torch.accelerator.is_available(),
        learning_rate=settings.learning_rate,
        warmup_steps=settings.warmup,
        lr_scheduler_type="linear",
        eval_strategy="epoch",
        save_strategy="epoch",
        save_only_model=True,
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model=SELECTION,
        greater_is_better=True,
        logging_strategy="epoch",
        disable_tqdm=not sys.stderr.isatty(),
        remove_unused_columns=False,
        label_names=["labels"],
        report_to="none",
        seed=settings.seed,
        use_cpu=not torch.accelerator.is_available(),
        # The axes of a graph batch differ (atoms, bonds, motifs): a loader that cuts batches would cut molecules.
        accelerator_config={"dispatch_batches": False, "split_batches": False},
    )


def _add_lora(model: Any, rank: int) -> Any:
    """Freeze a model but for its linear layer and low-rank updates."""
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ImportError('LoRA needs peft: pip install "finemoltex[properties]".') from error
    return get_peft_model(
        model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=LORA_TARGETS, modules_to_save=["classifier"])
    )
