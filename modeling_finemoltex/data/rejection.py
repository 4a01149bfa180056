"""What is said when rows were rejected: how many, the first reasons, and where the others are."""

from collections.abc import Iterable

SHOWN = 3  # reasons in a message
SHOWN_CHARACTERS = 300  # of one reason


def refuse_all(where: object, num_rows: int, reasons: Iterable[str], advice: str = "") -> ValueError:
    """Make the error that nothing is left.

    Args:
        where (`object`): File, folder or source.
        num_rows (`int`): How many rows there were.
        reasons (iterable of `str`): Why, each with its row; the first ones are shown.
        advice (`str`): A last sentence: where all reasons are, or what to do.

    Returns:
        `ValueError`, to be raised.

    Example:
    >>> refuse_all("a.csv", 2, ["line 2: it has no molecule", "line 3: it has no molecule"])
    ValueError('a.csv: all 2 rows were rejected (line 2: it has no molecule; line 3: it has no molecule).')
    """
    shown = join_reasons(reasons, num_rows)
    rows = f"all {num_rows} rows were" if num_rows != 1 else "its only row was"
    return ValueError(f"{where}: {rows} rejected{f' ({shown})' if shown else ''}.{f' {advice}' if advice else ''}")


def join_reasons(reasons: Iterable[str], total: int) -> str:
    """Join the first of `total` reasons.

    Args:
        reasons (iterable of `str`): At least the first ones.
        total (`int`): How many there are.

    Returns:
        `str`: The first ones, with dots if there are more.
    """
    first = [reason.rstrip(".") for reason, _ in zip(reasons, range(SHOWN), strict=False)]
    cut = [reason if len(reason) <= SHOWN_CHARACTERS else f"{reason[:SHOWN_CHARACTERS]}..." for reason in first]
    return "; ".join([*cut, *["..."] * (total > len(cut) > 0)])
