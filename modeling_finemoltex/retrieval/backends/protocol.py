"""What a search back end does."""

from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np


class SearchBackend(Protocol):
    """Finds the rows whose unit vectors have the largest inner product with a query, which is then the cosine.

    Axes: `R` rows, `P` width of a vector, `Q` queries. A class without arguments; `build` or `load` fills it. To add
    one, write the class and its line in `BACKENDS`.

    Attributes:
        min_rows (`int`): Rows that `build` needs.
        fetched_per_hit (`int`): Rows to ask for where one is wanted. Above 1 the scores are rough, and the index ranks
            the rows again by their vectors.
    """

    min_rows: ClassVar[int]
    fetched_per_hit: ClassVar[int]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and width of the vectors, `(R, P)`."""

    def build(self, vectors: np.ndarray) -> None:
        """Learn what must be learned, and hold unit vectors `(R, P)`, float32."""

    def add(self, vectors: np.ndarray) -> None:
        """Append unit vectors `(n, P)`; what was learned stays."""

    def replace(self, vectors: np.ndarray) -> None:
        """Hold unit vectors `(R, P)` instead of those that are there; what was learned stays."""

    def search(self, queries: np.ndarray, k: int, removed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Find the nearest rows of each query.

        Args:
            queries (`np.ndarray` of shape `(Q, P)`): Unit vectors, float32.
            k (`int`): Rows wanted per query.
            removed (`np.ndarray` of shape `(R,)`, *optional*): True for rows that must not be found.

        Returns:
            Scores and rows, both `(Q, k)`, best first. An approximate back end may find fewer: the rest is -1.
        """

    def save(self, file: Path) -> None:
        """Write the back end to one file."""

    @classmethod
    def load(cls, file: Path) -> "SearchBackend":
        """Read what `save` wrote.

        Raises:
            ValueError or RuntimeError: If the file holds something else.
        """
