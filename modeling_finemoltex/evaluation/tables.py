"""Plain text tables of figures."""

from collections.abc import Mapping, Sequence

DIRECTION_NAMES = {"t2m": "text to molecule", "m2t": "molecule to text"}


def format_retrieval_table(metrics: Mapping[str, float]) -> str:
    """Lay out the figures of one system, both directions side by side.

    Args:
        metrics (mapping of `str` to `float`): As returned by `evaluate_retrieval`; several protocols may be merged.

    Returns:
        `str`: One line per protocol and metric with the columns text to molecule, molecule to text and chance (`a / b`
        where the directions differ); shares in percent, ranks and reciprocal ranks as they are, intervals in brackets.
        Where nothing was retrieved, as after a training without texts, the accuracies of what was predicted.
    """
    accuracies = [(*key.split("/", 1), _format(key, metrics[key])) for key in metrics if key.endswith("_accuracy")]
    if accuracies and not _names(metrics):
        return align_columns([("protocol", "metric", "value"), *accuracies], 2)
    rows: list[Sequence[str]] = [("protocol", "metric", *DIRECTION_NAMES.values(), "chance")]
    for protocol, name in _names(metrics):
        cells = [format_cell(metrics, f"{protocol}/{direction}_{name}") for direction in DIRECTION_NAMES]
        chances = [format_cell(metrics, f"{protocol}/chance_{direction}_{name}") for direction in DIRECTION_NAMES]
        chance = " / ".join(chances) if set(chances) != {"-"} else format_cell(metrics, f"{protocol}/chance_{name}")
        rows.append((protocol, name, *cells, chance))
    return align_columns(rows, 2)


def format_systems_table(systems: Mapping[str, Mapping[str, float]], names: Sequence[str] | None = None) -> str:
    """Lay out the figures of several systems, one line each, in one block per protocol and direction.

    Args:
        systems (mapping of `str` to metrics): Figures of each system under the same keys,
            `{protocol}/{t2m,m2t}_{name}`, with `_low` and `_high` where there are intervals.
        names (sequence of `str`, *optional*): Columns, such as `hits@1`; all that the first system has by default.

    Returns:
        `str`: Blocks with a title line each; a figure that a system lacks is a dash.
    """
    first = next(iter(systems.values()))
    named = _names(first)
    blocks = []
    for protocol in dict.fromkeys(protocol for protocol, _ in named):
        there = [name for holder, name in named if holder == protocol]
        columns = [name for name in (there if names is None else names) if name in there]
        for direction, title in DIRECTION_NAMES.items():
            keys = [f"{protocol}/{direction}_{name}" for name in columns]
            if not any(key in first for key in keys):
                continue
            rows: list[Sequence[str]] = [("", *columns)]
            rows += [(system, *(format_cell(metrics, key) for key in keys)) for system, metrics in systems.items()]
            blocks.append(f"{protocol}: {title}\n{align_columns(rows, 1)}")
    return "\n\n".join(blocks)


def _names(metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """List the protocols and metrics of either direction, in order."""
    names: dict[tuple[str, str], None] = {}
    for key in metrics:
        protocol, _, column = key.rpartition("/")
        direction, _, name = column.partition("_")
        if direction in DIRECTION_NAMES and not name.endswith(("_low", "_high")):
            names[protocol, name] = None
    return list(names)


def format_cell(metrics: Mapping[str, float], key: str) -> str:
    """Write one figure with its interval."""
    value = _format(key, metrics.get(key))
    if f"{key}_low" not in metrics:
        return value
    bounds = [_format(key, metrics[f"{key}_{bound}"]).removesuffix(" %") for bound in ("low", "high")]
    return value if set(bounds) == {value.removesuffix(" %")} else f"{value} [{', '.join(bounds)}]"


def _format(key: str, value: float | None) -> str:
    """Write shares in percent, ranks with one digit, reciprocal ranks with four, scores and similarities with two."""
    if value is None:
        return "-"
    if key.endswith("rank"):
        return f"{value:.1f}"
    if key.endswith(("sa_score", "sa_change", "similarity")):
        return f"{value:.2f}"
    return f"{value:.4f}" if key.endswith("mrr") else f"{100 * value:.2f} %"


def align_columns(rows: Sequence[Sequence[str]], num_left: int) -> str:
    """Pad the columns, the first ones on the right, the figures on the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if position < num_left else cell.rjust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
