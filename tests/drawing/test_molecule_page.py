"""Molecules as one page that needs nothing else."""

import re

from rdkit import Chem

from modeling_finemoltex.drawing import Card, Section, draw_molecule, render_page


def test_a_page_holds_sections_and_cards_escaped():
    drawing = draw_molecule("CCO")
    cards = [Card("1. <a>", "0.50", drawing, "CCO", "a & b"), Card("2.", "0.40", text="a <text>")]
    page = render_page([Section("an <acid>", cards, "of 2", drawing), Section("empty", [])], "cosine", "No hits.")
    assert page.startswith("<!DOCTYPE html>") and page.count("<svg") == 2 and page.count("<li>") == 3
    assert "an &lt;acid&gt;" in page and "1. &lt;a&gt;" in page and "a &lt;text&gt;" in page and "a &amp; b" in page
    assert "<title>an &lt;acid&gt; · empty</title>" in page and "No hits." in page
    assert not re.search("(src|href)=.?http", page)


def test_drawings_are_elements_with_highlights():
    plain, marked = draw_molecule("CCO"), draw_molecule(Chem.MolFromSmiles("CCO"), {2: (1.0, 0.0, 0.0)})
    assert plain.startswith("<svg") and "<?xml" not in plain
    assert "#FF0000" not in plain.split("OH")[0] or plain != marked
    assert draw_molecule("C1CC") == ""
