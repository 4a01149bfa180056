"""The exact back end: compares a query with every row."""

import faiss

from .faiss import FaissBackend


class FlatBackend(FaissBackend):
    """Compares a query with every row: exact, and a millisecond for 20,000 rows of width 256."""

    tag = "IxFI"

    def create(self, num_rows: int, embedding_size: int) -> faiss.Index:
        """Lay out a plain table."""
        return faiss.IndexFlatIP(embedding_size)
