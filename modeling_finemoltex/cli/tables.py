"""What several commands print: facts as a table, values as JSON."""

import json
from typing import Any

import typer


def echo_json(value: Any) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def echo_facts(facts: dict[str, Any], as_json: bool) -> None:
    """Print facts as JSON, or those that are known as a table."""
    if as_json:
        echo_json(facts)
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} ({count:,})" for key, count in value.items())
        elif isinstance(value, list):
            rows = (" ".join(map(str, one.values())) if isinstance(one, dict) else str(one) for one in value)
            value = f"\n{'':<{width}}  ".join(rows)
        elif isinstance(value, int) and not isinstance(value, bool):
            value = f"{value:,}"
        if value not in (None, ""):
            typer.echo(f"{name:<{width}}  {value}")
