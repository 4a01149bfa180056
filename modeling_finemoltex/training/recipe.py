"""Recipes: the options of a run in a YAML or JSON file, read as if they stood on the command line."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

RECIPE_EXTENSIONS = (".yaml", ".yml", ".json")


def read_recipe(file: str | Path) -> list[str]:
    """Turn a recipe into words of a command line, so that words after them override it and all are checked alike.

    Args:
        file (`str` or `Path`): A table of options, named as on the command line without dashes. Lists become several
            values, tables (as in `sources`) JSON; options without a value are left out.

    Raises:
        ValueError: If the file cannot be read, or is no table.
    """
    try:
        recipe = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"The recipe {file} cannot be read: {error}") from error
    if not isinstance(recipe, dict):
        raise ValueError(f"The recipe {file} must be a table of options (name: value): it holds {recipe!r}.")
    return option_words(recipe)


def option_words(options: Mapping[str, Any]) -> list[str]:
    """Write a table of options as words of a command line; see `read_recipe`.

    Example:
    >>> option_words({"preset": "small", "learning_rate": 5.0e-4})
    ['--preset', 'small', '--learning_rate', '0.0005']
    """
    words = []
    for name, value in options.items():
        values = value if isinstance(value, list) else [value]
        if value is not None and values:
            words += [f"--{name}", *map(_word, values)]
    return words


def _word(value: Any) -> str:
    """Write one value as a word of the command line."""
    return value if isinstance(value, str) else json.dumps(value)
