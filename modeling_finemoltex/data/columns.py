"""Which column holds what: usual names, the one that is asked for, and ids of any type as text."""

import datetime
import decimal
import numbers
from collections.abc import Sequence
from typing import Any

from ..processors.smiles_finemoltex import try_parse

# Usual names, most specific first; compared without case.
USUAL_NAMES = {
    "smiles": ("smiles", "canonical_smiles", "isomeric_smiles", "molecule", "mol", "smi"),
    "text": ("text", "description", "caption", "iupac_name", "name"),
}
MOST_PLAIN = 1e22  # larger floats are written with an exponent, as their digits are not all known
SHOWN_COLUMNS = 20  # of 617 columns, all would hide the message


def find_column(names: Sequence[str], kind: str, asked: str | None = None) -> str | None:
    """Find the column that is asked for, or else one with a usual name.

    Args:
        names (sequence of `str`): Columns of a table.
        kind (`str`): `"smiles"`, `"text"`, or another kind, which has no usual names.
        asked (`str`, *optional*): The name that somebody gave.

    Returns:
        `str` or `None`: Its name as the table spells it; `None` if there is none.

    Example:
    >>> find_column(["ID", "SMILES"], "smiles"), find_column(["ID", "SMILES"], "text")
    ('SMILES', None)
    """
    if asked is not None:
        return asked if asked in names else None
    by_lower = {name.lower(): name for name in reversed(names)}
    return next((by_lower[name] for name in USUAL_NAMES.get(kind, ()) if name in by_lower), None)


def choose_column(names: Sequence[str], where: str, kind: str, asked: str | None = None) -> str:
    """Decide which column holds the molecules (kind `"smiles"`), the texts (`"text"`) or the ids (`"id"`).

    Args:
        names (sequence of `str`): Columns of a table.
        where (`str`): Its name, for messages.
        kind (`str`): Kind of the column.
        asked (`str`, *optional*): The name that somebody gave.

    Returns:
        `str`: Its name as the table spells it.

    Raises:
        ValueError: If there is no such column; lists those that are there. If several have the usual name and differ
            in case alone.

    Example:
    >>> choose_column(["ID", "Structure"], "a.csv", "smiles")
    Traceback (most recent call last):
    ...
    ValueError: a.csv has no column named like smiles, canonical_smiles, isomeric_smiles, molecule, mol, smi; it has \
['ID', 'Structure']. Name one with `smiles_column`.
    """
    found = find_column(names, kind, asked)
    alike = [name for name in dict.fromkeys(names) if found is not None and name.lower() == found.lower()]
    if asked is None and len(alike) > 1:
        raise ValueError(f"{where} has the columns {alike}, and any may be meant. Name one with `{kind}_column`.")
    if found is None:
        looked_for = repr(asked) if asked is not None else f"named like {', '.join(USUAL_NAMES[kind])}"
        hint = ""
        if any(try_parse(name) is not None for name in names):
            hint = " If its first line is a row already, name the columns with `column_names`."
        raise ValueError(
            f"{where} has no column {looked_for}; it has {list_columns(names)}. Name one with `{kind}_column`.{hint}"
        )
    return found


def list_columns(names: Sequence[str]) -> str:
    """List the first columns of a table, for messages."""
    shown = f"{list(names[:SHOWN_COLUMNS])}"
    return shown if len(names) <= SHOWN_COLUMNS else f"{shown} and {len(names) - SHOWN_COLUMNS} more"


def text_of(value: Any) -> str | None:
    """Write an id of any type as a person would.

    Args:
        value: String, number (of numpy too), `decimal.Decimal`, bytes, date, anything with a `str`; missing values
            (`None`, NaN, `pandas.NA`) are none.

    Returns:
        `str` or `None`: The text; `None` if there is no value.

    Example:
    >>> [text_of(value) for value in ("CID 702", 702, 702.0, np.int64(702), decimal.Decimal("702.0"), float("nan"))]
    ['CID 702', '702', '702', '702', '702', None]
    """
    if type(value) is str or value is None:
        return value
    if getattr(value, "shape", None) == () and hasattr(value, "tolist") and not isinstance(value, numbers.Number):
        value = value.tolist()  # an array or tensor of one number, a string of numpy
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, datetime.datetime) and value == value and value.time() == datetime.time():
        return value.date().isoformat()  # a workbook has no dates without a time
    if isinstance(value, decimal.Decimal):
        if not value.is_finite():
            return None if value.is_nan() else str(value)
        plain = format(value, "f")
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None if value is None or _is_missing(value) else str(value)
    if value != value:  # NaN
        return None
    if isinstance(value, numbers.Integral) or (abs(value) < MOST_PLAIN and value == int(value)):
        return str(int(value))
    return str(value)


def _is_missing(value: Any) -> bool:
    """Tell whether something is one of the marks of pandas for a missing value, which equal nothing."""
    return type(value).__name__ in ("NAType", "NaTType")
