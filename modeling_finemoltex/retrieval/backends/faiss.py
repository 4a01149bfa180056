"""Back ends on faiss: approximate structures that read a small part of the rows.

All hold unit vectors of width `P` and rank by inner product, which is then the cosine. A structure that is read from a
file is mapped: a search brings into memory what it looks at, and a change the whole.
"""

import errno
import os
import shutil
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

from .faiss_files import check_faiss_file

try:
    import faiss
except ModuleNotFoundError as error:
    raise ImportError("A search index needs faiss: pip install faiss-cpu") from error

# IVF. A search compares the query with every list's centre and with the rows of the nearest lists: with 4 sqrt(R)
# lists and a 24th of them probed it reads about 1/20 of what an exact search reads. Texts lie apart from molecules,
# and fewer of their neighbours are found: HNSW is for them where it can be made.
LISTS_PER_ROOT = 4
PROBED_SHARE = 1 / 24
MIN_PROBED = 16
ROWS_PER_CENTROID = 39  # what faiss asks for, to place a centroid well
MAX_ROWS_PER_CENTROID = 64  # more make the training slower and the centroids no better

# HNSW: neighbours of a node, and nodes kept in view while building and while searching.
NEIGHBORS, BUILD_BREADTH, SEARCH_BREADTH = 32, 80, 128

# Product quantisation: a byte for every four numbers, a sixteenth of float32. Its order is rough.
NUMBERS_PER_CODE = 4
CODES = 256
RERANKED_PER_HIT = 10

COPIED = 1 << 20  # bytes of a file at a time


class FaissBackend(ABC):
    """A faiss structure as a [`SearchBackend`]; subclasses say which one and how it is searched."""

    min_rows: ClassVar[int] = 1
    fetched_per_hit: ClassVar[int] = 1
    tag: ClassVar[str]  # what a file of faiss with such a structure begins with

    def __init__(self) -> None:
        self._structure: Any = None
        self._source: BinaryIO | None = None  # what the structure is mapped from, held as its file may be replaced

    @abstractmethod
    def create(self, num_rows: int, embedding_size: int) -> faiss.Index:
        """Lay out an empty structure for so many rows."""

    def search_parameters(self, k: int, selector: dict[str, Any]) -> faiss.SearchParameters:
        """Say how to search for `k` rows; `selector` leaves out removed ones."""
        return faiss.SearchParameters(**selector)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and width of the vectors, `(R, P)`."""
        return self._structure.ntotal, self._structure.d

    def build(self, vectors: np.ndarray) -> None:
        """Hold unit vectors `(R, P)`; what is learned is learned from a sample of them, the same one every time."""
        _use_torch_threads()
        self._structure = self.create(*vectors.shape)
        if not self._structure.is_trained:
            size = min(len(vectors), MAX_ROWS_PER_CENTROID * self._num_centroids())
            sample = np.sort(np.random.default_rng(0).choice(len(vectors), size, replace=False))
            self._structure.train(vectors[sample])
        self.add(vectors)

    def add(self, vectors: np.ndarray) -> None:
        """Append unit vectors `(n, P)`; what was learned stays."""
        self._read_mapped()
        _use_torch_threads()
        self._structure.add(vectors)

    def replace(self, vectors: np.ndarray) -> None:
        """Hold unit vectors `(R, P)` instead of those that are there; what was learned stays."""
        self._read_mapped()
        self._structure.reset()
        self.add(vectors)

    def search(self, queries: np.ndarray, k: int, removed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Find the nearest rows of each query `(Q, P)`: scores and rows, `(Q, k)` each; see [`SearchBackend`]."""
        _use_torch_threads()
        selector: dict[str, Any] = {}
        if removed is not None:
            selector["sel"] = faiss.IDSelectorBitmap(np.packbits(~removed, bitorder="little"))
        return self._structure.search(queries, k, params=self.search_parameters(k, selector))

    def save(self, file: Path) -> None:
        """Write the structure.

        Raises:
            OSError: If it cannot be written, for example on a full disk.
        """
        if self._source is not None:  # unchanged since it was read
            self._source.seek(0)
            with file.open("wb") as target:
                shutil.copyfileobj(self._source, target, COPIED)
            return
        try:
            faiss.write_index(self._structure, str(file))
        except RuntimeError as error:
            raise OSError(f"faiss cannot write its structure: {str(error).splitlines()[-1]}") from error
        try:  # faiss keeps silent if the disk is full at its last bytes
            check_faiss_file(file, self.tag)
        except ValueError as error:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file)) from error

    @classmethod
    def load(cls, file: Path) -> "FaissBackend":
        """Map a structure: nothing but what its check looks at is read now.

        Raises:
            ValueError: If the file holds none, or a number in it does not fit the others.
            OSError: If it cannot be read.
            RuntimeError: If faiss refuses it.
        """
        check_faiss_file(file, cls.tag)
        backend = cls()
        backend._source = file.open("rb")
        backend._structure = faiss.read_index(str(file), faiss.IO_FLAG_MMAP_IFC)
        return backend

    def _read_mapped(self) -> None:
        """Bring a mapped structure into memory: faiss aborts the process that would change one where it is."""
        if self._source is not None:
            self._source.seek(0)
            self._structure = faiss.read_index(faiss.PyCallbackIOReader(self._source.read, COPIED))
            self._source.close()
            self._source = None

    def _num_centroids(self) -> int:
        """Count the centres that are learned."""
        return self._structure.nlist


class HNSWBackend(FaissBackend):
    """Walks a graph of neighbours: surest and fastest; a minute to make for 250,000 rows."""

    tag = "IHNf"

    def create(self, num_rows: int, embedding_size: int) -> faiss.Index:
        """Lay out an empty graph."""
        structure = faiss.IndexHNSWFlat(embedding_size, NEIGHBORS, faiss.METRIC_INNER_PRODUCT)
        structure.hnsw.efConstruction = BUILD_BREADTH
        return structure

    def search_parameters(self, k: int, selector: dict[str, Any]) -> faiss.SearchParameters:
        """Keep twice the wanted rows in view."""
        return faiss.SearchParametersHNSW(efSearch=max(SEARCH_BREADTH, 2 * k), **selector)


class IVFFlatBackend(FaissBackend):
    """Sorts rows into lists and reads the nearest lists: a tenth of the time; made in seconds."""

    tag = "IwFl"

    def create(self, num_rows: int, embedding_size: int) -> faiss.Index:
        """Lay out empty lists."""
        num_lists = max(1, min(int(LISTS_PER_ROOT * num_rows**0.5), num_rows // ROWS_PER_CENTROID))
        structure = self.create_lists(faiss.IndexFlatIP(embedding_size), embedding_size, num_lists)
        structure.cp.max_points_per_centroid = MAX_ROWS_PER_CENTROID
        return structure

    def create_lists(self, centres: faiss.Index, embedding_size: int, num_lists: int) -> faiss.IndexIVF:
        """Lay out lists of whole vectors."""
        return faiss.IndexIVFFlat(centres, embedding_size, num_lists, faiss.METRIC_INNER_PRODUCT)

    def search_parameters(self, k: int, selector: dict[str, Any]) -> faiss.SearchParameters:
        """Read a share of the lists."""
        num_lists = self._structure.nlist
        num_probed = min(num_lists, max(MIN_PROBED, round(num_lists * PROBED_SHARE)))
        return faiss.SearchParametersIVF(nprobe=num_probed, **selector)


class IVFPQBackend(IVFFlatBackend):
    """Lists of compressed vectors: a sixteenth of the memory, and scores so rough that more rows are fetched."""

    min_rows = CODES * ROWS_PER_CENTROID
    fetched_per_hit = RERANKED_PER_HIT
    tag = "IwPQ"

    def create_lists(self, centres: faiss.Index, embedding_size: int, num_lists: int) -> faiss.IndexIVF:
        """Lay out lists of codes: one for every four numbers of a vector, or for more where four do not divide it."""
        most = max(1, embedding_size // NUMBERS_PER_CODE)
        num_codes = max(number for number in range(1, most + 1) if embedding_size % number == 0)
        bits = CODES.bit_length() - 1
        return faiss.IndexIVFPQ(centres, embedding_size, num_lists, num_codes, bits, faiss.METRIC_INNER_PRODUCT)

    def _num_centroids(self) -> int:
        """Count the centres that are learned: of the lists, or of the codes if these are more."""
        return max(self._structure.nlist, CODES)


def _use_torch_threads() -> None:
    """Give faiss as many threads as torch has: it brings an OpenMP of its own and would take every core.

    Where nobody has loaded torch, nobody competes with faiss.
    """
    torch = sys.modules.get("torch")
    if torch is not None:
        faiss.omp_set_num_threads(torch.get_num_threads())
