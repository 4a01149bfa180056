"""What every back end does, whichever it is."""

import numpy as np
import pytest

pytest.importorskip("faiss")

from modeling_finemoltex.retrieval.backends import BACKENDS

WIDTH, MIN_ROWS = 8, 500


def unit_vectors(number: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(number, WIDTH))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


QUERIES = unit_vectors(10, 1)


@pytest.fixture(scope="module", params=BACKENDS)
def built(request, tmp_path_factory):
    """Class, vectors and file of a back end that was built and saved once."""
    kind, file = BACKENDS[request.param], tmp_path_factory.mktemp("backend") / "file"
    vectors = unit_vectors(max(MIN_ROWS, kind.min_rows), 0)
    backend = kind()
    backend.build(vectors)
    backend.save(file)
    return kind, vectors, file, backend.search(QUERIES, 5)


@pytest.fixture
def backend(built):
    """A copy for each test."""
    return built[0].load(built[2])


@pytest.fixture
def vectors(built):
    return built[1]


def recall(backend, vectors, k=10, removed=None):
    scores = QUERIES @ vectors.T
    if removed is not None:
        scores[:, removed] = -np.inf
    best = np.argsort(-scores, axis=1)[:, :k]
    _, found = backend.search(QUERIES, k * backend.fetched_per_hit, removed)
    return np.mean([len(set(row) & set(true)) / k for row, true in zip(found, best, strict=True)])


def test_the_nearest_rows_are_found_best_first(backend, vectors):
    assert backend.shape == (len(vectors), WIDTH)
    scores, rows = backend.search(QUERIES, 10)
    assert scores.shape == rows.shape == (10, 10) and (np.diff(scores, axis=1) <= 0).all()
    assert recall(backend, vectors) >= 0.9
    if backend.fetched_per_hit == 1:  # the scores are no estimates
        np.testing.assert_allclose(scores, np.take_along_axis(QUERIES @ vectors.T, rows, 1), atol=1e-5)


def test_removed_rows_are_passed_over(backend, vectors):
    removed = np.zeros(len(vectors), bool)
    removed[::2] = True
    assert not (backend.search(QUERIES, 10, removed)[1] % 2 == 0).any()
    assert recall(backend, vectors, removed=removed) >= 0.9


def test_rows_are_added_and_replaced(backend, vectors):
    backend.add(QUERIES)
    assert backend.shape == (len(vectors) + 10, WIDTH)
    assert (backend.search(QUERIES, backend.fetched_per_hit)[1] >= len(vectors)).any(axis=1).all()
    backend.replace(vectors[::2].copy())
    assert backend.shape == (len(vectors) // 2, WIDTH) and recall(backend, vectors[::2]) >= 0.9


def test_what_is_loaded_finds_what_was_saved(built, backend, tmp_path):
    kind, vectors, _, before = built
    assert backend.shape == vectors.shape
    np.testing.assert_array_equal(before, backend.search(QUERIES, 5))
    (tmp_path / "file").write_bytes(b"no structure")
    with pytest.raises((RuntimeError, ValueError)):
        kind.load(tmp_path / "file")
