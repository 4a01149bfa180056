"""What RDKit's figures lead to, beside what a text leads to."""

import pytest
from rdkit import Chem

from modeling_finemoltex import EditConstraints, SearchSettings
from modeling_finemoltex.editing import FigureEditor, RandomEditor
from modeling_finemoltex.evaluation import PROMPTS, score_edits

SOURCE = "CC(=O)Nc1ccc(OCC)cc1"
SETTINGS = SearchSettings(num_candidates=60, num_generations=2, num_parents=4)


@pytest.fixture(scope="module")
def editor(encoder):
    return FigureEditor(encoder, settings=SETTINGS)


@pytest.mark.parametrize("number", [101, 102, 106, 108, 203, 302])
def test_every_answer_does_what_the_prompt_asks(editor, number):
    found = editor.edit(SOURCE, PROMPTS[number].text, num_edits=5)
    answers = [[edit.smiles] for edit in found]
    assert answers and min(edit.similarity for edit in found) >= 0.4
    assert score_edits(PROMPTS[number], [SOURCE] * len(answers), answers)["one_answer_hit"].all()


def test_it_is_a_bound_for_what_is_drawn_from_the_same_proposals(editor):
    prompt = PROMPTS[101].text
    drawn = RandomEditor(editor.proposers, EditConstraints(), SETTINGS.num_candidates).edit(
        SOURCE, prompt, num_edits=60
    )
    (best,) = editor.edit(SOURCE, prompt, num_edits=1)
    changes = [edit.property_changes["MolLogP"] for edit in drawn]
    assert len(changes) > 10 and best.property_changes["MolLogP"] <= min(changes) < max(changes)
    assert best.text_score == pytest.approx(-best.property_changes["MolLogP"], abs=1e-3)


def test_other_prompts_and_no_answer(editor, encoder):
    with pytest.raises(ValueError, match="'an acid' is none of the published prompts"):
        editor.edit(SOURCE, "an acid")
    nothing = FigureEditor(encoder, constraints=EditConstraints(1.0), settings=SETTINGS)
    assert nothing.edit(Chem.CanonSmiles("CCO"), PROMPTS[101].text) == []
