"""Read the docstrings as this project writes them: arguments in groups, references without addresses."""

import re
from pathlib import Path
from typing import Any

import griffe

API = Path(__file__).resolve().parent / "reference"
DOCUMENTED = re.compile(r"^::: ([\w.]+)$", re.MULTILINE)
# `input_ids, attention_mask (type): text`, as an entry of `Args:`; a type may hold brackets.
GROUP = re.compile(r"^(?P<indent> +)(?P<names>\*{0,2}\w+(?:, \*{0,2}\w+)+)(?P<rest>(?: \(.+\))?:(?: .*)?)$")
# The type of an argument, and of what is returned; they are shown as code, without marks of their own.
TYPE = re.compile(r"^ +\*{0,2}\w+ \(.+?\):(?= |$)|(?<=^Returns:\n)    .+?:(?= |$)", re.MULTILINE)
REFERENCE = re.compile(r"\[`(?P<name>[\w.]+)`\](?![\[(])")
EXAMPLE = re.compile(r"^Example:\n\n?(?P<code>>>> .*?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)


def list_documented() -> dict[str, str]:
    """Map the names of what the pages document to their addresses."""
    pages = "\n".join(page.read_text(encoding="utf-8") for page in sorted(API.glob("*.md")))
    return {address.rpartition(".")[2]: address for address in DOCUMENTED.findall(pages)}


def split_groups(text: str) -> str:
    """Describe each of several arguments that share an entry in an entry of its own."""
    lines = text.splitlines()
    done: list[str] = []
    while lines:
        line = lines.pop(0)
        group = GROUP.match(line)
        if not group:
            done.append(line)
            continue
        deeper = group["indent"] + " "
        more = []
        while lines and lines[0].startswith(deeper):
            more.append(lines.pop(0))
        for name in group["names"].split(", "):
            done += [f"{group['indent']}{name}{group['rest']}", *more]
    return "\n".join(done)


def link_references(text: str, documented: dict[str, str]) -> str:
    """Lead references to what is documented; others stay code."""

    def lead(reference: re.Match[str]) -> str:
        owner, _, member = reference["name"].partition(".")
        code = f"`{reference['name']}`"
        if owner not in documented:
            return code
        return f"[{code}][{'.'.join(filter(None, (documented[owner], member)))}]"

    return REFERENCE.sub(lead, text)


def strip_types(text: str) -> str:
    """Write types without backticks, emphasis and brackets of references."""
    marks = re.compile(r"\[`(?P<name>[\w.]+)`\]|`|(?<= )\*(?=optional)|(?<=optional)\*")
    return TYPE.sub(lambda found: marks.sub(lambda mark: mark["name"] or "", found[0]), text)


def fence_examples(text: str) -> str:
    """Mark examples as code: at the margin, `>>>` would be quotations in Markdown."""

    def fence(example: re.Match[str]) -> str:
        code = example["code"].replace("  # doctest: +SKIP", "")
        return f"**Example**\n\n```pycon\n{code}\n```"

    return EXAMPLE.sub(fence, text)


class HouseDocstrings(griffe.Extension):
    """Rewrites docstrings before they are parsed."""

    def __init__(self) -> None:
        self.documented = list_documented()

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite one docstring."""
        if obj.docstring is None:
            return
        text = link_references(strip_types(split_groups(obj.docstring.value)), self.documented)
        text = fence_examples(text)
        marks = [str(one) for one in (*(one.value for one in obj.decorators), *obj.bases)] if obj.is_class else []
        if {"strict", "NamedTuple"} & set(marks):  # its fields are its arguments, and griffe sees no constructor
            text = text.replace("Args:\n", "Attributes:\n", 1)
        obj.docstring.value = text
