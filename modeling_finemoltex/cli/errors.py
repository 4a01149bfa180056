"""Turn expected errors into one line that speaks of options; silence loading reports."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import typer

_SETTING = re.compile(r"(?<![\w/.-])`?(\w+)=(True|'[^'`]*'|\"[^\"`]*\")`?(?![\w/])")
_ARGUMENT = re.compile(r"`(\w+)`")


@contextmanager
def plain_errors(options: Mapping[str, str]) -> Iterator[None]:
    """End with exit status 1 and one sentence, not a trace, when something given was wrong.

    Args:
        options (mapping of `str` to `str`): Name in Python -> what is typed, such as `k` -> `-k`.
    """
    try:
        yield
    except BrokenPipeError:  # the reader of the output, such as `head`, has enough
        raise
    except (ValueError, OSError, ImportError) as error:
        typer.echo(f"Error: {translate(describe(error), options)}", err=True)
        raise typer.Exit(1) from error


def describe(error: Exception) -> str:
    """Word an error; those of the operating system begin with the file instead of a number."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def check_ending(file: Path | None, *endings: str) -> None:
    """Refuse the name of a picture that cannot be drawn before any work is done for it.

    Raises:
        ValueError: If a file is given and its name ends otherwise.
    """
    if file is not None and file.suffix.lower() not in endings:
        raise ValueError(f"{file}: give a file that ends in {' or '.join(endings)}.")


def translate(message: str, options: Mapping[str, str]) -> str:
    """Replace the names of Python arguments by what is typed.

    Args:
        message (`str`): Sentences that write arguments as `name`, `name=True` or `name="value"`.
        options (mapping of `str` to `str`): As in [`plain_errors`]; other names stay.

    Returns:
        `str`: The sentences with `--name`, `--name` and `--name value`.

    Example:
    >>> translate("Raise `max_size`, or give `on_error='skip'`.", {"max_size": "--max_size", "on_error": "--on_error"})
    'Raise --max_size, or give --on_error skip.'
    """

    def rewrite(match: re.Match[str]) -> str:
        """Write one argument as the option of the same name."""
        name, value = match[1], match[2] if match.re is _SETTING else "True"
        if name not in options:
            return match[0]
        return options[name] if value == "True" else f"{options[name]} {value[1:-1]}"

    return _ARGUMENT.sub(rewrite, _SETTING.sub(rewrite, message))


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Load a model without bars and reports."""
    from transformers.utils import logging

    level, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if has_bars:
            logging.enable_progress_bar()
