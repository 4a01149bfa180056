"""`MoleculeTextIndex`: find the molecules (or texts) of a library that fit a text or a molecule."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..embedding.fingerprint import check_same_model
from .index_facts import mark_contradictions, read_conditions
from .index_inputs import check_counts, count_ids, embed_queries, encode_rows, name_rows, take_one
from .index_rows import Hit, IndexRows, make_rows, read_embedded_rows, unit_rows
from .index_store import Condition, IndexStore
from .locations import is_lance
from .mapped_store import MappedStore
from .token_rescoring import count_candidates, rescore

if TYPE_CHECKING:  # its descriptors take a tenth of a second to import, and most searches have no filter
    from ..data.molecule_filters import MoleculeFilter

ARGUMENT = {"molecules": "smiles", "texts": "texts"}  # kind of index -> argument that takes its contents
logger = logging.getLogger(__name__)


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

    A path or URL that ends in `.lance` names an index that stays on the disk or in a bucket, as a table of LanceDB:
    rows are added and removed there at once, and memory does not grow with it. See `from_embeddings`.

    Args:
        store ([`IndexStore`]): Holds the rows and finds the nearest.
        encoder (`MoleculeTextEncoder`, *optional*): Embeds queries and new rows.

    Example:
    >>> index = MoleculeTextIndex.build(encoder, smiles=["CCO", "c1ccccc1", "CC(=O)O"], ids=["a", "b", "c"])
    >>> [hit.id for hit in index.search(smiles="OCC", k=1)[0]]
    ['a']
    """

    def __init__(self, store: IndexStore, encoder: Any = None) -> None:
        self._store = store
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
        rows = _join_rows(argument, contents, ids, vectors)
        rows.tokens = None if tokens is None else pa.chunked_array([pa.array(tokens, pa.large_binary())])
        return cls(MappedStore.build(rows, encoder.fingerprint, method), encoder)

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
        return cls(MappedStore.build(_join_rows(argument, contents, ids, embeddings), model, method))

    @classmethod
    def from_embeddings(
        cls,
        folder: str | Path,
        method: str = "auto",
        location: str | Path | None = None,
        descriptors: Sequence[str] = (),
        overwrite: bool = False,
    ) -> "MoleculeTextIndex":
        """Index an embedding folder, as `finemoltex embed` writes it.

        Without a `location` all vectors are in memory twice while the index is made: 2 GB per million rows of width
        256. With one, shard after shard goes there.

        Args:
            folder (`str` or `Path`): The embedding folder; for a `location` also path or URL of Parquet files that
                `examples/embed_with_ray.py` wrote.
            method (`str`): As in `build`. At a location: `"lance"` (exact: reads every row of the disk),
                `"lance_ivf_pq"` (approximate: reads compressed vectors and ranks the best again by the true ones) or
                `"auto"`, which takes the second from 100,000 rows on.
            location (`str` or `Path`, *optional*): Path or URL (`s3://`, `gs://`, `az://`, `file://`) of a table of
                LanceDB that does not exist yet, ending in `.lance`. Needs `pip install "finemoltex[lance]"`.
            descriptors (sequence of `str`): Names of RDKit's descriptors, such as `"MolWt"`, that are computed for
                every molecule and stored as columns: a `MoleculeFilter` whose ranges name them then tests no molecule.
                For a `location` alone.
            overwrite (`bool`): Replace an index that is at the location, in one step.

        Raises:
            ValueError: If the folder is incomplete, damaged or without rows, the location is taken or no such place,
                or an option does not fit it.
        """
        if location is None:
            if descriptors:
                raise ValueError(
                    "`descriptors` are columns of an index at a `location`: give one that ends in .lance."
                )
            return cls(MappedStore.build(*read_embedded_rows(folder), method=method))
        from .lance_store import LanceStore
        from .lance_tables import create_table  # an optional extra

        return cls(LanceStore(create_table(location, folder, method, descriptors, overwrite)))

    @property
    def kind(self) -> str:
        """`"molecules"` or `"texts"`."""
        return self._store.kind

    @property
    def method(self) -> str:
        """How the nearest rows are found."""
        return self._store.method

    @property
    def model(self) -> dict[str, Any] | None:
        """Fingerprint of the model that the vectors come from."""
        return self._store.model

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
        return self._store.embedding_size

    def __len__(self) -> int:
        return len(self._store)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} {self.kind}, {self.method}, width {self.embedding_size})"

    def save(self, folder: str | Path) -> None:
        """Write the index to a folder; one that is there is replaced only once the new one is complete.

        An index on LanceDB is written already. To save it where it is puts its small files together, and rows that
        were added into its approximate structure.

        Args:
            folder (`str` or `Path`): A new folder, or that of an index.

        Raises:
            ValueError: If the folder holds something else, or an index on LanceDB is to be saved elsewhere.
        """
        self._store.save(folder)

    @classmethod
    def load(cls, folder: str | Path, encoder: Any = None) -> "MoleculeTextIndex":
        """Open a saved index.

        Args:
            folder (`str` or `Path`): Where `save` wrote it; path or URL of one on LanceDB, which ends in `.lance`.
            encoder (`MoleculeTextEncoder`, *optional*): Of the model the index was made with.

        Raises:
            ValueError: If the folder is no index or damaged (names the file), or the encoder's model is another one
                than the index was made with (names both).
        """
        if not is_lance(folder):
            return cls(MappedStore.load(Path(folder)), encoder)
        from .lance_store import LanceStore  # an optional extra
        from .lance_tables import open_table

        return cls(LanceStore(open_table(folder)), encoder)

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
        numbers = self._store.next_numbers(len(contents))
        names = name_rows(ids, numbers)
        check_counts(**{argument: contents, "ids": names})
        known = sorted(set(names) & self._store.present(names))
        if known:
            raise ValueError(f"{count_ids(known)} in the index already. Remove them first, or give other ids.")
        embeds, tokens = encode_rows(self._need_encoder(), argument, contents)
        vectors = unit_rows(embeds, "New row")
        self._store.add(make_rows(self.kind, names, numbers, contents), vectors, tokens)

    def remove(self, ids: Any) -> None:
        """Remove all rows of the given ids: no search finds them any more.

        Args:
            ids (id or sequence of ids): As `Hit.id` tells them, or as they were given: numbers are ids too.

        Raises:
            ValueError: If an id is not in the index; lists such ids, and removes nothing.
        """
        names = name_rows([ids] if isinstance(ids, str) or not isinstance(ids, Iterable) else ids, ())
        unknown = sorted(set(names) - self._store.present(names))
        if unknown:
            raise ValueError(f"{count_ids(unknown)} not in the index. Nothing was removed.")
        self._store.remove(names)

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
        required = understood if understood and facts == "require" else None
        words = take_one(texts=texts)[1] if texts is not None and self._has_tokens() and rescored != 0 else None
        fetched = min(int(k), len(self))
        if words is not None:
            fetched = count_candidates(fetched, rescored, len(self), filters is not None)
        results = self._store.find(queries, fetched, Condition(filters, required, is_exact=without is not None))
        if words is not None:
            results = rescore(self._store, self._encoder, words, results, int(k), without)
        hits = [self._store.hits(best) for best in results]
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
        self._store.count_facts(num_proc)

    @property
    def has_facts(self) -> bool:
        """Whether the structural facts of the molecules are at hand."""
        return self._store.has_facts

    def _has_tokens(self) -> bool:
        """Tell whether words can be compared with motifs and atoms."""
        return self._store.has_tokens and getattr(self._encoder, "token_size", 0) > 0

    def _need_encoder(self) -> Any:
        """Return the encoder, or say how to get one."""
        if self._encoder is None:
            name = (self.model or {}).get("name_or_path")
            raise ValueError(
                "This index has no encoder to embed with. Set `index.encoder = MoleculeTextEncoder.from_pretrained("
                f"{name or '...'!r})`, or search with `embeddings`."
            )
        return self._encoder


def _join_rows(argument: str, contents: list[str], ids: Any, embeddings: np.ndarray) -> IndexRows:
    """Put contents, names and vectors `(R, P)` together."""
    kind = next(kind for kind, name in ARGUMENT.items() if name == argument)
    vectors, numbers = unit_rows(embeddings, "Row"), range(len(contents))
    names = name_rows(ids, numbers)
    check_counts(embeddings=vectors, ids=names, **{argument: contents})
    return IndexRows(kind, make_rows(kind, names, numbers, contents), vectors)
