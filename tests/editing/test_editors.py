"""What every editor in `EDITORS` does, whichever it is."""

import json

import pytest
from rdkit import Chem

from modeling_finemoltex import EditConstraints, MoleculeFilter
from modeling_finemoltex.data.similarity import compute_similarities
from modeling_finemoltex.editing import EDITORS, EditorSettings, LatentMoveEditor, load_editor

SOURCE = "Cc1ccc(O)cc1"
FEW = {"num_candidates": 40, "num_generations": 1}


@pytest.fixture(scope="module", params=EDITORS)
def editor(request, editing_folder):
    return load_editor(request.param, str(editing_folder), EditorSettings(EditConstraints(0.4), **FEW))


def test_edits_are_admissible_distinct_and_the_same_every_time(editor, prompt):
    edits = editor.edit(SOURCE, prompt, num_edits=5)
    names = [edit.smiles for edit in edits]
    assert 1 <= len(edits) <= 5 and len(set(names)) == len(names) and Chem.CanonSmiles(SOURCE) not in names
    assert names == [Chem.CanonSmiles(name) for name in names]
    similarities = compute_similarities(Chem.MolFromSmiles(SOURCE), list(map(Chem.MolFromSmiles, names)))
    assert [edit.similarity for edit in edits] == similarities and min(similarities) >= 0.4
    assert editor.edit(SOURCE, prompt, num_edits=5) == edits
    assert editor.edit_many([SOURCE], prompt, num_edits=5) == [edits]
    assert json.dumps([edit.to_dict() for edit in edits])


def test_bad_requests_are_refused(editor, prompt):
    for words, message in (
        (("C1CC", prompt), "'C1CC' is no molecule that can be edited"),
        (("CC(=O)[O-].[Na+]", prompt), "2 components"),
        ((SOURCE, " "), "The prompt is blank"),
    ):
        with pytest.raises(ValueError, match=message):
            editor.edit(*words)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        editor.edit(SOURCE, prompt, num_edits=0)


@pytest.mark.parametrize("name", EDITORS)
def test_constraints_of_the_settings_hold(name, editing_folder, prompt):
    constraints = EditConstraints(0.0, condition=MoleculeFilter(("[Pt]",)))
    settings = EditorSettings(constraints, **FEW)
    assert load_editor(name, str(editing_folder), settings).edit(SOURCE, prompt) == []


@pytest.mark.parametrize("name", EDITORS)
def test_a_folder_without_a_model_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match="cannot be loaded"):
        load_editor(name, str(tmp_path))


def test_names_and_editors_that_cannot_be_loaded():
    with pytest.raises(ValueError, match="There is no editor 'magic': choose one of search, latent, random"):
        load_editor("magic", "anywhere")
    with pytest.raises(TypeError, match="A LatentMoveEditor needs more than a model and settings"):
        LatentMoveEditor.from_model("anywhere", EditorSettings())
