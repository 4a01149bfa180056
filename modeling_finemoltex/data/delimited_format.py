"""Tables of text: comma, tab, semicolon or another separator between cells, quotation marks around them."""

import csv
import functools
import string
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from .columns import USUAL_NAMES, find_column
from .table import Broken, Request, Table, TableRow
from .text_lines import Chunk, TextLines, escape

SEPARATORS = (",", "\t", ";", "|", " ")  # that are recognised, in this order
CHEBI20_HEADER = ["CID", "SMILES", "description"]
# A quoted cell may hold line breaks. One that goes on for longer than this was never closed.
MAX_RECORD_LINES, MAX_RECORD_CHARACTERS = 10_000, 1 << 24
QUOTE = '"'
COMMENT, MAX_COMMENTS = "#", 1_000
BLANKS = f"{string.whitespace}\ufeff"  # around a name; files that were joined have byte-order marks inside
# The limit of the module is 131,072 characters a cell, for the whole process; lines have a limit of their own here.
csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_CHARACTERS))


def read_delimited(lines: TextLines, request: Request, usual: str = ",") -> Table:
    """Open a table with a header, or with names for its columns.

    Blank lines are no rows. A row that is not as wide as the header is broken (empty cells beyond it do no harm), and
    so is a row whose quotation marks do not close: it alone, not what follows it.

    Args:
        lines (`TextLines`): The file.
        request (`Request`): Columns that are looked for, and the layout as far as it is known.
        usual (`str`): Separator that files of this suffix have, unless the columns show that it is another.

    Returns:
        `Table`: Cells are strings.
    """
    queue = _Queue(lines)
    _skip_comments(queue, request)
    first = queue.next_filled()
    if first is None:
        return Table([], lambda _: iter(()))
    if first.lower().startswith("sep=") and len(first.strip()) == 5:  # Excel writes the separator so
        usual, first = first.strip()[4], queue.next_filled() or ""
    queue.push_back([first])
    separator, names = request.layout
    fits = request.fits if not names else lambda cells: len(cells) == len(names)
    separator = separator or _find_separator(queue, fits, usual)
    header = list(names) or _name_columns(_take_record(queue, separator, None)[0])
    # The publishers of ChEBI-20 write quotation marks as they are.
    rows = _read_rows(queue, separator, len(header), is_quoted=header != CHEBI20_HEADER)
    return Table(header, lambda _: rows)


class _Queue:
    """Lines that are still to be read; those that turn out to belong to a later row go back."""

    def __init__(self, lines: TextLines) -> None:
        self.source, self.chunks = lines, lines.chunks()
        self.lines: deque[str] = deque()
        self.number = 1  # of the next line

    def pop(self) -> str | None:
        """Take the next line; `None` at the end."""
        if not self.lines:
            self.lines.extend(next(self.chunks, Chunk(0, [], "", True)).lines)
            if not self.lines:
                return None
        self.number += 1
        return self.lines.popleft()

    def push_back(self, lines: list[str]) -> None:
        """Put lines back in front."""
        self.lines.extendleft(reversed(lines))
        self.number -= len(lines)

    def next_filled(self) -> str | None:
        """Take the next line that is not blank."""
        while (line := self.pop()) is not None and not line.strip():
            pass
        return line


def _skip_comments(queue: _Queue, request: Request) -> None:
    """Skip the lines above the header that begin with `#`, if what follows them is a header."""
    taken: list[str] = []
    while len(taken) < MAX_COMMENTS and (line := queue.pop()) is not None:
        taken.append(line)
        if line.strip() and (not line.lstrip(BLANKS).startswith(COMMENT) or _is_header(line, request)):
            break
    has_header = bool(taken) and (_is_header(taken[-1], request) or bool(request.layout.column_names))
    queue.push_back(taken[-1:] if has_header else taken)


def _is_header(line: str, request: Request) -> bool:
    """Tell whether a line holds the name of a column that is looked for, or a usual one."""
    # Words of a comment are no names, even if blanks separate the columns below it.
    separators = SEPARATORS[:-1] if line.lstrip(BLANKS).startswith(COMMENT) else SEPARATORS
    separators = (request.layout.separator,) if request.layout.separator else separators
    names = [name for one in separators for name in _name_columns(line.replace(QUOTE, "").split(one))]
    if request.named:
        return not set(names).isdisjoint(request.named)
    return any(find_column(names, kind) is not None for kind in USUAL_NAMES)


def _name_columns(cells: list[str]) -> list[str]:
    """Name the columns by the cells of the header; a `#` may stand before that of the molecules."""
    names = [cell.strip(BLANKS) for cell in cells]
    if names and names[0].startswith(COMMENT) and find_column([bare := names[0].lstrip(f"{COMMENT} ")], "smiles"):
        names[0] = bare
    return names


def _find_separator(queue: _Queue, fits: Callable[[list[str]], bool], usual: str) -> str:
    """Recognise the separator by the header: the usual one if it gives the columns that are looked for."""
    candidates = [usual, *(one for one in SEPARATORS if one != usual)]
    headers = {}
    for separator in candidates:
        cells, taken, _ = _take_record(queue, separator, None)
        queue.push_back(taken)
        headers[separator] = _name_columns(cells)
    fitting = [separator for separator in candidates if fits(headers[separator])]
    if fitting:
        return fitting[0]
    if len(headers[usual]) > 1:
        return usual
    return max(candidates[:-1], key=lambda separator: len(headers[separator]))  # equal ones: the first


def _read_rows(queue: _Queue, separator: str, width: int, is_quoted: bool) -> Iterator[TableRow]:
    """Yield the rows below the header: chunks whose lines are rows at once, others line by line."""
    while True:
        while queue.lines:
            yield from _read_carefully(queue, separator, width, is_quoted)
        chunk = next(queue.chunks, None)
        if chunk is None:
            return
        records = _split_lines(chunk, separator, is_quoted)  # an empty list for a blank line
        if records is None:
            queue.lines.extend(chunk.lines)
            continue
        queue.number += len(records)
        for number, cells in enumerate(records, start=chunk.first):
            if len(cells) == width and (width > 1 or not _is_blank(cells[0], separator)):
                yield cells, number, None
            elif not _is_blank(line := chunk.lines[number - chunk.first], separator):
                yield _fit_width(cells, line, number, width)


def _is_blank(line: str, separator: str) -> bool:
    """Tell a line of blanks from a row of empty cells, between which there are separators."""
    return not line or (line.isspace() and separator not in line)


def _split_lines(chunk: Chunk, separator: str, is_quoted: bool) -> list[list[str]] | None:
    """Cut lines into cells; `None` if something is wrong with one, or a row may have several lines."""
    if not chunk.is_plain:
        return None
    if not is_quoted or QUOTE not in chunk.text:
        return [line.split(separator) if line else [] for line in chunk.lines]
    if chunk.lines[-1].count(QUOTE) % 2:
        return None
    records = list(csv.reader(chunk.lines, delimiter=separator))
    return records if len(records) == len(chunk.lines) else None  # fewer: a quotation mark joined lines


def _read_carefully(queue: _Queue, separator: str, width: int, is_quoted: bool) -> Iterator[TableRow]:
    """Yield the next row, or none for a blank line, where quotation marks or faulty lines may be."""
    number = queue.number
    cells, taken, problem = _take_record(queue, separator, width if is_quoted else 0)
    problem = next(filter(None, map(queue.source.find_problem, taken)), problem)
    if problem is not None:
        kept = (*map(escape, cells), *[""] * width)[:width]
        raw = None if len(cells) == width else escape("\n".join(taken))
        yield kept, number, Broken(problem, raw)
    elif not _is_blank(taken[0], separator):
        yield (cells, number, None) if len(cells) == width else _fit_width(cells, taken[0], number, width)


def _take_record(queue: _Queue, separator: str, width: int | None) -> tuple[list[str], list[str], str | None]:
    """Take the lines of the next row: its cells, its lines, and why its quotation marks are wrong.

    Args:
        queue (`_Queue`): Has a line at least.
        separator (`str`): Between cells.
        width (`int`, *optional*): Cells that a row of several lines must have; `None` for any number, and 0 where
            quotation marks mean nothing.
    """
    line = queue.pop() or ""
    read = functools.partial(csv.reader, delimiter=separator)
    if QUOTE not in line or width == 0:
        return next(read([_arm(line)], quoting=csv.QUOTE_NONE), []), [line], None
    taken = [line]

    def feed() -> Iterator[str]:
        """Yield the lines of the record, up to its limits."""
        yield _arm(line)
        size = len(line)
        while len(taken) < MAX_RECORD_LINES and size < MAX_RECORD_CHARACTERS and (more := queue.pop()) is not None:
            taken.append(more)
            size += len(more)
            yield _arm(more)

    try:
        cells = next(read(feed(), strict=True))
        if len(taken) == 1 or width is None or len(cells) == width:
            return cells, taken, None
    except csv.Error:
        pass
    queue.push_back(taken[1:])
    cells, problem = _read_alone(line, read)
    return cells, [line], problem


def _read_alone(line: str, read: Callable[..., Any]) -> tuple[list[str], str | None]:
    """Read a line whose quotation marks are wrong: those in the middle of a cell are taken as they are."""
    single = [_arm(line)]
    cells = [cell.removesuffix("\n") for cell in next(read(single), [])]
    try:
        next(read(single, strict=True), None)
    except csv.Error as error:
        if "unexpected end" in str(error):
            return cells, "a quotation mark opens in it and does not close"
    return cells, None


def _arm(line: str) -> str:
    """Give a line its end back, which belongs to a quoted cell; older releases of the module refuse NUL."""
    return line.replace("\0", "\ufffd") + "\n"


def _fit_width(cells: list[str], line: str, number: int, width: int) -> TableRow:
    """Give a row that is not as wide as the header as many cells; only filled ones beyond it make it broken."""
    kept = (*cells, *[""] * width)[:width]
    if len(cells) > width and not any(map(str.strip, cells[width:])):
        return kept, number, None
    return kept, number, Broken(f"it has {len(cells)} cells, the header has {width}", line)
