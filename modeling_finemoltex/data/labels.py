"""Labels as people write them: numbers, yes and no in many words, class names, and words for a missing value."""

import math
import re
from collections.abc import Sequence, Set
from typing import Any

import numpy as np

from .columns import text_of

MISSING = {"", "nan", "na", "n/a", "#n/a", "<na>", "none", "null", "missing", "nd", "n.d.", "?"}
# Words for the two classes of a yes-or-no task.
CLASS_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "active", "positive", "pos", "toxic", "+"), 1.0),
    **dict.fromkeys(("false", "f", "no", "n", "inactive", "negative", "neg", "non-toxic", "nontoxic"), 0.0),
}
# Words for a missing number or yes-or-no; among class names they may be a class.
MISSING_NUMBERS = MISSING | {
    *("n.a.", "n.a", "not available", "not determined", "not tested", "not measured", "unknown", "inconclusive"),
    *("ambiguous", "undefined", "nil", "tbd", "#value!", "#num!", "#div/0!", "#ref!", "#name?"),
}


DASHES = set("-\u2013\u2014")  # stand for a missing number; for a yes-or-no they may be a no
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
_WHOLE_NUMBER = re.compile(r"([-+]?\d+)\.0*")


def read_labels(
    columns: Sequence[Sequence[Any]], names: Sequence[str], task_type: str, path: str
) -> tuple[np.ndarray, list[str]]:
    """Read the cells of label columns.

    Args:
        columns (sequence of `K` sequences of `A` cells): Cells of any type; of one column, for `"multiclass"`.
        names (sequence of `str`, length `K`): Of the columns, for messages.
        task_type (`str`): `"binary"`, `"multiclass"` or `"regression"`.
        path (`str`): Of the table, for messages.

    Returns:
        `tuple(np.ndarray, list[str])`: Numbers of shape `(A, K)`, NaN where missing, and the names of the classes.

    Raises:
        ValueError: If a cell is no label, or a column holds none; names row and column.

    Example:
    >>> read_labels([["active", "0", "n/a", "1.0"]], ["y"], "binary", "t.csv")[0].ravel().tolist()
    [1.0, 0.0, nan, 1.0]
    """
    if task_type == "multiclass":
        return _read_classes(columns[0], names[0], path)
    labels = np.empty((len(columns[0]), len(columns)))
    for place, (column, cells) in enumerate(zip(names, columns, strict=True)):
        # Few distinct values, many rows: each value is read once.
        numbers = {cell: _read_number(cell, task_type == "binary") for cell in set(cells)}
        labels[:, place] = [numbers[cell] for cell in cells]
        allowed = np.isnan(labels[:, place]) | np.isfinite(labels[:, place])
        if task_type == "binary":
            allowed = np.isnan(labels[:, place]) | np.isin(labels[:, place], (0.0, 1.0))
        if not allowed.all():
            row = int(np.flatnonzero(~allowed)[0])
            raise ValueError(_refuse_label(path, row, column, cells[row], task_type))
        if np.isnan(labels[:, place]).all():
            raise ValueError(f"{path}, column {column!r} holds no label at all: every cell is empty. Leave it out.")
    return labels, []


def _refuse_label(path: str, row: int, column: str, cell: Any, task_type: str) -> str:
    """Say that a cell is no label, and what to do."""
    says, advice = "a number", "or read the column with task type multiclass"
    if task_type == "binary":
        says = "0 or 1"
        advice = (
            "or read a column of names or of several classes with task type multiclass, of numbers with regression"
        )
    elif _DECIMAL_COMMA.fullmatch(str(cell).strip()):
        advice = "with a point before the decimals"
    elif str(cell).strip()[:1] in ("<", ">", "~", "=", "\u2264", "\u2265"):
        advice = "and decide what a bound is worth: the bare number, or no label"
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
    numbers = {name: float(place) for place, name in enumerate(classes)}
    return np.asarray([[math.nan if name is None else numbers[name]] for name in names]), classes


def _read_number(cell: Any, is_binary: bool) -> float:
    """Read one cell: NaN if missing, infinite if it is no number."""
    if _is_missing(cell, MISSING_NUMBERS):
        return math.nan
    text = str(cell).strip().lower().replace("\u2212", "-")  # the minus sign of typesetters
    if not is_binary and set(text) <= DASHES:
        return math.nan
    if is_binary and text in CLASS_WORDS:
        return CLASS_WORDS[text]
    try:
        number = math.inf if "_" in text else float(text)  # Python takes 1_000 for a number
    except ValueError:
        return math.inf
    return number if math.isfinite(number) else math.inf


def _is_missing(cell: Any, words: Set[str] = MISSING) -> bool:
    return text_of(cell) is None or str(cell).strip().lower() in words
