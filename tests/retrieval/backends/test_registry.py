"""The method is chosen by size, and refused where it cannot be used."""

import pytest

pytest.importorskip("faiss")

from modeling_finemoltex.retrieval.backends import choose_method
from modeling_finemoltex.retrieval.backends.registry import FLAT_UP_TO, HNSW_UP_TO


def test_auto_chooses_by_size():
    assert choose_method("auto", FLAT_UP_TO, 256) == "flat"
    assert choose_method("auto", FLAT_UP_TO + 1, 256) == "hnsw"
    assert choose_method("auto", HNSW_UP_TO + 1, 256) == "ivf_flat"
    assert choose_method("auto", 2_000_000, 256) == "ivf_flat"
    assert choose_method("auto", 2_200_000, 256) == "ivf_pq"
    with pytest.raises(ValueError, match="'lsh': choose one of auto, flat, ivf_flat, hnsw, ivf_pq"):
        choose_method("lsh", 10, 256)
    with pytest.raises(ValueError, match="at least 9,984 rows: got 10. Use 'flat'"):
        choose_method("ivf_pq", 10, 256)
