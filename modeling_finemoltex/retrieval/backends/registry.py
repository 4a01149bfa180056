"""Which back ends there are, and which suits how many rows."""

from .faiss import HNSWBackend, IVFFlatBackend, IVFPQBackend
from .flat import FlatBackend
from .protocol import SearchBackend

BACKENDS: dict[str, type[SearchBackend]] = {
    "flat": FlatBackend,
    "ivf_flat": IVFFlatBackend,
    "hnsw": HNSWBackend,
    "ivf_pq": IVFPQBackend,
}

# Rules of `method="auto"`; figures for width 256 and one thread.
FLAT_UP_TO = 20_000  # rows: an exact search takes 1 ms, no more than turning a query into a vector
HNSW_UP_TO = 500_000  # rows: made within two minutes; the time to make it grows faster than that of IVF
COMPRESS_FROM = 2 << 30  # bytes of float32 vectors, two million rows: from here on they crowd a laptop's memory


def choose_method(method: str, num_rows: int, embedding_size: int) -> str:
    """Resolve `"auto"` and check that a method can be used.

    Args:
        method (`str`): `"auto"` or a key of `BACKENDS`.
        num_rows (`int`): Rows to index.
        embedding_size (`int`): Width `P` of a vector.

    Returns:
        A key of `BACKENDS`. `"auto"` gives `"flat"` up to 20,000 rows, `"hnsw"` up to 500,000, `"ivf_flat"` beyond and
        `"ivf_pq"` from 2 GiB of vectors on.

    Raises:
        ValueError: If the method is unknown or needs more rows than there are.

    Example:
    >>> choose_method("auto", 250_000, 256)
    'hnsw'
    """
    if method == "auto":
        if num_rows <= FLAT_UP_TO:
            return "flat"
        if 4 * num_rows * embedding_size >= COMPRESS_FROM:
            return "ivf_pq"
        return "hnsw" if num_rows <= HNSW_UP_TO else "ivf_flat"
    if method not in BACKENDS:
        raise ValueError(f"Unknown method {method!r}: choose one of auto, {', '.join(BACKENDS)}.")
    min_rows = BACKENDS[method].min_rows
    if num_rows < min_rows:
        raise ValueError(
            f"{method!r} learns from at least {min_rows:,} rows: got {num_rows:,}. Use 'flat', which is fast and "
            "exact at this size."
        )
    return method
