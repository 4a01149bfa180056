from html.parser import HTMLParser

import pytest

pytest.importorskip("faiss")

from modeling_finemoltex.retrieval import Hit, render_hits_page

VOID = {"meta", "path", "rect", "ellipse"}


class Outline(HTMLParser):
    """Collects tags and text, and checks that what opens closes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert tag in VOID or self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data.strip())


def test_a_grid_of_drawn_hits():
    hits = [Hit(1, 0.75, "phenol", 3, smiles="Oc1ccccc1"), Hit(2, 0.5, "water", 9, smiles="O")]
    page = Outline(render_hits_page(["an alcohol", "a gas"], [hits, []], summary="2 best of 10"))
    tags = [tag for tag, _ in page.tags]
    assert (tags.count("h2"), tags.count("svg"), tags.count("code")) == (2, 2, 2)
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.tags
    text = " ".join(page.words)
    for expected in ("an alcohol", "2 best of 10", "1. phenol", "0.750", "Oc1ccccc1", "2. water", "No hits."):
        assert expected in text


def test_molecules_asked_for_are_drawn_too():
    page = Outline(render_hits_page(["CCO"], [[Hit(1, 1.0, "x", 0, smiles="CCO")]], queries_are_smiles=True))
    assert [tag for tag, _ in page.tags].count("svg") == 2


def test_nothing_from_outside_becomes_markup():
    evil = "<script>alert('$id')</script>"
    hits = [Hit(1, 0.5, evil, 0, text=evil), Hit(2, 0.4, "b", 1, smiles=evil)]
    page = render_hits_page([evil], [hits], summary=evil)
    assert "<script" not in page and "alert(&#x27;$id&#x27;)" in page
    assert "script" not in {tag for tag, _ in Outline(page).tags}


def test_the_page_loads_nothing():
    page = render_hits_page(["q"], [[Hit(1, 0.5, "a", 0, smiles="CCO")]])
    attributes = [attributes for _, attributes in Outline(page).tags]
    assert not any({"src", "href", "xlink:href"} & set(one) for one in attributes) and "url(" not in page
