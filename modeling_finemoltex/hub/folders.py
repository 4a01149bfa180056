"""Export a model as a complete Hub folder: weights, processor, code, endpoint and a model card filled from data."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel, PreTrainedTokenizerBase, ProcessorMixin
from transformers.utils import SAFE_WEIGHTS_NAME

from ..evaluation import format_retrieval_table, format_systems_table
from ..registration import register

CARD_FILE = "README.md"
TEMPLATE_FILE = "card_template.md"
TEST_RESULTS_FILE = "test_results.json"
REPORTS_FILE = "evaluation_results.json"
# What an inference endpoint runs, and what it installs first.
ENDPOINT_FILES = ("handler.py", "requirements.txt")
# By it the Hub lists the models of this package.
MODEL_TAG = "finemoltex"

PROPERTY_CLASS, EDITING_CLASS = "FineMolTexForPropertyPrediction", "FineMolTexForMoleculeEditing"
GENERATOR_TOKENIZER_FOLDER = "generator_tokenizer"  # of an editing model, beside its files


class CardKind(NamedTuple):
    """What the card of a class says of its job."""

    task: str  # chooses the passages of the template
    auto_class: str
    remote_auto_class: str  # where this package is absent
    pipeline_tag: str
    tags: tuple[str, ...]


EMBEDDING_CARD = CardKind(
    "embedding", "AutoModel", "AutoModel", "feature-extraction", ("molecule-text", "graph-ml", "retrieval")
)
HEAD_CARDS = {
    "FineMolTexForRetrieval": CardKind(
        "retrieval",
        "AutoModelForMoleculeRetrieval",
        "AutoModel",
        "feature-extraction",
        ("molecule-text", "graph-ml", "retrieval", "reranking"),
    ),
    PROPERTY_CLASS: CardKind(
        "properties",
        "AutoModelForSequenceClassification",
        "AutoModelForSequenceClassification",
        "graph-ml",
        ("property-prediction",),
    ),
    EDITING_CLASS: CardKind(
        "editing",
        "AutoModelForMoleculeEditing",
        "AutoModel",
        "graph-ml",
        ("molecule-text", "molecule-editing", "molecule-generation"),
    ),
}

# Packaged inside the wheel; beside the package in a checkout.
TEMPLATE_FOLDERS = (
    Path(__file__).resolve().parents[1] / "hub_cards",
    Path(__file__).resolve().parents[2] / "hub_cards",
)
# What a card shows of the reports of `examples/evaluate_retrieval.py`, and what its metadata list of the model.
REPORT_COLUMNS = ("hits@1", "hits@10", "mrr", "mean_rank", "choose_one_of_4", "choose_one_of_10", "choose_one_of_20")
INDEXED_METRICS = ("hits@1", "hits@10", "mrr", "choose_one_of_20")


def export_folder(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    folder: str | Path,
    card_fields: dict[str, Any] | None = None,
    half_precision: bool = False,
    generator_tokenizer: PreTrainedTokenizerBase | None = None,
) -> Path:
    """Save everything another person needs to use the model, with or without this package installed.

    Args:
        model (`PreTrainedModel`): Any FineMolTex model; saved as safetensors with its code.
        processor (`FineMolTexProcessor`): Its tokenizer and motif vocabulary go along.
        folder (`str` or `Path`): Created if needed; other files in it stay.
        card_fields (`dict`, *optional*): Facts for the card, see `build_model_card`.
        half_precision (`bool`): Store the weights in float16, half as large; they are loaded as float32 all the same.
        generator_tokenizer (`PreTrainedTokenizerBase`, *optional*): Of the generator of an editing model, which
            cannot be used without.

    Returns:
        The folder, ready for `push_folder`, `from_pretrained` and an inference endpoint.

    Raises:
        ValueError: If an editing model comes without the tokenizer of its generator, or a weight is too large for
            float16.
    """
    folder = Path(folder)
    if type(model).__name__ == EDITING_CLASS and generator_tokenizer is None:
        raise ValueError(
            "An editing model is exported with the tokenizer of its generator: give `generator_tokenizer`, or use "
            "`save_editing_folder`."
        )
    register()  # without it `save_pretrained` would leave the code out
    model.save_pretrained(folder)
    if half_precision:
        _halve_weights(folder / SAFE_WEIGHTS_NAME)
    processor.save_pretrained(folder)
    if generator_tokenizer is not None:
        generator_tokenizer.save_pretrained(folder / GENERATOR_TOKENIZER_FOLDER)
    for name in ENDPOINT_FILES:
        shutil.copyfile(find_template(name), folder / name)
    reports = (card_fields or {}).get("reports")
    if reports:
        (folder / REPORTS_FILE).write_text(json.dumps(reports, indent=1) + "\n", encoding="utf-8")
    build_model_card(model, processor, folder, card_fields or {}).save(folder / CARD_FILE)
    return folder


def build_model_card(
    model: PreTrainedModel, processor: ProcessorMixin, folder: Path, card_fields: dict[str, Any]
) -> ModelCard:
    """Fill the card template; every number comes from the model or from the files of the run.

    Args:
        model (`PreTrainedModel`): Read for sizes and objective.
        processor (`ProcessorMixin`): Read for vocabulary sizes.
        folder (`Path`): `test_results.json`, `training_args.json` and `trainer_state.json` are read from here.
        card_fields (`dict`): Optional `model_id` (default: name of the folder), `dataset` (a name or Hub id),
            `base_model` (Hub id of the text encoder or `"scratch"`), `preparation` (summary of `prepare_data`),
            `training` (instead of `training_args.json` and `trainer_state.json`), `earlier_training` and
            `average_weight` of an earlier stage with which weights were averaged, `metrics` (instead of
            `test_results.json`), `reports` (of `report_systems`, for tables with intervals and baselines), `widget`
            (examples for the Hub page), `data_statement` and `limits` (extra sentences).
    """
    metrics = card_fields.get("metrics") or _read_json(folder / TEST_RESULTS_FILE)
    base_model = card_fields.get("base_model", "scratch")
    model_id = card_fields.get("model_id") or folder.resolve().name
    reports = card_fields.get("reports") or []
    kind = HEAD_CARDS.get(type(model).__name__, EMBEDDING_CARD)
    is_property = kind.task == "properties"
    data = ModelCardData(
        license="apache-2.0",
        library_name="transformers",
        pipeline_tag=kind.pipeline_tag,
        tags=[MODEL_TAG, "chemistry", "molecule", *kind.tags, "custom_code"],
        language="en",
        metrics=["mrr", "recall"] if kind.pipeline_tag == "feature-extraction" else None,
        datasets=_hub_ids(card_fields.get("dataset")),
        base_model=base_model if _hub_ids(base_model) else None,
        widget=card_fields.get("widget"),
        model_name=model_id,
        eval_results=list_eval_results(reports) or None,
    )
    return ModelCard.from_template(
        data,
        template_path=str(find_template(TEMPLATE_FILE)),
        model_id=model_id,
        class_name=type(model).__name__,
        task=kind.task,
        auto_class=kind.auto_class,
        remote_auto_class=kind.remote_auto_class,
        labels=list(model.config.id2label.values()) if is_property else None,
        num_parameters=f"{sum(parameter.numel() for parameter in model.parameters()) / 1e6:.1f}",
        config=model.config,
        embedding_size=model.config.embedding_size,
        num_words=len(processor.tokenizer),
        num_motifs=processor.feature_extractor.motif_vocab_size,
        fragmentation=processor.feature_extractor.fragmentation,
        base_model=base_model,
        dataset=card_fields.get("dataset", "not stated"),
        preparation=card_fields.get("preparation") or {},
        data_statement=card_fields.get("data_statement"),
        limits=card_fields.get("limits"),
        earlier_training=card_fields.get("earlier_training"),
        average_weight=card_fields.get("average_weight"),
        training=card_fields.get("training")
        or (_read_json(folder / "training_args.json") | _read_json(folder / "trainer_state.json")),
        metrics_table=_markdown_table(metrics),
        retrieval_table=format_retrieval_table(metrics) if _has_retrieval(metrics) else None,
        report_tables=[format_systems_table(report["figures"], REPORT_COLUMNS) for report in reports],
    )


def list_eval_results(reports: Sequence[Mapping[str, Any]]) -> list[EvalResult]:
    """List the figures of the model, the first system of each report, as the Hub's metadata want them.

    Args:
        reports (sequence of mapping): As returned by `report_systems`.

    Returns:
        `list[EvalResult]`: Shares in percent, reciprocal ranks as they are.
    """
    results = []
    for report in reports:
        figures = next(iter(report["figures"].values()))
        for key, value in figures.items():
            task, _, metric = key.rpartition("/")
            name = metric.partition("_")[2]  # after the direction
            if name not in INDEXED_METRICS:
                continue
            results.append(
                EvalResult(
                    task_type="feature-extraction",
                    task_name="molecule-text retrieval",
                    dataset_type=task,
                    dataset_name=task.replace("_", " "),
                    metric_type=metric,
                    metric_value=round(value if name == "mrr" else 100 * value, 4),
                )
            )
    return results


def _halve_weights(file: Path) -> None:
    """Rewrite float32 weights as float16; `config.json` goes on saying float32, which loading obeys.

    Raises:
        ValueError: If a weight is too large for float16.
    """
    weights = load_file(file)
    for name, weight in weights.items():
        if weight.dtype == torch.float32:
            weights[name] = weight.half()
            if not weights[name].isfinite().all():
                raise ValueError(
                    f"The weight {name} reaches {weight.abs().max():.3g}, beyond float16. Export full precision."
                )
    save_file(weights, file, metadata={"format": "pt"})


def find_template(name: str) -> Path:
    """Return the path of a file of `hub_cards`, in the installed package or in the checkout."""
    for folder in TEMPLATE_FOLDERS:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f"{name} is in none of {[str(folder) for folder in TEMPLATE_FOLDERS]}. Reinstall with "
        "`pip install finemoltex`, or work from a complete checkout."
    )


def _has_retrieval(metrics: dict[str, Any]) -> bool:
    return any("/t2m_" in name for name in metrics)


def _markdown_table(metrics: dict[str, Any]) -> str | None:
    """Lay out the metrics that are neither retrieval nor run times as a Markdown table."""
    rows = [
        f"| {name} | {value:.4f} |"
        for name, value in metrics.items()
        if isinstance(value, float)
        and name != "epoch"
        and not any(
            part in name for part in ("/t2m_", "/m2t_", "/chance_", "runtime", "per_second", "preparation_time")
        )
    ]
    return "\n".join(["| metric | value |", "|---|---|", *rows]) if rows else None


def _hub_ids(name: str | None) -> list[str] | None:
    """Return `[name]` if it looks like `owner/name` on the Hub and is not a local path."""
    if name is None or name.count("/") != 1 or " " in name or name.startswith((".", "/")) or Path(name).exists():
        return None
    return [name]


def _read_json(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
