"""Labels as people write them: numbers, yes and no in many words, class names, and words for a missing value."""

import logging
import math
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from .columns import text_of

logger = logging.getLogger(__name__)

MISSING = {"", "nan", "na", "n/a", "#n/a", "<na>", "none", "null", "missing", "nd", "n.d.", "?"}
# Words for the two classes of a yes-or-no task.
CLASS_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "active", "positive", "pos", "toxic", "+"), 1.0),
    **dict.fromkeys(("false", "f", "no", "n", "inactive", "negative", "neg", "non-toxic", "nontoxic"), 0.0),
}
# Words for a missing number or yes-or-no; among class names they may be a class.
MISSING_NUMBERS = MISSING | {
    *("n.a.", "n.a", "not available", "not determined", "not tested", "not measured", "unknown", "inconclusive"),
    *("ambiguous", "undefined", "unspecified", "nil", "tbd"),
    *("#value!", "#num!", "#div/0!", "#ref!", "#name?"),
}


DASHES = set("-\u2013\u2014")  # stand for a missing number; for a yes-or-no they may be a no
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
_WHOLE_NUMBER = re.compile(r"([-+]?\d+)\.0*")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_SIGNS = r"<=|>=|=<|=>|<<|>>|[<>\u2264\u2265\u2272\u2273~\u223c\u2248]|ca\.?|about|approx\.?"
_QUALIFIED = re.compile(rf"(?:{_SIGNS})\s*({_NUMBER})")
_RANGE = re.compile(rf"({_NUMBER})\s*%?(?:\s*(?:[-\u2013\u2014]|\.\.)\s*|\s*to\s*)({_NUMBER})")


@dataclass(frozen=True)
class InexactLabels:
    """What becomes of numbers that are none exactly, in a regression.

    Args:
        qualified (`str`): Of bounds and estimates, such as `>10`, `<= 0.5`, `~3`. `"error"` refuses the table,
            `"drop"` makes them missing labels, `"value"` takes the number beside the sign.
        ranges (`str`): Of ranges, such as `1-3`, `1 to 3`. `"error"`, `"drop"` or `"middle"`, the mean of both ends.

    Raises:
        ValueError: If a choice is unknown.

    Example:
    >>> InexactLabels(qualified="value")
    InexactLabels(qualified='value', ranges='error')
    """

    qualified: str = "error"
    ranges: str = "error"

    def __post_init__(self) -> None:
        for name, last in zip([one.name for one in fields(self)], ("value", "middle"), strict=True):
            if getattr(self, name) not in ("error", "drop", last):
                raise ValueError(f"`{name}` must be 'error', 'drop' or {last!r}: got {getattr(self, name)!r}.")


class _Reading(NamedTuple):
    """What one cell says."""

    value: float  # NaN if missing
    kind: str = "number"  # or "missing", "word", "qualified", "ranges", "refused"
    is_percent: bool = False


_REFUSED = _Reading(math.nan, "refused")
# Kind -> how a message calls such cells.
_INEXACT = {"qualified": "a bound or an estimate", "ranges": "a range"}
_EXACT = InexactLabels()


def read_labels(
    columns: Sequence[Sequence[Any]],
    names: Sequence[str],
    task_type: str,
    path: str,
    inexact: InexactLabels = _EXACT,
) -> tuple[np.ndarray, list[str]]:
    """Read the cells of label columns.

    Args:
        columns (sequence of `K` sequences of `A` cells): Cells of any type; of one column, for `"multiclass"`.
        names (sequence of `str`, length `K`): Of the columns, for messages.
        task_type (`str`): `"binary"`, `"multiclass"` or `"regression"`.
        path (`str`): Of the table, for messages.
        inexact ([`InexactLabels`]): What becomes of bounds and ranges in a regression.

    Returns:
        `tuple(np.ndarray, list[str])`: Numbers of shape `(A, K)`, NaN where missing, and the names of the classes.
        A column of percentages is read in percent: 45 % is 45. Words that were understood are logged.

    Raises:
        ValueError: If a cell is no label, a column holds none, mixes percentages with other numbers, or has bounds or
            ranges that nobody decided about; names row and column.

    Example:
    >>> read_labels([["active", "0", "n/a", "1.0"]], ["y"], "binary", "t.csv")[0].ravel().tolist()
    [1.0, 0.0, nan, 1.0]
    >>> read_labels([["1.5", ">10", "1 to 3"]], ["y"], "regression", "t.csv", InexactLabels("drop", "middle"))[0].T
    array([[1.5, nan, 2. ]])
    """
    if task_type == "multiclass":
        return _read_classes(columns[0], names[0], path)
    labels = np.empty((len(columns[0]), len(columns)))
    words: dict[str, float] = {}
    for place, (column, cells) in enumerate(zip(names, columns, strict=True)):
        cells = _comparable(cells)
        # Few distinct values, many rows: each value is read once.
        readings = {cell: _read_cell(cell, task_type == "binary") for cell in set(cells)}
        _check_cells(cells, readings, task_type, path, column)
        values = {cell: reading.value for cell, reading in readings.items()}
        for kind in _INEXACT:
            values |= _decide(cells, readings, kind, getattr(inexact, kind), path, column)
        labels[:, place] = [values[cell] for cell in cells]
        if np.isnan(labels[:, place]).all():
            raise ValueError(f"{path}, column {column!r} holds no label at all: every cell is empty. Leave it out.")
        words |= {str(cell).strip(): one.value for cell, one in readings.items() if one.kind in ("word", "missing")}
    _report_words(path, words)
    return labels, []


def _comparable(cells: Sequence[Any]) -> Sequence[Any]:
    """Make cells of several types texts: to a `dict`, `True` and 1 would be one."""
    kinds = set(map(type, cells)) - {type(None)}
    is_plain = len(kinds) < 2 and kinds <= {str, float, int, bool}
    return cells if is_plain else [text_of(cell) for cell in cells]


def _check_cells(
    cells: Sequence[Any], readings: Mapping[Any, _Reading], task_type: str, path: str, column: str
) -> None:
    """Refuse the first cell that is no label, and percentages beside other numbers."""
    if any(reading.kind == "refused" for reading in readings.values()):
        row = next(row for row, cell in enumerate(cells) if readings[cell].kind == "refused")
        raise ValueError(_refuse_label(path, row, column, cells[row], task_type))
    if not any(reading.is_percent for reading in readings.values()):
        return
    rows = [row for row, cell in enumerate(cells) if readings[cell].kind != "missing"]
    percentages = [row for row in rows if readings[cells[row]].is_percent]
    others = sorted(set(rows) - set(percentages))
    if others:
        raise ValueError(
            f"{path}, column {column!r}: {len(percentages)} cells are percentages (row {percentages[0]}: "
            f"{cells[percentages[0]]!r}) and {len(others)} are not (row {others[0]}: {cells[others[0]]!r}). Write all "
            "in one unit. Rows count from 0 below the header."
        )
    logger.info("%s, column %r: all labels are percentages and read as such, 45 %% as 45.", path, column)


def _decide(
    cells: Sequence[Any], readings: Mapping[Any, _Reading], kind: str, choice: str, path: str, column: str
) -> dict[Any, float]:
    """Give the values of the cells of an inexact kind, as the caller chose."""
    found = {cell: reading.value for cell, reading in readings.items() if reading.kind == kind}
    if not found:
        return {}
    rows = [row for row, cell in enumerate(cells) if cell in found]
    says = (
        f"{path}, row {rows[0]}, column {column!r}: {cells[rows[0]]!r} is {_INEXACT[kind]}, of which the column has "
        f"{len(rows)} in {len(cells)} rows"
    )
    if choice == "error":
        taken = "'value' (the number beside the sign)" if kind == "qualified" else "'middle' (the mean of both ends)"
        raise ValueError(
            f"{says}. Choose what such labels are worth with `{kind}`: 'drop' (a missing label) or {taken}. Rows "
            "count from 0 below the header."
        )
    logger.warning("%s. Taken by `%s` %r.", says, kind, choice)
    return dict.fromkeys(found, math.nan) if choice == "drop" else found


def _report_words(path: str, words: Mapping[str, float]) -> None:
    """Log which words were understood, and how."""
    groups: dict[str, list[str]] = {}
    for word, value in sorted(words.items()):
        if word and word not in ("None", "nan"):
            groups.setdefault("a missing label" if math.isnan(value) else f"{value:g}", []).append(repr(word))
    if groups:
        read = "; ".join(f"{', '.join(found)} as {meaning}" for meaning, found in groups.items())
        logger.info("%s: labels read %s.", path, read)


def _refuse_label(path: str, row: int, column: str, cell: Any, task_type: str) -> str:
    """Say that a cell is no label, and what to do."""
    text = str(cell).strip()
    says, advice = "a number", "or read the column with task type multiclass"
    if task_type == "binary":
        says = "0 or 1"
        advice = (
            "or read a column of names or of several classes with task type multiclass, of numbers with regression"
        )
    elif _DECIMAL_COMMA.fullmatch(text.rstrip("% ")):
        advice = "with a point before the decimals"
    elif _RANGE.fullmatch(text):
        advice = "or the lower end of a range first"
    return (
        f"{path}, row {row}, column {column!r}: {cell!r} is no label. Write {says}, leave the cell empty where it is "
        f"missing, {advice}. Rows count from 0 below the header."
    )


def _read_classes(cells: Sequence[Any], column: str, path: str) -> tuple[np.ndarray, list[str]]:
    """Number the class names of one column in sorted order."""
    names = [None if _is_missing(cell) else str(text_of(cell)).strip() for cell in cells]
    if any(map(_WHOLE_NUMBER.fullmatch, filter(None, names))):  # 1 and 1.0 are one class
        names = [_WHOLE_NUMBER.sub(r"\1", name) if name and _WHOLE_NUMBER.fullmatch(name) else name for name in names]
    classes = sorted({name for name in names if name is not None})
    if len(classes) < 2:
        raise ValueError(f"{path}, column {column!r} has {len(classes)} classes ({classes}): at least 2 are needed.")
    if len({name.lower() for name in classes}) < len(classes):
        logger.warning("%s, column %r: some of its classes differ in case alone: %s.", path, column, classes[:20])
    _report_words(path, {str(text_of(cell)): math.nan for cell in set(map(text_of, cells)) if _is_missing(cell)})
    numbers = {name: float(place) for place, name in enumerate(classes)}
    return np.asarray([[math.nan if name is None else numbers[name]] for name in names]), classes


def _read_cell(cell: Any, is_binary: bool) -> _Reading:
    """Read one cell of a task of numbers or of yes and no."""
    if _is_missing(cell, MISSING_NUMBERS):
        return _Reading(math.nan, "missing")
    text = str(cell).strip().lower().replace("\u2212", "-")  # the minus sign of typesetters
    if is_binary:
        if text in CLASS_WORDS:
            return _Reading(CLASS_WORDS[text], "word")
        number = _to_number(text)
        return _Reading(number) if number in (0.0, 1.0) else _REFUSED
    if set(text) <= DASHES:
        return _Reading(math.nan, "missing")
    return _read_number(text.removesuffix("%").rstrip(), text.endswith("%"))


def _read_number(text: str, is_percent: bool) -> _Reading:
    """Read a number, a bound or a range."""
    qualified, ends = _QUALIFIED.fullmatch(text), _RANGE.fullmatch(text)
    if ends:
        low, high = map(_to_number, ends.groups())
        return _Reading((low + high) / 2, "ranges", is_percent) if low <= high else _REFUSED
    number = _to_number(qualified[1] if qualified else text.removeprefix("=").lstrip())
    if math.isnan(number):
        return _REFUSED
    return _Reading(number, "qualified" if qualified else "number", is_percent)


def _to_number(text: str) -> float:
    """Read a finite number; NaN if it is none."""
    try:
        number = math.nan if "_" in text else float(text)  # Python takes 1_000 for a number
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _is_missing(cell: Any, words: Set[str] = MISSING) -> bool:
    return text_of(cell) is None or str(cell).strip().lower() in words
