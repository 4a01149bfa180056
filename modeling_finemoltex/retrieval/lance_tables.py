"""Tables of LanceDB that hold an index: made from an embedding folder shard after shard, and opened.

A table has the columns

    id, row, smiles or text     as in the shards; a row without an id has its number as id
    vector                      P x float32 of length 1
    tokens                      packed token vectors, of a model with a token score
    MolWt, ...                  descriptors, as asked for; null where RDKit computes none

and its schema says what it was made with. Columns that LanceDB's own tools add can be filtered by, too. Every change
is one commit of LanceDB: who is killed leaves the table of before or that of after.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..data.identifiers import attempt, try_parse
from ..data.molecule_filters import DESCRIPTORS, check_descriptor
from ..embedding.embedding_folder import METADATA_FILE, Embeddings, load_embeddings, refuse_empty
from ..embedding.parquet_embeddings import ParquetEmbeddings
from .index_rows import CONTENT_COLUMN, make_rows, unit_rows
from .locations import is_url, split_location

try:
    import lancedb
    from lancedb.index import BTree, IvfPq
    from lancedb.table import Table
except ModuleNotFoundError as error:
    raise ImportError('An index that ends in .lance needs LanceDB: pip install "finemoltex[lance]"') from error

FORMAT = 1
FACTS_KEY = b"finemoltex"  # in the metadata of the schema
VECTOR, TOKENS = "vector", "tokens"
METHODS = ("lance", "lance_ivf_pq")
EXACT_UP_TO = 100_000  # rows: an exact search reads 100 MB of width 256
# Product quantisation learns 256 centres for each code; a code stands for four numbers, as in faiss.
CODES, NUMBERS_PER_CODE = 256, 4
LISTS_PER_ROOT, ROWS_PER_LIST = 4, 39
SAMPLED_PER_LIST = 64  # rows that a centre is learned from
ROWS_AT_ONCE = 8192  # of a commit's batches


def create_table(
    location: str | Path, folder: str | Path, method: str, descriptors: Sequence[str] = (), overwrite: bool = False
) -> Table:
    """Make the table of an embedding folder.

    Args:
        location (`str` or `Path`): Path or URL that ends in `.lance`.
        folder (`str` or `Path`): The embedding folder, or path or URL of Parquet files of another engine.
        method (`str`): `"auto"`, `"lance"` or `"lance_ivf_pq"`.
        descriptors (sequence of `str`): Names of RDKit's descriptors, stored as columns of molecules.
        overwrite (`bool`): Replace a table that is there.

    Raises:
        ValueError: If the folder is damaged or has no rows, the location is taken or no such place, or the method or
            a descriptor does not fit.
    """
    source = _open_source(folder)
    if not source.metadata["num_rows"]:
        raise refuse_empty(Path(folder), source.metadata)
    kind, size = source.metadata["kind"], source.metadata["num_rows"]
    for name in descriptors:
        check_descriptor(name)
    if descriptors and kind != "molecules":
        raise ValueError(f"`descriptors` are of molecules: {folder} holds {kind}.")
    method = _choose_method(method, size)
    lists = max(1, min(int(LISTS_PER_ROOT * size**0.5), size // ROWS_PER_LIST))
    facts = {"format": FORMAT, "kind": kind, "model": source.metadata["model"]}
    facts |= {"descriptors": list(descriptors), "lists": lists}
    has_tokens = bool(source.metadata.get("token_size"))
    schema = _lay_out(kind, source.metadata["embedding_size"], has_tokens, descriptors, facts)
    table = _write(location, _Batches(source, str(folder), schema, kind, descriptors), schema, overwrite)
    if method == "lance_ivf_pq":
        _add_structure(table, source.metadata["embedding_size"], lists)
    return table


def open_table(location: str | Path) -> Table:
    """Open the table of an index.

    Raises:
        ValueError: If there is none, or it is no index of this version; says what is there.
    """
    uri, name = split_location(location)
    missing = f"{location} is not an index on LanceDB: "
    if "://" not in uri and not Path(location).is_dir():  # LanceDB would make the folder
        raise ValueError(missing + "there is no such folder. `finemoltex index` makes one.")
    try:
        table = lancedb.connect(uri).open_table(name)
        read_facts(table)
    except (ValueError, RuntimeError, OSError, KeyError, TypeError) as error:
        raise ValueError(missing + f"{str(error).splitlines()[0]}. `finemoltex index` makes one.") from error
    return table


def is_there(location: str | Path) -> bool:
    """Tell whether a location holds an index; what a killed process left is none.

    Raises:
        ValueError: If it holds a table of another sort, or of a later format.
    """
    uri, name = split_location(location)
    if not is_url(location) and not Path(location).is_dir():  # LanceDB would make the folder
        return False
    try:
        table = lancedb.connect(uri).open_table(name)
    except (ValueError, RuntimeError, OSError):
        return False
    try:
        read_facts(table)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{location} holds a table of LanceDB that is no index of this version: {error}. Give another place, or "
            "remove that table first."
        ) from error
    return True


def read_facts(table: Table) -> dict[str, Any]:
    """Read what a table was made with.

    Raises:
        ValueError: If it is of another sort or a later format.
    """
    facts = json.loads((table.schema.metadata or {}).get(FACTS_KEY, b"{}"))
    if facts.get("format") != FORMAT or facts.get("kind") not in list(CONTENT_COLUMN):
        raise ValueError(f"its table has format {facts.get('format')!r}, this version reads {FORMAT}")
    needed = {"id", "row", CONTENT_COLUMN[facts["kind"]], VECTOR}
    if not needed <= set(table.schema.names):
        raise ValueError(f"its table lacks {', '.join(sorted(needed - set(table.schema.names)))}")
    return facts


def tidy(table: Table) -> None:
    """Put small files together, let the structures know added rows, and forget versions of more than a week ago."""
    table.optimize(cleanup_older_than=timedelta(days=7))


def to_columns(
    schema: pa.Schema, rows: pa.Table, vectors: np.ndarray, tokens: Any, descriptors: Sequence[str]
) -> pa.Table:
    """Lay rows out as a table holds them.

    Args:
        schema (`pa.Schema`): Of the table.
        rows (`pa.Table`): `n` rows of [`make_rows`].
        vectors (`np.ndarray` of shape `(n, P)`): Unit vectors, float32.
        tokens (`n` binaries, *optional*): Packed token vectors.
        descriptors (sequence of `str`): Descriptors to compute.

    Returns:
        `pa.Table`: Columns that are neither ours nor descriptors hold nulls.
    """
    flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
    columns = {name: rows[name] for name in rows.column_names}
    columns[VECTOR] = pa.FixedSizeListArray.from_arrays(flat, type=schema.field(VECTOR).type)
    if TOKENS in schema.names:
        columns[TOKENS] = pa.array(tokens, pa.large_binary()) if isinstance(tokens, list) else tokens
    columns |= describe(rows["smiles"].to_pylist(), descriptors) if descriptors else {}
    missing = {field.name: pa.nulls(len(rows), field.type) for field in schema if field.name not in columns}
    return pa.table({field.name: (columns | missing)[field.name] for field in schema}, schema=schema)


def describe(smiles: Sequence[str], descriptors: Sequence[str]) -> dict[str, pa.Array]:
    """Compute descriptors of molecules; what RDKit cannot compute is null."""
    molecules = [try_parse(one) for one in smiles]
    found = {}
    for name in descriptors:
        values = [None if one is None else attempt(DESCRIPTORS[name], one) for one in molecules]
        found[name] = pa.array(values, pa.float64(), from_pandas=True)  # NaN is null
    return found


def _open_source(folder: str | Path) -> Embeddings | ParquetEmbeddings:
    """Open embeddings: those of `finemoltex embed`, or those of an engine."""
    is_own = not is_url(folder) and (Path(folder) / METADATA_FILE).is_file()
    has_others = is_url(folder) or (not is_own and any(Path(folder).glob("*.parquet")))
    return ParquetEmbeddings(str(folder)) if has_others else load_embeddings(folder)


class _Batches:
    """Reads an embedding folder batch by batch, and keeps the error that LanceDB would hide."""

    def __init__(
        self,
        source: Embeddings | ParquetEmbeddings,
        folder: str,
        schema: pa.Schema,
        kind: str,
        descriptors: Sequence[str],
    ) -> None:
        self.source, self.folder, self.schema, self.kind, self.descriptors = source, folder, schema, kind, descriptors
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            for shard in self.source.shards():
                for start in range(0, len(shard), ROWS_AT_ONCE):
                    yield from self._convert(shard.slice(start, ROWS_AT_ONCE).combine_chunks()).to_batches()
        except Exception as error:
            self.error = error
            raise

    def _convert(self, shard: pa.Table) -> pa.Table:
        ids, numbers, contents = (shard[name].combine_chunks() for name in ("id", "row", CONTENT_COLUMN[self.kind]))
        rows = make_rows(self.kind, ids, numbers, contents)
        vectors = shard["embedding"].combine_chunks().flatten().to_numpy().reshape(len(shard), -1)
        tokens = shard[TOKENS].cast(pa.large_binary()) if TOKENS in self.schema.names else None
        vectors = unit_rows(vectors, f"{self.folder}: row", numbers)
        return to_columns(self.schema, rows, vectors, tokens, self.descriptors)


def _choose_method(method: str, size: int) -> str:
    if method == "auto":
        return "lance" if size <= EXACT_UP_TO else "lance_ivf_pq"
    if method not in METHODS:
        raise ValueError(f"An index on LanceDB is made with the method auto, {' or '.join(METHODS)}: got {method!r}.")
    if method == "lance_ivf_pq" and size < CODES:
        raise ValueError(f"'lance_ivf_pq' learns from at least {CODES} rows: got {size}. Use 'lance', which is exact.")
    return method


def _lay_out(kind: str, width: int, has_tokens: bool, descriptors: Sequence[str], facts: dict[str, Any]) -> pa.Schema:
    columns: list[Any] = [("id", pa.string()), ("row", pa.int64()), (CONTENT_COLUMN[kind], pa.string())]
    columns += [(VECTOR, pa.list_(pa.float32(), width)), *([(TOKENS, pa.large_binary())] if has_tokens else [])]
    return pa.schema(
        [*columns, *((name, pa.float64()) for name in descriptors)], metadata={FACTS_KEY: json.dumps(facts)}
    )


def _write(location: str | Path, batches: _Batches, schema: pa.Schema, overwrite: bool) -> Table:
    """Write the rows in one commit."""
    uri, name = split_location(location)
    if is_there(location) and not overwrite:
        raise ValueError(f"{location} exists: give another place, or replace it with `overwrite`.")
    reader = pa.RecordBatchReader.from_batches(schema, iter(batches))
    try:
        return lancedb.connect(uri).create_table(name, reader, mode="overwrite" if overwrite else "create")
    except (ValueError, RuntimeError, OSError) as error:
        if batches.error is not None:
            raise batches.error from error
        raise ValueError(f"{location} cannot be written: {str(error).splitlines()[0]}") from error


def _add_structure(table: Table, width: int, lists: int) -> None:
    """Learn lists and codes of the vectors, and sort the ids, so that one is found without reading all."""
    most = max(1, width // NUMBERS_PER_CODE)
    codes = max(number for number in range(1, most + 1) if width % number == 0)
    structure = IvfPq(distance_type="dot", num_partitions=lists, num_sub_vectors=codes, sample_rate=SAMPLED_PER_LIST)
    table.create_index(VECTOR, config=structure)
    table.create_index("id", config=BTree())
