"""Read the rows of csv, tsv, smi, sdf and Parquet files one by one, whatever the size of the file."""

import csv
import gzip
import hashlib
import io
import itertools
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from rdkit import Chem, rdBase

from .pairs import CHEBI20_HEADER, USUAL_NAMES

SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
SUFFIXES = (*SEPARATORS, ".smi", ".sdf", ".parquet")
HEAD_BYTES = 1 << 20  # of the file, hashed with its size to recognise it without reading all of it
PARQUET_ROWS = 1024  # decoded at a time
SDF_RECORD_CHARACTERS = 1 << 24  # a 2,000-atom record has 0.2 M; more means that the separators are missing
_SDF_PROPERTY = re.compile(r"^>.*<([^>]+)>")
_READ_ERRORS = (OSError, EOFError, zlib.error, csv.Error, pa.ArrowException)


class Row(NamedTuple):
    """One row of a file."""

    value: str | None  # SMILES, SDF record or text
    id: str | None = None
    line: int | None = None  # where the row begins, from 1; Parquet files have no lines
    problem: str | None = None  # why the row cannot be used, if the file itself says so
    cells: tuple[Any, ...] = ()  # all of the row, under the source's `header`, if they are kept


class RowSource:
    """The rows of one file, read anew and in order by every iteration; only the current row is in memory.

    Blank lines of csv, tsv and smi files are no rows. A row that is not as wide as the header, or not UTF-8, is a row
    with a `problem`, not an error.

    Args:
        path (`str` or `Path`): A csv, tsv, txt (tab-separated) or Parquet file with named columns, a smi file (SMILES,
            blank, id; no header) or an sdf file; all but Parquet also with `.gz`.
        smiles_column (`str`, *optional*): Column of the molecules of a table; without it, the usual names are tried.
        text_column (`str`, *optional*): Read texts from this column (of an sdf file: property) instead of molecules.
        id_column (`str`, *optional*): Column (of an sdf file: property) of the ids. Without it, rows of a table have
            none; in a smi file the id follows the SMILES, in an sdf file it is the first line of the record.
        keep_cells (`bool`): Give every row all its cells; their names are `header`. A smi or sdf file has `smiles` (of
            an sdf file: the record) and `id`.

    Raises:
        ValueError: If the file does not exist, has another suffix, no rows or no such column (lists those it has), or
            cannot be read; the last also while iterating.

    Example:
    >>> source = RowSource("library.csv", id_column="name")  # doctest: +SKIP
    >>> next(iter(source))  # doctest: +SKIP
    Row(value='CCO', id='ethanol', line=2, problem=None)
    """

    def __init__(
        self,
        path: str | Path,
        smiles_column: str | None = None,
        text_column: str | None = None,
        id_column: str | None = None,
        keep_cells: bool = False,
    ) -> None:
        self.path, self.keep_cells = Path(path), keep_cells
        self.header: list[str] = ["smiles", "id"]  # a table's own, once its first row is read
        self.columns = {"smiles": smiles_column, "text": text_column, "id": id_column}
        self.is_text = text_column is not None
        if self.is_text and smiles_column is not None:
            raise ValueError(
                f"Give `smiles_column` to embed molecules or `text_column` to embed texts, not both: got "
                f"{smiles_column!r} and {text_column!r}."
            )
        if not self.path.is_file():
            raise ValueError(f"{self.path} is no file. Give one of the formats {', '.join(SUFFIXES)}.")
        name = self.path.name.lower()
        self.suffix = Path(name.removesuffix(".gz")).suffix
        if self.suffix not in SUFFIXES or name.endswith(".parquet.gz"):
            raise ValueError(
                f"{self.path} has an unknown suffix: known are {', '.join(SUFFIXES)}, all but .parquet also with .gz."
            )
        if self.suffix in (".smi", ".sdf"):
            unused = ("smiles", "text", "id") if self.suffix == ".smi" else ("smiles",)
            for kind in unused:
                if self.columns[kind] is not None:
                    raise ValueError(
                        f"`{kind}_column` is {self.columns[kind]!r}, but {self.path} is a {self.suffix} file and has "
                        "no such columns. Leave the option out."
                    )
        self.fraction_read = 0.0  # of the file, in bytes (of a Parquet file: rows), by the current iteration
        if next(iter(self), None) is None:
            raise ValueError(f"{self.path} is empty: it has no rows.")

    @property
    def to_smiles(self) -> Callable[[str], str] | None:
        """What turns a value into a SMILES or raises a `ValueError`; `None` where values are what is embedded."""
        return smiles_of_record if self.suffix == ".sdf" and not self.is_text else None

    def identity(self) -> dict[str, str | int]:
        """Describe the contents by size and beginning: equal for a copy of the file, whatever its name and date."""
        with self.path.open("rb") as file:
            head = hashlib.sha256(file.read(HEAD_BYTES)).hexdigest()
        return {"input_bytes": self.path.stat().st_size, "input_head": head[:16]}

    def __iter__(self) -> Iterator[Row]:
        """Yield every `Row` in the order of the file."""
        line = 0
        try:
            for row in self._read_parquet() if self.suffix == ".parquet" else self._read_text():
                line = row.line or line
                yield row
        except _READ_ERRORS as error:
            where = f" after the row in line {line}" if line else ""
            raise ValueError(f"{self.path} cannot be read as {self.suffix[1:]}{where}: {error}") from error

    def _read_text(self) -> Iterator[Row]:
        """Rows of every format but Parquet; bytes that are not UTF-8 become surrogates, found in `_checked`."""
        size = max(1, self.path.stat().st_size)
        with self.path.open("rb") as raw:
            binary: BinaryIO | gzip.GzipFile = gzip.open(raw) if self.path.name.lower().endswith(".gz") else raw
            with io.TextIOWrapper(binary, "utf-8-sig", errors="surrogateescape", newline="") as lines:
                if self.suffix == ".smi":
                    rows = _read_smi(lines)
                elif self.suffix == ".sdf":
                    rows = _read_sdf(lines, self.columns["text"], self.columns["id"])
                else:
                    rows = self._read_delimited(lines)
                for row in rows:
                    self.fraction_read = raw.tell() / size
                    yield self._with_cells(_checked(row))

    def _with_cells(self, row: Row) -> Row:
        """Give the rows of formats without columns theirs."""
        is_table = self.suffix in SEPARATORS
        return row if is_table or not self.keep_cells else row._replace(cells=(row.value, row.id))

    def _read_delimited(self, lines: io.TextIOWrapper) -> Iterator[Row]:
        """Rows of a table with a header."""
        separator = SEPARATORS[self.suffix]
        before = csv.reader(lines, delimiter=separator)
        header = next((cells for cells in before if cells), [])
        if not header:
            return
        places, self.header = self._find_columns(header), header
        # The publishers of ChEBI-20 write quotation marks as they are.
        quoted = header != CHEBI20_HEADER
        reader = csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
        line = before.line_num + 1
        for cells in reader:
            if len(cells) == len(header):
                value, name = (None if place is None else cells[place] for place in places)
                yield Row(value, name, line, cells=tuple(cells) if self.keep_cells else ())
            elif cells:
                problem = f"it has {len(cells)} cells, the header has {len(header)}"
                kept = (*cells, *[""] * len(header))[: len(header)] if self.keep_cells else ()
                yield Row(separator.join(cells), None, line, problem, kept)
            line = before.line_num + reader.line_num + 1

    def _read_parquet(self) -> Iterator[Row]:
        """Rows of a Parquet file."""
        with pq.ParquetFile(self.path) as file:
            schema, num_rows = file.schema_arrow, file.metadata.num_rows
            names = [None if place is None else schema.names[place] for place in self._find_columns(schema.names)]
            kind = schema.field(names[0]).type
            kind = kind.value_type if pa.types.is_dictionary(kind) else kind
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
                raise ValueError(f"{self.path}, column {names[0]!r} must hold strings: it holds {kind}.")
            done, self.header = 0, list(schema.names)
            wanted = self.header if self.keep_cells else [name for name in names if name is not None]
            for batch in file.iter_batches(PARQUET_ROWS, columns=wanted):
                columns = batch.to_pydict()
                values = columns[names[0]]
                ids = [None] * len(values) if names[1] is None else columns[names[1]]
                done += len(values)
                self.fraction_read = done / num_rows
                every = zip(*columns.values(), strict=True) if self.keep_cells else itertools.repeat(())
                for value, name, cells in zip(values, ids, every, strict=False):
                    yield Row(value, None if name is None else str(name), cells=cells)

    def _find_columns(self, header: list[str]) -> tuple[int, int | None]:
        """Places of the value and of the id in a header."""
        kind = "text" if self.is_text else "smiles"
        usual = USUAL_NAMES[kind]
        asked, id_column = self.columns[kind], self.columns["id"]
        by_lower = {name.lower(): name for name in reversed(header)}
        found = next((by_lower[name] for name in usual if name in by_lower), None) if asked is None else asked
        for name, option in ((found, kind), (id_column, "id")):
            if name not in header and (option == kind or name is not None):
                looked_for = f"named like {', '.join(usual)}" if name is None else repr(name)
                raise ValueError(f"{self.path} has no column {looked_for}; it has {header}. Set `{option}_column`.")
        return header.index(str(found)), None if id_column is None else header.index(id_column)


def smiles_of_record(record: str) -> str:
    """Convert an SDF record to SMILES.

    Args:
        record (`str`): Its lines, with or without properties.

    Returns:
        `str`: Canonical SMILES with stereo.

    Raises:
        ValueError: If RDKit cannot read the record, or it has no atoms.
    """
    with rdBase.BlockLogs():
        molecule = Chem.MolFromMolBlock(record)
        if molecule is None:
            raw = Chem.MolFromMolBlock(record, sanitize=False)
            problems = [] if raw is None else Chem.DetectChemistryProblems(raw)
            reason = problems[0].Message() if problems else "it is not a valid mol block"
            raise ValueError(f"RDKit cannot read the SDF record: {reason}.")
    if not molecule.GetNumAtoms():
        raise ValueError("The SDF record has no atoms.")
    return Chem.MolToSmiles(molecule)


def _read_smi(lines: io.TextIOWrapper) -> Iterator[Row]:
    """One molecule a line: SMILES, blank, id."""
    for number, line in enumerate(lines, start=1):
        smiles, *name = line.split(maxsplit=1) or [""]
        if smiles:
            yield Row(smiles, name[0].strip() if name else None, number)


def _read_sdf(lines: io.TextIOWrapper, text_property: str | None, id_property: str | None) -> Iterator[Row]:
    """Records end with `$$$$`; the last one may lack it."""
    record: list[str] = []
    first, size = 1, 0
    for number, line in enumerate(lines, start=1):
        if line.startswith("$$$$"):
            yield _sdf_row(record, first, text_property, id_property)
            record, first, size = [], number + 1, 0
            continue
        record.append(line.rstrip("\r\n"))
        size += len(line)
        if size > SDF_RECORD_CHARACTERS:
            raise OSError(f"the record in line {first} does not end within {SDF_RECORD_CHARACTERS} characters")
    if any(line.strip() for line in record):
        yield _sdf_row(record, first, text_property, id_property)


def _sdf_row(record: list[str], line: int, text_property: str | None, id_property: str | None) -> Row:
    """Row of one record; properties are looked up only where they are asked for."""
    wanted = {name for name in (text_property, id_property) if name is not None}
    properties: dict[str, str] = {}
    for place, one in enumerate(record) if wanted else ():
        found = _SDF_PROPERTY.match(one)
        if found and found[1] in wanted:
            stop = next((end for end in range(place + 1, len(record)) if not record[end].strip()), len(record))
            properties[found[1]] = "\n".join(record[place + 1 : stop])
    name = (record[0].strip() or None) if id_property is None and record else properties.get(id_property or "")
    if text_property is not None:
        absent = None if text_property in properties else f"the record has no property {text_property!r}"
        return Row(properties.get(text_property), name, line, absent)
    return Row("\n".join(record), name, line)


def _checked(row: Row) -> Row:
    """Give a row with bytes that are not UTF-8 a problem, and write those bytes as escapes."""
    try:
        f"{row.value}{row.id}{''.join(row.cells)}".encode()
    except UnicodeEncodeError:
        value, name = (None if one is None else _escape(one) for one in (row.value, row.id))
        problem = row.problem or "it is not valid UTF-8"
        return Row(value, name, row.line, problem, tuple(map(_escape, row.cells)))
    return row


def _escape(cell: str) -> str:
    """Write bytes that are not UTF-8 as escapes."""
    return cell.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
