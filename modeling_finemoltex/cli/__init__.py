"""The command line: one file a command."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Build the application on first use: `from modeling_finemoltex.cli import app`."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; its public name is app")
    from .main import app

    return app
