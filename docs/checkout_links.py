"""Pages of the documentation that are files of the checkout, such as the README: taken over, not copied.

Their links to each other become links between pages; whatever else they link to is published beside them.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
# Page of the site -> file of the checkout.
PAGES = {
    "index.md": "README.md",
    "examples.md": "examples/README.md",
    "card.md": "hub_cards/finemoltex-small/README.md",
    "dataset.md": "hub_cards/datasets/finemoltex-pairs/README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changes.md": "CHANGELOG.md",
}
PAGE_OF = {source: page for page, source in PAGES.items()}
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
# Code may look like a link: C[C@H](N)C is a molecule.
CODE_OR_LINK = re.compile(r"```.*?```|`[^`\n]+`|\]\((?P<target>[^)#\s]+)(?P<rest>#[^)]*)?\)", re.DOTALL)


def read_source(page: str) -> str:
    """Read the file that a page takes over, without the metadata of a card."""
    return FRONT_MATTER.sub("", (ROOT / PAGES[page]).read_text(encoding="utf-8"))


def locate(source: str, target: str) -> str | None:
    """Name the file of the checkout that a link of `source` leads to; none for links that leave it."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    return path if "://" not in target and (ROOT / path).is_file() else None


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add the pages, and the files that they link to."""
    for page, source in PAGES.items():
        text = read_source(page)
        files.append(File.generated(config, page, content=text))
        for link in CODE_OR_LINK.finditer(text):
            path = locate(source, link["target"] or "")
            if path and path not in PAGE_OF and files.get_file_from_path(path) is None:
                files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links between taken-over files lead from page to page."""
    source = PAGES.get(page.file.src_uri)
    if source is None:
        return markdown

    def lead(link: re.Match[str]) -> str:
        path = locate(source, link["target"] or "")
        return f"]({PAGE_OF.get(path, path)}{link['rest'] or ''})" if path else link[0]

    return CODE_OR_LINK.sub(lead, markdown)
