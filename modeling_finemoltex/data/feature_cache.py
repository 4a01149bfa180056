"""Turn molecule-text pairs into the cached integer columns that pre-training reads."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np
import pyarrow.compute as pc
import rdkit
from datasets import List, Value

from ..processors.conformer_view_finemoltex import NOWHERE
from ..processors.text_normalization_finemoltex import normalize_text
from .identifiers import molecule_key, stable_hash
from .rejection import SHOWN, refuse_all

logger = logging.getLogger(__name__)

# Part of the cache key: raise it whenever the columns below change their meaning.
FEATURES_REVISION = 4

# Columns of structure queries, which are kept as they are: pairs of fact and count, triples of fact, least and most.
EXTRA_COLUMNS = {"facts": List(Value("int16")), "conditions": List(Value("int16")), "group_ids": Value("int64")}

POSITIONS, CONFORMERS_AT_ONCE = "atom_positions", 1000
FEATURIZE_BATCH = 256  # rows per call: small enough for a moving progress bar, large enough for the fast tokenizer


class _Settings(NamedTuple):
    """How rows are featurised, and which of their columns are kept as they are."""

    max_length: int
    on_error: str
    extra_names: tuple[str, ...]


def pair_features(feature_extractor: Any) -> datasets.Features:
    """List the columns of featurised pairs.

    The arrays of a molecule are stored row by row in one flat list: narrow and flat is 6 times smaller and faster to
    read than nested lists. The collator gives them back their width.

    Args:
        feature_extractor (`FineMolTexFeatureExtractor`): Its `columns` are those of a molecule.

    Returns:
        `datasets.Features`: These columns, `input_ids`, the ids of pair, molecule and text, and `num_tokens`.

    Example:
    >>> list(pair_features(processor.feature_extractor))[-5:]
    ['input_ids', 'pair_ids', 'molecule_ids', 'text_ids', 'num_tokens']
    """
    return datasets.Features(
        {name: List(Value(column.dtype)) for name, column in feature_extractor.columns.items()}
        | {"input_ids": List(Value("int32"))}
        | {name: Value("int64") for name in ("pair_ids", "molecule_ids", "text_ids")}
        | {"num_tokens": Value("int32")}
    )


def featurize_pairs(
    dataset: datasets.Dataset | datasets.IterableDataset,
    processor: Any,
    max_length: int,
    num_proc: int | None = None,
    on_error: str = "raise",
) -> datasets.Dataset | datasets.IterableDataset:
    """Featurise molecules and tokenise texts once, into narrow Arrow columns cached on disk.

    The cache is keyed by the rows, the settings of the feature extractor, the tokenizer and `max_length`, and lies
    beside the dataset's own cache files, or in the `datasets` cache folder for one held in memory: a second run reads
    it back.

    Args:
        dataset (`datasets.Dataset` or `IterableDataset`): Columns `smiles` and `text`; others are dropped.
        processor (`FineMolTexProcessor`): Featurises molecules and tokenises texts.
        max_length (`int`): Texts are cut to this many tokens, special tokens included.
        num_proc (`int`, *optional*): Worker processes; not used for a streamed dataset.
        on_error (`str`): `"raise"` stops at the first bad row; `"skip"` leaves bad rows out. Rows that are missing
            from `pair_ids` are the skipped ones: `skipped_rows` lists them.

    Returns:
        A dataset of the same kind with the columns of `pair_features`. `pair_ids` is the row's number in `dataset`,
        `molecule_ids` a hash of the canonical SMILES and `text_ids` one of the text, both 63 bits and stable;
        `num_tokens` is the length of `input_ids`.

    Raises:
        ValueError: If a column is missing, a row is bad and `on_error="raise"` (names it), or all were skipped.
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f'`on_error` must be "raise" or "skip": got {on_error!r}.')
    columns = _column_names(dataset)
    for name in ("smiles", "text"):
        if name not in columns:
            raise ValueError(f"The dataset has no column {name!r}; it has {columns}. `load_pairs` gives both columns.")
    extra = {name: kind for name, kind in EXTRA_COLUMNS.items() if name in columns}
    options: dict[str, Any] = {
        "batched": True,
        "batch_size": FEATURIZE_BATCH,
        "with_indices": True,
        "input_columns": ["smiles", "text", *extra],
        "remove_columns": columns,
        "features": datasets.Features(pair_features(processor.feature_extractor) | extra),
        "fn_kwargs": {"processor": processor, "settings": _Settings(max_length, on_error, tuple(extra))},
    }
    if isinstance(dataset, datasets.IterableDataset):
        return dataset.map(_featurize_batch, **options)
    fingerprint = _fingerprint(dataset, processor, max_length, on_error)
    cached = {"new_fingerprint": fingerprint, "cache_file_name": cache_file(dataset, f"features-{fingerprint}")}
    featurized = dataset.map(_featurize_batch, num_proc=num_proc, desc="Featurising pairs", **cached, **options)
    if not len(featurized) and len(dataset):
        raise refuse_all("The pairs", len(dataset), _find_reasons(dataset, processor))
    _report(featurized, len(dataset), max_length)
    missing = count_missing_conformers(featurized)
    if missing:
        logger.warning("%d of %d molecules have no conformer and are read by their graph.", missing, len(featurized))
    return featurized


def count_missing_conformers(featurized: datasets.Dataset) -> int | None:
    """Count the rows whose molecule has no conformer; `None` where none was asked for.

    Args:
        featurized (`datasets.Dataset`): Result of `featurize_pairs`.
    """
    if POSITIONS not in featurized.column_names:
        return None
    parts = featurized.select_columns(POSITIONS).with_format("arrow").iter(CONFORMERS_AT_ONCE)
    return sum(int((pc.list_element(part.column(0), 0).to_numpy() == NOWHERE).sum()) for part in parts)


def skipped_rows(featurized: datasets.Dataset, num_rows: int) -> list[int]:
    """List the rows that `featurize_pairs(..., on_error="skip")` left out.

    Args:
        featurized (`datasets.Dataset`): Result of `featurize_pairs`.
        num_rows (`int`): Rows of the dataset it was made from.

    Returns:
        `list[int]`: Row numbers in ascending order.
    """
    kept = featurized.with_format("numpy")["pair_ids"][:]
    return np.setdiff1d(np.arange(num_rows), kept).tolist()


def _featurize_batch(
    smiles: list[str],
    texts: list[str],
    *others: list[Any],
    processor: Any,
    settings: _Settings,
) -> dict[str, list[Any]]:
    """Featurise one batch of rows, the last column being their numbers, into the columns of `pair_features`."""
    *extra, rows = others
    max_length, on_error, extra_names = settings
    columns = processor.feature_extractor.columns
    batch: dict[str, list[Any]] = {name: [] for name in (*pair_features(processor.feature_extractor), *extra_names)}
    kept_texts, skipped = [], []
    found: dict[str, Any] = {}  # the texts of one molecule are often neighbours
    for number, (molecule, text, row) in enumerate(zip(smiles, texts, rows, strict=True)):
        try:
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f"Row {row} (SMILES {molecule!r}) has no text: got {text!r}.")
            if molecule not in found:
                found[molecule] = processor.feature_extractor.featurize(molecule, row)
        except ValueError as error:
            if on_error == "raise":
                raise ValueError(f"Row {row} with SMILES {molecule!r} cannot be used: {error}") from error
            skipped.append(f"row {row}: {error}")
            continue
        for name, column in columns.items():
            batch[name].append(np.asarray(found[molecule][name], dtype=column.dtype).reshape(-1))
        for name, values in zip(extra_names, extra, strict=True):
            batch[name].append(values[number])
        kept_texts.append(text)
        batch["pair_ids"].append(row)
        batch["molecule_ids"].append(stable_hash(molecule_key(molecule) or molecule))
        batch["text_ids"].append(stable_hash(normalize_text(text).text))
    if kept_texts:
        batch["input_ids"] = processor.tokenize_texts(kept_texts, truncation=True, max_length=max_length)["input_ids"]
    if skipped:
        logger.warning("Skipped %d of %d rows (%s).", len(skipped), len(rows), "; ".join(skipped[:3]))
    batch["num_tokens"] = [len(tokens) for tokens in batch["input_ids"]]
    return batch


def _find_reasons(dataset: datasets.Dataset, processor: Any) -> Iterator[str]:
    """Find again why the first rows cannot be used."""
    for row, example in enumerate(dataset.select(range(min(SHOWN, len(dataset))))):
        try:
            _featurize_batch(
                [example["smiles"]], [example["text"]], [row], processor=processor, settings=_Settings(1, "raise", ())
            )
        except ValueError as error:
            yield str(error)


def _column_names(dataset: datasets.Dataset | datasets.IterableDataset) -> list[str]:
    """List the columns, reading the first rows of a stream that does not know them."""
    names = dataset.column_names
    return list(names if names is not None else dataset._resolve_features().column_names)


def _fingerprint(dataset: datasets.Dataset, processor: Any, max_length: int, on_error: str) -> str:
    """Hash all that the features depend on: settings, not objects, as using a tokenizer changes its state."""
    extractor, tokenizer = processor.feature_extractor, processor.tokenizer
    backend = getattr(tokenizer, "backend_tokenizer", None)
    words: Any = json.loads(backend.to_str()) if backend is not None else sorted(tokenizer.get_vocab().items())
    if backend is not None:
        words.pop("truncation")
        words.pop("padding")
    parts = [
        [FEATURES_REVISION, dataset._fingerprint, max_length, on_error, rdkit.__version__],
        [extractor.to_dict(), getattr(extractor, "motif_vocab", None)],
        [type(tokenizer).__name__, words],
    ]
    return f"{stable_hash(json.dumps(parts, sort_keys=True, default=str)):016x}"


def cache_file(dataset: datasets.Dataset, name: str) -> str:
    """Place what is computed from a dataset beside its cache, which `datasets` cleans up, or in the cache folder."""
    folder = Path(dataset.cache_files[0]["filename"]).parent if dataset.cache_files else cache_folder()
    return str(folder / f"{name}.arrow")


def cache_folder() -> Path:
    """Make the folder of what has no cache of its own: `finemoltex` in the cache of `datasets`.

    Returns:
        `Path`: The folder.
    """
    folder = Path(datasets.config.HF_DATASETS_CACHE, "finemoltex")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _report(featurized: datasets.Dataset, num_rows: int, max_length: int) -> None:
    """Log how many rows were skipped and how many texts may have lost their end."""
    if len(featurized) < num_rows:
        logger.warning("Left out %d of %d rows, see `skipped_rows`.", num_rows - len(featurized), num_rows)
    cut = int((featurized.with_format("numpy")["num_tokens"][:] >= max_length).sum()) if len(featurized) else 0
    if cut:
        logger.warning(
            "%d of %d texts fill all %d tokens; longer ones were cut there.", cut, len(featurized), max_length
        )
