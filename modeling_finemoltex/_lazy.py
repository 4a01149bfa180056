"""Load public names on first use. The stub beside a package is the only list of its names.

Type checkers and editors read `__init__.pyi`; [`attach`] reads the same file, so a name is written once.
"""

import ast
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def attach(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Give a package the names that its stub imports from its own modules (PEP 562).

    Args:
        package (`str`): `__name__` of the package.
        file (`str`): `__file__` of the package; `__init__.pyi` lies beside.

    Returns:
        `__getattr__`, `__dir__` and `__all__` of the package.

    Example:
    >>> from modeling_finemoltex.evaluation import evaluate_retrieval  # loads one module of the package
    """
    stub = ast.parse(Path(file).with_name("__init__.pyi").read_text(encoding="utf-8"))
    home_of = {
        alias.name: f".{node.module}"
        for node in stub.body
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }

    def load(name: str) -> Any:
        """Import the module of a name on its first use."""
        if name not in home_of:
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}; its public names are {', '.join(sorted(home_of))}"
            )
        value = getattr(importlib.import_module(home_of[name], package), name)
        vars(sys.modules[package])[name] = value  # asked for once
        return value

    return load, lambda: sorted({*vars(sys.modules[package]), *home_of}), sorted(home_of)
