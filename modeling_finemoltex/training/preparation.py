"""The data of a pre-training run: loaded, split and featurised once, and found again by a resumed run."""

import functools
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np
from transformers.utils import logging

from ..data import deduplicate_against, featurize_pairs, random_split, scaffold_split
from ..data.atomic_files import write_text
from ..data.feature_cache import count_missing_conformers
from ..data.query_rows import add_facts, find_facts
from ..data.sources import PairSource, load_molecules, load_source, sample_rows
from ..data.structural_queries import QueryWriter
from ..model.configuration_finemoltex import PAPER_OBJECTIVES, FineMolTexConfig, FineMolTexGraphConfig
from ..model.encoders_finemoltex import MOLECULE_ENCODERS
from ..model.presets_finemoltex import PRESETS
from ..model.pretraining_finemoltex import OBJECTIVES
from ..processors import VIEWS, FineMolTexFeatureExtractor, FineMolTexProcessor, train_motif_vocab
from ..processors.conformer_view_finemoltex import CONFORMER
from .arguments import DataArguments, FineMolTexTrainingArguments, ModelArguments
from .borrowed_texts import NUM_NEIGHBOURS, add_neighbours
from .conformers import check_conformers, choose_conformers
from .text_model import build_text_model

logger = logging.get_logger(__name__)

PREPARATION_FOLDER = "preparation"
GRAPH = "graph"
SUMMARY_FILE = "summary.json"
QUERIES_FOR_WORDS = 10_000  # groups of queries, from which the tokenizer learns their words


class PreparedData(NamedTuple):
    """What `prepare_data` leaves on disk and every process loads."""

    processor: Any
    text_config: dict[str, Any]
    features: datasets.DatasetDict  # train, and validation and test unless their size is 0
    summary: dict[str, Any]  # rows and molecules of each split, what was removed, and the settings


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
    if data_args.fact_molecules:
        splits["train"] = add_facts(splits["train"], data_args.fact_molecules, seed, data_args.num_proc)
    texts = splits["train"]["text"][:]
    if data_args.queries_per_batch:  # whose words need not occur in the texts
        writer = QueryWriter(find_facts(splits["train"])[1], seed)
        texts += [query.text for group in writer.write(QUERIES_FOR_WORDS) for query in group]
    processor, text_config = _build_processor(splits["train"], texts, model_args, data_args.max_text_length)
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
        "splits": {name: _describe_split(rows) for name, rows in features.items()},
        "sources": {
            name: {"pairs": int((source_ids == number).sum()), "removed": removed["sources"].get(name, 0)}
            for number, name in enumerate(names)
        },
        "removed": removed["eval_sets"],
        "removed_molecules": removed["molecules"],
        "words": len(processor.tokenizer),
        "motifs": processor.feature_extractor.motif_vocab_size,
        "text_config": text_config,
    }
    write_text(folder / SUMMARY_FILE, json.dumps(summary, indent=2) + "\n")
    logger.info(
        f"Prepared {summary['splits']} from {summary['sources']}, {summary['words']} words and {summary['motifs']} "
        f"motifs in {folder}."
    )


def _describe_split(rows: datasets.Dataset) -> dict[str, int]:
    """Count the rows of a split, its molecules, and where they are read in space those that cannot be."""
    counts = {"pairs": len(rows), "molecules": len(set(rows["molecule_ids"]))}
    missing = count_missing_conformers(rows)
    return counts if missing is None else {**counts, "without_conformer": missing}


def _build_processor(
    train: datasets.Dataset, texts: list[str], model_args: ModelArguments, max_text_length: int
) -> tuple[Any, dict[str, Any]]:
    """Learn words from texts and motifs from molecules, or take those of the initial model; with the text encoder."""
    if model_args.initial_model is not None:
        config = FineMolTexConfig.from_pretrained(model_args.initial_model)
        processor = FineMolTexProcessor.from_pretrained(model_args.initial_model)
        choose_conformers(processor, config.graph_config.encoder, model_args.conformers)
        _add_views(processor, choose_views(model_args))
        if not model_args.new_words:
            return processor, config.text_config.to_dict()
    tokenizer, text_config = build_text_model(
        model_args.text_model, texts, model_args.text_vocab_size, max_text_length
    )
    if model_args.text_layers is not None:
        text_config["num_hidden_layers"] = model_args.text_layers
    if model_args.initial_model is not None:
        return FineMolTexProcessor(processor.feature_extractor, tokenizer), text_config
    motif_vocab = train_motif_vocab(
        sorted(set(train["smiles"])),
        fragmentation=model_args.fragmentation,
        min_count=model_args.motif_min_count,
        max_size=model_args.motif_vocab_size,
    )
    feature_extractor = FineMolTexFeatureExtractor(
        motif_vocab=motif_vocab, fragmentation=model_args.fragmentation, views=choose_views(model_args)
    )
    return FineMolTexProcessor(feature_extractor=feature_extractor, tokenizer=tokenizer), text_config


def starting_fields(model_args: ModelArguments) -> dict[str, Any]:
    """Give the fields of the configuration that a run starts from: those of its initial model, or of its preset.

    Args:
        model_args (`ModelArguments`): Its changes are not made yet; see `change_config`.
    """
    if model_args.initial_model is not None:
        return FineMolTexConfig.from_pretrained(model_args.initial_model).to_dict()
    return {"objectives": PAPER_OBJECTIVES, **PRESETS[model_args.preset]}


def choose_views(model_args: ModelArguments) -> list[str]:
    """List the views of the processor that encoder and objectives read.

    Args:
        model_args (`ModelArguments`): Preset or initial model, changes of its encoder and objectives, and
            `conformers`.

    Raises:
        ValueError: If encoder or objective are unknown, or conformers are asked for and the encoder cannot read them.
    """
    fields = model_args.change_config(starting_fields(model_args))
    name = (fields.get("graph_config") or {}).get("encoder", FineMolTexGraphConfig.encoder)
    if name not in MOLECULE_ENCODERS:
        raise ValueError(f"`graph_config.encoder` must be one of {', '.join(MOLECULE_ENCODERS)}: got {name!r}.")
    if model_args.conformers:
        check_conformers(name)
    needs = MOLECULE_ENCODERS[name].needs.union(*(OBJECTIVES[one].needs for one in fields["objectives"]))
    return [view for view in VIEWS if view in needs or (view == CONFORMER and model_args.conformers)]


def _add_views(processor: Any, views: list[str]) -> None:
    """Let a processor make further views, if it does not."""
    extractor = processor.feature_extractor
    missing = [name for name in views if name not in extractor.views]
    if missing:
        processor.feature_extractor = extractor.with_views([*extractor.views, *missing])


def load_splits(data_args: DataArguments, seed: int) -> tuple[dict[str, datasets.Dataset], dict[str, dict[str, int]]]:
    """Load the pairs, remove from training what leaks from the evaluation sets, and split.

    Returns:
        The non-empty splits by name (train, validation, test; `source_ids` numbers the sources of training pairs), and
        what was removed from training: pairs and molecules for each evaluation set, pairs of each source.
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
    removed: dict[str, dict[str, int]] = {"eval_sets": {}, "molecules": {}, "sources": {}}
    if eval_sets:
        before = np.bincount(pairs["source_ids"], minlength=len(sources))
        pairs, report = deduplicate_against(pairs, list(eval_sets.values()))
        after = np.bincount(pairs["source_ids"], minlength=len(sources))
        entries = dict(zip(eval_sets, report["eval_sets"], strict=True))
        removed["eval_sets"] = {name: entry["num_removed"] for name, entry in entries.items()}
        removed["molecules"] = {name: entry["num_molecules_removed"] for name, entry in entries.items()}
        removed["sources"] = {one.name: int(n) for one, n in zip(sources, before - after, strict=True)}
        logger.info(
            "Removed from training, because their molecule, or a salt of it, is in an evaluation set: "
            f"{removed['eval_sets']} pairs of {removed['molecules']} molecules, of the sources {removed['sources']}."
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
        "new_words",
        "text_model",
        "text_layers",
        "text_vocab_size",
        "fragmentation",
        "motif_min_count",
        "motif_vocab_size",
        "graph_config",
        "conformers",
    )
    settings = {name: getattr(model_args, name) for name in model_names} | asdict(data_args) | {"seed": seed}
    # No effect on the files, wherever the data lies.
    for name in ("num_proc", "max_eval_samples", "data_dir", "source_weights"):
        del settings[name]
    views = choose_views(model_args)
    if views != [GRAPH]:  # the default
        settings["views"] = views
    settings["queries_per_batch"] = QUERIES_FOR_WORDS if data_args.queries_per_batch else 0  # of all batches together
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
