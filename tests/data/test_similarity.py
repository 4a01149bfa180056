"""The nearest molecules are those that RDKit's similarities name, best first."""

import numpy as np
from rdkit import Chem

from modeling_finemoltex.data.similarity import compute_similarities, find_nearest

NAMES = ["CCO", "CCCO", "CCCCO", "CCN", "c1ccccc1", "Cc1ccccc1", "Oc1ccccc1", "[Fe+2]"]
MOLECULES = [Chem.MolFromSmiles(name) for name in NAMES]


def test_neighbours_are_the_most_similar_others():
    neighbours, similarities = find_nearest(MOLECULES, 3)
    assert neighbours.dtype == np.int32 and similarities.dtype == np.float32
    for row, molecule in enumerate(MOLECULES):
        others = compute_similarities(molecule, MOLECULES)
        expected = [place for place in np.argsort(-np.array(others), kind="stable") if place != row and others[place]]
        assert [place for place in neighbours[row].tolist() if place >= 0] == expected[:3]
        assert np.allclose(similarities[row, : len(expected)], [others[place] for place in expected[:3]])


def test_who_shares_nothing_has_no_neighbours():
    neighbours, similarities = find_nearest(MOLECULES, 3)
    assert (neighbours[-1] == -1).all() and (similarities[-1] == 0).all()


def test_more_neighbours_than_molecules_are_filled_up():
    neighbours, similarities = find_nearest(MOLECULES[:2], 5)
    assert neighbours.tolist() == [[1, -1, -1, -1, -1], [0, -1, -1, -1, -1]]
    assert (similarities[:, 0] > 0).all() and (similarities[:, 1:] == 0).all()
