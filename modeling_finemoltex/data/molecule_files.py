"""Molecules or texts of a file, row by row, whatever its format and size.

A new file format is a function that returns a `Table`, and a line in `FORMATS`.
"""

import csv
import functools
import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from rdkit import Chem

from .columns import choose_column, find_column, text_of
from .delimited_format import read_delimited
from .rejection import SHOWN, join_reasons, refuse_all
from .sdf_format import molecule_of_record, read_sdf
from .smi_format import molecule_of_cxsmiles, read_smi
from .table import Format, Layout, Request
from .text_lines import DECOMPRESSORS, READ_ERRORS, TextLines
from .typed_formats import read_excel, read_json, read_parquet

logger = logging.getLogger(__name__)

_SMI = Format(read_smi, has_columns=False, to_molecule=molecule_of_cxsmiles)
_SDF = Format(read_sdf, has_columns=False, to_molecule=molecule_of_record, is_record=True)
_JSON = Format(read_json, cells_are_text=False)
FORMATS: dict[str, Format] = {
    ".csv": Format(read_delimited),
    ".tsv": Format(functools.partial(read_delimited, usual="\t")),
    ".txt": Format(functools.partial(read_delimited, usual="\t")),
    ".smi": _SMI,
    ".cxsmiles": _SMI,
    ".sdf": _SDF,
    ".sd": _SDF,
    ".mol": _SDF,
    ".parquet": Format(read_parquet, is_text=False, cells_are_text=False),
    ".jsonl": _JSON,
    ".ndjson": _JSON,
    ".json": _JSON,
    ".xlsx": Format(read_excel, is_text=False),
}
DELIMITED = (".csv", ".tsv", ".txt")
TAB_NAMES = {"tab": "\t", "\\t": "\t"}  # how a tab can be typed
TEXT_KINDS = ("string", "large_string", "string_view")  # types of columns that hold text
HASHED_AT_ONCE = 1 << 20  # bytes
HEAD_BYTES = 1 << 20  # of the file, hashed with its size to recognise it without reading all of it


class Row(NamedTuple):
    """One row of a file."""

    value: str | None  # SMILES, SDF record or text
    id: str | None = None
    line: int | None = None  # where the row begins, from 1; some formats have no lines
    problem: str | None = None  # why the row cannot be used, if the file itself says so
    cells: tuple[Any, ...] = ()  # all of the row, under the file's `header`, if they are kept


class MoleculeFile:
    r"""The rows of one file, read anew and in order by every iteration; only a few hundred are in memory.

    Blank lines are no rows. A row that is not as wide as the header, whose quotation marks do not close, or that is
    not in the encoding of the file is a row with a `problem`, not an error.

    Args:
        path (`str` or `Path`): A file with a suffix of `FORMATS`: csv, tsv, txt, jsonl, xlsx or Parquet with named
            columns; smi or cxsmiles (SMILES and id); sdf, sd or mol. Text formats may be compressed (`.gz`, `.bz2`,
            `.xz`, `.zst`).
        smiles_column (`str`, *optional*): Column of the molecules of a table; without it, the usual names are tried.
        text_column (`str`, *optional*): Read texts from this column (of an sdf file: property) instead of molecules.
        id_column (`str`, *optional*): Column (of an sdf file: property) of the ids. Without it, rows of a table have
            none; in a smi file the id follows the SMILES, in an sdf file it is the first line of the record.
        keep_cells (`bool`): Give every row all its cells; their names are `header`. A smi or sdf file has `smiles` (of
            an sdf file: the record) and `id`.
        separator (`str`, *optional*): One character between the cells of a csv, tsv or txt file (`"tab"` is one too);
            if absent, comma, tab, semicolon, bar or blank, whichever gives a header with the columns that are looked
            for.
        column_names (sequence of `str`, *optional*): Names of the columns of a csv, tsv or txt file without a header.

    Raises:
        ValueError: If the file does not exist, has another suffix, no rows or no such column (lists those it has), or
            cannot be read; the last also while iterating.
        ImportError: If the format needs a package that is not installed; names it.

    Example:
    >>> path = Path(folder) / "library.csv"
    >>> _ = path.write_text("name;smiles\nethanol;CCO\n")
    >>> list(MoleculeFile(path, id_column="name"))
    [Row(value='CCO', id='ethanol', line=2, problem=None, cells=())]
    """

    def __init__(
        self,
        path: str | Path,
        smiles_column: str | None = None,
        text_column: str | None = None,
        id_column: str | None = None,
        keep_cells: bool = False,
        separator: str | None = None,
        column_names: Sequence[str] | None = None,
    ) -> None:
        self.path, self.keep_cells, self.layout = Path(path), keep_cells, _check_layout(separator, column_names)
        self.header: list[str] = ["smiles", "id"]  # a table's own, once its first row is read
        self.columns = {"smiles": smiles_column, "text": text_column, "id": id_column}
        self.is_text = text_column is not None
        if self.is_text and smiles_column is not None:
            raise ValueError(
                f"Give `smiles_column` to embed molecules or `text_column` to embed texts, not both: got "
                f"{smiles_column!r} and {text_column!r}."
            )
        if not self.path.is_file():
            raise ValueError(f"{self.path} is no file. Give one of the formats {', '.join(FORMATS)}.")
        self.suffix = format_of(self.path)
        self.format = FORMATS[self.suffix]
        if any(self.layout) and self.suffix not in DELIMITED:
            raise ValueError(
                f"`separator` and `column_names` are for {', '.join(DELIMITED)} files: {self.path} is a {self.suffix} "
                "file. Leave them out."
            )
        unused = () if self.format.has_columns else ("smiles",) if self.format.is_record else ("smiles", "text", "id")
        for kind in unused:
            if self.columns[kind] is not None:
                raise ValueError(
                    f"`{kind}_column` is {self.columns[kind]!r}, but {self.path} is a {self.suffix} file and has no "
                    "such columns. Leave the option out."
                )
        self._opened: OpenTable | None = None  # by the current iteration
        if next(iter(self), None) is None:
            raise ValueError(f"{self.path} is empty: it has no rows.")

    @property
    def fraction_read(self) -> float:
        """Share of the file that the current iteration has read."""
        return 0.0 if self._opened is None else self._opened.fraction_read

    @property
    def to_smiles(self) -> Callable[[str], str] | None:
        """What turns a value into a SMILES or raises a `ValueError`; `None` where values are what is embedded."""
        return None if self.is_text else self.format.to_smiles

    @property
    def to_molecule(self) -> Callable[[str], str | Chem.Mol] | None:
        """The same, but a molecule of RDKit where a SMILES cannot say all of it; it can be sent to processes."""
        return None if self.is_text else self.format.to_molecule

    def keeping_cells(self) -> "MoleculeFile":
        """Return the same file with all the cells of every row, and its whole header."""
        return self if self.keep_cells else MoleculeFile(self.path, *self.columns.values(), True, *self.layout)

    def show(self, value: str | None) -> str | None:
        """Shorten a value for a list of rows: of a record with many lines, its title."""
        is_record = self.format.is_record and not self.is_text
        return value.partition("\n")[0] if is_record and value is not None else value

    def identity(self) -> dict[str, Any]:
        """Describe the contents by size, beginning and layout: equal for a copy, whatever its name and date."""
        with self.path.open("rb") as file:
            head = hashlib.sha256(file.read(HEAD_BYTES)).hexdigest()
        layout = {name: value for name, value in self.layout._asdict().items() if value}
        return {"input_bytes": self.path.stat().st_size, "input_head": head[:16], **layout}

    def __iter__(self) -> Iterator[Row]:
        """Yield every `Row` in the order of the file."""
        named = tuple(name for name in self.columns.values() if name is not None)
        request = Request(named, fits=self._fits, layout=self.layout)
        with OpenTable(self.path, request) as opened:
            self._opened = opened
            if opened.header:
                with opened.explained():
                    yield from self._read_rows(opened)

    def smiles(self) -> Iterator[str]:
        r"""Yield the molecules as SMILES, unchecked; rows that cannot be read are left out, and counted in the log.

        Raises:
            ValueError: At the end, if all rows were left out; says why.

        Example:
        >>> path = Path(folder) / "library.smi"
        >>> _ = path.write_text("CCO ethanol\nCC |^1:1| ethyl\n")
        >>> list(MoleculeFile(path).smiles())
        ['CCO', '[CH2]C']
        """
        to_smiles, problems, num_rows = self.to_smiles, [], 0
        for row in self:
            num_rows += 1
            try:
                if row.problem is not None or row.value is None:
                    raise ValueError(row.problem or "it has no molecule")
                yield row.value if to_smiles is None else to_smiles(row.value)
            except ValueError as error:
                where = f"row {num_rows - 1}" if row.line is None else f"line {row.line}"
                problems.append(f"{where}: {error}" if len(problems) < SHOWN else "")
        if len(problems) == num_rows:
            raise refuse_all(self.path, num_rows, problems)
        if problems:
            shown = join_reasons(problems, len(problems))
            logger.warning("%s: left out %d rows that cannot be read (%s).", self.path, len(problems), shown)

    def _fits(self, header: list[str]) -> bool:
        """Tell whether a header has the columns that are looked for."""
        kinds = ("text" if self.is_text else "smiles", *(["id"] if self.columns["id"] else []))
        return all(find_column(header, kind, self.columns[kind]) is not None for kind in kinds)

    def _read_rows(self, opened: "OpenTable") -> Iterator[Row]:
        """Yield the rows of an open file."""
        header, has_columns, keeps = opened.header, self.format.has_columns, self.keep_cells
        kind = "text" if self.is_text else "smiles"
        name = choose_column(header, str(self.path), kind, self.columns[kind])
        if opened.kinds and opened.kinds[name] not in TEXT_KINDS:
            raise ValueError(f"{self.path}, column {name!r} must hold strings: it holds {opened.kinds[name]}.")
        id_name = self.columns["id"] if has_columns else self.columns["id"] or "id"
        if id_name is not None:
            choose_column(header, str(self.path), "id", id_name)
        if has_columns:
            self.header = header
        value_place, id_place = header.index(name), None if id_name is None else header.index(id_name)
        wanted = None if keeps else {name, id_name} - {None}
        for cells, line, broken in opened.rows(wanted):
            opened.line = line
            value, ident, problem = cells[value_place], None if id_place is None else cells[id_place], None
            if ident is not None:
                ident = (text_of(ident) or "").strip(" \t") or None
            if broken is not None:
                problem = broken.problem
                if broken.raw is not None:
                    value, ident = broken.raw, None
            elif type(value) is not str:
                value, problem = self._refuse(name, value)
            kept: tuple[Any, ...] = ()
            if keeps:
                kept = tuple(cells) if has_columns else (value, ident)
            yield Row(value, ident, line, problem, kept)

    def _refuse(self, name: str, value: Any) -> tuple[str | None, str | None]:
        """Say what is wrong with a value that is no string; a missing one of a table speaks for itself."""
        if value is None:
            return None, None if self.format.has_columns else f"the record has no property {name!r}"
        return text_of(value), f"column {name!r} must hold strings, not {type(value).__name__}"


class OpenTable:
    """An open file of any format, as a table that is read once; use it as a context manager.

    Args:
        path (`Path`): The file.
        request (`Request`): What is wanted of it.

    Raises:
        ValueError: If its suffix is unknown or it cannot be read; names it.
    """

    def __init__(self, path: Path, request: Request) -> None:
        self.path, self.format = path, FORMATS[format_of(path)]
        self.line: int | None = None  # of the row that was read last
        self._lines: TextLines | None = None
        try:
            with self.explained():
                self._lines = TextLines(path) if self.format.is_text else None
                table = self.format.read(path if self._lines is None else self._lines, request)
        except BaseException:
            self.__exit__()
            raise
        self.header, self.rows, self.kinds, self._progress = table

    def __enter__(self) -> "OpenTable":
        """Return the table itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        if self._lines is not None:
            self._lines.__exit__()

    @property
    def fraction_read(self) -> float:
        """Share of the file that has been read, in bytes or in rows."""
        if self._lines is not None:
            return self._lines.fraction_read
        return 0.0 if self._progress is None else self._progress()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what goes wrong while reading into a `ValueError` that names file, format and line."""
        try:
            yield
        except (*READ_ERRORS, csv.Error, MemoryError) as error:
            where = "" if self.line is None else f" after the row in line {self.line}"
            suffix = format_of(self.path)[1:]
            raise ValueError(f"{self.path} cannot be read as {suffix}{where}: {error}") from error


def _check_layout(separator: str | None, column_names: Sequence[str] | None) -> Layout:
    """Check what was said about a table of text."""
    separator = None if separator is None else TAB_NAMES.get(separator, separator)
    if separator is not None and (len(separator) != 1 or separator in '"\r\n\0'):
        raise ValueError(f"`separator` must be one character, such as ';' or 'tab': got {separator!r}.")
    names = tuple(column_names or ())
    if isinstance(column_names, str) or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"`column_names` must be a list of names, one for each column: got {column_names!r}.")
    if len(set(names)) < len(names):
        raise ValueError(f"`column_names` must differ: got {list(names)}.")
    return Layout(separator, names)


def format_of(path: str | Path) -> str:
    """Tell the suffix that stands for the format of a file.

    Args:
        path (`str` or `Path`): Name of a file, which need not be there.

    Returns:
        `str`: A key of `FORMATS`.

    Raises:
        ValueError: If there is no such format; lists those that are there.

    Example:
    >>> format_of("Library.CSV.gz"), format_of("library.sdf")
    ('.csv', '.sdf')
    """
    name = Path(path).name.lower()
    plain = next((name.removesuffix(suffix) for suffix in DECOMPRESSORS if name.endswith(suffix)), name)
    suffix = Path(plain).suffix
    if suffix not in FORMATS or (plain != name and not FORMATS[suffix].is_text):
        binary = [one for one, known in FORMATS.items() if not known.is_text]
        raise ValueError(
            f"{path} has an unknown suffix: known are {', '.join(FORMATS)}, all but {' and '.join(binary)} also with "
            f"{', '.join(DECOMPRESSORS)}."
        )
    return suffix


def has_format(path: str | Path) -> bool:
    """Tell whether a name ends like that of a file that `MoleculeFile` reads.

    Args:
        path (`str` or `Path`): Name of a file, which need not be there.

    Returns:
        `bool`: True if it does.

    Example:
    >>> has_format("library.smi.zst"), has_format("library.pdf")
    (True, False)
    """
    try:
        return bool(format_of(path))
    except ValueError:
        return False


def digest_file(path: Path) -> str:
    """Hash all the contents of a file, at about a gigabyte in two seconds.

    Args:
        path (`Path`): The file.

    Returns:
        `str`: 32 hexadecimal digits, equal for equal contents.
    """
    found = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while part := file.read(HASHED_AT_ONCE):
            found.update(part)
    return found.hexdigest()
