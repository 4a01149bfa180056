"""Write the figures of the documentation from raw results: the page of results, and the marked tables elsewhere.

Needs: PyYAML. Takes: a second. `python examples/write_results.py` writes; `--check` changes nothing, and fails where a
page differs or states a percentage by hand. `examples/results/page.yaml` says what the page holds, and the file, key
and format of each figure.
"""

import argparse
import html
import json
import posixpath
import re
import statistics
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parent.parent
SPEC, PAGE = "examples/results/page.yaml", "docs/explanation/results.md"
# Pages written by hand: their tables stand between markers, and nothing else in them is a percentage.
PAGES = ("README.md", "docs/explanation/*.md", "docs/guides/*.md", "docs/tutorials/*.md")
HEADER = f"<!-- Written by `make results` from {SPEC}: edit that file. -->\n\n"
MARKED = re.compile(r"(?P<start><!-- table: (?P<name>\w+) -->\n).*?(?P<end><!-- /table -->)", re.DOTALL)
CODE = re.compile(r"```.*?```|`[^`\n]*`|<!--.*?-->", re.DOTALL)
PERCENTAGE = re.compile(r"\d+(?:\.\d+)?\s?%")
FIGURE = re.compile(r"\{([^{}]+)\}")  # {file > key > key | format}
NONE = "–"
# Name of a format -> factor, Python format, unit.
FORMATS = {
    "percent": (100, ".1f", " %"),
    "percent2": (100, ".2f", " %"),
    "points": (100, "+.1f", ""),
    "area": (100, ".1f", ""),  # ROC-AUC, in percent by custom
    "share": (1, ".2f", ""),
    "decimal": (1, ".3f", ""),
    "tenths": (1, ".1f", ""),
    "count": (1, ",.0f", ""),
}


class Figure(NamedTuple):
    """A figure as printed, its value before rounding, and where it comes from."""

    text: str
    value: float | None = None
    file: str = ""
    path: str = ""


@cache
def read(file: str) -> Any:
    """Read a raw file once."""
    return json.loads((ROOT / file).read_text(encoding="utf-8"))


def find(file: str, path: str) -> Any:
    """Follow keys through a raw file: `key > 0 > [name=value & name=value] > key`; brackets select rows of a list."""
    found = read(file)
    for step in path.split(" > "):
        try:
            if step.startswith("["):
                wanted = [condition.split("=", 1) for condition in step[1:-1].split(" & ")]
                found = [row for row in found if all(str(row[name]) == value for name, value in wanted)]
                if not found:
                    raise KeyError(step)
            elif isinstance(found, list) and not step.isdecimal():
                found = [row[step] for row in found]
            else:
                found = found[int(step)] if isinstance(found, list) else found[step]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise SystemExit(f"{file} has no {path!r}: nothing is found at {step!r}.") from error
    return found


def write_number(value: float, name: str) -> str:
    """Write a number in one of the formats, with a true minus sign."""
    factor, form, _ = FORMATS[name]
    return f"{factor * value:{form}}".replace("-", "−")


def make_figure(file: str, reference: str) -> Figure:
    """Make a figure from `path | format`; lists are averaged.

    After the format may stand `interval`, for the bounds in the keys beside, or `deviation`, over a list.
    """
    path, _, wanted = reference.rpartition(" | ")
    name, *extra = wanted.split()
    found = find(file, path)
    if isinstance(found, str):
        return Figure(found, None, file, path)
    values = found if isinstance(found, list) else [found]
    value = statistics.fmean(values)
    text = write_number(value, name)
    if "deviation" in extra and len(values) > 1:
        text += f" ± {write_number(statistics.stdev(values), name)}"
    text += FORMATS[name][2]
    if "interval" in extra:
        low, high = (write_number(find(file, f"{path}_{bound}"), name) for bound in ("low", "high"))
        text += f" [{low}, {high}]"
    return Figure(text, value, file, path)


def locate(file: str) -> str:
    """Give the path of a raw file; a bare name lies in the folder of results."""
    return file if file.startswith(("hub_cards/", "examples/")) else f"examples/results/{file}"


def parse_figure(reference: str) -> Figure:
    """Make a figure from `file > path | format`."""
    file, _, rest = reference.partition(" > ")
    return make_figure(locate(file), rest)


class Table:
    """A table of the page: columns of keys, rows that say where the keys are, and the source of every figure."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.columns: dict[str, str | None] = spec["columns"]
        self.rows = [self._fill(label, row or {}, spec.get("file", "")) for label, row in spec["rows"].items()]

    def _fill(self, label: str, row: dict[str, str], file: str) -> list[list[Figure]]:
        """Fill a row: each cell is a list of figures with text between them."""
        file, start = locate(row.get("file", file)), row.get("from", "")
        joint = "" if not start or start.endswith(("/", "_")) else " > "
        cells = [split_text(row.get("label", label))]
        for title, key in self.columns.items():
            if title in row:
                cells.append(split_text(str(row[title])))
            elif not start or key is None:
                cells.append([Figure(NONE)])
            elif key.startswith("mean"):
                values = [one.value for cell in cells[1:] for one in cell if one.value is not None]
                cells.append([Figure(write_number(statistics.fmean(values), key.split(" | ")[1]))])
            else:
                cells.append([make_figure(file, f"{start}{joint}{key}")])
        return cells

    def __str__(self) -> str:
        """Write the table in Markdown."""
        lines = [["", *self.columns], ["---"] * (1 + len(self.columns))]
        lines += [["".join(one.text for one in cell) for cell in row] for row in self.rows]
        return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines) + "\n"

    def list_sources(self, page: str) -> str:
        """List the file and the key of every figure, folded away below the table."""
        lines = ["<details><summary>Where each figure comes from</summary><ul>"]
        for row in self.rows:
            label = "".join(one.text for one in row[0]).strip("*")
            for title, cell in zip(["", *self.columns], row, strict=True):
                for one in cell:
                    if one.file:
                        link = f'<a href="{relate(one.file, page)}">{Path(one.file).name}</a>'
                        where = ", ".join(filter(None, (html.escape(label), html.escape(title))))
                        lines.append(f"<li>{where}: {link}, <code>{html.escape(one.path)}</code></li>")
        return "\n".join([*lines, "</ul></details>", ""])


def split_text(text: str) -> list[Figure]:
    """Split a text into its figures, as `{file > path | format}`, and what stands between them."""
    parts = FIGURE.split(text)
    return [parse_figure(part) if number % 2 else Figure(part) for number, part in enumerate(parts)]


def relate(file: str, page: str) -> str:
    """Write the path from a page to a file of the checkout."""
    return posixpath.relpath(file, posixpath.dirname(page))


def write_page(spec: dict[str, Any], page: str = PAGE) -> str:
    """Write the page of results: text, whose figures are links to their raw files, and tables with their sources.

    A block that `needs` a raw file is left out as long as there is none.
    """
    blocks = []
    for block in spec["page"]:
        if "needs" in block and not (ROOT / locate(block["needs"])).is_file():
            continue
        if "text" in block:
            parts = [
                f'[{one.text}]({relate(one.file, page)} "{one.path}")' if one.file else one.text
                for one in split_text(block["text"])
            ]
            blocks.append("".join(parts))
        else:
            table = Table(spec["tables"][block["table"]])
            blocks += [str(table), table.list_sources(page)]
    return HEADER + "\n".join(blocks)


def fill_tables(text: str, spec: dict[str, Any]) -> str:
    """Write the marked tables of a page anew."""
    return MARKED.sub(lambda found: found["start"] + str(Table(spec["tables"][found["name"]])) + found["end"], text)


def list_pages() -> Iterator[str]:
    """List the pages that may hold marked tables."""
    for pattern in PAGES:
        yield from sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern))


def write_all() -> dict[str, str]:
    """Write every page in memory: path -> text."""
    spec = yaml.safe_load((ROOT / SPEC).read_text(encoding="utf-8"))
    pages = {page: (ROOT / page).read_text(encoding="utf-8") for page in list_pages() if page != PAGE}
    return {page: fill_tables(text, spec) for page, text in pages.items()} | {PAGE: write_page(spec)}


def find_problems(pages: dict[str, str]) -> Iterator[str]:
    """Say which files differ from what the raw results give, and where a percentage has no source."""
    for page, text in pages.items():
        path = ROOT / page
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            yield f"{page} differs from the raw results: run `make results` and commit what it wrote."
    by_hand = {page: MARKED.sub(blank, text) for page, text in pages.items() if page != PAGE}
    by_hand[SPEC] = FIGURE.sub(blank, (ROOT / SPEC).read_text(encoding="utf-8"))
    for page, text in by_hand.items():
        for number, line in enumerate(CODE.sub(blank, text).splitlines(), start=1):
            for found in PERCENTAGE.findall(line):
                yield f"{page}, line {number}: {found} has no source. Make it a figure of {SPEC}, or leave it out."


def blank(found: re.Match[str]) -> str:
    """Keep only the line ends of a passage, so that lines keep their numbers."""
    return "\n" * found[0].count("\n")


def main() -> int:
    """Write, or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail where something differs")
    arguments = parser.parse_args()
    pages = write_all()
    if not arguments.check:
        for page, text in pages.items():
            (ROOT / page).write_text(text, encoding="utf-8")
    problems = list(find_problems(pages))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
