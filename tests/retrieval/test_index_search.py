"""Rows are found by the back end, by all vectors where that falls short, and past a filter."""

import numpy as np
import pytest

pytest.importorskip("faiss")

from modeling_finemoltex import MoleculeFilter
from modeling_finemoltex.retrieval.backends import BACKENDS
from modeling_finemoltex.retrieval.index_rows import IndexRows, make_rows
from modeling_finemoltex.retrieval.index_search import search_by_backend, search_filtered

SMILES = ["CCO", "c1ccccc1", "CCN", "CC(=O)O"]
QUERY = np.array([[0.1, 0.9, 0.2, 0.3]], dtype=np.float32)


@pytest.fixture
def rows():
    return IndexRows("molecules", make_rows("molecules", SMILES, range(4), SMILES), np.eye(4, dtype=np.float32))


class Shortsighted(BACKENDS["flat"]):
    """Finds one row, however many are asked for."""

    def search(self, queries, k, removed=None):
        scores, positions = super().search(queries, k, removed)
        positions[:, 1:] = -1
        return scores, positions


@pytest.mark.parametrize("kind", [BACKENDS["flat"], Shortsighted])
def test_k_rows_are_found_even_by_a_back_end_that_finds_fewer(rows, kind):
    backend = kind()
    backend.build(rows.vectors)
    (best,) = search_by_backend(rows, backend, QUERY, 3)
    assert [position for position, _ in best] == [1, 3, 2]
    assert [score for _, score in best] == pytest.approx([0.9, 0.3, 0.2])


def test_the_best_that_pass_the_filter(rows):
    rows = rows.without(["CC(=O)O"])
    (best,) = search_filtered(rows, QUERY, 3, MoleculeFilter(exclude_smarts=("c",)))
    assert [position for position, _ in best] == [2, 0]
