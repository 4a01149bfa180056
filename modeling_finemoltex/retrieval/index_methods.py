"""The faiss side of an index: which structure suits how many vectors, how it is set, and one call to search it.

All structures hold unit vectors of width `P` and rank by inner product, which is then the cosine.
"""

import numpy as np
import torch

try:
    import faiss
except ModuleNotFoundError as error:
    raise ImportError('A search index needs faiss: pip install "finemoltex[retrieval]"') from error

METHODS = ("flat", "ivf_flat", "hnsw", "ivf_pq")

# Rules of `method="auto"`; figures for width 256 and one thread.
FLAT_UP_TO = 20_000  # rows: an exact search takes 1 ms, no more than turning a query into a vector
HNSW_UP_TO = 500_000  # rows: made within two minutes; the time to make it grows faster than that of IVF
COMPRESS_FROM = 2 << 30  # bytes of float32 vectors, two million rows: from here on they crowd a laptop's memory

# IVF. A search compares the query with every list's centre and with the rows of the nearest lists: with 4 sqrt(R)
# lists and a 24th of them probed it reads about 1/20 of what an exact search reads. Texts lie apart from molecules and
# need more lists than molecules do: these figures hold the recall of both.
LISTS_PER_ROOT = 4
PROBED_SHARE = 1 / 24
MIN_PROBED = 16
ROWS_PER_CENTROID = 39  # what faiss asks for, to place a centroid well
MAX_ROWS_PER_CENTROID = 64  # more make the training slower and the centroids no better

# HNSW: neighbours of a node, and nodes kept in view while building and while searching.
NEIGHBORS, BUILD_BREADTH, SEARCH_BREADTH = 32, 80, 128

# Product quantisation: a byte for every four numbers, a sixteenth of float32. Its order is rough, so ten times the
# rows asked for are fetched and ranked again by their true vectors.
NUMBERS_PER_CODE = 4
CODES = 256
RERANKED_PER_HIT = 10


def choose_method(method: str, num_rows: int, embedding_size: int) -> str:
    """Resolve `"auto"` and check that a method can be used.

    Args:
        method (`str`): `"auto"` or one of `METHODS`.
        num_rows (`int`): Rows to index.
        embedding_size (`int`): Width `P` of a vector.

    Returns:
        One of `METHODS`. `"auto"` gives `"flat"` up to 20,000 rows, `"hnsw"` up to 500,000, `"ivf_flat"` beyond and
        `"ivf_pq"` from 2 GiB of vectors on.

    Raises:
        ValueError: If the method is unknown or needs more rows than there are.
    """
    if method == "auto":
        if num_rows <= FLAT_UP_TO:
            return "flat"
        if 4 * num_rows * embedding_size >= COMPRESS_FROM:
            return "ivf_pq"
        return "hnsw" if num_rows <= HNSW_UP_TO else "ivf_flat"
    if method not in METHODS:
        raise ValueError(f"Unknown method {method!r}: choose one of auto, {', '.join(METHODS)}.")
    if method == "ivf_pq" and num_rows < CODES * ROWS_PER_CENTROID:
        raise ValueError(
            f"'ivf_pq' learns its codes from at least {CODES * ROWS_PER_CENTROID:,} rows: got {num_rows:,}. "
            "Use 'flat', which is fast and exact at this size."
        )
    return method


def build_index(method: str, vectors: np.ndarray) -> faiss.Index:
    """Make the structure of a method and put vectors into it.

    Args:
        method (`str`): One of `METHODS`.
        vectors (`np.ndarray` of shape `(R, P)`): Unit vectors, float32. What is learnt is learnt from a sample of
            them, the same one every time.
    """
    _use_torch_threads()
    index = _create_index(method, *vectors.shape)
    if not index.is_trained:
        num_centroids = max(index.nlist, CODES if method == "ivf_pq" else 0)
        size = min(len(vectors), MAX_ROWS_PER_CENTROID * num_centroids)
        index.train(vectors[np.sort(np.random.default_rng(0).choice(len(vectors), size, replace=False))])
    add_to_index(index, vectors)
    return index


def add_to_index(index: faiss.Index, vectors: np.ndarray) -> None:
    """Append unit vectors `(n, P)`; what was learnt stays as it is."""
    _use_torch_threads()
    index.add(vectors)


def search_index(
    index: faiss.Index, queries: np.ndarray, k: int, removed: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest positions of each query.

    Args:
        index (`faiss.Index`): As made by `build_index` and filled.
        queries (`np.ndarray` of shape `(Q, P)`): Unit vectors, float32.
        k (`int`): Positions wanted per query.
        removed (`np.ndarray` of shape `(R,)`, *optional*): True at positions that must not be found.

    Returns:
        Scores and positions, both `(Q, k)`, best first. An approximate structure may find fewer: the rest is -1.
    """
    _use_torch_threads()
    options: dict = {}
    if removed is not None:
        options["sel"] = faiss.IDSelectorBitmap(np.packbits(~removed, bitorder="little"))
    if isinstance(index, faiss.IndexIVF):
        num_probed = min(index.nlist, max(MIN_PROBED, round(index.nlist * PROBED_SHARE)))
        parameters = faiss.SearchParametersIVF(nprobe=num_probed, **options)
    elif isinstance(index, faiss.IndexHNSW):
        parameters = faiss.SearchParametersHNSW(efSearch=max(SEARCH_BREADTH, 2 * k), **options)
    else:
        parameters = faiss.SearchParameters(**options)
    return index.search(queries, k, params=parameters)


def _create_index(method: str, num_rows: int, embedding_size: int) -> faiss.Index:
    """Create an empty structure laid out for so many rows."""
    if method == "flat":
        return faiss.IndexFlatIP(embedding_size)
    if method == "hnsw":
        index = faiss.IndexHNSWFlat(embedding_size, NEIGHBORS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = BUILD_BREADTH
        return index
    num_lists = max(1, min(int(LISTS_PER_ROOT * num_rows**0.5), num_rows // ROWS_PER_CENTROID))
    layout: tuple = (faiss.IndexFlatIP(embedding_size), embedding_size, num_lists)
    if method == "ivf_flat":
        index = faiss.IndexIVFFlat(*layout, faiss.METRIC_INNER_PRODUCT)
    else:
        most = max(1, embedding_size // NUMBERS_PER_CODE)
        num_codes = max(number for number in range(1, most + 1) if embedding_size % number == 0)
        index = faiss.IndexIVFPQ(*layout, num_codes, CODES.bit_length() - 1, faiss.METRIC_INNER_PRODUCT)
    index.cp.max_points_per_centroid = MAX_ROWS_PER_CENTROID
    return index


def _use_torch_threads() -> None:
    """Give faiss as many threads as torch has: it brings an OpenMP of its own and would take every core."""
    faiss.omp_set_num_threads(torch.get_num_threads())
