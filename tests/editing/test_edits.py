"""Which edits are admissible, and what is said about them."""

import json

import pytest
from rdkit import Chem

from modeling_finemoltex import EditConstraints, MoleculeFilter
from modeling_finemoltex.editing import Edit, Proposal
from modeling_finemoltex.editing.edits import REPORTED, check_num_edits, describe_change, parse_source


def admitted(constraints, source, proposals):
    molecule = None if source is None else Chem.MolFromSmiles(source)
    return [candidate.smiles for candidate in constraints.admit(molecule, map(Proposal, proposals))]


def test_unstable_groups_are_not_gained_but_may_stay():
    anything = EditConstraints(0.0, max_sa_score=10)
    proposals = ["CCOOC", "CCC(=O)Cl", "CN(C)Cl", "CC.C", "C[CH2]", "C1CC", "CCO"]
    assert admitted(anything, "CCC", proposals) == ["CCO"]
    assert admitted(anything, "CCC(=O)Cl", ["CCCC(=O)Cl", "CCC(=O)Cl", "O=C(Cl)C(=O)Cl"]) == ["CCCC(=O)Cl"]


def test_edits_that_are_hard_to_make_are_left_out():
    cubane = "C12C3C4C1C5C2C3C45"
    assert admitted(EditConstraints(0.0, max_sa_score=2), "CCCC", [cubane]) == []
    assert admitted(EditConstraints(0.0, max_sa_score=10), "CCCC", [cubane]) == [cubane]


def test_similarity_and_condition_count():
    near, far = "CCCCCO", "c1ccncc1"
    assert admitted(EditConstraints(0.4), "CCCCCCO", [near, far]) == [near]
    assert admitted(EditConstraints(0.4), None, [near, far]) == [near, far]  # without a source nothing need be similar
    condition = MoleculeFilter(("n",))
    assert admitted(EditConstraints(0.0, condition=condition), "CCCCCCO", [near, far]) == [far]
    with pytest.raises(ValueError, match="between 0 and 1, got 1.5"):
        EditConstraints(1.5)


def test_changes_are_those_of_the_descriptors():
    source, edit = Chem.MolFromSmiles("CCO"), Chem.MolFromSmiles("CCCO")
    change = describe_change(edit, source)
    assert list(change) == list(REPORTED) and change["MolWt"] == pytest.approx(14.027, abs=1e-3)
    assert describe_change(edit, None)["MolWt"] == pytest.approx(60.096, abs=1e-3)
    assert json.loads(json.dumps(Edit("CCCO", 0.5, 0.1, change).to_dict()))["smiles"] == "CCCO"


def test_sources_and_numbers_are_checked():
    assert parse_source("CCO").GetNumAtoms() == 3
    with pytest.raises(ValueError, match=r"2 components, .* such as the largest, 'CC\(=O\)\[O-\]'"):
        parse_source("CC(=O)[O-].[Na+]")
    with pytest.raises(ValueError, match="at least 1, got 0"):
        check_num_edits(0)
