"""`MoleculeTextIndex`: find the molecules (or texts) of a library that fit a text or a molecule."""

from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tqdm.auto import tqdm

from ..data.identifiers import try_parse
from ..embedding.fingerprint import check_same_model
from .index_methods import RERANKED_PER_HIT, add_to_index, build_index, choose_method, search_index
from .index_storage import (
    CONTENT_COLUMN,
    make_rows,
    read_metadata,
    read_rows,
    read_structure,
    read_vectors,
    unit_rows,
    write_folder,
)

if TYPE_CHECKING:  # its descriptors take a tenth of a second to import, and most searches have no filter
    from ..data.molecule_filters import MoleculeFilter

ARGUMENT = {"molecules": "smiles", "texts": "texts"}  # kind of index -> argument that takes its contents
MOST_REMOVED = 0.2  # share of removed rows from which `save` rebuilds the search structure without them
SHOWN = 5  # ids listed in a message


@dataclass(frozen=True)
class Hit:
    """One row found.

    Args:
        rank (`int`): 1 for the best.
        score (`float`): Cosine of query and row.
        id (`str`): Its id; the row number where the library gave none.
        row (`int`): Its 0-based row number in the library.
        smiles (`str`, *optional*): The molecule, in an index of molecules.
        text (`str`, *optional*): The text, in an index of texts.
    """

    rank: int
    score: float
    id: str
    row: int
    smiles: str | None = None
    text: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the fields that are set, for JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class MoleculeTextIndex:
    """A searchable library of molecules or of texts.

    Make one with `build`, `from_arrays`, `from_embeddings` or `load`. The rows live in an Arrow table (in a loaded
    index: mapped from the disk, like the vectors for exact scores), and a faiss structure searches their unit vectors:

    | method | result | made for | why |
    |---|---|---|---|
    | `"flat"` | exact | up to 20,000 rows | an exact search takes a millisecond, less than embedding the query |
    | `"hnsw"` | approximate | up to 500,000 rows | surest and fastest; a minute to make; shrinks on saving only |
    | `"ivf_flat"` | approximate | up to 2 GiB of vectors | a tenth of the time; made in seconds; grows and shrinks |
    | `"ivf_pq"` | approximate | more | a sixteenth of the memory; the best are ranked again by true vectors on disk |

    `method="auto"` takes the first whose size fits. Whatever the method, the scores of `Hit` are
    exact cosines, and a filtered search is exact.

    Args:
        rows (`pa.Table`): Columns `id`, `row`, and `smiles` or `text`.
        vectors (`np.ndarray` of shape `(R, P)`): Their unit vectors, float32.
        structure (`faiss.Index`): Holds the vectors, in order.
        method (`str`): How `structure` was made.
        kind (`str`): `"molecules"` or `"texts"`.
        model (`dict[str, str]`, *optional*): Fingerprint of the model the vectors come from.
        encoder (`MoleculeTextEncoder`, *optional*): Embeds queries and new rows.
        removed (`np.ndarray` of shape `(R,)`, *optional*): True for rows that are not to be found any more.
    """

    def __init__(
        self,
        rows: pa.Table,
        vectors: np.ndarray,
        structure: Any,
        method: str,
        kind: str,
        model: dict[str, Any] | None = None,
        encoder: Any = None,
        removed: np.ndarray | None = None,
    ) -> None:
        self.method, self.kind, self.model = method, kind, model
        self._rows, self._vectors, self._structure = rows, vectors, structure
        self._removed = np.zeros(len(rows), bool) if removed is None else removed.copy()
        self._num_removed = int(self._removed.sum())  # counted once: a search has no time to count
        self.encoder = encoder

    @classmethod
    def build(
        cls,
        encoder: Any,
        smiles: Iterable[str] | None = None,
        texts: Iterable[str] | None = None,
        ids: Sequence[str] | None = None,
        method: str = "auto",
    ) -> "MoleculeTextIndex":
        """Embed molecules or texts and index them.

        Args:
            encoder (`MoleculeTextEncoder`): Kept as `encoder` to embed queries.
            smiles (iterable of `str`, *optional*): The molecules; either these or `texts`.
            texts (iterable of `str`, *optional*): The texts.
            ids (sequence of `str`, *optional*): A name for each; without them, the row numbers.
            method (`str`): `"auto"`, `"flat"`, `"ivf_flat"`, `"hnsw"` or `"ivf_pq"`, see the class.

        Raises:
            ValueError: If there is nothing to index, a molecule cannot be parsed (names it), or counts differ.
        """
        name, contents = _one_of(smiles=smiles, texts=texts)
        if ids is not None:  # counted before the work of embedding
            ids = list(ids)
            _check_counts(**{name: contents, "ids": ids})
        vectors = _encode(encoder, name, contents)
        index = cls.from_arrays(vectors, **{name: contents}, ids=ids, model=encoder.fingerprint, method=method)
        index.encoder = encoder
        return index

    @classmethod
    def from_arrays(
        cls,
        embeddings: np.ndarray,
        smiles: Iterable[str] | None = None,
        texts: Iterable[str] | None = None,
        ids: Sequence[str] | None = None,
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
        name, contents = _one_of(smiles=smiles, texts=texts)
        kind = next(kind for kind, argument in ARGUMENT.items() if argument == name)
        vectors, numbers = unit_rows(embeddings, "Row"), range(len(contents))
        names = [str(name) for name in (numbers if ids is None else ids)]
        _check_counts(embeddings=vectors, ids=names, **{name: contents})
        return cls._from_rows(make_rows(kind, names, numbers, contents), vectors, kind, method, model)

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
        from ..embedding.embedding_folder import load_embeddings

        opened = load_embeddings(folder)
        kind = opened.metadata["kind"]
        tables = []
        vectors = np.empty((opened.metadata["num_rows"], opened.metadata["embedding_size"]), np.float32)
        filled = 0
        for shard in opened.shards():
            ids, numbers, contents = (shard[name].combine_chunks() for name in ("id", "row", CONTENT_COLUMN[kind]))
            tables.append(make_rows(kind, ids, numbers, contents))
            part = shard["embedding"].combine_chunks().flatten().to_numpy().reshape(len(shard), -1)
            vectors[filled : filled + len(shard)] = unit_rows(part, f"{folder}: row", numbers)
            filled += len(shard)
        if not filled:
            raise ValueError(f"{folder} holds no embeddings: there is nothing to index.")
        rows = pa.concat_tables(tables).combine_chunks()
        return cls._from_rows(rows, vectors, kind, method, opened.metadata["model"])

    @classmethod
    def _from_rows(
        cls, rows: pa.Table, vectors: np.ndarray, kind: str, method: str, model: dict[str, Any] | None
    ) -> "MoleculeTextIndex":
        """Build the search structure."""
        if not len(rows):
            raise ValueError(f"There are no {kind} to index: give at least one.")
        method = choose_method(method, *vectors.shape)
        return cls(rows, vectors, build_index(method, vectors), method, kind, model)

    @property
    def encoder(self) -> Any:
        """Embeds queries and new rows; `None` if only vectors are searched."""
        return self._encoder

    @encoder.setter
    def encoder(self, encoder: Any) -> None:
        if encoder is not None:
            check_same_model(self.model, encoder.fingerprint)
        self._encoder = encoder

    @property
    def embedding_size(self) -> int:
        """Width `P` of a vector."""
        return self._vectors.shape[1]

    def __len__(self) -> int:
        return len(self._rows) - self._num_removed

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} {self.kind}, {self.method}, width {self.embedding_size})"

    def save(self, folder: str | Path) -> None:
        """Write the index to a folder; one that is there is replaced only once the new one is complete.

        Args:
            folder (`str` or `Path`): A new folder, or that of an index.

        Raises:
            ValueError: If the folder holds something else.
        """
        if self._num_removed > MOST_REMOVED * len(self._rows) and len(self):
            self._drop_removed()
        metadata = {
            "kind": self.kind,
            "method": self.method,
            "size": len(self),
            "embedding_size": self.embedding_size,
            "model": self.model,
        }
        write_folder(Path(folder), self._rows, self._vectors, self._removed, self._structure, metadata)

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
        metadata = read_metadata(folder)
        kind, width = metadata["kind"], metadata["embedding_size"]
        if encoder is not None:
            check_same_model(metadata["model"], encoder.fingerprint)
        rows, removed = read_rows(folder)
        vectors = read_vectors(folder, len(rows), width)
        structure = read_structure(folder, len(rows), width)
        return cls(rows, vectors, structure, metadata["method"], kind, metadata["model"], encoder, removed)

    def add(
        self, smiles: Iterable[str] | None = None, texts: Iterable[str] | None = None, ids: Sequence[str] | None = None
    ) -> None:
        """Embed and add rows; needs `encoder`.

        The method stays and IVF centres are not learnt anew: an index that grew several times over is better rebuilt.

        Args:
            smiles (iterable of `str`, *optional*): Molecules, for an index of molecules.
            texts (iterable of `str`, *optional*): Texts, for an index of texts.
            ids (sequence of `str`, *optional*): A name for each; without them, their row numbers, which go on.

        Raises:
            ValueError: If an id is in the index already, the kind is the other one, or a molecule cannot be parsed.
        """
        name, contents = _one_of(smiles=smiles, texts=texts)
        if name != ARGUMENT[self.kind]:
            raise ValueError(f"This is an index of {self.kind}: give `{ARGUMENT[self.kind]}`, not `{name}`.")
        if not contents:
            return
        first = pc.max(self._rows["row"]).as_py() + 1
        numbers = range(first, first + len(contents))
        names = [str(name) for name in (numbers if ids is None else ids)]
        _check_counts(**{name: contents, "ids": names})
        known = sorted(set(names) & self._present(names))
        if known:
            raise ValueError(f"{_count(known)} in the index already. Remove them first, or give other ids.")
        vectors = unit_rows(_encode(self._need_encoder(), name, contents), "New row")
        add_to_index(self._structure, vectors)
        self._rows = pa.concat_tables([self._rows, make_rows(self.kind, names, numbers, contents)]).combine_chunks()
        self._vectors = np.concatenate([self._vectors, vectors])
        self._removed = np.append(self._removed, np.zeros(len(contents), bool))

    def remove(self, ids: str | Sequence[str]) -> None:
        """Remove all rows of the given ids: no search finds them any more.

        Args:
            ids (`str` or sequence of `str`): As `Hit.id` tells them.

        Raises:
            ValueError: If an id is not in the index; lists such ids, and removes nothing.
        """
        names = [ids] if isinstance(ids, str) else list(ids)
        unknown = sorted(set(names) - self._present(names))
        if unknown:
            raise ValueError(f"{_count(unknown)} not in the index. Nothing was removed.")
        self._removed |= self._has_id(names)
        self._num_removed = int(self._removed.sum())

    def search(
        self,
        texts: str | Sequence[str] | None = None,
        smiles: str | Sequence[str] | None = None,
        embeddings: np.ndarray | None = None,
        k: int = 10,
        filters: "MoleculeFilter | None" = None,
    ) -> list[list[Hit]]:
        """Find the `k` nearest rows of each query.

        With `filters` the result is exact whatever the method: all rows are scored (0.1 s for 250,000 of width 256),
        then molecules are parsed and tested from the best downwards until `k` passed, about 7,000 a second. So a
        filter that one in a hundred passes costs 1,000 tests for ten hits, and one that nothing passes costs the
        whole library. A molecule is tested once for all queries of a call.

        Args:
            texts (`str` or sequence of `str`, *optional*): Queries in words.
            smiles (`str` or sequence of `str`, *optional*): Queries as molecules.
            embeddings (`np.ndarray` of shape `(Q, P)` or `(P,)`, *optional*): Queries as vectors.
            k (`int`): Rows wanted, at most the size of the index.
            filters (`MoleculeFilter`, *optional*): What hits must be, in an index of molecules.

        Returns:
            One list per query, best hit first: `k` hits, or all that pass the filter if fewer do.

        Raises:
            ValueError: If `k` exceeds the index, there is no query, or texts or molecules come without an encoder.
        """
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= len(self):
            allowed = f"1 to {len(self):,}, its size" if len(self) else "nothing: it is empty, add rows first"
            raise ValueError(f"k is {k!r}, and this index allows {allowed}.")
        if filters is not None and self.kind != "molecules":
            raise ValueError("Filters are for molecules: this is an index of texts.")
        queries = self._embed_queries(texts, smiles, embeddings)
        if filters is None:
            found = self._search_structure(queries, int(k))
        else:
            found = self._search_filtered(queries, int(k), filters)
        return [
            [self._hit(rank, position, score) for rank, (position, score) in enumerate(pairs, start=1)]
            for pairs in found
        ]

    def _search_structure(self, queries: np.ndarray, k: int) -> Iterator[list[tuple[int, float]]]:
        """Yield positions and exact scores of the `k` best per query, by the structure."""
        fetched = min(len(self), k * RERANKED_PER_HIT) if self.method == "ivf_pq" else k
        removed = self._removed if self._num_removed else None
        scores, positions = search_index(self._structure, queries, fetched, removed)
        for query, row_scores, row in zip(queries, scores, positions, strict=True):
            found = row >= 0
            if found.sum() < k:  # too few in the lists or the neighbourhood looked at
                order, all_scores = self._rank_all(query)
                row, row_scores = order[:k], all_scores[order[:k]]
            elif self.method == "ivf_pq":
                row_scores = self._vectors[row[found]] @ query
                best = np.argsort(-row_scores, kind="stable")[:k]
                row, row_scores = row[found][best], row_scores[best]
            yield list(zip(row.tolist(), row_scores.tolist(), strict=True))

    def _search_filtered(
        self, queries: np.ndarray, k: int, filters: "MoleculeFilter"
    ) -> Iterator[list[tuple[int, float]]]:
        """Yield positions and scores of the `k` best molecules that pass, per query."""
        accepted: dict[int, bool] = {}
        contents = self._rows["smiles"]
        for query in queries:
            order, scores = self._rank_all(query)
            found: list[tuple[int, float]] = []
            # Seen only by who waits at a terminal: most searches end before the bar would appear.
            bar = tqdm(order.tolist(), desc="Testing molecules", unit=" molecules", delay=3, leave=False, disable=None)
            for position in bar:
                if position not in accepted:
                    molecule = try_parse(contents[position].as_py())
                    accepted[position] = molecule is not None and filters.accepts(molecule)
                if accepted[position]:
                    found.append((position, float(scores[position])))
                    if len(found) == k:
                        break
            yield found

    def _rank_all(self, query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score every row: all positions that are not removed, best first, and the scores `(R,)`."""
        scores = self._vectors @ query
        order = np.argsort(-scores, kind="stable")
        return order[~self._removed[order]], scores

    def _embed_queries(self, texts: Any, smiles: Any, embeddings: Any) -> np.ndarray:
        """Turn the queries, however given, into unit vectors `(Q, P)`."""
        if embeddings is not None and texts is None and smiles is None:
            vectors = np.atleast_2d(np.asarray(embeddings))
            if vectors.ndim != 2 or vectors.shape[1] != self.embedding_size:
                raise ValueError(
                    f"`embeddings` must have the shape (queries, {self.embedding_size}), got {vectors.shape}."
                )
        else:
            if embeddings is not None:
                raise ValueError("Give one of `texts`, `smiles` and `embeddings`, not several.")
            name, contents = _one_of(smiles=smiles, texts=texts)
            vectors = _encode(self._need_encoder(), name, contents) if contents else np.empty((0, self.embedding_size))
        if not len(vectors):
            raise ValueError("There is no query: give at least one.")
        return unit_rows(vectors, "Query")

    def _need_encoder(self) -> Any:
        """Return the encoder, or say how to get one."""
        if self._encoder is None:
            name = (self.model or {}).get("name_or_path")
            raise ValueError(
                "This index has no encoder to embed with. Set `index.encoder = MoleculeTextEncoder.from_pretrained("
                f"{name or '...'!r})`, or search with `embeddings`."
            )
        return self._encoder

    def _hit(self, rank: int, position: int, score: float) -> Hit:
        content = CONTENT_COLUMN[self.kind]
        cells = {name: self._rows[name][position].as_py() for name in ("id", "row", content)}
        return Hit(rank, score, **cells)

    def _drop_removed(self) -> None:
        """Rebuild rows and structure without what was removed; IVF centres and codes stay as learnt."""
        kept = ~self._removed
        self._rows, self._vectors = self._rows.filter(pa.array(kept)).combine_chunks(), self._vectors[kept]
        self._removed, self._num_removed = np.zeros(len(self._vectors), bool), 0
        self._structure.reset()
        add_to_index(self._structure, self._vectors)

    def _has_id(self, names: list[str]) -> np.ndarray:
        """Mark the rows `(R,)` with one of these ids."""
        return pc.is_in(self._rows["id"], value_set=pa.array(names, pa.string())).to_numpy()

    def _present(self, names: list[str]) -> set[str]:
        """Tell which ids have rows that are not removed."""
        mask = self._has_id(names) & ~self._removed
        return set(self._rows["id"].filter(pa.array(mask)).to_pylist())


def _one_of(**given: Iterable[str] | str | None) -> tuple[str, list[str]]:
    """Return the name and items of the one argument that is given; a string is a list of one."""
    named = {name: value for name, value in given.items() if value is not None}
    if len(named) != 1:
        names = " and ".join(f"`{name}`" for name in given)
        raise ValueError(f"Give either of {names}: got {' and '.join(named) or 'neither'}.")
    ((name, value),) = named.items()
    return name, [value] if isinstance(value, str) else list(value)


def _encode(encoder: Any, name: str, contents: list[str]) -> np.ndarray:
    """Embed molecules or texts: `(R, P)`."""
    return encoder.encode_molecules(contents) if name == "smiles" else encoder.encode_texts(contents)


def _check_counts(**columns: Sized) -> None:
    """Refuse columns of different length."""
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{length} {name}" for name, length in lengths.items())
        raise ValueError(f"There must be as many of each: got {counts}.")


def _count(ids: list[str]) -> str:
    """Begin a sentence about ids."""
    listed = ", ".join(map(repr, ids[:SHOWN])) + (", ..." if len(ids) > SHOWN else "")
    return f"{len(ids)} {'ids are' if len(ids) > 1 else 'id is'} ({listed})"
