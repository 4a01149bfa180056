"""Links between the documentation and the rest of the checkout.

Some pages are files of the checkout, such as the README: taken over, not copied. In every page, links to other files
of the checkout lead as they do on a code host: to the page of that file, or to the file itself, which is published
beside the pages.
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
DOCS = "docs/"
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
# Code may look like a link: C[C@H](N)C is a molecule.
CODE_OR_LINK = re.compile(
    r"```.*?```|`[^`\n]+`|(?P<start>\]\(|href=\")(?P<target>[^)#\s\"]+)(?P<rest>[^)\"\s]*(?: \"[^\"]*\")?[)\"])",
    re.DOTALL,
)


def source_of(page: str) -> str:
    """Name the file of the checkout that a page is made from."""
    return PAGES.get(page, DOCS + page)


def page_of(source: str) -> str:
    """Name the place on the site of a file of the checkout."""
    return PAGE_OF.get(source, source.removeprefix(DOCS))


def read_source(page: str) -> str:
    """Read the file that a page is made from, without the metadata of a card."""
    return FRONT_MATTER.sub("", (ROOT / source_of(page)).read_text(encoding="utf-8"))


def locate(source: str, target: str) -> str | None:
    """Name the file of the checkout that a link of `source` leads to; none for links that leave it."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    return path if "://" not in target and (ROOT / path).is_file() else None


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add the pages that are taken over, and the files that pages link to."""
    for page in PAGES:
        files.append(File.generated(config, page, content=read_source(page)))
    for page in [file.src_uri for file in files.documentation_pages()]:
        for link in CODE_OR_LINK.finditer(read_source(page)):
            path = locate(source_of(page), link["target"] or "")
            if path and files.get_file_from_path(page_of(path)) is None:
                files.append(File.generated(config, page_of(path), abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links between files of the checkout lead from page to page."""
    folder = posixpath.dirname(page.file.src_uri)

    def lead(link: re.Match[str]) -> str:
        path = locate(source_of(page.file.src_uri), link["target"] or "")
        # A link in HTML is left as it is: from a page in a folder it leads to the same place on the site.
        if path is None or link["start"].startswith("href"):
            return link[0]
        return f"{link['start']}{posixpath.relpath(page_of(path), folder)}{link['rest']}"

    return CODE_OR_LINK.sub(lead, markdown)
