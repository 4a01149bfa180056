"""Which edits are admissible, and what is said about them."""

import json

import pytest
from rdkit import Chem

from modeling_finemoltex import EditConstraints, MoleculeFilter
from modeling_finemoltex.editing import Edit, EditReport, Edits, PlausibilityJudge, Proposal, Rule
from modeling_finemoltex.editing.edits import (
    REPORTED,
    check_num_edits,
    describe_candidates,
    describe_change,
    find_unknown_clause,
    parse_source,
)

ANYTHING = EditConstraints(0.0, judge=PlausibilityJudge(max_sa_score=10, max_sa_rise=10))


def admitted(constraints, source, proposals, report=None):
    molecule = None if source is None else Chem.MolFromSmiles(source)
    return [candidate.smiles for candidate in constraints.admit(molecule, map(Proposal, proposals), report)]


def test_reactive_groups_are_not_gained_but_may_stay():
    proposals = ["CCOOC", "CCC(=O)Cl", "CN(C)Cl", "CC.C", "C[CH2]", "C1CC", "CCO"]
    assert admitted(ANYTHING, "CCC", proposals) == ["CCO"]
    assert admitted(ANYTHING, "CCC(=O)Cl", ["CCCC(=O)Cl", "CCC(=O)Cl", "O=C(Cl)C(=O)Cl"]) == ["CCCC(=O)Cl"]


def test_without_a_judge_everything_that_is_a_molecule_is_admitted():
    proposals = ["CCOOC", "C1CC", "CC.C", "CCO"]
    assert admitted(EditConstraints(0.0, judge=None), "CCC", proposals) == ["CCOOC", "CC.C", "CCO"]


def test_edits_that_are_hard_to_make_are_left_out():
    cubane = "C12C3C4C1C5C2C3C45"
    strict = EditConstraints(0.0, judge=PlausibilityJudge(max_sa_score=2, max_sa_rise=10))
    assert admitted(strict, "CCCC", [cubane]) == []
    assert admitted(ANYTHING, "CCCC", [cubane]) == [cubane]


def test_similarity_and_condition_count():
    near, far = "CCCCCO", "c1ccncc1"
    assert admitted(EditConstraints(0.4), "CCCCCCO", [near, far]) == [near]
    condition = EditConstraints(0.4, judge=None)
    assert admitted(condition, None, [near, far]) == [near, far]  # without a source nothing need be similar
    condition = MoleculeFilter(("n",))
    assert admitted(EditConstraints(0.0, condition=condition), "CCCCCCO", [near, far]) == [far]
    with pytest.raises(ValueError, match="between 0 and 1, got 1.5"):
        EditConstraints(1.5)


def test_every_rejection_is_counted_with_its_first_example():
    report = EditReport()
    constraints = EditConstraints(0.2, condition=MoleculeFilter(exclude_smarts=("F",)))
    proposals = ["CCCCCO", "NOCCCCCCO", "CNOCCCCCCO", "CCCCCCCO", "OCCCCCCF", "c1ccncc1", "CCCCCCO"]
    assert admitted(constraints, "CCCCCCO", proposals, report) == ["CCCCCO", "CCCCCCCO"]
    assert report.proposed == 6  # the source itself is none
    assert report.rejected["reactive"] == (2, "NOCCCCCCO", "gains an N-O chain")
    assert report.rejected["similarity"][:2] == (1, "c1ccncc1") and report.rejected["condition"].count == 1
    assert sum(one.count for one in report.rejected.values()) == 4


def test_changes_are_those_of_the_descriptors():
    source, edit = Chem.MolFromSmiles("CCO"), Chem.MolFromSmiles("CCCO")
    change = describe_change(edit, source)
    assert list(change) == list(REPORTED) and change["MolWt"] == pytest.approx(14.027, abs=1e-3)
    assert describe_change(edit, None)["MolWt"] == pytest.approx(60.096, abs=1e-3)
    assert json.loads(json.dumps(Edit("CCCO", 0.5, 0.1, change).to_dict()))["smiles"] == "CCCO"


def test_properties_that_the_prompt_names_come_first():
    source, edit = Chem.MolFromSmiles("CCO"), Chem.MolFromSmiles("OC1CC1")
    change = describe_change(edit, source, "It has fewer hydrogen bond donors and more rings.")
    assert list(change)[:3] == ["NumHDonors", "RingCount", "MolLogP"] and change["RingCount"] == 1


def test_a_description_has_scores_alerts_and_the_rule():
    source = Chem.MolFromSmiles("O=Cc1ccccc1")
    rule = Rule("fragment", "[*:1][H]", "[*:1][N+](=O)[O-]", 2, 412, "zinc")
    nitro = "O=Cc1ccc([N+](=O)[O-])cc1"
    (candidate,) = EditConstraints(0.0, judge=None).admit(source, [Proposal(nitro, rule)])
    (edit,) = describe_candidates([candidate], source, "a dye", 0.25, [0.5])
    assert (edit.source_score, edit.score, edit.text_score) == (0.25, 0.5, 0.25) and edit.rules == (rule,)
    assert "BRENK aldehyde" in edit.alerts and "BRENK aldehyde" not in edit.new_alerts
    assert "BRENK nitro group" in edit.new_alerts
    assert json.loads(json.dumps(edit.to_dict()))["rules"][0]["seen"] == 412
    (blind,) = describe_candidates([candidate], source, "a dye")
    assert blind.text_score is blind.score is blind.source_score is None


def test_edits_are_a_list_with_a_report():
    assert Edits() == [] and Edits().report.explain(0, 5) == "No edit: no analogue could be proposed."


def test_a_clause_without_a_known_word_is_found(encoder):
    assert find_unknown_clause(encoder, ["It is an alcohol.", "It has a bond."]) is None
    problem = find_unknown_clause(encoder, ["It is an alcohol.", "It is blorpish."])
    assert problem.startswith("the model knows no word of 'It is blorpish.'")


def test_sources_and_numbers_are_checked():
    assert parse_source("CCO").GetNumAtoms() == 3
    with pytest.raises(ValueError, match=r"2 components, .* such as the largest, 'CC\(=O\)\[O-\]'"):
        parse_source("CC(=O)[O-].[Na+]")
    with pytest.raises(ValueError, match="at least 1, got 0"):
        check_num_edits(0)
