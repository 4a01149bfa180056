"""`MoleculeTextIndex`: find the molecules (or texts) of a library that fit a text or a molecule."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..data.fact_counts import FactCounts
from ..embedding.fingerprint import check_same_model
from .backends.protocol import SearchBackend
from .backends.registry import BACKENDS, choose_method
from .index_facts import IndexFacts, mark_contradictions, read_conditions
from .index_inputs import check_counts, count_ids, embed_queries, encode_rows, name_rows, take_one
from .index_rows import Hit, IndexRows, make_rows, read_embedded_rows, unit_rows
from .index_search import search_by_backend, search_filtered
from .index_storage import read_backend, read_index_facts, read_index_metadata, read_rows, write_folder
from .token_rescoring import count_candidates, rescore

if TYPE_CHECKING:  # its descriptors take a tenth of a second to import, and most searches have no filter
    from ..data.molecule_filters import MoleculeFilter

ARGUMENT = {"molecules": "smiles", "texts": "texts"}  # kind of index -> argument that takes its contents
logger = logging.getLogger(__name__)
MAX_REMOVED = 0.2  # share of removed rows from which `save` rebuilds the search structure without them


class MoleculeTextIndex:
    """A searchable library of molecules or of texts.

    Make one with `build`, `from_arrays`, `from_embeddings` or `load`. The rows live in an Arrow table (in a loaded
    index: mapped from the disk, like the vectors for exact scores), and a back end searches their unit vectors:

    | method | result | made for | why |
    |---|---|---|---|
    | `"flat"` | exact | up to 20,000 rows | an exact search takes a millisecond, less than embedding the query |
    | `"hnsw"` | approximate | up to 500,000 rows | surest and fastest; a minute to make; shrinks on saving only |
    | `"ivf_flat"` | approximate | up to 2 GiB of vectors | a tenth of the time; made in seconds; grows and shrinks |
    | `"ivf_pq"` | approximate | more | a sixteenth of the memory; the best are ranked again by true vectors on disk |

    `method="auto"` takes the first whose size fits. Scores are exact cosines, and a filtered search is exact.

    Args:
        rows ([`IndexRows`]): Ids, contents and unit vectors.
        backend ([`SearchBackend`]): Holds the vectors, in order.
        method (`str`): Key of `BACKENDS`: how `backend` was made.
        model (`dict[str, str]`, *optional*): Fingerprint of the model the vectors come from.
        encoder (`MoleculeTextEncoder`, *optional*): Embeds queries and new rows.

    Example:
    >>> index = MoleculeTextIndex.build(encoder, smiles=["CCO", "c1ccccc1", "CC(=O)O"], ids=["a", "b", "c"])
    >>> [hit.id for hit in index.search(smiles="OCC", k=1)[0]]
    ['a']
    """

    def __init__(
        self,
        rows: IndexRows,
        backend: SearchBackend,
        method: str,
        model: dict[str, Any] | None = None,
        encoder: Any = None,
    ) -> None:
        self.method, self.model = method, model
        self._rows, self._backend = rows, backend
        self.encoder = encoder

    @classmethod
    def build(
        cls,
        encoder: Any,
        smiles: Iterable[str] | None = None,
        texts: Iterable[str] | None = None,
        ids: Sequence[Any] | None = None,
        method: str = "auto",
    ) -> "MoleculeTextIndex":
        """Embed molecules or texts and index them.

        Args:
            encoder (`MoleculeTextEncoder`): Kept as `encoder` to embed queries.
            smiles (iterable of `str`, *optional*): The molecules; either these or `texts`.
            texts (iterable of `str`, *optional*): The texts.
            ids (sequence, *optional*): A name for each, text or numbers; without them, the row numbers.
            method (`str`): `"auto"`, `"flat"`, `"ivf_flat"`, `"hnsw"` or `"ivf_pq"`, see the class.

        Raises:
            ValueError: If there is nothing to index, a molecule cannot be parsed (names it), or counts differ.
        """
        argument, contents = take_one(smiles=smiles, texts=texts)
        if ids is not None:  # counted before the work of embedding
            ids = list(ids)
            check_counts(**{argument: contents, "ids": ids})
        vectors, tokens = encode_rows(encoder, argument, contents)
        index = cls.from_arrays(vectors, **{argument: contents}, ids=ids, model=encoder.fingerprint, method=method)
        index._rows.tokens = None if tokens is None else pa.chunked_array([pa.array(tokens, pa.large_binary())])
        index.encoder = encoder
        return index

    @classmethod
    def from_arrays(
        cls,
        embeddings: np.ndarray,
        smiles: Iterable[str] | None = None,
        texts: Iterable[str] | None = None,
        ids: Sequence[Any] | None = None,
        model: dict[str, Any] | None = None,
        method: str = "auto",
    ) -> "MoleculeTextIndex":
        """Index vectors that are at hand.

        Args:
            embeddings (`np.ndarray` of shape `(R, P)`): One vector per molecule or text; scaled to length 1 here.
            smiles, texts, ids, method: As in `build`.
            model (`dict[str, str]`, *optional*): Fingerprint of the model; without it, only vectors can be searched.

        Raises:
            ValueError: If there is nothing to index, counts differ, or a vector is zero or not finite.
        """
        argument, contents = take_one(smiles=smiles, texts=texts)
        kind = next(kind for kind, name in ARGUMENT.items() if name == argument)
        vectors, numbers = unit_rows(embeddings, "Row"), range(len(contents))
        names = name_rows(ids, numbers)
        check_counts(embeddings=vectors, ids=names, **{argument: contents})
        return cls._from_rows(IndexRows(kind, make_rows(kind, names, numbers, contents), vectors), model, method)

    @classmethod
    def from_embeddings(cls, folder: str | Path, method: str = "auto") -> "MoleculeTextIndex":
        """Index an embedding folder, as `finemoltex embed` writes it.

        All vectors are in memory twice while the index is made: 2 GB per million rows of width 256.

        Args:
            folder (`str` or `Path`): The embedding folder.
            method (`str`): As in `build`.

        Raises:
            ValueError: If the folder is incomplete, damaged or without rows.
        """
        return cls._from_rows(*read_embedded_rows(folder), method=method)

    @classmethod
    def _from_rows(cls, rows: IndexRows, model: dict[str, Any] | None, method: str) -> "MoleculeTextIndex":
        """Build the back end."""
        if not len(rows):
            raise ValueError(f"There are no {rows.kind} to index: give at least one.")
        method = choose_method(method, *rows.vectors.shape)
        backend = BACKENDS[method]()
        backend.build(rows.vectors)
        return cls(rows, backend, method, model)

    @property
    def kind(self) -> str:
        """`"molecules"` or `"texts"`."""
        return self._rows.kind

    @property
    def encoder(self) -> Any:
        """Embeds queries and new rows; `None` if only vectors are searched."""
        return self._encoder

    @encoder.setter
    def encoder(self, encoder: Any) -> None:
        """Take an encoder of the model that the index was made with.

        Raises:
            ValueError: If it is of another model.
        """
        if encoder is not None:
            check_same_model(self.model, encoder.fingerprint)
        self._encoder = encoder

    @property
    def embedding_size(self) -> int:
        """Width `P` of a vector."""
        return self._rows.vectors.shape[1]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} {self.kind}, {self.method}, width {self.embedding_size})"

    def save(self, folder: str | Path) -> None:
        """Write the index to a folder; one that is there is replaced only once the new one is complete.

        Args:
            folder (`str` or `Path`): A new folder, or that of an index.

        Raises:
            ValueError: If the folder holds something else.
        """
        if self._rows.num_removed > MAX_REMOVED * len(self._rows.table) and len(self):
            kept = self._rows.kept()
            with self._exchanging(kept):
                self._backend.replace(kept.vectors)
        write_folder(Path(folder), self._rows, self._backend, self.method, self.model)

    @classmethod
    def load(cls, folder: str | Path, encoder: Any = None) -> "MoleculeTextIndex":
        """Open a saved index.

        Args:
            folder (`str` or `Path`): Where `save` wrote it.
            encoder (`MoleculeTextEncoder`, *optional*): Of the model the index was made with.

        Raises:
            ValueError: If the folder is no index or damaged (names the file), or the encoder's model is another one
                than the index was made with (names both).
        """
        folder = Path(folder)
        metadata = read_index_metadata(folder)
        if encoder is not None:
            check_same_model(metadata["model"], encoder.fingerprint)
        rows = read_rows(folder, metadata)
        rows.facts = read_index_facts(folder, metadata, len(rows.table))
        backend = read_backend(folder, metadata, rows.vectors.shape)
        return cls(rows, backend, metadata["method"], metadata["model"], encoder)

    def add(
        self, smiles: Iterable[str] | None = None, texts: Iterable[str] | None = None, ids: Sequence[Any] | None = None
    ) -> None:
        """Embed and add rows; needs `encoder`.

        The back end learns nothing new: an index that grew several times over is better rebuilt.

        Args:
            smiles (iterable of `str`, *optional*): Molecules, for an index of molecules.
            texts (iterable of `str`, *optional*): Texts, for an index of texts.
            ids (sequence, *optional*): A name for each, text or numbers; without them, their row numbers, which go on.

        Raises:
            ValueError: If an id is in the index already, the kind is the other one, or a molecule cannot be parsed.
        """
        argument, contents = take_one(smiles=smiles, texts=texts)
        if argument != ARGUMENT[self.kind]:
            raise ValueError(f"This is an index of {self.kind}: give `{ARGUMENT[self.kind]}`, not `{argument}`.")
        if not contents:
            return
        numbers = self._rows.next_numbers(len(contents))
        names = name_rows(ids, numbers)
        check_counts(**{argument: contents, "ids": names})
        known = sorted(set(names) & self._rows.present(names))
        if known:
            raise ValueError(f"{count_ids(known)} in the index already. Remove them first, or give other ids.")
        embeds, tokens = encode_rows(self._need_encoder(), argument, contents)
        vectors = unit_rows(embeds, "New row")
        grown = self._rows.appended(make_rows(self.kind, names, numbers, contents), vectors, tokens)
        with self._exchanging(grown):
            self._backend.add(vectors)

    def remove(self, ids: Any) -> None:
        """Remove all rows of the given ids: no search finds them any more.

        Args:
            ids (id or sequence of ids): As `Hit.id` tells them, or as they were given: numbers are ids too.

        Raises:
            ValueError: If an id is not in the index; lists such ids, and removes nothing.
        """
        names = name_rows([ids] if isinstance(ids, str) or not isinstance(ids, Iterable) else ids, ())
        unknown = sorted(set(names) - self._rows.present(names))
        if unknown:
            raise ValueError(f"{count_ids(unknown)} not in the index. Nothing was removed.")
        self._rows = self._rows.without(names)

    def search(
        self,
        texts: str | Sequence[str] | None = None,
        smiles: str | Sequence[str] | None = None,
        embeddings: np.ndarray | None = None,
        k: int = 10,
        filters: "MoleculeFilter | None" = None,
        rescored: int | None = None,
        facts: str = "mark",
        without: str | None = None,
    ) -> list[list[Hit]]:
        """Find the `k` nearest rows of each query.

        With `filters` the result is exact whatever the method: all rows are scored (0.1 s for 250,000 of width 256),
        then molecules are parsed and tested from the best downwards until enough passed, about 7,000 a second. A
        filter that nothing passes costs the whole library. A molecule is tested once for all queries of a call.

        Args:
            texts (`str` or sequence of `str`, *optional*): Queries in words.
            smiles (`str` or sequence of `str`, *optional*): Queries as molecules.
            embeddings (`np.ndarray` of shape `(Q, P)` or `(P,)`, *optional*): Queries as vectors.
            k (`int`): Rows wanted; an index with fewer gives all of them, and says so in the log.
            filters (`MoleculeFilter`, *optional*): What hits must be, in an index of molecules.
            rescored (`int`, *optional*): Of queries in words, so many of the nearest rows are ordered again by words
                against motifs and atoms, where model and index have token vectors: the cosine, plus the token score
                in its unit, is then the score. 0: none; the size of the index: an exact ranking by both; `RESCORED`
                if absent.
            facts (`str`): What becomes of hits that contradict what a text says about structure, see
                `modeling_finemoltex.data.understand`: `"mark"` tells it in `Hit.contradicts`, `"require"` leaves them
                out (exact, over all rows), `"off"` does not look.
            without (`str`, *optional*): What hits should not be like, in words: the score is then that of the query
                less that of this text.

        Returns:
            One list per query, best hit first: `k` hits, or all that there are or that pass.

        Raises:
            ValueError: If `k` is no positive number, the index is empty, there is no query, or texts or molecules
                come without an encoder.
        """
        self._check_search(k, filters)
        understood = read_conditions(facts, self.kind, texts, without)
        queries = embed_queries(self._need_encoder, self.embedding_size, texts, smiles, embeddings)
        if without is not None:
            queries = queries - embed_queries(self._need_encoder, self.embedding_size, without)
        masks = self._rows.facts.masks(self._rows.contents, understood) if understood and facts == "require" else None
        words = take_one(texts=texts)[1] if texts is not None and self._has_tokens() and rescored != 0 else None
        fetched = min(int(k), len(self))
        if words is not None:
            fetched = count_candidates(fetched, rescored, len(self), filters is not None)
        if filters is None and masks is None and without is None:
            results = search_by_backend(self._rows, self._backend, queries, fetched)
        else:
            results = search_filtered(self._rows, queries, fetched, filters, masks)
        if words is not None:
            results = rescore(self._rows, self._encoder, words, results, int(k), without)
        hits = [[self._rows.hit(rank, *pair) for rank, pair in enumerate(best, start=1)] for best in results]
        return mark_contradictions(hits, understood) if understood and facts == "mark" else hits

    def _check_search(self, k: Any, filters: Any) -> None:
        """Refuse what no search can do, and say if there are fewer rows than wanted."""
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise ValueError(f"`k` must be a whole number from 1 on, got {k!r}.")
        if not len(self):
            raise ValueError("This index is empty: add rows first.")
        if k > len(self):
            logger.warning("This index has %d %s: all of them are given, not %d.", len(self), self.kind, k)
        if filters is not None and self.kind != "molecules":
            raise ValueError("Filters are for molecules: this is an index of texts.")

    def count_facts(self, num_proc: int | None = None) -> None:
        """Count the structural facts of all molecules, about 250 a second and process; `save` stores them.

        With them, a search that requires facts takes as long as one that does not.

        Args:
            num_proc (`int`, *optional*): Processes; one by default.

        Raises:
            ValueError: If this is an index of texts.
        """
        if self.kind != "molecules":
            raise ValueError("Only molecules have structural facts: this is an index of texts.")
        self._rows.facts = IndexFacts(FactCounts.from_smiles(self._rows.contents.to_pylist(), num_proc))

    @property
    def has_facts(self) -> bool:
        """Whether the structural facts of the molecules are at hand."""
        return self._rows.facts.stored is not None

    def _has_tokens(self) -> bool:
        """Tell whether words can be compared with motifs and atoms."""
        return self._rows.tokens is not None and getattr(self._encoder, "token_size", 0) > 0

    @contextmanager
    def _exchanging(self, rows: IndexRows) -> Iterator[None]:
        """Take other rows once the back end has them; if that is interrupted, it holds the former ones again."""
        try:
            yield
            self._rows = rows
        except BaseException:
            if self._rows is not rows:
                self._backend.replace(self._rows.vectors)
            raise

    def _need_encoder(self) -> Any:
        """Return the encoder, or say how to get one."""
        if self._encoder is None:
            name = (self.model or {}).get("name_or_path")
            raise ValueError(
                "This index has no encoder to embed with. Set `index.encoder = MoleculeTextEncoder.from_pretrained("
                f"{name or '...'!r})`, or search with `embeddings`."
            )
        return self._encoder
