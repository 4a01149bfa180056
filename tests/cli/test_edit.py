"""`finemoltex edit` and `examples/edit.py`: table, JSON, drawings, refusals."""

import json
from pathlib import Path

import pytest
from rdkit import Chem

from modeling_finemoltex.editing import Edit, render_edits_page
from modeling_finemoltex.editing.edits_page import CUT, NEW, find_changes

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
SHORT = ("--num_generations", 1)  # a search takes seconds


def test_edit_prints_a_table_and_draws(model_folder, tmp_path, run):
    done = run(
        "edit", ASPIRIN, "an <acid>", "--model", model_folder, "-k", 3, *SHORT, "--draw", tmp_path / "edits.html"
    )
    header, *rows = done.stdout.strip().splitlines()
    assert header.split()[:4] == ["rank", "text", "similarity", "MolLogP"] and len(rows) == 3
    page = (tmp_path / "edits.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 4 and "an &lt;acid&gt;" in page and "3 edits drawn" in done.stderr


def test_json_tells_the_same_and_png_is_written(model_folder, tmp_path, run):
    words = ("edit", ASPIRIN, "It is a gas.", "--model", model_folder, "-k", 2, *SHORT)
    entry = json.loads(run(*words, "--json", "--draw", tmp_path / "edits.png").stdout)
    assert entry["smiles"] == ASPIRIN and [set(one) for one in entry["edits"]] == [set(Edit("C", 1, 1).to_dict())] * 2
    assert entry["edits"][0]["smiles"] in run(*words).stdout
    assert (tmp_path / "edits.png").read_bytes().startswith(b"\x89PNG")


def test_no_edit_is_said(model_folder, run):
    done = run("edit", "C", "It is a gas.", "--model", model_folder)
    assert done.stdout == "no edits\n" and "No admissible edit: lower --min_similarity" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("C1CC", "x"), "'C1CC' is no molecule"),
        (("CC(=O)[O-].[Na+]", "x"), "2 components"),
        ((ASPIRIN, " "), "The prompt is blank"),
        ((ASPIRIN, "x", "--draw", "edits.txt"), "ends in .html or .png"),
        ((ASPIRIN, "x", "--fragments", "missing.db"), "is no fragment database"),
        ((ASPIRIN, "x", "--min_similarity", "2"), "--min_similarity must be between 0 and 1"),
    ],
)
def test_mistakes_end_with_a_sentence(model_folder, words, message, run):
    done = run("edit", *words, "--model", model_folder, *SHORT, code=1)
    assert done.stderr.startswith("Error: ") and message in done.stderr


def test_what_changed_is_coloured():
    def change(before: str, after: str) -> dict:
        source, edit = Chem.MolFromSmiles(before), Chem.MolFromSmiles(after)
        Chem.rdDepictor.Compute2DCoords(source)
        colors = find_changes(source, edit)
        assert edit.GetNumConformers() == 1
        return {edit.GetAtomWithIdx(atom).GetSymbol(): color for atom, color in colors.items()}

    assert change("Cc1ccccc1", "Cc1ccccc1F") == {"F": NEW}
    assert change("Cc1ccccc1F", "Cc1ccccc1") == {"C": CUT}
    assert change("Cc1ccccc1", "Cc1ccccn1") == {"N": NEW}
    assert change("CCO", "[Fe]") == {"Fe": NEW}


def test_generated_molecules_have_a_page_without_a_source():
    page = render_edits_page("a <gas>", None, [Edit("C", None, 0.5, {"MolWt": 16.04})])
    assert page.count("<svg") == 1 and "MolWt 16.04" in page and "similarity" not in page and "<gas>" not in page


@pytest.mark.slow
@pytest.mark.parametrize("molecule", [["--smiles", ASPIRIN], []])
def test_the_example_prints_edits(model_folder, run_file, molecule):
    printed = run_file(EXAMPLES / "edit.py", "It is a gas.", "--model", model_folder, "-k", "3", *molecule)
    assert len(printed.splitlines()) == 3 and ("similarity" in printed) == bool(molecule)
