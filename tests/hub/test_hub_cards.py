"""Everything under `hub_cards/` is what a Hub repository would hold: valid front matter, links that lead somewhere."""

import re
from pathlib import Path

import pytest
from huggingface_hub.repocard import metadata_load

HUB_CARDS = Path(__file__).resolve().parents[2] / "hub_cards"
CARDS = sorted(HUB_CARDS.rglob("README.md"))


def test_there_are_cards():
    assert CARDS


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.parent.name)
def test_front_matter_can_be_read_and_is_tagged(card):
    assert "chemistry" in metadata_load(card)["tags"]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.parent.name)
def test_relative_links_lead_to_files(card):
    body = re.sub(
        r"\A---\n.*?\n---\n", "", card.read_text(encoding="utf-8"), flags=re.DOTALL
    )  # SMILES look like links
    links = re.findall(r"\]\(([^)#]+)", re.sub(r"`[^`\n]+`", "", body))  # nor is code a link
    for link in links:
        assert link.startswith("http") or (card.parent / link).exists(), link


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.parent.name)
def test_a_space_has_the_app_it_claims(card):
    metadata = metadata_load(card)
    default = {"gradio": "app.py", "static": "index.html", None: card.name}[metadata.get("sdk")]
    assert (card.parent / metadata.get("app_file", default)).is_file()
