"""The API reference holds every public name, and its site builds without a warning or a network."""

import importlib
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import modeling_finemoltex

ROOT = Path(__file__).resolve().parents[2]
PAGES = "\n".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs" / "reference").glob("*.md")))
ADDRESSES = re.findall(r"^::: ([\w.]+)$", PAGES, flags=re.MULTILINE)
PACKAGES = (
    *(
        "captioning",
        "data",
        "drawing",
        "editing",
        "embedding",
        "evaluation",
        "explain",
        "hub",
        "property_prediction",
        "retrieval",
    ),
    "training",
)


def test_every_address_can_be_imported():
    processors = modeling_finemoltex.FineMolTexProcessor.__module__.rpartition(".")[0]
    for address in ADDRESSES:
        module, _, name = address.rpartition(".")
        assert hasattr(importlib.import_module(processors if module == "processors" else module), name), address


def test_every_public_name_is_on_one_page():
    documented = [address.rpartition(".")[2] for address in ADDRESSES]
    assert len(documented) == len(set(documented))
    public = set(modeling_finemoltex.__all__) - {"__version__"}
    for package in PACKAGES:
        public |= set(importlib.import_module(f"modeling_finemoltex.{package}").__all__)
    assert sorted(name for name in public - set(documented) if not name.isupper()) == []


class Links(HTMLParser):
    """The targets and the anchors of a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.targets, self.anchors = [], set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs) -> None:
        named = dict(attrs)
        self.anchors |= {named[name] for name in ("id", "name") if named.get(name)}
        self.targets += [urlsplit(named[name]) for name in ("href", "src") if named.get(name)]


def find_dead_links(site: Path) -> list[str]:
    """List the links between the pages of a site that lead nowhere, those in HTML included."""
    pages = {page: Links(page) for page in site.rglob("*.html") if page.name != "404.html"}
    dead = []
    for page, links in pages.items():
        for target in links.targets:
            if target.scheme or target.netloc:
                continue
            found = (page.parent / unquote(target.path)).resolve() if target.path else page
            found = found / "index.html" if found.is_dir() else found
            anchor = unquote(target.fragment)
            if not found.is_file() or (anchor and found in pages and anchor not in pages[found].anchors):
                dead.append(f"{page.relative_to(site)}: {target.geturl()}")
    return dead


def test_a_dead_link_is_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a id="x" href="a.html#x"></a><a href="#y"></a><a href="//b/d"></a><img src="c">'
    )
    assert find_dead_links(tmp_path.resolve()) == ["a.html: #y", "a.html: c"]


@pytest.mark.slow
def test_the_site_builds_strictly_and_offline(tmp_path):
    for name in ("mkdocs", "mkdocstrings", "material"):
        pytest.importorskip(name, reason='needs `pip install -e ".[docs]"`')
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **nowhere}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    site = tmp_path / "site"
    retrieval = (site / "reference" / "retrieval" / "index.html").read_text(encoding="utf-8")
    assert 'id="modeling_finemoltex.MoleculeTextIndex.search"' in retrieval
    readme = (site / "index.html").read_text(encoding="utf-8")
    assert "Molecules and texts in one space" in readme and 'href="examples/"' in readme
    assert (site / "hub_cards" / "images" / "motif_partition.svg").is_file()
    models = (site / "reference" / "models" / "index.html").read_text(encoding="utf-8")
    # Arguments in a group are told one by one, references are links, examples are code.
    assert "<code>attention_mask</code>" in models and 'href="#modeling_finemoltex.FineMolTexModel' in models
    assert "&gt;&gt;&gt; &gt;" not in models and "<blockquote>" not in models
    assert find_dead_links(site.resolve()) == []
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    texts = [f"{one['title']} {one['text']}".lower() for one in index["docs"]]
    for word in ("negation", "conformal", "late interaction", "chlorinated pyridine"):
        assert any(word in text for text in texts), word
