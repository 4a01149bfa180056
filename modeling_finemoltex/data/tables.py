"""Whole tables as datasets: local files of every format, cached on disk, and datasets of the Hub."""

import glob
import itertools
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import rdkit
from datasets import Dataset, IterableDataset
from datasets.data_files import DataFilesDict, get_data_patterns

from .atomic_files import staged_file
from .columns import find_column
from .feature_cache import cache_folder
from .identifiers import stable_hash
from .molecule_files import FORMATS, MoleculeFile, OpenTable, digest_file, format_of, has_format
from .pubchemstm import find_pubchem_folder, read_pubchem
from .table import Layout, Request

logger = logging.getLogger(__name__)

# Part of the cache key: raise it whenever the same file gives another table.
REVISION = 1
ROWS_AT_ONCE = 4096
PARQUET = ".parquet"
SHOWN = 5  # broken rows that the log names


def load_table(
    source: str | MoleculeFile, split: str = "train", columns: Sequence[str] = (), on_broken: str = "raise"
) -> Dataset:
    r"""Load a table with all its columns.

    Args:
        source (`str` or `MoleculeFile`): A file of any format (see `MoleculeFile`, which also says how a table without
            a header or with an unusual separator is laid out), a folder, a glob pattern, a folder in the raw
            PubChemSTM layout, or the id of a dataset on the Hub.
        split (`str`): Split of a folder or Hub dataset, or a slice such as `"train[:100]"`.
        columns (sequence of `str`): Columns that it must have; they tell which separator is the right one.
        on_broken (`str`): `"raise"` stops at a row that is broken as a row, such as one with too many cells; `"empty"`
            keeps it as a row without values, and logs it.

    Returns:
        `datasets.Dataset`; the columns of csv, tsv, xlsx, smi and sdf files hold strings.

    Raises:
        ValueError: If the source cannot be found or read, or is empty.

    Example:
    >>> path = Path(folder) / "measured.tsv"
    >>> _ = path.write_text("SMILES\tlogS\nCCO\t1.1\n")
    >>> load_table(str(path))[0]
    {'SMILES': 'CCO', 'logS': '1.1'}
    """
    if on_broken not in ("raise", "empty"):
        raise ValueError(f"`on_broken` must be 'raise' or 'empty', got {on_broken!r}.")
    if isinstance(source, MoleculeFile):
        return load_files([str(source.path)], split, columns, on_broken=on_broken, layout=source.layout)  # type: ignore[return-value]
    folder = find_pubchem_folder(source)
    if folder is not None:
        return Dataset.from_dict(read_pubchem(folder))
    files = find_files(source, split)
    if not files:
        return load_hub_table(source, split)
    return load_files(files, split, columns, on_broken=on_broken)  # type: ignore[return-value]


def find_files(path: str, split: str) -> list[str]:
    """List the local files that a path, folder or pattern stands for.

    Args:
        path (`str`): File, folder or glob pattern.
        split (`str`): Split of a folder.

    Returns:
        `list[str]`: The files; none if the path looks like the id of a dataset on the Hub.

    Raises:
        ValueError: If there should be local files and are none; lists what is there.
    """
    if Path(path).is_file():
        return [path]
    if Path(path).is_dir():
        by_split = _files_by_split(path)
        name = split.partition("[")[0]
        if name not in by_split:
            there = ", ".join(sorted(by_split)) if by_split else f"no table among {list_folder(path)}"
            raise ValueError(f"{path} has no split {name!r}: found {there}. Known are {', '.join(FORMATS)}.")
        return by_split[name]
    found = sorted(file for file in glob.glob(path, recursive=True) if Path(file).is_file())
    if not found and (glob.has_magic(path) or has_format(path) or Path(path).is_absolute()):
        parent = next((folder for folder in Path(path).parents if folder.is_dir()), Path())
        raise ValueError(f"No file matches {path}; {parent} holds {list_folder(parent) or 'nothing'}.")
    return found


def list_folder(folder: str | Path) -> list[str]:
    """Name the first entries of a folder, for messages."""
    return sorted(entry.name for entry in Path(folder).iterdir())[:10]


def load_files(
    files: Sequence[str],
    split: str = "train",
    columns: Sequence[str] = (),
    streaming: bool = False,
    on_broken: str = "raise",
    layout: Layout = Layout(),  # noqa: B008
) -> Dataset | IterableDataset:
    """Load local files with the same columns as one table.

    Args:
        files (sequence of `str`): Files of any formats, but Parquet only among themselves.
        split (`str`): Name of the split, with a slice or without.
        columns (sequence of `str`): As `load_table`.
        streaming (`bool`): Read rows when they are asked for, without a copy on disk.
        on_broken (`str`): As `load_table`.
        layout (`Layout`): Of all the files.

    Returns:
        `datasets.Dataset`, or `datasets.IterableDataset` if `streaming`.

    Raises:
        ValueError: If a file cannot be read, is empty or has other columns than the first, or a row is broken.
    """
    suffixes = {format_of(file) for file in files}
    name = split.partition("[")[0]
    if PARQUET in suffixes:
        if len(suffixes) > 1:
            raise ValueError(f"Files must be of one known format beside Parquet: got {', '.join(files[:5])}.")
        for file in files:
            with OpenTable(Path(file), Request()) as opened, opened.explained():  # the builder names no file
                if not pq.read_metadata(file).num_rows:
                    raise ValueError(f"{file} is empty: it has no rows.")
        options: dict[str, Any] = {"data_files": {name: list(files)}, "split": split, "streaming": streaming}
        return datasets.load_dataset("parquet", **options)
    asked = {"files": list(files), "columns": tuple(columns), "on_broken": on_broken, "layout": tuple(layout)}
    if streaming:
        return IterableDataset.from_generator(_stream_rows, gen_kwargs=asked, split=datasets.NamedSplit(name))
    table = Dataset.from_file(str(_write_cache(**asked)), split=datasets.NamedSplit(name))
    if "[" not in split:
        return table
    (part,) = datasets.ReadInstruction.from_spec(split).to_absolute({name: len(table)})
    return table.select(range(part.from_, part.to))


def load_hub_table(name: str, split: str, streaming: bool = False) -> Dataset | IterableDataset:
    """Load a whole dataset of the Hub.

    Args:
        name (`str`): Its id.
        split (`str`): Its split.
        streaming (`bool`): Read rows when they are asked for.

    Returns:
        `datasets.Dataset`, or `datasets.IterableDataset` if `streaming`.

    Raises:
        ValueError: If the Hub has no such dataset or split, or cannot be reached.
    """
    try:
        return datasets.load_dataset(name, split=split, streaming=streaming)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise ValueError(
            f"{name!r} is no local file or folder, and the Hub gives no split {split!r} of such a dataset: {error}"
        ) from error


def _files_by_split(folder: str) -> dict[str, list[str]]:
    """Sort the tables of a folder into splits by name, with the rules of the Hub."""
    try:
        found = DataFilesDict.from_patterns(get_data_patterns(str(Path(folder).resolve())), base_path=folder)
    except datasets.exceptions.EmptyDatasetError:
        return {}
    tables = {str(name): [file for file in files if has_format(file)] for name, files in found.items()}
    return {name: files for name, files in tables.items() if files}


def _write_cache(files: list[str], columns: tuple[str, ...], on_broken: str, layout: tuple[Any, ...]) -> Path:
    """Write the rows of some files into one Arrow file, unless it is there."""
    contents = [(format_of(file), digest_file(Path(file))) for file in files]
    parts = [REVISION, contents, columns, on_broken, *layout, pa.__version__, rdkit.__version__]
    target = cache_folder() / f"table-{stable_hash(json.dumps(parts)):016x}.arrow"
    if target.exists():
        return target
    blocks = _read_blocks(files, columns, on_broken, layout)
    is_text = all(FORMATS[suffix].cells_are_text for suffix, _ in contents)
    first = next(blocks)
    if is_text:
        tables: Iterator[pa.Table] = (_to_arrow(*block, pa.string()) for block in itertools.chain([first], blocks))
        head = next(tables)
    else:  # a later row may show that a column of whole numbers has fractions too
        found = [_to_arrow(*block, None) for block in itertools.chain([first], blocks)]
        head, tables = _join(files, found), iter(())
    with staged_file(target) as staged, pa.OSFile(str(staged), "wb") as file:
        with pa.ipc.new_stream(file, head.schema) as writer:
            for table in itertools.chain([head], tables):
                writer.write_table(table)
    return target


def _stream_rows(
    files: list[str], columns: tuple[str, ...], on_broken: str, layout: tuple[Any, ...]
) -> Iterator[dict[str, Any]]:
    """Yield row after row."""
    for header, rows in _read_blocks(files, columns, on_broken, layout):
        for cells in rows:
            yield dict(zip(header, cells, strict=True))


def _read_blocks(
    files: list[str], columns: tuple[str, ...], on_broken: str, layout: tuple[Any, ...]
) -> Iterator[tuple[list[str], list[Sequence[Any]]]]:
    """Yield some rows at a time, under the header of the first file."""
    header: list[str] = []
    for file in files:
        request = Request(columns, True, lambda names: _fits(names, columns), Layout(*layout))
        with OpenTable(Path(file), request) as opened:
            own = _name_columns(opened.header)
            header = header or own
            if own and set(own) != set(header):
                raise ValueError(f"{file} has other columns than {files[0]}: {own} and {header}.")
            order = None if own in (header, []) else [own.index(name) for name in header]
            rows, is_empty = _check_rows(opened, file, on_broken), True
            while block := list(itertools.islice(rows, ROWS_AT_ONCE)):
                is_empty = False
                yield header, block if order is None else [[cells[place] for place in order] for cells in block]
            if is_empty:
                raise ValueError(f"{file} is empty: it has no rows{f' under {own}' if own else ''}.")


def _check_rows(opened: OpenTable, file: str, on_broken: str) -> Iterator[Sequence[Any]]:
    """Yield the cells of each row; molecules become SMILES, broken rows an error or empty."""
    to_smiles, num_broken = opened.format.to_smiles, 0
    with opened.explained():
        for cells, line, broken in opened.rows(None):
            opened.line = line
            problem = None if broken is None else broken.problem
            if to_smiles is not None and problem is None:
                try:
                    cells = (to_smiles(cells[0]), *cells[1:])
                except ValueError as error:
                    problem = str(error).rstrip(".")
            if problem is None:
                yield cells
                continue
            where = "" if line is None else f"line {line}: "
            if on_broken == "raise" or not opened.header:
                raise ValueError(
                    f"{file} cannot be read as {format_of(file)[1:]}: {where}{problem}. Correct or remove this row; a "
                    "cell that holds a separator stands in quotation marks."
                )
            num_broken += 1
            if num_broken <= SHOWN:
                logger.warning("%s, %s%s.", file, where, problem)
            yield (None,) * len(opened.header)
    if num_broken:
        logger.warning("%s: %d rows are broken and were left without values.", file, num_broken)


def _fits(header: list[str], columns: Sequence[str]) -> bool:
    """Tell whether a header has what is looked for: the columns that were named, or one of molecules."""
    return all(name in header for name in columns) if columns else find_column(header, "smiles") is not None


def _name_columns(header: list[str]) -> list[str]:
    """Give columns without a name one, and columns of one name different ones."""
    names: list[str] = []
    for place, name in enumerate(header):
        name = name or f"Unnamed: {place}"
        names.append(name if name not in names else f"{name}.{place}")
    return names


def _to_arrow(header: list[str], rows: list[Sequence[Any]], kind: pa.DataType | None) -> pa.Table:
    """Make columns of rows; without a type, of the type that their values have."""
    arrays = []
    for name, values in zip(header, zip(*rows, strict=True), strict=True):
        try:
            arrays.append(pa.array(values, kind))
        except pa.ArrowException as error:
            raise ValueError(f"The column {name!r} holds values of several types: {error}.") from error
    return pa.Table.from_arrays(arrays, names=header)


def _join(files: list[str], tables: list[pa.Table]) -> pa.Table:
    """Join tables whose columns have related types."""
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise ValueError(f"{', '.join(files[:3])}: a column holds values of several types: {error}.") from error
