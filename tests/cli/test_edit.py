"""`finemoltex edit` and `examples/edit.py`: table, JSON, drawings, refusals."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rdkit import Chem

from modeling_finemoltex.cli.edit import EditArguments
from modeling_finemoltex.editing import Edit, EditConstraints, EditorSettings, render_edits_page
from modeling_finemoltex.editing.edits_page import CUT, NEW, find_changes

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
SHORT = (
    "--num_generations",
    1,
    "--min_gain",
    0,
)  # a search takes seconds, and a model that knows nothing gains little


def test_edit_prints_a_table_and_draws(model_folder, tmp_path, run):
    done = run(
        "edit", ASPIRIN, "an <acid>", "--model", model_folder, "-k", 3, *SHORT, "--draw", tmp_path / "edits.html"
    )
    header, *rows = done.stdout.strip().splitlines()
    assert header.split()[:6] == ["rank", "gain", "source", "edit", "similarity", "MolLogP"] and len(rows) == 6
    assert all("changed: " in row and "alerts: " in row for row in rows[1::2])
    page = (tmp_path / "edits.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 4 and "an &lt;acid&gt;" in page and "3 edits drawn" in done.stderr


def test_json_tells_the_same_and_png_is_written(model_folder, tmp_path, run):
    words = ("edit", ASPIRIN, "It is an acid.", "--model", model_folder, "-k", 2, *SHORT)
    entry = json.loads(run(*words, "--json", "--draw", tmp_path / "edits.png").stdout)
    assert entry["smiles"] == ASPIRIN and [set(one) for one in entry["edits"]] == [set(Edit("C", 1, 1).to_dict())] * 2
    assert entry["report"]["proposed"] > 0 and entry["oracle"] is None and entry["edits"][0]["rules"]
    assert entry["edits"][0]["smiles"] in run(*words).stdout
    assert (tmp_path / "edits.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_model_that_of_the_package_edits(model_folder, tmp_path, run, monkeypatch):
    monkeypatch.setattr("modeling_finemoltex.default_model", lambda: str(model_folder))
    words = ("edit", ASPIRIN, "It is an acid.", "-k", 2, *SHORT)
    assert run(*words).stdout == run(*words, "--model", model_folder).stdout
    (tmp_path / "library.smi").write_text(f"{ASPIRIN}\n", encoding="utf-8")
    run("edit", tmp_path / "library.smi", *words[2:], "--output", tmp_path / "edits.csv")
    assert (tmp_path / "edits.csv").read_text(encoding="utf-8").count(ASPIRIN)


def test_an_export_edits_alike_without_pytorch(onnx_export, whole_encoder, run):
    words = ("edit", ASPIRIN, "It is an acid.", "-k", 3, *SHORT, "--json")
    model = json.loads(run(*words, "--model", onnx_export.parent / "model").stdout)["edits"]
    export = json.loads(run(*words, "--model", onnx_export).stdout)["edits"]
    assert [one["smiles"] for one in export] == [one["smiles"] for one in model]
    assert export[0]["score"] == pytest.approx(model[0]["score"], abs=1e-4)
    code = "import sys; from modeling_finemoltex.cli.main import app; app(standalone_mode=False)"
    code += "; print([name for name in ('torch', 'transformers') if name in sys.modules])"
    given = [sys.executable, "-c", code, "edit", ASPIRIN, "It is an acid.", "--model", str(onnx_export)]
    done = subprocess.run(
        given, env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_no_edit_is_said(model_folder, run):
    done = run("edit", "C", "It is an acid.", "--model", model_folder)
    assert done.stdout == "no edits\n" and done.stderr.startswith("No edit: of ") and "similarity" in done.stderr


def test_a_prompt_that_says_nothing_is_answered_with_that(model_folder, run):
    done = run("edit", ASPIRIN, "It is blorpish.", "--model", model_folder)
    assert done.stdout == "no edits\n" and "No edit: the model knows no word of 'It is blorpish.'" in done.stderr
    entry = json.loads(run("edit", ASPIRIN, "asdf qwerty", "--model", model_folder, "--json").stdout)
    assert entry["edits"] == [] and "knows no word of 'asdf qwerty'" in entry["report"]["note"]


def test_rejections_are_shown_and_rules_switched_off(model_folder, run):
    words = ("edit", ASPIRIN, "an acid", "--model", model_folder, "-k", 1, *SHORT, "--why")
    shown = run(*words).stdout
    assert "analogues, rejected by:" in shown and "gains the alert" in shown and "\n  reactive " in shown
    assert "\n  reactive " not in run(*words, "--allow", "alerts", "--allow", "reactive").stdout


def test_an_oracle_is_said_and_heeded(model_folder, run):
    words = ("edit", ASPIRIN, "an acid", "--model", model_folder, "-k", 50, *SHORT, "--oracle", "logp:down")
    entry = json.loads(run(*words, "--json").stdout)
    assert entry["oracle"] == "MolLogP down" and entry["edits"]
    assert all(one["property_changes"]["MolLogP"] < 0 for one in entry["edits"])
    assert "RDKit's MolLogP down was required" in run(*words).stdout


def test_keep_and_its_old_name_are_one(model_folder, run):
    words = ("edit", ASPIRIN, "an acid", "--model", model_folder, *SHORT, "--json")
    kept, old = (json.loads(run(*words, name, "C(=O)[OH]").stdout)["edits"] for name in ("--keep", "--smarts"))
    acid = Chem.MolFromSmarts("C(=O)[OH]")
    assert kept == old and kept and all(Chem.MolFromSmiles(one["smiles"]).HasSubstructMatch(acid) for one in kept)


def test_a_file_is_edited_into_a_table(model_folder, tmp_path, run):
    library = tmp_path / "library.csv"
    library.write_text(f"smiles\n{ASPIRIN}\nC1CC\n")
    words = ("edit", library, "an acid", "--model", model_folder, "-k", 2, *SHORT)
    done = run(*words, "--output", tmp_path / "out.csv", "--why")
    assert "of 2 rows, 1 of which could not be edited" in done.stdout and "rejected by:" in done.stdout
    assert "row 2: 'C1CC' is no molecule" in (tmp_path / "out.csv").read_text()
    assert "give --output OUT.csv" in run(*words, code=1).stderr
    assert "--json and --draw are for one" in run(*words, "--output", tmp_path / "o.csv", "--json", code=1).stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("C1CC", "x"), "'C1CC' is no molecule"),
        (("CC(=O)[O-].[Na+]", "x"), "2 components"),
        ((ASPIRIN, " "), "The prompt is blank"),
        ((ASPIRIN, "an acid", "--draw", "edits.txt"), "ends in .html or .png"),
        ((ASPIRIN, "x", "--fragments", "missing.db"), "is no fragment database"),
        ((ASPIRIN, "x", "--allow", "beauty"), "no rule 'beauty' to allow: the rules are pieces, radicals"),
        ((ASPIRIN, "x", "--oracle", "beauty"), "no oracle beauty:up: give one of logp"),
        ((ASPIRIN, "x", "--oracle", "logp", "--editor", "random"), "--oracle guides --editor search alone"),
        ((ASPIRIN, "x", "--output", "out.csv"), "--output is for a file of molecules"),
        ((ASPIRIN, "x", "--min_similarity", "2"), "--min_similarity must be between 0 and 1"),
    ],
)
def test_mistakes_end_with_a_sentence(model_folder, words, message, run):
    done = run("edit", *words, "--model", model_folder, *SHORT, code=1)
    assert done.stderr.startswith("Error: ") and message in done.stderr


def test_defaults_are_those_of_the_package():
    settings, constraints = EditorSettings(), EditConstraints()
    given = EditArguments(smiles="C", prompt="an acid")
    assert (given.min_gain, given.num_generations, given.seed) == (
        settings.min_gain,
        settings.num_generations,
        settings.seed,
    )
    assert given.min_similarity == constraints.min_similarity


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
    printed = run_file(EXAMPLES / "edit.py", "It is an acid.", "--model", model_folder, "-k", "3", *molecule)
    assert len(printed.splitlines()) == 3 and ("similarity" in printed) == bool(molecule)
