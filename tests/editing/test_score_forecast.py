"""Scores that add up over groups are foretold for molecules that were not scored."""

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import Descriptors

from modeling_finemoltex.editing.score_forecast import foretell_scores

GROUPS = ("C", "CC", "O", "N", "CO", "F", "Cl", "CN", "OC", "C#N")


@pytest.fixture(scope="module")
def molecules():
    names = [f"{one}c1ccc(C(=O)N{other})cc1" for one in GROUPS for other in GROUPS]
    return [molecule for name in names if (molecule := Chem.MolFromSmiles(name)) is not None]


def test_the_best_are_found_without_being_scored(molecules):
    values = np.array([[Descriptors.MolLogP(one), -Descriptors.TPSA(one)] for one in molecules])
    known, others = slice(0, None, 2), slice(1, None, 2)
    promised = foretell_scores(molecules[known], values[known], molecules[others])
    assert promised.shape == values[others].shape
    for column in range(2):
        assert np.corrcoef(promised[:, column], values[others][:, column])[0, 1] > 0.6


def test_equal_scores_promise_nothing(molecules):
    promised = foretell_scores(molecules[:5], np.ones((5, 1)), molecules[5:9])
    assert promised == pytest.approx(np.ones((4, 1)))
