"""Compare methods on property sets: one split, several seeds, every figure kept in one JSON file, resumable."""

import functools
import hashlib
import itertools
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from tqdm.auto import tqdm
from transformers import AutoConfig

from ..data.atomic_files import open_atomically, write_text
from ..data.labels import InexactLabels
from ..data.molecule_files import MoleculeFile
from ..data.property_tables import PropertyTable, load_property_table
from ..data.splits import column_split, deterministic_scaffold_split, random_split, scaffold_split
from ..evaluation.property_metrics import compute_property_metrics
from ..hub.folders import export_folder
from ..training.conformers import choose_conformers
from ..training.fine_tuning import FineTuningSettings, leave_out_unusable
from .conformal import LEVEL, ConformalCalibration, check_level, measure_coverage
from .fingerprints import TrainingFingerprints
from .label_fractions import ALL, check_fractions, format_fraction_table, keep_full_runs, take_fraction
from .methods import BASELINES, DEFAULT, METHODS, MethodRunner, Outcome, load_encoder
from .molecule_features import make_store
from .property_blend import PropertyBlend, import_skops
from .recipes import OF_SMILES, WITH_VECTORS
from .result_tables import deciding_figure, format_property_table
from .scrambling import scramble_labels
from .training_molecules import TrainingMolecules

logger = logging.getLogger(__name__)

RESULTS, TABLE, PREDICTIONS = "results.json", "results.md", "predictions.csv"
# Options that may change between two calls that add to the same results.
_FREE = (
    *("dataset", "seeds", "methods", "baselines", "all", "num_proc", "save_models"),
    *("output_dir", "results_file", "data_dir", "label_fractions"),
)
# Options that results of earlier versions lack, with what they were.
_ADDED = {
    **{"qualified": "error", "ranges": "error", "chains": "together", "level": LEVEL, "scramble_labels": False},
    "conformers": None,
}


@dataclass
class ExperimentArguments:
    """Which sets, which methods, how split, how trained."""

    model: str = field(metadata={"help": "Folder or Hub id of a FineMolTex model with its processor."})
    dataset: list[str] = field(
        metadata={"help": "MoleculeNet names (with --data_dir) or files: csv, tsv, jsonl, Parquet."}
    )
    output_dir: str = field(metadata={"help": "Folder of the results, the predictions and the trained models."})
    results_file: str | None = field(
        default=None,
        metadata={"help": "Write the raw figures there too; an empty output folder starts with what it holds."},
    )
    data_dir: str | None = field(default=None, metadata={"help": "Folder of the MoleculeNet files."})
    label_columns: list[str] | None = field(
        default=None, metadata={"help": "Columns of the labels, for a file; guessed if only one can be meant."}
    )
    smiles_column: str | None = field(default=None, metadata={"help": "Column of the molecules."})
    separator: str | None = field(
        default=None, metadata={"help": "Character between the cells of a file, or tab; recognised if absent."}
    )
    column_names: list[str] | None = field(default=None, metadata={"help": "Columns of a file without a header."})
    text_column: str | None = field(default=None, metadata={"help": "Column of texts to read beside the molecules."})
    task_type: Literal["binary", "multiclass", "regression"] = field(
        default="binary", metadata={"help": "What the labels are."}
    )
    qualified: Literal["error", "drop", "value"] = field(
        default="error",
        metadata={"help": "What >10, <= 0.5 or ~3 is in a regression: an error, no label, or the number."},
    )
    ranges: Literal["error", "drop", "middle"] = field(
        default="error", metadata={"help": "What 1-3 or 1 to 3 is in a regression: an error, no label, or the mean."}
    )
    split: Literal["scaffold", "balanced_scaffold", "random", "column"] = field(
        default="scaffold",
        metadata={"help": "As in the published tables; the same by seed; at random by seed; or as a column says."},
    )
    split_column: str | None = field(default=None, metadata={"help": "Column with train, valid and test."})
    chains: Literal["together", "apart"] = field(
        default="together",
        metadata={
            "help": "Molecules without rings in a scaffold split: one group, as in the published tables, or a group "
            "for each set of functional groups."
        },
    )
    valid_size: float = field(default=0.1, metadata={"help": "Share of the validation rows."})
    test_size: float = field(default=0.1, metadata={"help": "Share of the test rows."})
    methods: list[str] = field(default_factory=lambda: [DEFAULT], metadata={"help": f"Any of {', '.join(METHODS)}."})
    baselines: bool = field(default=False, metadata={"help": f"Run {', '.join(BASELINES)} too."})
    all: bool = field(default=False, metadata={"help": "Run every method, for the whole table."})
    label_fractions: list[float] = field(
        default_factory=lambda: [ALL],
        metadata={"help": "Learn from such shares of the training rows, each a run; 0.05 is one row in twenty."},
    )
    seeds: list[int] = field(default_factory=lambda: [0], metadata={"help": "One run of each method for each."})
    epochs: int = field(default=30, metadata={"help": "Passes over the training rows, at most."})
    patience: int = field(default=10, metadata={"help": "Stop after so many epochs without a better validation."})
    batch_size: int = field(default=32, metadata={"help": "Molecules per step."})
    learning_rate: float = field(default=3e-4, metadata={"help": "Of the pre-trained weights."})
    head_learning_rate: float = field(default=1e-3, metadata={"help": "Of new weights: linear layer, GIN, LoRA."})
    weight_decay: float = field(default=0.01, metadata={"help": "Of matrices."})
    dropout: float = field(default=0.1, metadata={"help": "After every layer and before the linear one."})
    lora_rank: int = field(default=8, metadata={"help": "Rank of the LoRA updates."})
    readout: Literal["molecule", "atoms", "both"] = field(
        default="both", metadata={"help": "What the linear layer reads; see `FineMolTexConfig.property_readout`."}
    )
    balance_classes: bool = field(default=False, metadata={"help": "Weigh the rarer label of each task more."})
    level: float = field(
        default=LEVEL, metadata={"help": "Share of the truth that conformal sets and intervals are to hold."}
    )
    scramble_labels: bool = field(
        default=False, metadata={"help": "Deal the labels out anew for each seed: every method must be at chance."}
    )
    conformers: bool | None = field(
        default=None,
        metadata={"help": "Read molecules with a conformer, or without; none: as the model was pre-trained."},
    )
    save_models: bool = field(default=True, metadata={"help": "Keep the model folder and predictions of every run."})
    num_proc: int | None = field(default=None, metadata={"help": "Processes that parse molecules."})

    def __post_init__(self) -> None:
        """Check that the options agree."""
        if self.all:
            self.methods = [name for name in METHODS if name not in OF_SMILES]
        if self.baselines:
            self.methods = list(dict.fromkeys([*BASELINES, *self.methods]))
        unknown = sorted(set(self.methods) - set(METHODS))
        if unknown:
            raise ValueError(f"Unknown method {unknown[0]!r}: choose among {', '.join(METHODS)}.")
        if self.chains == "apart" and self.split != "scaffold":
            raise ValueError(
                f"`chains apart` is for the `scaffold` split, not for {self.split!r}. Leave it out: "
                "`balanced_scaffold` keeps molecules without rings in train."
            )
        if (self.split == "column") != (self.split_column is not None):
            raise ValueError("`split column` and `split_column` go together: give both or neither.")
        check_level(self.level)
        check_fractions(self.label_fractions)

    @property
    def splits_by_seed(self) -> bool:
        """Whether every seed has rows of its own."""
        return self.scramble_labels or self.split in ("balanced_scaffold", "random")

    def fixed(self) -> dict[str, Any]:
        """Return the options that must be the same for all runs in one table."""
        return {name: value for name, value in asdict(self).items() if name not in _FREE}


def run_experiments(arguments: ExperimentArguments, load_processor: Any) -> dict[str, Any]:
    """Run every method on every set with every seed that `results.json` does not have yet.

    The file and the Markdown table beside it are written after each run: interrupt it at any time, and start the same
    command again to go on, also with more sets, methods or seeds.

    Args:
        arguments ([`ExperimentArguments`]): What to run.
        load_processor (callable): Gives the processor and the collator of a model folder.

    Returns:
        `dict`, as in `results.json`: `settings`; `sets` by the name of their file, with source, rows, tasks, split
        sizes and unparsable rows by index; and `runs`, each with `set`, `method`, `seed`, the metrics of `valid` and
        `test`, the `coverage` of conformal sets or intervals on the test rows, `facts` and `seconds` of processor
        time.

    Raises:
        ImportError: If a blend is to be saved without skops, or LoRA asked for without peft.
        ValueError: If the folder holds results of other settings, or a set cannot be read or split.
    """
    folder = Path(arguments.output_dir)
    results = _load_results(folder, arguments)
    done = {_name_run(run) for run in results["runs"]}
    if arguments.save_models and set(arguments.methods) & set(WITH_VECTORS):
        import_skops()  # missing, it would be missed after hours
    processor, collate = load_processor(arguments.model)
    if arguments.conformers is not None:
        encoder = AutoConfig.from_pretrained(arguments.model).graph_config.encoder
        choose_conformers(processor, encoder, arguments.conformers)
    views = tuple(processor.feature_extractor.views)
    total = len(arguments.dataset) * len(arguments.seeds) * len(arguments.methods) * len(arguments.label_fractions)
    with tqdm(total=total, unit="run", disable=None) as bar:
        for source in arguments.dataset:
            table = leave_out_unusable(_load_set(source, arguments), processor.feature_extractor)
            table = replace(table, name=_name_set(table, source, results["sets"]))
            store = make_store(functools.partial(load_encoder, arguments.model, views))
            split_for, parts, runners = None, {}, {}
            for seed, share in itertools.product(arguments.seeds, arguments.label_fractions):
                missing = [method for method in arguments.methods if (table.name, method, seed, share) not in done]
                bar.update(len(arguments.methods) - len(missing))
                if not missing:
                    continue
                if split_for is None or (split_for != seed and arguments.splits_by_seed):
                    labelled = scramble_labels(table, seed) if arguments.scramble_labels else table
                    split_for, parts, runners = seed, split_table(labelled, arguments, seed), {}
                if share < ALL or share not in runners:
                    train = take_fraction(parts["train"], share, seed)
                    runners[share] = _make_runner({**parts, "train": train}, arguments, processor, collate)
                    runners[share].store = store
                results["sets"][table.name] = _describe(table, source, parts)
                for method in missing:
                    bar.set_description(f"{table.name}, {method}, seed {seed}")
                    run = _run(runners[share], table, method, seed, share, processor, arguments)
                    results["runs"].append(run)
                    _write(folder, results, arguments.results_file)
                    figure = deciding_figure(table.task_type, len(table.tasks))
                    found = run["test"].get(figure, "no figure")
                    logger.info("%s, %s, seed %d: %s", table.name, method, seed, found)
                    bar.update()
    return results


def split_table(table: PropertyTable, arguments: ExperimentArguments, seed: int) -> dict[str, PropertyTable]:
    """Split the usable rows of a table.

    Args:
        table ([`PropertyTable`]): `R` usable rows.
        arguments ([`ExperimentArguments`]): `split`, `split_column`, `chains`, `valid_size` and `test_size` are
            used.
        seed (`int`): Of `balanced_scaffold` and `random`.

    Returns:
        `dict` of `"train"`, `"valid"` and `"test"`.

    Raises:
        ValueError: If there are too few rows, or a split stays empty.
    """
    sizes = (arguments.valid_size, arguments.test_size)
    if arguments.split == "column":
        names = list(table.rows.column_names)
        if arguments.split_column not in names:
            raise ValueError(
                f"{table.name} has no column {arguments.split_column!r} to split by; it has {names[:20]}."
            )
        values = table.rows[arguments.split_column][:]
        places = column_split([values[row] for row in table.row_numbers])
    elif arguments.split == "scaffold":
        places = deterministic_scaffold_split(
            table.smiles, *sizes, num_proc=arguments.num_proc, chains=arguments.chains
        )
    else:
        split = random_split if arguments.split == "random" else scaffold_split
        places = split(table.smiles, *sizes, seed=seed, num_proc=arguments.num_proc)
    for name, rows in places.items():
        if not len(rows):
            raise ValueError(
                f"{table.name}: no row is left for {name} of {len(table.smiles)} usable rows. Give a larger "
                "`valid_size` or `test_size`, or split by a column of your own."
            )
    return {name: table.select(rows) for name, rows in places.items()}


def _run(
    runner: MethodRunner,
    table: PropertyTable,
    method: str,
    seed: int,
    share: float,
    processor: Any,
    arguments: ExperimentArguments,
) -> dict[str, Any]:
    """Run one method, and save what it made unless it learned nothing that is true."""
    start = time.process_time()
    outcome = runner.run(method, seed)
    run = _score(table.name, method, seed, outcome, runner.parts, time.process_time() - start)
    if share < ALL:
        run["label_fraction"] = share
    calibration, test = _calibrate_sets(outcome, runner.parts["valid"]), runner.parts["test"]
    run["coverage"] = measure_coverage(calibration, outcome.predictions["test"], test.labels, arguments.level)
    if arguments.save_models and not arguments.scramble_labels:
        place = f"seed{seed}" if share == ALL else f"seed{seed}_labels{share:.4g}"
        folder = Path(arguments.output_dir, table.name, method, place)
        _save(folder, table, runner.parts, outcome, processor, run)
    return run


def _make_runner(
    parts: Mapping[str, PropertyTable], arguments: ExperimentArguments, processor: Any, collate: Any
) -> MethodRunner:
    new = {"learning_rate": arguments.head_learning_rate}
    settings = FineTuningSettings(
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        head_learning_rate=arguments.head_learning_rate,
        weight_decay=arguments.weight_decay,
        patience=arguments.patience,
        balance_classes=arguments.balance_classes,
    )
    return MethodRunner(
        parts,
        arguments.model,
        processor,
        collate,
        settings,
        method_settings={"gin_scratch": new, "lora": {**new, "lora_rank": arguments.lora_rank}},
        readout=arguments.readout,
        dropout=arguments.dropout,
    )


def _load_results(folder: Path, arguments: ExperimentArguments) -> dict[str, Any]:
    """Read the results so far, if they were made with the same settings."""
    file, settings = folder / RESULTS, arguments.fixed()
    folder.mkdir(parents=True, exist_ok=True)
    if not file.is_file() and arguments.results_file is not None:
        file = Path(arguments.results_file)
    if not file.is_file():
        return {"settings": settings, "sets": {}, "runs": []}
    results = json.loads(file.read_text(encoding="utf-8"))
    made_with = _ADDED | results["settings"]
    different = sorted(name for name in settings if made_with.get(name) != settings[name])
    if different:
        name = different[0]
        raise ValueError(
            f"{file} was made with `{name}` {made_with.get(name)!r}, not {settings[name]!r}. Give another "
            "`output_dir`, or the settings of that file to add to it."
        )
    return results


def _load_set(source: str, arguments: ExperimentArguments) -> PropertyTable:
    file: str | MoleculeFile = source
    if arguments.separator is not None or arguments.column_names is not None:
        layout = {"separator": arguments.separator, "column_names": arguments.column_names}
        file = MoleculeFile(source, arguments.smiles_column, **layout)
    return load_property_table(
        file,
        arguments.label_columns,
        arguments.task_type,
        arguments.smiles_column,
        arguments.text_column,
        arguments.data_dir,
        arguments.num_proc,
        InexactLabels(arguments.qualified, arguments.ranges),
    )


def _name_set(table: PropertyTable, source: str, known: Mapping[str, Any]) -> str:
    """Name a set by its file, and by its folders too if the results hold another set of that name.

    Raises:
        ValueError: If the results hold another state of the same file.
    """
    digest, place = _digest(table), _locate(source)
    folders = list(Path(place).parts[-2:0:-1])
    name = table.name
    while known.get(name, {}).get("digest", digest) != digest:
        if known[name]["source"] == place or not folders:
            raise ValueError(
                f"{place} has changed since the runs of {name!r} in these results. Give another `output_dir`, or the "
                "file as it was."
            )
        name = f"{folders.pop(0)}_{name}"
    return name


def _digest(table: PropertyTable) -> str:
    """Hash the molecules, texts and labels."""
    found = hashlib.blake2b(json.dumps([table.smiles, table.texts, table.tasks, table.classes]).encode())
    found.update(np.ascontiguousarray(table.labels).tobytes())
    return found.hexdigest()[:32]


def _locate(source: str) -> str:
    """Write where a set lies; the name of a published set or of the Hub stays."""
    return str(Path(source).resolve()) if Path(source).exists() else source


def _describe(table: PropertyTable, source: str, parts: Mapping[str, PropertyTable]) -> dict[str, Any]:
    return {
        "source": _locate(source),
        "digest": _digest(table),
        "task_type": table.task_type,
        "tasks": len(table.tasks),
        "chance": _score_chance(parts),
        "num_rows": len(table.rows),
        "unparseable": {str(row): smiles for row, smiles in table.unparseable.items()},
        "split": {name: len(part.smiles) for name, part in parts.items()},
    }


def _score_chance(parts: Mapping[str, PropertyTable]) -> dict[str, float]:
    """Score the same answer for every test molecule: the mean of the training labels, or the share of each class."""
    train, test = parts["train"], parts["test"]
    labels = train.labels
    if train.task_type == "multiclass":
        known = labels[~np.isnan(labels[:, 0]), 0].astype(int)
        labels = np.eye(len(train.classes))[known]  # (R, K)
    has_label = ~np.isnan(labels)
    means = np.where(has_label, labels, 0.0).sum(0) / np.maximum(has_label.sum(0), 1)  # (K,)
    predictions = np.tile(means, (len(test.smiles), 1))
    metrics = compute_property_metrics(predictions, test.labels, test.task_type, test.label_names)
    return {name: value for name, value in metrics.items() if isinstance(value, float)}


def _score(
    name: str, method: str, seed: int, outcome: Outcome, parts: Mapping[str, PropertyTable], seconds: float
) -> dict[str, Any]:
    metrics = {
        part: compute_property_metrics(predictions, parts[part].labels, parts[part].task_type, parts[part].label_names)
        for part, predictions in outcome.predictions.items()
    }
    return {
        "set": name, "method": method, "seed": seed, **metrics, "facts": outcome.facts, "seconds": round(seconds, 1)
    }  # fmt: skip


def _calibrate_sets(outcome: Outcome, valid: PropertyTable) -> ConformalCalibration:
    return ConformalCalibration.from_predictions(
        outcome.predictions["valid"], valid.labels, valid.task_type, valid.label_names
    )


def _save(
    folder: Path,
    table: PropertyTable,
    parts: Mapping[str, PropertyTable],
    outcome: Outcome,
    processor: Any,
    run: Mapping[str, Any],
) -> None:
    """Save the model, its calibration and the predictions of all input rows."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(outcome.model, PropertyBlend):
        outcome.model.save(folder)
    elif outcome.model is not None:
        card_fields = {
            "model_id": "-".join(folder.parts[-3:]),
            "dataset": table.name,
            "metrics": {f"{table.name}/test_{name}": value for name, value in run["test"].items()},
        }
        export_folder(outcome.model, processor, folder, card_fields)
        TrainingFingerprints.from_smiles(parts["train"].smiles).save(folder)
    if outcome.model is not None:
        TrainingMolecules.from_table(parts["train"]).save(folder)
        _calibrate_sets(outcome, parts["valid"]).save(folder)
    frame = table.rows.to_pandas()
    split = np.full(len(frame), "unparsable", dtype=object)
    predicted = np.full((len(frame), len(table.label_names)), np.nan)
    for name, part in parts.items():
        split[part.row_numbers] = name
        if name in outcome.predictions:
            predicted[part.row_numbers] = outcome.predictions[name]
    added = pd.DataFrame(predicted, columns=[f"predicted_{label}" for label in table.label_names])
    added.insert(0, "assigned_split", split)
    frame = pd.concat([frame, added], axis=1)
    with open_atomically(folder / PREDICTIONS, newline="") as file:
        frame.to_csv(file, index=False)


def _name_run(run: Mapping[str, Any]) -> tuple[str, str, int, float]:
    """Tell runs apart: set, method, seed and share of the training labels."""
    return run["set"], run["method"], run["seed"], run.get("label_fraction", ALL)


def _write(folder: Path, results: Mapping[str, Any], results_file: str | None) -> None:
    """Replace the results at once, so that an interruption never leaves half a file."""
    raw = json.dumps(results, indent=1) + "\n"
    write_text(folder / RESULTS, raw)
    tables = [format_property_table(keep_full_runs(results)), format_fraction_table(results)]
    write_text(folder / TABLE, "\n".join(table for table in tables if table))
    if results_file is not None:
        write_text(results_file, raw)
