"""The table of rows: what is marked, dropped, appended and ranked."""

import numpy as np
import pytest

pytest.importorskip("faiss")

from modeling_finemoltex.retrieval.index_rows import Hit, IndexRows, make_rows, unit_rows


@pytest.fixture
def rows():
    return IndexRows("molecules", make_rows("molecules", ["a", None, "b"], [0, 4, 5], ["C", "CC", "CCC"]), np.eye(3))


def test_a_missing_id_becomes_the_row_number(rows):
    assert rows.present(["a", "4", "b", "c"]) == {"a", "4", "b"}
    assert rows.hit(2, 1, 0.5) == Hit(2, 0.5, "4", 4, smiles="CC")
    assert rows.hit(1, 0, 1.0).to_dict() == {"rank": 1, "score": 1.0, "id": "a", "row": 0, "smiles": "C"}


def test_removed_rows_are_marked_then_dropped(rows):
    assert rows.without(["a"]).num_removed == 1 and not rows.num_removed
    rows = rows.without(["a"])
    assert len(rows) == 2 and rows.num_removed == 1 and rows.present(["a", "b"]) == {"b"}
    order, scores = rows.rank(np.array([1.0, 0.2, 0.3]))
    assert order.tolist() == [2, 1] and scores.tolist() == [1.0, 0.2, 0.3]
    rows = rows.kept()
    assert rows.contents.to_pylist() == ["CC", "CCC"] and rows.vectors.shape == (2, 3) and not rows.removed.any()


def test_appended_rows_are_numbered_on(rows):
    assert rows.next_numbers(2) == range(6, 8)
    rows = rows.appended(make_rows("molecules", [None], [6], ["CCCC"]), np.ones((1, 3)))
    assert len(rows) == 4 and rows.present(["6"]) == {"6"} and rows.removed.tolist() == [False] * 4


def test_rows_are_scaled_to_length_one():
    np.testing.assert_allclose(unit_rows([[3.0, 4.0]], "Row"), [[0.6, 0.8]])
    with pytest.raises(ValueError, match=r"\(rows, width\), got \(2,\)"):
        unit_rows([1.0, 2.0], "Row")
    with pytest.raises(ValueError, match="Row 7 has a vector of length 0.0: .*1 of 2 are bad"):
        unit_rows([[1.0], [0.0]], "Row", [3, 7])
