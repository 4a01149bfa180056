"""Instances of named changes, and what counts as exact."""

import pytest

from modeling_finemoltex.evaluation import NamedEdit, evaluate_named_edits, is_exact_edit, make_named_edits

MOLECULES = ["CC(=O)Oc1ccccc1C(=O)O", "Clc1ccc(C#N)cc1", "CCOc1ccc(N)cc1", "C1CC1", "no molecule"]


def test_instances_are_drawn_evenly_and_again_the_same():
    instances = make_named_edits(MOLECULES, 20)
    assert [sum(one.kind == kind for one in instances) for kind in ("add", "remove", "replace")] == [20] * 3
    assert instances == make_named_edits(MOLECULES, 20) != make_named_edits(MOLECULES, 20, seed=1)
    assert len({one.prompt for one in instances}) > 30
    with pytest.raises(ValueError, match="no group that could be left out"):
        make_named_edits(["C1CC1"], 1)


def test_exact_means_one_group_and_the_rest_kept():
    remove = NamedEdit("Clc1ccc(Cl)nc1", "remove", "Remove a chlorine.", removed="chlorine atom")
    assert is_exact_edit(remove, "Clc1cccnc1") and is_exact_edit(remove, "Clc1ccccn1")
    for wrong in ("c1ccncc1", "Clc1ccccc1", "Clc1ccc(Cl)nc1", "C(C", None, "Clc1cccnc1.Cl"):
        assert not is_exact_edit(remove, wrong)
    add = NamedEdit("c1ccncc1", "add", "Add a hydroxy group.", added="alcoholic or phenolic hydroxy group")
    assert is_exact_edit(add, "Oc1ccncc1") and not is_exact_edit(add, "Oc1ccccc1")
    replace = NamedEdit("Clc1ccncc1", "replace", "", removed="chlorine atom", added="fluorine atom")
    assert is_exact_edit(replace, "Fc1ccncc1")
    assert not is_exact_edit(replace, "Fc1cc(Cl)ncc1") and not is_exact_edit(replace, "c1ccncc1")


def test_figures_are_shares_of_answers():
    instances = [
        NamedEdit("Clc1ccncc1", "remove", "", removed="chlorine atom"),
        NamedEdit("c1ccncc1", "add", "", added="fluorine atom"),
    ]
    figures = evaluate_named_edits(instances, ["c1ccncc1", None])
    assert figures == {
        **{"named_edits_exact": 0.5, "named_edits_add_exact": 0.0, "named_edits_remove_exact": 1.0},
        "named_edits_answered": 0.5,
    }
    with pytest.raises(ValueError, match="one answer for each instance"):
        evaluate_named_edits(instances, [])
