"""Read molecule-text pairs from the Hub, local tables and the published raw layouts into one shape."""

from collections.abc import Sequence
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset, IterableDataset, Value

from .columns import USUAL_NAMES, choose_column
from .molecule_files import MoleculeFile
from .pubchemstm import find_pubchem_folder, read_pubchem
from .table import Layout
from .tables import find_files, load_files, load_hub_table

FEATURES = datasets.Features({"smiles": Value("string"), "text": Value("string"), "row": Value("int64")})


def load_pairs(
    source: str | MoleculeFile | Sequence[str] | None,
    smiles_column: str | None = None,
    text_column: str | None = None,
    split: str = "train",
    streaming: bool = False,
) -> Dataset | IterableDataset:
    """Load pairs of a molecule and a text.

    Args:
        source (`str`, `MoleculeFile` or sequence of `str`): One of

            - local files of any format (see `MoleculeFile`); one path, several, or a glob pattern;
            - one file with its columns or its layout, as a `MoleculeFile`;
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
    layout = Layout()
    if isinstance(source, MoleculeFile):
        smiles_column = smiles_column or source.columns["smiles"]
        text_column = text_column or source.columns["text"]
        source, layout = str(source.path), source.layout
    paths = [source] if isinstance(source, str) else list(source or ())
    if not paths or not all(paths):
        raise ValueError(f"No data source: got {source!r}. Give a file, a folder, a glob pattern or a Hub dataset id.")
    columns = (smiles_column, text_column)
    folder = find_pubchem_folder(paths[0]) if len(paths) == 1 else None
    if folder is not None:
        pairs = Dataset.from_dict(read_pubchem(folder), features=FEATURES)
        return pairs.to_iterable_dataset() if streaming else pairs
    files = [file for path in paths for file in find_files(path, split)]
    if not files:
        table, where = load_hub_table(paths[0], split, streaming), f"Hub dataset {paths[0]} ({split})"
    else:
        named = [name for name in columns if name is not None]
        table, where = load_files(files, split, named, streaming, layout=layout), ", ".join(files[:3])
    return _to_pairs(table, where, columns)


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


def _choose_columns(names: list[str], where: str, columns: tuple[str | None, str | None]) -> tuple[str, str]:
    """Decide which columns hold molecules and texts."""
    chosen = [choose_column(names, where, kind, asked) for kind, asked in zip(USUAL_NAMES, columns, strict=True)]
    if chosen[0] == chosen[1]:
        raise ValueError(f"{where}: `smiles_column` and `text_column` are both {chosen[0]!r}; it has {names}.")
    return chosen[0], chosen[1]
