"""Edits are admissible, better by the model's own measure than what chance finds, and refusals are explained."""

from dataclasses import replace

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import Descriptors

from modeling_finemoltex import EditConstraints, MoleculeFilter, SearchEditor, SearchSettings
from modeling_finemoltex.data.similarity import compute_similarities
from modeling_finemoltex.editing import MotifSwaps, RandomEditor, TextGuide

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
PROMPT = "This molecule is an alcohol."
SETTINGS = SearchSettings(num_candidates=60, num_generations=2, num_parents=4, min_gain=0)


@pytest.fixture(scope="module")
def editor(encoder):
    return SearchEditor(encoder, settings=SETTINGS)


@pytest.fixture(scope="module")
def edits(editor):
    return editor.edit(ASPIRIN, PROMPT)


def test_edits_are_distinct_similar_molecules_best_first(edits):
    source = Chem.MolFromSmiles(ASPIRIN)
    molecules = [Chem.MolFromSmiles(edit.smiles) for edit in edits]
    assert len({edit.smiles for edit in edits}) == len(edits) > 3 and ASPIRIN not in {edit.smiles for edit in edits}
    assert [edit.similarity for edit in edits] == compute_similarities(source, molecules)
    assert min(edit.similarity for edit in edits) >= 0.4
    scores = [edit.text_score for edit in edits]
    assert scores == sorted(scores, reverse=True)
    first = edits[0]
    change = Descriptors.MolLogP(molecules[0]) - Descriptors.MolLogP(source)
    assert first.property_changes["MolLogP"] == pytest.approx(change, abs=1e-3)
    assert first.to_dict()["property_changes"]["TPSA"] == first.property_changes["TPSA"]


def test_scores_are_those_of_the_model(edits, encoder):
    (source, edited) = encoder.encode_molecules([ASPIRIN, edits[0].smiles])
    guide = TextGuide(encoder, PROMPT)
    assert edits[0].text_score == pytest.approx(guide.score(edited - source).item(), abs=1e-5)


def test_every_edit_is_nearer_to_every_clause(editor, encoder):
    prompt = "This molecule is an alcohol and has a bond."
    found = editor.edit(ASPIRIN, prompt, num_edits=500)
    guide = TextGuide(encoder, prompt)
    embeds = encoder.encode_molecules([ASPIRIN, *(edit.smiles for edit in found)])
    assert len(guide.clauses) == 2 and (guide.score(embeds[1:] - embeds[0]) > -1e-5).all()
    report = found.report
    rejected = sum(rejection.count for rejection in report.rejected.values())
    assert report.not_nearer > 0 and len(found) == report.proposed - rejected - report.not_nearer
    assert report.explain(len(found), 500).startswith(f"{len(found)} of 500 edits: of {report.proposed} analogues")


def test_answers_after_the_first_gain_enough_in_every_clause(encoder, editor, edits):
    prompt = "This molecule is an alcohol and has a bond."
    every = editor.edit(ASPIRIN, prompt, num_edits=500)
    guide = TextGuide(encoder, prompt)
    embeds = encoder.encode_molecules([ASPIRIN, *(edit.smiles for edit in every)])
    gains = guide.score(embeds[1:] - embeds[0]).min(axis=1)
    least = float(np.median(gains[1:]))
    careful = SearchEditor(encoder, settings=replace(SETTINGS, min_gain=least, judge_all=True))
    found = careful.edit(ASPIRIN, prompt, num_edits=500)
    clear = [edit.smiles for edit, gain in zip(every[1:], gains[1:], strict=True) if gain >= least]
    assert [edit.smiles for edit in found] == [every[0].smiles, *clear]
    refused = found.report.rejected["gain"]
    assert len(found) + refused.count == len(every) and f"must gain {least:g}" in refused.reason
    nothing = SearchEditor(encoder, settings=replace(SETTINGS, min_gain=2.0)).edit(ASPIRIN, PROMPT)
    assert [edit.smiles for edit in nothing] == [edits[0].smiles]
    with pytest.raises(ValueError, match="`min_gain` must be 0 or more, got -1"):
        SearchSettings(min_gain=-1)


def test_edits_say_what_they_come_from(editor, edits):
    for edit in edits:
        assert edit.score == pytest.approx(edit.source_score + edit.text_score)
        assert not edit.new_alerts and 1 <= len(edit.rules) <= SETTINGS.num_generations
        assert all(rule.kind == "fragment" and rule.seen > 0 and rule.removed != rule.added for rule in edit.rules)


def test_a_prompt_that_says_nothing_is_answered_with_that(editor):
    found = editor.edit(ASPIRIN, "This molecule is blorpish.")
    assert found == [] and "the model knows no word of 'This molecule is blorpish.'" in found.report.explain(0, 10)


def test_judging_all_changes_the_counts_alone(encoder, editor, edits):
    settings = replace(SETTINGS, judge_all=True)
    every = SearchEditor(encoder, settings=settings).edit(ASPIRIN, PROMPT)
    some = editor.edit(ASPIRIN, PROMPT)
    assert [one.smiles for one in every] == [one.smiles for one in some] == [one.smiles for one in edits]
    assert some.report.not_judged > 0 == every.report.not_judged
    assert every.report.proposed == some.report.proposed
    refused = [sum(one.count for one in found.report.rejected.values()) for found in (every, some)]
    assert refused[0] > refused[1]


def test_similar_edits_are_asked_for(encoder):
    source = "CCCCNC(=O)c1ccc(OCC)cc1"
    near = SearchEditor(encoder, constraints=EditConstraints(0.7), settings=SETTINGS)
    far = SearchEditor(encoder, constraints=EditConstraints(0.4), settings=SETTINGS)
    found, wide = near.edit(source, PROMPT, num_edits=20), far.edit(source, PROMPT, num_edits=20)
    assert found and min(edit.similarity for edit in found) >= 0.7
    # It goes on proposing until enough are that similar, and finds more of them than a search that is not asked.
    assert found.report.proposed > wide.report.proposed
    assert len(found) > sum(edit.similarity >= 0.7 for edit in wide)


def test_the_judge_can_be_left_out(encoder):
    free = SearchEditor(encoder, constraints=EditConstraints(judge=None), settings=SearchSettings(60, 1, min_gain=0))
    judged = SearchEditor(encoder, settings=SearchSettings(60, 1, min_gain=0))
    all_edits, plausible = (one.edit(ASPIRIN, PROMPT, num_edits=99) for one in (free, judged))
    assert {edit.smiles for edit in plausible} < {edit.smiles for edit in all_edits}
    assert any(edit.new_alerts for edit in all_edits) and plausible.report.rejected


def test_search_beats_chance_by_its_own_measure(edits, encoder):
    chance = RandomEditor([MotifSwaps(encoder.processor.feature_extractor)], EditConstraints(), 60)
    drawn = chance.edit(ASPIRIN, PROMPT, num_edits=30)
    embeds = encoder.encode_molecules([ASPIRIN, *(edit.smiles for edit in drawn)])
    scores = TextGuide(encoder, PROMPT).score(embeds[1:] - embeds[0])[:, 0]
    assert edits[0].text_score >= scores.max() > np.median(scores)


def test_equal_calls_give_equal_edits_whatever_came_between(editor, encoder, edits):
    editor.edit("CCO", "It is an acid.")
    assert [edit.smiles for edit in editor.edit(ASPIRIN, PROMPT)] == [edit.smiles for edit in edits]
    other = SearchEditor(encoder, settings=replace(SETTINGS, seed=1)).edit(ASPIRIN, PROMPT)
    assert [edit.smiles for edit in other] != [edit.smiles for edit in edits]


def test_more_generations_are_never_worse(encoder, edits):
    once = SearchEditor(encoder, settings=replace(SETTINGS, num_generations=1)).edit(ASPIRIN, PROMPT)
    assert edits[0].text_score >= once[0].text_score


def test_constraints_hold(encoder):
    condition = MoleculeFilter(smarts=("C(=O)[OH]",), ranges={"MolWt": (None, 220)})
    constrained = SearchEditor(encoder, constraints=EditConstraints(0.5, condition=condition), settings=SETTINGS)
    found = constrained.edit(ASPIRIN, PROMPT, num_edits=100)
    assert found and all(
        condition.accepts(Chem.MolFromSmiles(edit.smiles)) and edit.similarity >= 0.5 for edit in found
    )


def test_an_oracle_joins_the_text(encoder):
    calls = []

    def weight(molecule):
        calls.append(molecule)
        return Descriptors.MolWt(molecule)

    found = SearchEditor(encoder, settings=SETTINGS, oracle=weight).edit(ASPIRIN, PROMPT, num_edits=1)
    assert calls and found[0].property_changes["MolWt"] > 0


def test_generated_molecules_are_diverse_and_carry_values(editor):
    found = editor.generate(PROMPT, num_molecules=5)
    molecules = [Chem.MolFromSmiles(edit.smiles) for edit in found]
    assert len(found) == 5 and all(edit.similarity is None for edit in found)
    for place, molecule in enumerate(molecules[1:], start=1):
        assert max(compute_similarities(molecule, molecules[:place])) <= 0.6
    assert found[0].property_changes["MolWt"] == pytest.approx(Descriptors.MolWt(molecules[0]), abs=1e-3)
    seeded = editor.generate(PROMPT, num_molecules=1, seeds=["CCO", "c1ccccc1O"])
    assert Chem.MolFromSmiles(seeded[0].smiles) is not None
    with pytest.raises(ValueError, match="None of the 1 seeds"):
        editor.generate(PROMPT, seeds=["C.C"])


def test_refusals_are_explained(editor):
    with pytest.raises(ValueError, match="'C1CC' is no molecule that can be edited"):
        editor.edit("C1CC", PROMPT)
    with pytest.raises(ValueError, match=r"2 components, .* such as the largest, 'CC\(=O\)\[O-\]'"):
        editor.edit("CC(=O)[O-].[Na+]", PROMPT)
    with pytest.raises(ValueError, match="The prompt is blank"):
        editor.edit("CCO", "  ")
    with pytest.raises(ValueError, match="at least 1, got 0"):
        editor.edit("CCO", PROMPT, num_edits=0)


def test_no_admissible_edit_is_an_empty_list(editor):
    assert editor.edit("[Fe+2]", PROMPT) == []  # nothing to exchange
    assert editor.edit("C", PROMPT) == []  # nothing is similar to methane


def test_settings_are_checked():
    with pytest.raises(ValueError, match="`num_parents` must be at least 1, got 0"):
        SearchSettings(num_parents=0)


def test_a_named_change_is_made_and_nothing_else(editor):
    found = editor.edit("CC(=O)Nc1ccc(Cl)cc1", "Replace the chlorine by a fluorine.")
    assert [edit.smiles for edit in found] == ["CC(=O)Nc1ccc(F)cc1"]
    assert found[0].rules[0].kind == "group" and found[0].text_score is not None
    assert found.report.proposed == 1
    more = editor.edit("Cc1ccccc1C(=O)NC1CCCCC1", "Add a hydroxy group.", num_edits=3)
    hydroxy = Chem.MolFromSmarts("[OX2H]")
    assert len(more) == 3
    assert all(len(Chem.MolFromSmiles(edit.smiles).GetSubstructMatches(hydroxy)) == 1 for edit in more)
    assert editor.edit("CCCCO", "Remove the nitro group.").report.explain(0, 10).startswith("No edit")
