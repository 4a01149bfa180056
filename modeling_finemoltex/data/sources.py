"""Sources of pairs: where rows come from, which texts a row gives, and how often a source is drawn."""

import functools
import json
import logging
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from string import Template
from typing import Any

import datasets
import numpy as np
import rdkit
from datasets import Value

from . import descriptor_captions
from .chemicals_corpus import is_chemical_name, load_chemicals_pairs
from .columns import choose_column
from .feature_cache import cache_file
from .identifiers import explain_refusal, skeletons, stable_hash, try_parse
from .molecule_files import MoleculeFile
from .pairs import load_pairs
from .query_rows import write_query_rows
from .rejection import SHOWN, refuse_all
from .tables import load_table

logger = logging.getLogger(__name__)

# Part of the cache key: raise it whenever the same source gives other rows.
REVISION = 2
CHEMICALS = "chemicals"  # the names of the PyPI package, instead of a file or Hub id
# All but the name count when rows are drawn.
WITHOUT_EFFECT_ON_ROWS = ("name", "weight", "molecules_per_text", "similar_together")
ABOUT_PROPERTIES = "properties"  # value of `describe`
WRITERS = ("describe", "queries", "without_texts")  # options of a source whose texts are not read
NO_TEXT = "molecule"  # what stands for a text where there is none
BATCH = 256  # rows per call, as for features

_NAME_WORD = re.compile(r"[A-Za-z][a-z]{3}|[A-Z]{6}")  # shorter words in capitals are abbreviations and formulae
_INCHIKEY = re.compile(r"[A-Z]{14}-[A-Z]{10}-[A-Z]")
_NOTATION = re.compile(r"^(?:InChI|WURCS)=|[a-z]=O\b|\[H\]")  # line notations other than a valid SMILES


@dataclass(frozen=True)
class PairSource:
    """Pairs of one origin.

    Args:
        dataset (`str`): File, folder, glob or Hub id as for `load_pairs`, with `${data_dir}` for the data folder, or
            `"chemicals"` for the names of that package.
        name (`str`): Short name for logs and summaries; by default `dataset`.
        smiles_column (`str`, *optional*): Column of the molecules; without it, the usual names are tried.
        text_column (`str` or list of `str`, *optional*): Column of the texts; each of several gives texts of its own.
        text_separator (`str`, *optional*): Cells hold several texts, joined by this.
        names_only (`bool`): Leave out what is no name: numbers, formulae, registry numbers, InChI, InChIKeys, SMILES.
        describe (`bool` or `str`): Write descriptor captions of the molecules instead of reading texts;
            `"properties"`: of such properties alone as solubility or hydrogen bonding, not of the structure.
        without_texts (`bool`): Read molecules alone, for objectives that read no texts; each has the same word for a
            text.
        queries (`bool`): Write structure queries of the molecules instead of reading texts; see `structural_queries`.
        texts_per_molecule (`int`, *optional*): At most so many texts of each row, chosen at random; 1 by default for
            captions and the names of `chemicals`, all otherwise. Of queries, about so many; 4 by default.
        split (`str`): Split of a folder or Hub dataset.
        max_rows (`int`, *optional*): Use a random sample of so many rows.
        where (`dict`, *optional*): Column -> value, or list of values: rows with anything else are left out.
        separator, column_names (*optional*): Layout of a single file, see `MoleculeFile`.
        weight (`float` or `dict`): Share of the draws in training, relative to the other sources. A dict changes it
            in the course of training: from the step given (below 1: from that share of all steps) to the next entry;
            before its first entry it is 0. So `{0: 1, 0.4: 0}` is drawn in the first 40 % of the training alone.
        molecules_per_text (`int`, *optional*): In one pass through the source, a text comes with at most so many of
            its molecules, with other ones in the next pass. Not for `queries`, whose rows belong together.
        similar_together (`int`, *optional*): So many pairs that the model finds alike when training starts are drawn
            one after the other. They meet in a batch and are hard negatives of each other. Not for `queries`.

    Raises:
        ValueError: If a value is not allowed, or options exclude each other.
    """

    dataset: str
    name: str = ""
    smiles_column: str | None = None
    text_column: str | list[str] | None = None
    text_separator: str | None = None
    names_only: bool = False
    describe: bool | str = False
    without_texts: bool = False
    queries: bool = False
    texts_per_molecule: int | None = None
    max_rows: int | None = None
    split: str = "train"
    where: Mapping[str, str | list[str]] | None = None
    separator: str | None = None
    column_names: list[str] | None = None
    weight: float | Mapping[Any, float] = 1.0
    molecules_per_text: int | None = None
    similar_together: int | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if not isinstance(self.dataset, str) or not self.dataset:
            raise ValueError(
                f"A source needs a `dataset` (file, folder, Hub id or {CHEMICALS!r}): got {self.dataset!r}."
            )
        object.__setattr__(self, "name", self.name or self.dataset)
        if self.describe not in (True, False, ABOUT_PROPERTIES):
            raise ValueError(
                f"{self.name}: `describe` must be true, false or {ABOUT_PROPERTIES!r}: got {self.describe!r}."
            )
        for name in ("texts_per_molecule", "max_rows", "molecules_per_text", "similar_together"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{self.name}: `{name}` must be 1 or more: got {value}.")
        if self.without_texts and (self.queries or self.describe or self.dataset == CHEMICALS):
            raise ValueError(
                f"{self.name}: `without_texts` reads molecules alone, and `queries`, `describe` and {CHEMICALS} give "
                "texts. Leave either out."
            )
        reads_texts = self.text_column is not None or self.text_separator is not None or self.names_only
        if self.queries and self.describe:
            raise ValueError(f"{self.name}: give either `queries` or `describe`: each writes the texts itself.")
        for name in ("molecules_per_text", "similar_together"):
            if self.queries and getattr(self, name) is not None:
                raise ValueError(
                    f"{self.name}: `{name}` would part queries from their near misses. Leave it out, or ask for fewer "
                    "queries with `texts_per_molecule`."
                )
        writes_texts = self.describe or self.queries or self.without_texts
        writer = next((f"`{name}`" for name in WRITERS if getattr(self, name)), CHEMICALS)
        if (writes_texts or self.dataset == CHEMICALS) and reads_texts:
            raise ValueError(
                f"{self.name}: `text_column`, `text_separator` and `names_only` say how texts are read, but the texts "
                f"of {writer} are not read from a column. Leave them out."
            )
        if self.describe and self.dataset == CHEMICALS:
            raise ValueError(f"{self.name}: {CHEMICALS} has names of its own. Give a table of molecules to describe.")
        if any(start < 0 or not 0 <= weight < math.inf for start, weight in self._weights()):
            raise ValueError(f"{self.name}: weights and steps must be 0 or more: got {self.weight!r}.")

    @classmethod
    def parse(cls, text: str) -> "PairSource":
        """Read a source from JSON, or take the string itself as its `dataset`.

        Raises:
            ValueError: If the JSON is invalid or has an unknown key.
        """
        if not text.lstrip().startswith("{"):
            return cls(text)
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"The source {text!r} is not valid JSON: {error}.") from error
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown or "dataset" not in values:
            problem = f"has the unknown key {unknown[0]!r}" if unknown else "has no `dataset`"
            raise ValueError(f"The source {text} {problem}. Known keys: {', '.join(known)}.")
        return cls(**values)

    def weight_changes(self, num_steps: int) -> list[tuple[int, float]]:
        """List the steps at which the weight changes, with the weight from there on, in ascending order.

        Args:
            num_steps (`int`): Steps of the whole training, for starts given as a share of it.
        """
        weights = self._weights()
        return [(math.ceil(start * num_steps) if start < 1 else int(start), weight) for start, weight in weights]

    def rows_identity(self) -> dict[str, Any]:
        """Return what decides on the rows: all but the name, and how they are drawn."""
        left_out = WITHOUT_EFFECT_ON_ROWS if self.without_texts else (*WITHOUT_EFFECT_ON_ROWS, "without_texts")
        return {
            name: value for name, value in asdict(self).items() if name not in left_out
        }  # as before there were such

    def _weights(self) -> list[tuple[float, float]]:
        """List (start, weight)."""
        weights = self.weight if isinstance(self.weight, Mapping) else {0: self.weight}
        try:
            return sorted((float(start), float(weight)) for start, weight in weights.items())
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{self.name}: `weight` must be a number, or a table of starts and numbers: got {self.weight!r}."
            ) from error


def replace_weights(sources: Sequence[PairSource], weights: Sequence[str]) -> list[PairSource]:
    """Give sources other weights, written `name=weight`.

    Raises:
        ValueError: If a weight is not written so, or names no source.
    """
    names = [source.name for source in sources]
    replaced = {}
    for word in weights:
        name, _, weight = word.rpartition("=")
        try:
            replaced[name] = float(weight)
        except ValueError:
            name = ""
        if name not in names:
            raise ValueError(f"`source_weights` are written name=weight, with a name of {names}: got {word!r}.")
    return [replace(source, weight=replaced.get(source.name, source.weight)) for source in sources]


def load_source(
    source: PairSource,
    data_dir: str | None = None,
    seed: int = 0,
    num_proc: int | None = None,
    on_error: str = "raise",
    identify: bool = False,
    max_rows: int | None = None,
) -> datasets.Dataset:
    """Load the pairs of a source, without molecules that cannot be read; kept in the `datasets` cache.

    Args:
        source (`PairSource`): Where the rows come from and which texts they give.
        data_dir (`str`, *optional*): Folder that `${data_dir}` stands for.
        seed (`int`): Seed of the choice among texts and of the words of captions.
        num_proc (`int`, *optional*): Worker processes.
        on_error (`str`): `"raise"` stops at an unreadable molecule, `"skip"` leaves it out and logs how many.
        identify (`bool`): Add the column `skeletons`, which `deduplicate_against` reads.
        max_rows (`int`, *optional*): Use a random sample of so many rows, or of as many as the source says, if fewer.

    Returns:
        `datasets.Dataset`: Columns `smiles`, `text`, `row` (number of the row read) and on request `skeletons`.
        Rows without any text left by `names_only` are left out.

    Raises:
        ValueError: If the source cannot be read, a column is missing, no row is left, or a molecule is unreadable.
    """
    table, smiles_column, text_columns = _read_table(source, data_dir)
    table = sample_rows(sample_rows(table, source.max_rows, seed), max_rows, seed)
    if source.queries:
        return write_query_rows(table, smiles_column, source, seed, num_proc, on_error, identify)
    features = {"smiles": Value("string"), "text": Value("string"), "row": Value("int64")}
    options = {"source": source, "seed": seed, "on_error": on_error, "identify": identify}
    parts = [REVISION, descriptor_captions.REVISION, rdkit.__version__, table._fingerprint, source.rows_identity()]
    fingerprint = f"{stable_hash(json.dumps([*parts, seed, on_error, identify], sort_keys=True)):016x}"
    pairs = table.map(
        _write_pairs,
        batched=True,
        batch_size=BATCH,
        with_indices=True,
        input_columns=[smiles_column, *text_columns],
        remove_columns=table.column_names,
        features=datasets.Features(features | ({"skeletons": Value("string")} if identify else {})),
        fn_kwargs=options,
        num_proc=num_proc,
        new_fingerprint=fingerprint,
        cache_file_name=cache_file(table, f"source-{fingerprint}"),
        desc=f"Reading {source.name}",
    )
    if not len(pairs):
        first = table.select(range(min(SHOWN, len(table))))[smiles_column]
        reasons = (f"row {row}: {explain_refusal(one) or 'no text is left'}" for row, one in enumerate(first))
        raise refuse_all(source.name, len(table), reasons)
    used = len(np.unique(pairs.with_format("numpy")["row"][:]))
    if used < len(table):
        logger.warning(
            "%s: skipped %d of %d rows: unreadable molecules, or no text left.",
            source.name, len(table) - used, len(table),
        )  # fmt: skip
    return pairs


def load_molecules(source: PairSource, data_dir: str | None = None, num_proc: int | None = None) -> datasets.Dataset:
    """Load the molecules of an evaluation set, which needs no texts, with their identifiers.

    Args:
        source (`PairSource`): Only its `dataset`, `smiles_column`, `split` and `where` are used.
        data_dir (`str`, *optional*): Folder that `${data_dir}` stands for.
        num_proc (`int`, *optional*): Worker processes.

    Returns:
        `datasets.Dataset`: Columns `smiles` and `skeletons` (or none).

    Raises:
        ValueError: If the source cannot be read or has no column of molecules.
    """
    without_texts = replace(
        source,
        text_column=None,
        text_separator=None,
        names_only=False,
        queries=False,
        describe=True,
        without_texts=False,
    )
    table, smiles_column, _ = _read_table(without_texts, data_dir)
    parts = ["molecules", REVISION, rdkit.__version__, table._fingerprint, smiles_column]
    fingerprint = f"{stable_hash(json.dumps(parts)):016x}"
    return table.map(
        _identify,
        batched=True,
        batch_size=BATCH,
        input_columns=[smiles_column],
        remove_columns=table.column_names,
        features=datasets.Features({"smiles": Value("string"), "skeletons": Value("string")}),
        num_proc=num_proc,
        new_fingerprint=fingerprint,
        cache_file_name=cache_file(table, f"molecules-{fingerprint}"),
        desc=f"Identifying {source.name}",
    )


def sample_rows(rows: datasets.Dataset, max_rows: int | None, seed: int) -> datasets.Dataset:
    """Draw rows without replacement, kept in their order; all of them if there are no more, or no limit."""
    if not max_rows or max_rows >= len(rows):
        return rows
    return rows.select(np.sort(np.random.default_rng(seed).permutation(len(rows))[:max_rows]))


def is_molecule_name(text: str) -> bool:
    """Tell the name of a molecule from the other strings that databases list as synonyms.

    Left out are what `is_chemical_name` leaves out (masses, charges, formulae, registry and catalogue numbers), what
    has no word (four letters, or six capitals), InChI and InChIKeys, WURCS, and SMILES: any string without a blank
    that RDKit can parse.

    Example:
    >>> [text for text in ("carbamate", "60.03212", "CH2NO2", "NC([O-])=O", "OCCCCCC") if is_molecule_name(text)]
    ['carbamate']
    """
    if not _NAME_WORD.search(text) or _INCHIKEY.search(text) or _NOTATION.search(text):
        return False
    if not is_chemical_name(text.lower()):
        return False
    return " " in text or try_parse(text) is None


def _read_table(source: PairSource, data_dir: str | None) -> tuple[datasets.Dataset, str, list[str]]:
    """Load the rows of a source as they are, and name the columns of the molecules and of the texts."""
    path = _locate(source, data_dir)
    if path == CHEMICALS:
        table = load_chemicals_pairs(0 if source.queries else (source.texts_per_molecule or 1) - 1)
        return table, "smiles", ["text"]
    file: str | MoleculeFile = path
    if source.separator is not None or source.column_names is not None:
        file = MoleculeFile(path, source.smiles_column, separator=source.separator, column_names=source.column_names)
    writes_texts = source.describe or source.queries or source.without_texts
    needs_table = writes_texts or source.where or source.names_only or source.text_separator is not None
    if not needs_table and not isinstance(source.text_column, list):
        return load_pairs(file, source.smiles_column, source.text_column, source.split), "smiles", ["text"]
    table = load_table(file, source.split)
    names = table.column_names
    asked = source.text_column if isinstance(source.text_column, list) else [source.text_column]
    text_columns = [] if writes_texts else [choose_column(names, path, "text", column) for column in asked]
    for column, wanted in (source.where or {}).items():
        if column not in names:
            raise ValueError(f"{path} has no column {column!r} for `where`; it has {names}.")
        values = {str(value) for value in (wanted if isinstance(wanted, list) else [wanted])}
        rows = [row for row, value in enumerate(table[column][:]) if str(value) in values]
        if not rows:
            there = sorted(set(map(str, table[column][:1000])))[:10]
            raise ValueError(f"{path} has no row with {column} {sorted(values)}: there are {there}.")
        table = table.select(rows)
    return table, choose_column(names, path, "smiles", source.smiles_column), text_columns


def _locate(source: PairSource, data_dir: str | None) -> str:
    """Put the data folder into the place that the source names."""
    try:
        return Template(source.dataset).substitute({} if data_dir is None else {"data_dir": data_dir.rstrip("/")})
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"The source {source.dataset!r} needs ${{data_dir}}: give the folder of the data with `data_dir`. No "
            "other name is known, and a plain dollar sign is written $$."
        ) from error


def _write_pairs(
    smiles: Sequence[str],
    *columns: Sequence[Any],
    source: PairSource,
    seed: int,
    on_error: str,
    identify: bool,
) -> dict[str, list[Any]]:
    """Turn a batch of rows, the last column being their numbers, into pairs."""
    *text_columns, rows = columns
    pairs: dict[str, list[Any]] = {name: [] for name in ("smiles", "text", "row", *["skeletons"] * identify)}
    for number, (molecule, row) in enumerate(zip(smiles, rows, strict=True)):
        if try_parse(molecule) is None:
            if on_error == "raise":
                raise ValueError(
                    f"{source.name}, row {row}: RDKit cannot parse the SMILES {molecule!r}. Correct or remove it, or "
                    "give `on_error='skip'` to leave such rows out."
                )
            continue
        try:
            texts = _choose_texts(molecule, [column[number] for column in text_columns], source, seed)
        except ValueError as error:
            if on_error == "raise":
                raise ValueError(f"{source.name}, row {row}: {error}") from error
            continue
        pairs["smiles"] += [molecule] * len(texts)
        pairs["text"] += texts
        pairs["row"] += [row] * len(texts)
        if identify:
            pairs["skeletons"] += [_cached_skeletons(molecule)] * len(texts)
    return pairs


def _choose_texts(smiles: str, cells: list[str | None], source: PairSource, seed: int) -> list[str]:
    """Write or collect the texts of one row."""
    if source.without_texts:
        return [NO_TEXT]
    if source.describe:
        topics = descriptor_captions.PROPERTY_TOPICS if source.describe == ABOUT_PROPERTIES else None
        return descriptor_captions.write_captions(smiles, source.texts_per_molecule or 1, seed, topics)
    if source.text_separator is not None:
        cells = [text for cell in cells for text in (cell or "").split(source.text_separator)]
    # Spellings that differ by case alone are one text; the first one stays.
    texts = {text.strip().lower(): text.strip() for text in reversed(cells) if text and text.strip()}
    chosen = [text for text in reversed(texts.values()) if not source.names_only or is_molecule_name(text)]
    limit = source.texts_per_molecule
    if limit is not None and source.dataset != CHEMICALS and len(chosen) > limit:
        chosen = random.Random(f"{seed} {smiles}").sample(chosen, limit)
    return chosen


def _identify(smiles: Sequence[str]) -> dict[str, list[Any]]:
    """Compute the identifiers of a batch of molecules."""
    return {"smiles": list(smiles), "skeletons": list(map(skeletons, smiles))}


@functools.lru_cache(maxsize=64)  # the rows of one molecule are neighbours
def _cached_skeletons(smiles: str) -> str | None:
    """Compute the identifiers once for the texts of one molecule."""
    return skeletons(smiles)
