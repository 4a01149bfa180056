"""Files of the published retrieval protocols."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..data.columns import choose_column
from ..data.identifiers import map_unique, molecule_key
from ..data.pairs import load_pairs
from ..data.tables import load_table

PCDES_MIN_WORDS = 5  # shorter sentences are left out, as published


def canonical_keys(smiles: Sequence[str]) -> pd.Index:
    """Write canonical SMILES, `(R,)`; what cannot be parsed stays for the encoder, which says where it is."""
    keys = map_unique(molecule_key, smiles, description="Canonical SMILES")
    return pd.Index([given if key is None else key for given, key in zip(smiles, keys, strict=True)])


def stem_of(path: str) -> str:
    """Name a file without its extensions."""
    return Path(path).name.partition(".")[0]


def read_pool(files: Sequence[str]) -> pd.DataFrame:
    """Read all molecules of some tables, with their texts if the files have them.

    Raises:
        ValueError: If a file cannot be read or has no molecules, or only some files have texts.
    """
    tables = []
    for file in files:
        table = load_table(file)
        if {"text", "description"} & set(table.column_names):
            tables.append(load_pairs(file).to_pandas()[["smiles", "text"]])
        else:
            column = choose_column(table.column_names, file, "smiles")
            tables.append(table.to_pandas().rename(columns={column: "smiles"}))
    if len({"text" in table for table in tables}) > 1:
        raise ValueError(f"Some pool files have texts and some do not: {', '.join(files)}. Give one kind.")
    return pd.concat(tables, ignore_index=True)


def read_tab_lines(file: Path, num_cells: int) -> list[list[str]]:
    """Read lines of tab-separated cells without a header; the last cell may hold tabs.

    Raises:
        ValueError: If there is no such file, it is empty, or a line has fewer cells; names the line.
    """
    if not file.is_file():
        raise ValueError(f"{file} does not exist. Give the published folder, or one of its files.")
    rows = []
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            cells = [cell.strip() for cell in line.strip("\r\n").split("\t", num_cells - 1)]
            if len(cells) != num_cells or not all(cells):
                raise ValueError(
                    f"{file}, line {number}: expected {num_cells} tab-separated cells, got {line.strip()[:80]!r}."
                )
            rows.append(cells)
    if not rows:
        raise ValueError(f"{file} is empty.")
    return rows


def read_atc_table(file: Path, column: str) -> list[tuple[str, str]]:
    """Read drugs and their ATC names, one row for each name.

    Raises:
        ValueError: If the column is missing.
    """
    table = load_table(str(file))
    if not {"smiles", column} <= set(table.column_names):
        raise ValueError(f"{file} needs the columns 'smiles' and {column!r}; it has {table.column_names}.")
    pairs = zip(table["smiles"][:], table[column][:], strict=True)
    rows = [(smiles, name.strip()) for smiles, names in pairs for name in dict.fromkeys(names.split(";"))]
    return [(smiles, name) for smiles, name in rows if name]


def split_sentences(paragraph: str) -> list[str]:
    """Cut a paragraph at full stops and keep the longer pieces, as published.

    Example:
    >>> split_sentences("It is an acid. It was found in the bark of a tree.")
    ['It was found in the bark of a tree']
    """
    pieces = [piece.strip() for piece in paragraph.split(".")]
    return [piece for piece in pieces if len(piece.split()) >= PCDES_MIN_WORDS]
