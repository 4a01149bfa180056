"""Planted groups: which molecules, which atoms, and what an attribution that knows the truth scores."""

import numpy as np
import pytest

from modeling_finemoltex.evaluation import evaluate_attribution, mark_group, plant_groups, score_attribution

NITRILES = [f"{'C' * length}C#N" for length in range(1, 31)]
ALKANES = [f"C{'C' * length}" for length in range(1, 21)]


def test_as_many_with_as_without():
    (group,) = plant_groups([*NITRILES, *ALKANES, "not a molecule"], ["nitrile"], number=15)
    assert len(group.smiles) == len(set(group.smiles)) == 30 and group.labels.sum() == 15
    assert all(("N" in one) == bool(label) for one, label in zip(group.smiles, group.labels, strict=True))
    assert 0 < group.labels[:15].sum() < 15  # in random order
    (again,) = plant_groups([*NITRILES, *ALKANES], ["nitrile"], number=15)
    assert again.smiles == group.smiles
    (other,) = plant_groups([*NITRILES, *ALKANES], ["nitrile"], number=15, seed=1)
    assert other.smiles != group.smiles


def test_molecules_that_are_the_group_are_left_out():
    rings = [f"C1CCCCC1{'C' * length}" for length in range(10)]  # the first is nothing else
    with pytest.raises(ValueError, match="9 have the group 'cyclohexane' and 20 do not; 10 of each"):
        plant_groups([*rings, *ALKANES], ["cyclohexane"])
    (group,) = plant_groups([*rings, "C1CCCCC1F", *ALKANES], ["cyclohexane"])
    assert "C1CCCCC1" not in group.smiles and len(group.smiles) == 20


def test_atoms_of_every_occurrence():
    assert mark_group("N#CCCC#N", "nitrile").tolist() == [True, True, False, False, True, True]
    assert mark_group("CCC", "nitrile").tolist() == [False] * 3
    with pytest.raises(ValueError, match="no group 'nitril'"):
        mark_group("CC#N", "nitril")
    with pytest.raises(ValueError, match=r"cannot parse the SMILES 'C\('"):
        mark_group("C(", "nitrile")


def test_scores_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    for _ in range(20):
        effects, truth = random.integers(0, 5, 12).astype(float), random.random(12) < 0.4
        truth[:2] = True, False
        assert score_attribution(effects, truth) == pytest.approx(metrics.roc_auc_score(truth, effects))
    for effects, truth in ((np.ones(2), np.ones(2, bool)), (np.ones(3), np.array([True, False]))):
        with pytest.raises(ValueError, match="effect for each atom"):
            score_attribution(effects, truth)


def test_truth_scores_one_its_opposite_nothing_and_blindness_half():
    methods = {
        "right": lambda one: mark_group(one, "nitrile").astype(float),
        "wrong": lambda one: -mark_group(one, "nitrile").astype(float),
    }
    figures = evaluate_attribution(["CC#N", "OCCC#N"], "nitrile", methods)
    assert figures["num_molecules"] == 2
    assert {name: figures[name]["mean"] for name in ("right", "wrong", "chance")} == {
        "right": 1.0, "wrong": 0.0, "chance": 0.5
    }  # fmt: skip
    # Pairs of C and N of the group with C, and with O, C and C.
    pairs = ([0.5, 1.0], [0.0, 0.5, 0.5, 0.5, 1.0, 1.0])
    assert figures["heteroatoms"]["mean"] == pytest.approx(np.mean([np.mean(one) for one in pairs]))
    with pytest.raises(ValueError, match="no molecule with the group"):
        evaluate_attribution([], "nitrile", methods)
