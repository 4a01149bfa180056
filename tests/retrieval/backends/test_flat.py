"""The exact back end."""

import numpy as np
import pytest

pytest.importorskip("faiss")

from modeling_finemoltex.retrieval.backends.flat import FlatBackend


def test_every_row_is_compared():
    vectors = np.eye(6, dtype=np.float32)
    backend = FlatBackend()
    backend.build(vectors)
    scores, rows = backend.search(vectors[[4, 2]], 6)
    assert rows[:, 0].tolist() == [4, 2] and scores.tolist() == [[1.0, 0, 0, 0, 0, 0]] * 2
    assert sorted(rows[0].tolist()) == list(range(6))
