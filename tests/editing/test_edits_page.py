"""Edits as a page and as a picture."""

import pytest
from rdkit import Chem

from modeling_finemoltex.editing import Edit, EditReport, Edits, Rule, draw_edits, render_edits_page, write_edits
from modeling_finemoltex.editing.edits_page import CUT, NEW, find_changes

EDITS = [Edit("CCN", 0.5, 0.25, {"MolWt": -0.98}), Edit("CCC", 0.3, None)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("Cc1ccccc1", "Cc1ccccc1F", {"F": NEW}),
        ("Cc1ccccc1F", "Cc1ccccc1", {"C": CUT}),
        ("Cc1ccccc1", "Cc1ccccn1", {"N": NEW}),
        ("CCO", "[Fe]", {"Fe": NEW}),
    ],
)
def test_what_changed_is_coloured(before, after, expected):
    source, edit = Chem.MolFromSmiles(before), Chem.MolFromSmiles(after)
    Chem.rdDepictor.Compute2DCoords(source)
    colors = find_changes(source, edit)
    assert {edit.GetAtomWithIdx(atom).GetSymbol(): color for atom, color in colors.items()} == expected
    assert edit.GetNumConformers() == 1


def test_the_page_shows_source_edits_and_what_is_known():
    page = render_edits_page("an <acid>", "CCO", EDITS, "2 edits")
    assert page.count("<svg") == 3 and "an &lt;acid&gt;" in page and "2 edits" in page
    assert "similarity 0.50" in page and "MolWt -0.98" in page and "+0.25" in page
    generated = render_edits_page("a gas", None, [Edit("C", None, 0.5, {"MolWt": 16.04})])
    assert generated.count("<svg") == 1 and "MolWt 16.04" in generated and "similarity" not in generated
    assert "No admissible edit." in render_edits_page("a gas", "C", [])


def test_the_page_says_what_changed_and_what_was_rejected():
    report = EditReport(proposed=9, not_nearer=2)
    report.reject("reactive", "CON", "gains an N-O chain", 3)
    rule = Rule("fragment", "Cl[*:1]", "F[*:1]", 3, 412, "zinc")
    edit = Edit("CCF", 0.5, 0.25, {"MolWt": 1.0}, 0.25, 0.5, ("BRENK a",), ("BRENK a",), (rule,))
    page = render_edits_page("a gas", "CCCl", Edits([edit], report))
    assert "Cl[*:1] → F[*:1] (seen 412 times in zinc" in page and "alerts: BRENK a (new)" in page
    assert "text 0.25 → 0.50" in page and page.count("<svg") == 2
    assert "What was rejected" in page and "CON gains an N-O chain" in page and 'title="analogues">3<' in page
    assert "What was rejected" not in render_edits_page("a gas", "CCCl", [edit])
    assert "it is blue" in render_edits_page("a gas", "CCCl", Edits((), EditReport(note="it is blue")))


def test_the_ending_of_the_file_decides(tmp_path):
    write_edits(tmp_path / "edits.html", "a gas", "CCO", EDITS)
    write_edits(tmp_path / "edits.PNG", "a gas", "CCO", EDITS)
    assert (tmp_path / "edits.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert (tmp_path / "edits.PNG").read_bytes() == draw_edits("CCO", EDITS)
    assert draw_edits(None, []).startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="edits.txt: edits are drawn to a file that ends in .html or .png"):
        write_edits(tmp_path / "edits.txt", "a gas", "CCO", EDITS)
