"""What an index asks of the place where its rows are: to find them, show them, and take more or fewer."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from .index_rows import Hit

if TYPE_CHECKING:  # its descriptors take a tenth of a second to import, and most searches have no filter
    from ..data.molecule_filters import MoleculeFilter
    from ..data.structure_language import Understanding

Found = list[tuple[int, float]]  # keys of rows and their scores, best first


class Condition(NamedTuple):
    """What rows must be to be found; a search that tests molecules is exact, whatever the method.

    Args:
        filters ([`MoleculeFilter`], *optional*): What molecules must be.
        required (sequence of [`Understanding`], *optional*): What each query says about their structure.
        is_exact (`bool`): Compare all rows although there is no condition.
    """

    filters: "MoleculeFilter | None" = None
    required: "Sequence[Understanding] | None" = None
    is_exact: bool = False

    def __bool__(self) -> bool:
        return self.filters is not None or self.required is not None or self.is_exact


class IndexStore(Protocol):
    """Rows of an index with their unit vectors, and what finds the nearest of them.

    Axes: `R` rows, `P` width of a vector, `Q` queries. A key names a row until rows are added or removed.

    Attributes:
        kind (`str`): `"molecules"` or `"texts"`.
        method (`str`): How the nearest rows are found.
        model (`dict`, *optional*): Fingerprint of the model that the vectors come from.
        embedding_size (`int`): `P`.
        has_tokens (`bool`): Whether there are packed token vectors.
        has_facts (`bool`): Whether the structural facts of the molecules are stored.
    """

    kind: str
    method: str
    model: dict[str, Any] | None

    @property
    def embedding_size(self) -> int:
        """Width `P` of a vector."""

    @property
    def has_tokens(self) -> bool:
        """Whether there are packed token vectors."""

    @property
    def has_facts(self) -> bool:
        """Whether the structural facts are stored."""

    def __len__(self) -> int: ...

    def find(self, queries: np.ndarray, k: int, condition: Condition) -> Iterable[Found]:
        """Find the `k` best rows of each query.

        Args:
            queries (`np.ndarray` of shape `(Q, P)`): Vectors, float32.
            k (`int`): At most the number of rows.
            condition ([`Condition`]): What they must be.

        Returns:
            For each query `k` keys with their exact scores, best first; fewer only if fewer meet the condition.
        """

    def hits(self, found: Found) -> list[Hit]:
        """Describe rows, in their order."""

    def packed_tokens(self, keys: Sequence[int]) -> list[Any]:
        """Give the packed token vectors of molecules, bytes-like, in their order."""

    def next_numbers(self, count: int) -> range:
        """Give the row numbers that follow the largest one."""

    def present(self, ids: Sequence[str]) -> set[str]:
        """Tell which ids there are."""

    def add(self, table: pa.Table, vectors: np.ndarray, tokens: list[bytes] | None) -> None:
        """Take `n` more rows of [`make_rows`], with unit vectors `(n, P)` and tokens where the store has some."""

    def remove(self, ids: Sequence[str]) -> None:
        """Let no search find the rows of some ids any more."""

    def count_facts(self, num_proc: int | None) -> None:
        """Count the structural facts of all molecules, and keep them."""

    def save(self, folder: str | Path) -> None:
        """Write everything to a place."""
