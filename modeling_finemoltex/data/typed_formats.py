"""Tables whose cells have types: Parquet, JSON lines, JSON arrays and Excel workbooks."""

import itertools
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from .columns import text_of
from .table import Broken, Request, Table, TableRow
from .text_lines import BEFORE_TEXT, MAX_LINE, TextLines, escape

# What a damaged workbook raises: in the archive, in its XML (`SyntaxError`), in what the XML says.
MAX_BROKEN = 1000  # entries of a JSON file before the first object
PARQUET_ROWS = 1024  # decoded at a time


def read_parquet(path: Path, request: Request) -> Table:
    """Open a Parquet file; only the columns that are wanted are decoded.

    Args:
        path (`Path`): The file.
        request (`Request`): Not used: the file lists its columns.

    Returns:
        `Table`: Cells as Python values.
    """
    import pyarrow.parquet as pq  # no other format needs it

    with pq.ParquetFile(path) as file:
        schema, num_rows = file.schema_arrow, file.metadata.num_rows
    header, done = list(schema.names), [0]

    def rows(columns: Collection[str] | None) -> Iterator[TableRow]:
        """Yield the rows of the file."""
        wanted = header if columns is None else [name for name in header if name in columns]
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(PARQUET_ROWS, columns=wanted):
                found = batch.to_pydict()
                done[0] += len(batch)
                cells = (found.get(name) or itertools.repeat(None) for name in header)
                for row in itertools.islice(zip(*cells, strict=False), len(batch)):
                    yield row, None, None

    kinds = {field.name: _kind_of(field.type) for field in schema}
    return Table(header, rows, kinds, lambda: done[0] / max(1, num_rows))


def read_json(lines: TextLines, request: Request) -> Table:
    """Open a file of JSON objects, one a line, or one array of them, which is read whole.

    Args:
        lines (`TextLines`): The file.
        request (`Request`): Columns that are named, or all; otherwise the header is that of the first object.

    Returns:
        `Table`: Cells as Python values, `None` where an object lacks the key.
    """
    objects = _read_objects(lines)
    if request.every_column:
        with TextLines(lines.path) as again:
            header = list(
                {name: None for _, found in _read_objects(again) if isinstance(found, dict) for name in found}
            )
        return Table(header, lambda _: _give_cells(objects, header))
    begun = []
    for entry in itertools.islice(objects, MAX_BROKEN):
        begun.append(entry)
        if isinstance(entry[1], dict):
            break
    if begun and isinstance(begun[-1][1], Broken):
        raise OSError(f"none of its first {len(begun)} entries is a JSON object ({begun[0][1].problem})")
    header = list(begun[-1][1]) if begun else []
    return Table(header, lambda _: _give_cells(itertools.chain(begun, objects), header))


def read_excel(path: Path, request: Request) -> Table:
    """Open the first sheet of an Excel workbook; its first filled row is the header.

    Args:
        path (`Path`): The `.xlsx` file.
        request (`Request`): Not used: the sheet lists its columns.

    Returns:
        `Table`: Cells as text.

    Raises:
        ImportError: If openpyxl is not installed.
        OSError: If the file is no workbook.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise ImportError("An .xlsx file needs openpyxl: pip install openpyxl, or save the sheet as csv.") from error
    try:
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # openpyxl declares none: a damaged archive or sheet breaks it wherever it is read
        raise OSError(f"it is no Excel workbook ({error})") from error
    sheet = enumerate(_read_sheet(workbook), start=1)
    filled = ((number, row) for number, row in sheet if any(cell is not None for cell in row))
    _, names = next(filled, (0, ()))
    header = [(text_of(name) or "").strip() for name in names]
    return Table(header, lambda _: _write_cells(filled, len(header)), progress=lambda: 1.0)


def _read_sheet(workbook: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of the first sheet; a damaged one is an `OSError`."""
    try:
        yield from workbook.worksheets[0].iter_rows(values_only=True)
    except Exception as error:  # as above
        raise OSError(f"its first sheet is damaged ({error})") from error


def _kind_of(kind: pa.DataType) -> str:
    """Name a type; that of a dictionary column is that of its values."""
    return str(kind.value_type if pa.types.is_dictionary(kind) else kind)


def _read_objects(lines: TextLines) -> Iterator[tuple[int | None, Any]]:
    """Yield objects with their line; what is no object is a `Broken`."""
    if lines.start == "[":
        yield from ((None, found) for found in _read_array(lines.blocks()))
        return
    for number, line, problem in lines:
        if line.strip():
            yield number, Broken(problem, escape(line)) if problem is not None else _read_object(line)


def _read_object(line: str) -> dict[str, Any] | Broken:
    """Read the object of one line."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:  # an integer of 5,000 digits is a `ValueError` too
        return Broken(f"it is not valid JSON ({error})", line)
    return _check_object(found, line)


def _check_object(found: Any, text: str) -> dict[str, Any] | Broken:
    """Refuse what is no object, or holds halves of characters, which cannot be written anywhere."""
    if not isinstance(found, dict):
        return Broken(f"it is no JSON object but {type(found).__name__}", text)
    if "\\ud" in text.lower():
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return Broken("it holds half a surrogate pair, such as \\ud800", text)
    return found


def _read_array(blocks: Iterator[str]) -> Iterator[dict[str, Any] | Broken]:
    """Yield the entries of an array, of which a few are in memory.

    Raises:
        OSError: If the array is not valid or does not end, or an entry is too long.
    """
    decode, number, tried, is_over = json.JSONDecoder().raw_decode, 0, 0, False
    held = next(blocks, "").lstrip(BEFORE_TEXT)[1:]
    while True:
        held = held.lstrip()
        if number and held.startswith(","):
            held = held[1:].lstrip()
        if held.startswith("]"):
            return
        if is_over or len(held) > tried:
            tried = 2 * len(held)  # a long entry is tried whenever twice as much is there, not at every block
            try:
                found, end = decode(held)
            except (ValueError, RecursionError):
                end = len(held) + 1
            if end < len(held) + is_over:  # a number may go on in the next block
                yield _check_object(found, held[:end])
                held, number, tried = held[end:], number + 1, 0
                continue
        if is_over or len(held) > MAX_LINE:
            raise OSError(
                f"it is neither one JSON object a line nor a JSON array (entry {number}, from 0, is not valid, does "
                f"not end, or is longer than {MAX_LINE} characters)"
            )
        block = next(blocks, None)
        is_over, held = block is None, held + (block or "")


def _give_cells(objects: Iterator[tuple[int | None, Any]], header: list[str]) -> Iterator[TableRow]:
    """Put the values of each object under the header."""
    for number, found in objects:
        if isinstance(found, Broken):
            yield (None,) * len(header), number, found
        else:
            yield tuple(map(found.get, header)), number, None


def _write_cells(rows: Iterator[tuple[int, tuple[Any, ...]]], width: int) -> Iterator[TableRow]:
    """Write the cells of a sheet as text."""
    for number, row in rows:
        yield tuple(text_of(cell) or "" for cell in (*row, *[None] * width)[:width]), number, None
