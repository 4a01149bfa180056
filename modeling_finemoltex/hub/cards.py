"""Cards of models: a template, filled with what the folder tells and with the facts beside it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ..data.atomic_files import write_text
from ..evaluation import format_retrieval_table, format_systems_table
from ..model.configuration_finemoltex import FineMolTexConfig
from ..model.heads_finemoltex import BASE, HEADS
from ..model.objectives_finemoltex import read_options
from ..model.pretraining_finemoltex import OBJECTIVES
from .contents import CARD_FILE, describe_folder, read_head, read_json
from .shipped_model import CARD_FOLDERS

FACTS_FILE = "card_facts.yaml"
TEMPLATE_FILE = "card_template.md"
REPORTS_FILE = "evaluation_results.json"
MODEL_TAG = "finemoltex"  # by which the Hub lists the models of this package
TEMPLATE_FOLDERS = tuple(cards / "templates" for cards in CARD_FOLDERS)

FACTS = (
    *("model_id", "revision", "dataset", "base_model", "preparation", "data_statement", "limits", "widget"),
    *("earlier_training", "training", "average_weight", "metrics", "reports", "failures", "carbon"),
)
# What a card tells of a training run. The rest is about the machine.
TRAINING_FACTS = (
    *("global_step", "max_steps", "per_device_train_batch_size", "gradient_accumulation_steps", "learning_rate"),
    *("muon_learning_rate", "lr_scheduler_type", "seed"),
)
# What a card shows of the reports of `examples/evaluate_retrieval.py`, and what its metadata list of the model.
REPORT_COLUMNS = ("hits@1", "hits@10", "mrr", "mean_rank", "choose_one_of_4", "choose_one_of_10", "choose_one_of_20")
INDEXED_METRICS = ("hits@1", "hits@10", "mrr", "choose_one_of_20")


def save_facts(folder: Path, fields: Mapping[str, Any]) -> None:
    """Write the facts of a card beside the model, so that the card can be made again from the folder alone.

    Args:
        folder (`Path`): The model folder. `test_results.json`, `training_args.json` and `trainer_state.json`, which a
            training run leaves there, give metrics and training if `fields` does not.
        fields (`dict`): All optional: `model_id` (default: name of the folder), `revision` (tag on the Hub that the
            card pins, as `finemoltex push --tag` gives it), `dataset` (a name or Hub id),
            `base_model` (Hub id of the text encoder or `"scratch"`), `preparation` (summary of `prepare_data`),
            `training`, `earlier_training` and `average_weight` of an earlier stage with which weights were averaged,
            `metrics`, `reports` (of `report_systems`, for tables with intervals and baselines), `failures` (queries
            that it gets wrong: `text`, `right`, `rank`, `first`), `carbon` (`core_hours`, `watts_per_core` and
            `grams_per_kwh` of the training), `widget` (examples for the Hub page), `data_statement` and `limits`
            (extra sentences).

    Raises:
        ValueError: If a field is unknown.
    """
    unknown = sorted(set(fields) - set(FACTS))
    if unknown:
        raise ValueError(f"Unknown facts for a card: {', '.join(unknown)}. Known are {', '.join(FACTS)}.")
    run = read_json(folder / "training_args.json") | read_json(folder / "trainer_state.json")
    facts = {
        "model_id": folder.resolve().name,
        **fields,
        "metrics": fields.get("metrics") or read_json(folder / "test_results.json"),
        "training": _select_training(fields.get("training") or run),
        "earlier_training": _select_training(fields.get("earlier_training") or {}),
        "preparation": _summarise_preparation(fields.get("preparation") or {}),
    }
    if isinstance(facts.get("reports"), list):
        write_text(folder / REPORTS_FILE, json.dumps(facts["reports"], indent=1) + "\n")
        facts["reports"] = REPORTS_FILE
    plain = json.loads(json.dumps({name: value for name, value in facts.items() if value not in (None, {}, [])}))
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)
    heading = (
        f"# Facts for {CARD_FILE}, which `assemble_folder` makes from them and from the other files of this folder.\n"
    )
    write_text(folder / FACTS_FILE, heading + text)


def build_model_card(folder: str | Path) -> ModelCard:
    """Fill the card template; every number comes from the files of the folder.

    Args:
        folder (`str` or `Path`): A model folder, with what `save_facts` wrote.

    Returns:
        `ModelCard`: Metadata and text.

    Raises:
        ValueError: If the folder is no model folder of this package.
    """
    folder = Path(folder)
    head, found = read_head(folder), describe_folder(folder)
    facts = read_facts(folder)
    model_id, base_model = facts.get("model_id", folder.resolve().name), facts.get("base_model", "scratch")
    metrics = facts.get("metrics", {})
    reports = json.loads((folder / facts["reports"]).read_text(encoding="utf-8")) if "reports" in facts else []
    # A pre-training checkpoint is used as its base model.
    loader = BASE if head.task == BASE.task else head
    data = ModelCardData(
        license="apache-2.0",
        library_name="transformers",
        pipeline_tag=head.pipeline_tag,
        tags=[MODEL_TAG, "chemistry", "molecule", *head.tags, "custom_code"],
        language="en",
        metrics=["mrr", "recall"] if head.pipeline_tag == "feature-extraction" else None,
        datasets=_hub_ids(facts.get("dataset")),
        base_model=base_model if _hub_ids(base_model) else None,
        widget=facts.get("widget"),
        model_name=model_id,
        eval_results=list_eval_results(reports) or None,
        co2_eq_emissions=_describe_emissions(facts.get("carbon")),
    )
    told = {
        "model_id": model_id,
        "dataset": facts.get("dataset", "data that are not stated"),
        "base_model": base_model,
        "preparation": facts.get("preparation", {}),
        "class_name": head.name,
        "task": head.task,
        "auto_class": loader.auto_class,
        "remote_auto_class": loader.remote_auto_class,
        "num_parameters": f"{(found['parameters'] or 0) / 1e6:.1f}",
        "metrics_table": _markdown_table(metrics),
        "retrieval_table": format_retrieval_table(metrics) if _has_retrieval(metrics) else None,
        "report_tables": [format_systems_table(report["figures"], REPORT_COLUMNS) for report in reports],
        "checksums": {file.name: _sha256(file) for file in sorted(folder.glob("*.safetensors"))},
    }
    variables = facts | found | _describe_config(folder) | told
    return ModelCard.from_template(data, template_path=str(find_template(TEMPLATE_FILE)), **variables)


def read_facts(folder: Path) -> dict[str, Any]:
    """Read the facts of a card; nothing, if there are none."""
    file = folder / FACTS_FILE
    return (yaml.safe_load(file.read_text(encoding="utf-8")) or {}) if file.is_file() else {}


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


def format_heads_table() -> str:
    """Lay out the heads as a Markdown table: class, auto class and job. The README shows it."""
    rows = ["| class | auto class | job |", "|---|---|---|"]
    for head in HEADS.values():
        is_ours = head.auto_class != head.remote_auto_class
        remote = f" (ours), `{head.remote_auto_class}` with remote code" if is_ours else ""
        rows.append(f"| `{head.name}` | `{head.auto_class}`{remote} | {head.job} |")
    return "\n".join(rows)


def find_template(name: str) -> Path:
    """Return the path of a file of `hub_cards/templates`, in the installed package or in the checkout.

    Raises:
        FileNotFoundError: If it is in neither.
    """
    for folder in TEMPLATE_FOLDERS:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f"{name} is in none of {[str(folder) for folder in TEMPLATE_FOLDERS]}. Reinstall with "
        "`pip install finemoltex`, or work from a complete checkout."
    )


def _describe_config(folder: Path) -> dict[str, Any]:
    """Name what a card tells of the configuration: here alone it is read for cards."""
    config: Any = FineMolTexConfig.from_pretrained(folder)
    generator = config.generator_config
    return {
        "objectives": {
            name: asdict(read_options(name, OBJECTIVES[name], options)) for name, options in config.objectives.items()
        },
        "temperature": config.temperature,
        "mask_level": config.motif_config.mask_level,
        "reads_text": config.property_config.with_text,
        "notation": config.editing_config.notation,
        "generator_type": generator and generator.model_type,
        "generator_width": generator and generator.hidden_size,
        "writer_type": config.writer_config and config.writer_config.model_type,
        "prompt": config.captioning_config.prompt,
    }


def _describe_emissions(carbon: Mapping[str, float] | None) -> dict[str, Any] | None:
    """Estimate the emissions of a training, in grams, as the Hub's metadata want them."""
    if carbon is None:
        return None
    kilowatt_hours = carbon["core_hours"] * carbon["watts_per_core"] / 1000
    return {
        "emissions": round(kilowatt_hours * carbon["grams_per_kwh"]),
        "source": "processor time by an assumed power and grid",
        "training_type": "pre-training",
    }


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _select_training(run: Mapping[str, Any]) -> dict[str, Any]:
    return {name: run[name] for name in TRAINING_FACTS if run.get(name) is not None}


def _summarise_preparation(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Say where the splits come from. With given validation pairs and no test pairs, nothing was split off."""
    if "settings" not in summary:  # written by hand, or read from the facts of another card
        return dict(summary)
    settings = summary["settings"]
    is_given = bool(settings.get("validation_set"))
    names = ("split", "seed") if not is_given or settings.get("test_size") else ()
    kept = {"validation_given": is_given, **{name: settings.get(name) for name in names}}
    return kept | {name: summary[name] for name in ("splits", "removed")}


def _has_retrieval(metrics: Mapping[str, Any]) -> bool:
    return any("/t2m_" in name for name in metrics)


def _markdown_table(metrics: Mapping[str, Any]) -> str | None:
    """Lay out the metrics that are neither retrieval nor run times as a Markdown table."""
    left_out = ("/t2m_", "/m2t_", "/chance_", "runtime", "per_second", "preparation_time")
    rows = [
        f"| {name} | {value:.4f} |"
        for name, value in metrics.items()
        if isinstance(value, float) and name != "epoch" and not any(part in name for part in left_out)
    ]
    return "\n".join(["| metric | value |", "|---|---|", *rows]) if rows else None


def _hub_ids(name: str | None) -> list[str] | None:
    """Return `[name]` if it looks like `owner/name` on the Hub and is not a local path."""
    if name is None or name.count("/") != 1 or " " in name or name.startswith((".", "/")) or Path(name).exists():
        return None
    return [name]
