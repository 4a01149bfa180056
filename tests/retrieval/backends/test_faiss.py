"""How the structures of faiss are laid out and searched."""

from pathlib import Path

import numpy as np
import pytest
import torch

faiss = pytest.importorskip("faiss")

from modeling_finemoltex.retrieval.backends import BACKENDS  # noqa: E402
from modeling_finemoltex.retrieval.backends import faiss as backends  # noqa: E402


def random_vectors(number: int, width: int) -> np.ndarray:
    vectors = np.random.default_rng(0).normal(size=(number, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_lists_grow_with_the_root_of_the_rows():
    backend = backends.IVFFlatBackend()
    assert backend.create(10_000, 8).nlist == 10_000 // backends.ROWS_PER_CENTROID
    assert backend.create(1_000_000, 8).nlist == 4_000
    assert backend.create(5, 8).nlist == 1


@pytest.mark.parametrize(("width", "codes"), [(256, 64), (30, 6), (7, 1)])
def test_a_code_for_every_four_numbers_or_more(width, codes):
    assert backends.IVFPQBackend().create(20_000, width).pq.M == codes


def test_learning_is_the_same_every_time_and_uses_the_threads_of_torch():
    vectors, made = random_vectors(3_000, 8), []
    for _ in range(2):
        backend = backends.IVFFlatBackend()
        backend.build(vectors)
        made.append(backend.search(vectors[:20], 5))
    assert faiss.omp_get_max_threads() == torch.get_num_threads()
    np.testing.assert_array_equal(made[0][1], made[1][1])


def test_a_wider_search_keeps_more_in_view():
    backend = backends.HNSWBackend()
    backend.build(random_vectors(50, 8))
    assert backend.search_parameters(10, {}).efSearch == backends.SEARCH_BREADTH
    assert backend.search_parameters(500, {}).efSearch == 1000


@pytest.mark.parametrize("method", BACKENDS)
def test_a_mapped_structure_is_searched_changed_and_saved(method, tmp_path):
    vectors = random_vectors(BACKENDS[method].min_rows + 20, 8)
    made = BACKENDS[method]()
    made.build(vectors[:-5])
    made.save(tmp_path / "a.faiss")
    found = made.search(vectors[:4], 3)
    mapped = BACKENDS[method].load(tmp_path / "a.faiss")
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert str(tmp_path / "a.faiss") in maps.read_text()
    np.testing.assert_array_equal(mapped.search(vectors[:4], 3)[1], found[1])

    mapped.save(tmp_path / "b.faiss")
    assert (tmp_path / "b.faiss").read_bytes() == (tmp_path / "a.faiss").read_bytes()
    (tmp_path / "a.faiss").unlink()  # as a saving of another process does
    mapped.add(vectors[-5:])
    made.add(vectors[-5:])
    np.testing.assert_array_equal(mapped.search(vectors[-5:], 3)[1], made.search(vectors[-5:], 3)[1])
    mapped.replace(vectors)
    mapped.save(tmp_path / "c.faiss")
    assert BACKENDS[method].load(tmp_path / "c.faiss").shape == vectors.shape
