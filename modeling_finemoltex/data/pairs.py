"""Read molecule-text pairs from the Hub, local tables and the published raw layouts into one shape."""

import csv
import glob
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from datasets import Dataset, IterableDataset, Value
from datasets.data_files import DataFilesDict, get_data_patterns
from rdkit import Chem, rdBase

logger = logging.getLogger(__name__)

# Usual names, most specific first; compared without case.
USUAL_NAMES = {
    "smiles": ("smiles", "canonical_smiles", "isomeric_smiles", "molecule"),
    "text": ("text", "description", "caption", "iupac_name", "name"),
}
# Extension, `.gz` aside -> builder of `datasets` and its separator.
BUILDERS = {
    ".parquet": ("parquet", None), ".csv": ("csv", ","), ".tsv": ("csv", "\t"), ".txt": ("csv", "\t"),
    ".jsonl": ("json", None), ".ndjson": ("json", None), ".json": ("json", None),
}  # fmt: skip
CHEBI20_HEADER = ["CID", "SMILES", "description"]
PUBCHEM_TEXTS, PUBCHEM_SMILES, PUBCHEM_SDF = "CID2text.json", "CID2SMILES.csv", "molecules.sdf"
FEATURES = datasets.Features({"smiles": Value("string"), "text": Value("string"), "row": Value("int64")})


def load_pairs(
    source: str | Sequence[str] | None,
    smiles_column: str | None = None,
    text_column: str | None = None,
    split: str = "train",
    streaming: bool = False,
) -> Dataset | IterableDataset:
    """Load pairs of a molecule and a text.

    Args:
        source (`str` or sequence of `str`): One of

            - local files: parquet, csv, tsv, jsonl (each also `.gz`); one path, several, or a glob pattern;
            - a folder of such files, whose names tell their split as on the Hub (`train.csv`, `test.csv`);
            - a folder in the raw PubChemSTM layout: `CID2text.json` with `CID2SMILES.csv` or `molecules.sdf`;
            - the ChEBI-20 files `train.txt`, ... (tab-separated CID, SMILES, description);
            - the id of a dataset on the Hub.
        smiles_column (`str`, *optional*): Column of the molecules; without it, the usual names are tried.
        text_column (`str`, *optional*): Column of the texts; likewise.
        split (`str`): Split of a folder or Hub dataset; files named directly are taken whole.
        streaming (`bool`): Read rows when they are asked for, without a copy on disk.

    Returns:
        `datasets.Dataset`, or `datasets.IterableDataset` if `streaming`, with the columns `smiles`, `text` and `row`,
        the 0-based number of the row in the source. Several texts of one molecule are several rows.

    Raises:
        ValueError: If the source cannot be found or read, is empty, lacks a column, or has an empty cell (when
            streaming, at the moment that row is read). Names file, row and column, and lists what is there.
    """
    paths = [source] if isinstance(source, str) else list(source or ())
    if not paths or not all(paths):
        raise ValueError(f"No data source: got {source!r}. Give a file, a folder, a glob pattern or a Hub dataset id.")
    columns = (smiles_column, text_column)
    folder = _pubchem_folder(Path(paths[0])) if len(paths) == 1 else None
    if folder is not None:
        pairs = Dataset.from_dict(_read_pubchem(folder), features=FEATURES)
        return pairs.to_iterable_dataset() if streaming else pairs
    files = [file for path in paths for file in _find_files(path, split)]
    if not files:
        return _load_from_hub(paths[0], columns, split, streaming)
    try:
        return _load_files(files, columns, split, streaming)
    except _READ_ERRORS as error:
        _blame_file(files, columns, split, error)


def load_table(source: str, split: str = "train") -> Dataset:
    """Load a table with all its columns: what `load_pairs` reads, before it chooses two columns.

    Args:
        source (`str`): A file, a folder, a glob pattern, a raw layout or the id of a dataset on the Hub.
        split (`str`): Split of a folder or Hub dataset; files named directly are taken whole.

    Returns:
        `datasets.Dataset`; the columns of csv and tsv files hold strings.

    Raises:
        ValueError: If the source cannot be found or read, or is empty.
    """
    folder = _pubchem_folder(Path(source))
    if folder is not None:
        return Dataset.from_dict(_read_pubchem(folder), features=FEATURES)
    files = _find_files(source, split)
    if not files:
        return _load_hub_table(source, split, streaming=False)
    try:
        return _load_tables(files, None, split, streaming=False)
    except _READ_ERRORS as error:
        _blame_file(files, None, split, error)


_READ_ERRORS = (
    datasets.exceptions.DatasetGenerationError, OSError, UnicodeDecodeError, pa.ArrowException, pd.errors.ParserError,
    pd.errors.EmptyDataError,
)  # fmt: skip


def _find_files(path: str, split: str) -> list[str]:
    """List the local files that a path, folder or pattern stands for; none if it looks like a Hub id."""
    if Path(path).is_file():
        return [path]
    if Path(path).is_dir():
        by_split = _files_by_split(path)
        name = split.partition("[")[0]
        if name not in by_split:
            there = ", ".join(sorted(by_split)) if by_split else f"no table among {_listing(path)}"
            raise ValueError(f"{path} has no split {name!r}: found {there}. Known are {', '.join(BUILDERS)}, .gz.")
        return by_split[name]
    found = sorted(file for file in glob.glob(path, recursive=True) if Path(file).is_file())
    if not found and (glob.has_magic(path) or _extension(path) in BUILDERS or Path(path).is_absolute()):
        parent = next((folder for folder in Path(path).parents if folder.is_dir()), Path())
        raise ValueError(f"No file matches {path}; {parent} holds {_listing(parent) or 'nothing'}.")
    return found


def _files_by_split(folder: str) -> dict[str, list[str]]:
    """Sort the tables of a folder into splits by name, with the rules of the Hub."""
    try:
        found = DataFilesDict.from_patterns(get_data_patterns(str(Path(folder).resolve())), base_path=folder)
    except datasets.exceptions.EmptyDatasetError:
        return {}
    tables = {str(name): [file for file in files if _extension(file) in BUILDERS] for name, files in found.items()}
    return {name: files for name, files in tables.items() if files}


def _listing(folder: str | Path) -> list[str]:
    """Name the first entries of a folder, for messages."""
    return sorted(entry.name for entry in Path(folder).iterdir())[:10]


def _extension(path: str) -> str:
    """Give the extension that tells the format, in lower case."""
    return Path(path.lower().removesuffix(".gz")).suffix


def _load_files(
    files: list[str], columns: tuple[str | None, str | None], split: str, streaming: bool
) -> Dataset | IterableDataset:
    """Load pairs from tables of one format."""
    return _to_pairs(_load_tables(files, columns, split, streaming), ", ".join(files[:3]), columns)


def _load_tables(
    files: list[str], columns: tuple[str | None, str | None] | None, split: str, streaming: bool
) -> Dataset | IterableDataset:
    """Load whole tables of one format; `columns` are those that every file must have."""
    formats = {BUILDERS.get(_extension(file)) for file in files}
    if len(formats) > 1 or None in formats:
        raise ValueError(
            f"Files must be of one known format ({', '.join(BUILDERS)}, also .gz): got {', '.join(files[:5])}."
        )
    builder, separator = formats.pop()  # type: ignore[misc]
    name = split.partition("[")[0]
    options: dict[str, Any] = {"data_files": {name: files}, "split": split, "streaming": streaming}
    if builder == "csv":
        options.update(_csv_options(files, separator, columns))
    where = ", ".join(files[:3])
    if builder == "parquet":  # the builder cannot read a file without rows
        for file in files:
            if not pq.ParquetFile(file).metadata.num_rows:
                raise ValueError(f"{file} is empty: it has no rows.")
    try:
        table = datasets.load_dataset(builder, **options)
    except ValueError as error:
        if "corresponds to no data" not in str(error):
            raise
        raise ValueError(f"{where} is empty: it has no rows.") from error
    return table


def _csv_options(
    files: list[str], separator: str | None, columns: tuple[str | None, str | None] | None
) -> dict[str, Any]:
    """Ask for strings in every column: "NA" is a name, and a column of digits is still text."""
    headers = []
    for file in files:
        head = pd.read_csv(file, sep=separator, nrows=1, dtype=str)
        headers.append(list(head.columns))
        if not isinstance(head.index, pd.RangeIndex):  # pandas would take the first column as row labels
            raise ValueError(
                f"{file}, row 0 has more cells than the header {headers[-1]}. Quote cells that hold {separator!r}."
            )
        choices = [
            names if columns is None else _choose_columns(names, where, columns)
            for names, where in ((headers[-1], file), (headers[0], files[0]))
        ]
        if choices[0] != choices[1]:
            raise ValueError(f"{file} has other columns than {files[0]}: {headers[-1]} and {headers[0]}.")
    return {
        "sep": separator,
        "features": datasets.Features({name: Value("string") for name in headers[0]}),
        "keep_default_na": False,
        # The publishers of ChEBI-20 write quotation marks as they are.
        "quoting": csv.QUOTE_NONE if headers[0] == CHEBI20_HEADER else csv.QUOTE_MINIMAL,
    }


def choose_column(names: list[str], where: str, kind: str, asked: str | None = None) -> str:
    """Decide which column holds the molecules (kind `smiles`) or the texts (`text`): the one asked for, if any."""
    by_lower = {name.lower(): name for name in reversed(names)}
    usual = USUAL_NAMES[kind]
    found = asked if asked in names else next((by_lower[name] for name in usual if name in by_lower), None)
    if found is None or (asked is not None and asked != found):
        looked_for = repr(asked) if asked is not None else f"named like {', '.join(usual)}"
        raise ValueError(f"{where} has no column {looked_for}; it has {names}. Name one with `{kind}_column`.")
    return found


def _choose_columns(names: list[str], where: str, columns: tuple[str | None, str | None]) -> tuple[str, str]:
    """Decide which columns hold molecules and texts."""
    chosen = [choose_column(names, where, kind, asked) for kind, asked in zip(USUAL_NAMES, columns, strict=True)]
    if chosen[0] == chosen[1]:
        raise ValueError(f"{where}: `smiles_column` and `text_column` are both {chosen[0]!r}; it has {names}.")
    return chosen[0], chosen[1]


def _to_pairs(
    table: Dataset | IterableDataset, where: str, columns: tuple[str | None, str | None]
) -> Dataset | IterableDataset:
    """Reduce a table to checked columns `smiles`, `text`, `row`."""
    if table.features is None:  # a stream learns its columns from its first rows
        table = table._resolve_features()
    names = list(table.column_names or ())
    if not names or (isinstance(table, Dataset) and not len(table)):
        raise ValueError(f"{where} is empty: it has {f'no rows under {names}' if names else 'no columns'}.")
    chosen = dict(zip(_choose_columns(names, where, columns), ("smiles", "text"), strict=True))
    for name in chosen:
        if getattr(table.features[name], "dtype", None) not in ("string", "large_string"):
            raise ValueError(f"{where}, column {name!r} must hold strings: it holds {table.features[name]}.")
    table = table.select_columns(list(chosen))
    if isinstance(table, IterableDataset):
        arguments = {"where": where, "names": list(chosen)}
        return table.map(
            _check_row, with_indices=True, remove_columns=list(chosen), fn_kwargs=arguments, features=FEATURES
        )
    for name in chosen:
        _check_column(table, name, where)
    # Renaming only what differs: `datasets` refuses to rename a column to itself.
    table = table.rename_columns({old: new for old, new in chosen.items() if old != new})
    table = table.add_column("row", np.arange(len(table), dtype=np.int64))
    return table.select_columns(list(FEATURES)).cast(FEATURES) if table.features != FEATURES else table


def _check_column(table: Dataset, name: str, where: str) -> None:
    """Raise for the first missing or blank cell of one column."""
    cells = table.data.column(name) if table._indices is None else pa.chunked_array([pa.array(table[name][:])])
    blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(cells), ""), True)
    count = pc.sum(blank).as_py() or 0
    if count:
        row = pc.index(blank, True).as_py()
        raise ValueError(
            f"{where}, row {row}, column {name!r} is empty ({table[row][name]!r}); so are {count - 1} more of "
            f"{len(table)} rows. Rows count from 0 below the header; fill or remove them."
        )


def _check_row(example: dict[str, Any], row: int, where: str, names: list[str]) -> dict[str, Any]:
    """Check one streamed row and give it its public names."""
    for name in names:
        if not (example[name] or "").strip():
            raise ValueError(f"{where}, row {row}, column {name!r} is empty ({example[name]!r}). Fill or remove it.")
    return {"smiles": example[names[0]], "text": example[names[1]], "row": row}


def _blame_file(
    files: list[str], columns: tuple[str | None, str | None] | None, split: str, error: Exception
) -> NoReturn:
    """Find the first file that cannot be read alone, and name it."""
    for file in files if len(files) > 1 else ():
        try:
            _load_tables([file], columns, split, streaming=False)
        except _READ_ERRORS as cause:
            files, error = [file], cause
            break
    reason = error.__cause__ or error
    raise ValueError(f"{', '.join(files[:3])} cannot be read as {_extension(files[0])[1:]}: {reason}") from error


def _load_from_hub(
    name: str, columns: tuple[str | None, str | None], split: str, streaming: bool
) -> Dataset | IterableDataset:
    """Load pairs from a dataset of the Hub."""
    return _to_pairs(_load_hub_table(name, split, streaming), f"Hub dataset {name} ({split})", columns)


def _load_hub_table(name: str, split: str, streaming: bool) -> Dataset | IterableDataset:
    """Load a whole dataset of the Hub."""
    try:
        return datasets.load_dataset(name, split=split, streaming=streaming)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise ValueError(
            f"{name!r} is no local file or folder, and the Hub gives no split {split!r} of such a dataset: {error}"
        ) from error


def _pubchem_folder(path: Path) -> Path | None:
    """Find the folder of the raw PubChemSTM files: the given one or its `raw`."""
    return next((folder for folder in (path, path / "raw") if (folder / PUBCHEM_TEXTS).is_file()), None)


def _read_pubchem(folder: Path) -> dict[str, list[Any]]:
    """Join the texts and structures of the raw PubChemSTM layout by CID."""
    try:
        texts = json.loads((folder / PUBCHEM_TEXTS).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{folder / PUBCHEM_TEXTS} cannot be read as JSON: {error}") from error
    smiles = dict(_read_structures(folder))
    pairs = [(cid, text) for cid, entries in texts.items() if cid in smiles for text in entries]
    if not pairs:
        raise ValueError(f"{folder}: none of the {len(texts)} CIDs with texts is among the {len(smiles)} structures.")
    for cid, text in pairs:
        if not isinstance(text, str) or not text.strip() or not smiles[cid]:
            raise ValueError(f"{folder}, CID {cid}: empty text ({text!r}) or SMILES ({smiles[cid]!r}).")
    absent = sum(cid not in smiles for cid in texts)
    if absent:
        logger.warning("%s: %d of %d CIDs with texts have no structure and were left out.", folder, absent, len(texts))
    return {
        "smiles": [smiles[cid] for cid, _ in pairs],
        "text": [text for _, text in pairs],
        "row": list(range(len(pairs))),
    }


def _read_structures(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield CID and SMILES from `CID2SMILES.csv`, else from `molecules.sdf`."""
    table, sdf = folder / PUBCHEM_SMILES, folder / PUBCHEM_SDF
    if table.is_file():
        structures = pd.read_csv(table, dtype=str, keep_default_na=False)
        if not {"CID", "SMILES"} <= set(structures.columns):
            raise ValueError(f"{table} needs the columns CID and SMILES; it has {list(structures.columns)}.")
        yield from zip(structures["CID"], structures["SMILES"], strict=True)
    elif sdf.is_file():
        with rdBase.BlockLogs():
            for molecule in Chem.SDMolSupplier(str(sdf)):
                if molecule is not None and molecule.HasProp("PUBCHEM_COMPOUND_CID"):
                    yield molecule.GetProp("PUBCHEM_COMPOUND_CID"), Chem.MolToSmiles(molecule)
    else:
        raise ValueError(
            f"{folder} has {PUBCHEM_TEXTS} but neither {PUBCHEM_SMILES} nor {PUBCHEM_SDF}: {_listing(folder)}."
        )
