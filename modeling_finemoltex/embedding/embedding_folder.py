"""The folder that `finemoltex embed` writes: Parquet shards, rejected rows and one file of facts.

    shard-00000.parquet ...   row (int64), id (string or null), smiles or text (string), embedding (P x float32), and
                              of a model with a token score tokens (binary, see `token_vectors`)
    rejected.csv              row, line, id, input, reason
    metadata.json             model fingerprint, sizes, settings, and whether all of it is there

A shard holds a fixed range of input rows and says in its own footer which job and range it belongs to and which of its
rows were rejected, so that writing one file finishes it.
"""

import csv
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq

from ..data.atomic_files import UnwrittenFileError, open_atomically, write_text
from ..data.rejection import SHOWN, refuse_all

FORMAT = 1
METADATA_FILE, REJECTED_FILE = "metadata.json", "rejected.csv"
REJECTED_COLUMNS = ("row", "line", "id", "input", "reason")
MAX_METADATA = 1 << 20  # bytes
VALUE_COLUMN = {"molecules": "smiles", "texts": "text"}
_FOOTER = b"finemoltex"


class Embeddings(NamedTuple):
    """A finished embedding folder, opened; nothing of the shards is in memory yet."""

    dataset: pyarrow.dataset.Dataset  # columns row, id, smiles or text, embedding
    metadata: dict[str, Any]

    def shards(self) -> Iterator[pa.Table]:
        """Read shard after shard, with checksums.

        Yields:
            `pyarrow.Table`: Columns `row`, `id`, `smiles` or `text`, `embedding`; rows ascend.

        Raises:
            DamagedShardError: If a shard is damaged; names it.
        """
        for file in self.dataset.files:
            yield read_shard(Path(file))


class DamagedShardError(ValueError):
    """A shard is missing, cut off or altered."""


class ShardFacts(NamedTuple):
    """What the footer of a shard says."""

    job: str  # hash of the settings, the model and the input
    first_row: int
    num_rows: int  # of the input in its range, rejected ones included
    rejected: list[list[Any]]  # as REJECTED_COLUMNS


def load_embeddings(folder: str | Path) -> Embeddings:
    r"""Open a folder that `finemoltex embed` finished.

    Args:
        folder (`str` or `Path`): The output of the job.

    Returns:
        `Embeddings`: Unpacks to a `pyarrow.dataset.Dataset` and the metadata; `.shards()` reads table by table.

    Raises:
        ValueError: If the folder is no embedding folder or not finished, or a shard is missing or damaged.

    Example:
    >>> from modeling_finemoltex import embed_file
    >>> library, output = Path(folder) / "embedded.smi", Path(folder) / "embeddings"
    >>> _ = library.write_text("CCO ethanol\nCCN ethylamine\n")
    >>> _ = embed_file(library, output, encoder, num_workers=0, progress_bar=False)
    >>> dataset, metadata = load_embeddings(output)
    >>> dataset.to_table(columns=["id"]).to_pydict(), metadata["num_rows"]
    ({'id': ['ethanol', 'ethylamine']}, 2)
    """
    folder = Path(folder)
    metadata = read_embedding_metadata(folder)
    if metadata is None:
        raise ValueError(f"{folder} is no embedding folder: it has no {METADATA_FILE}. `finemoltex embed` makes one.")
    if not metadata.get("complete"):
        done = len(list(folder.glob("shard-*.parquet")))
        raise ValueError(
            f"{folder} is incomplete: the job that embeds {metadata['input']} has finished {done} shards so far. "
            "Start it again with the same arguments, and it goes on from there."
        )
    _check_counts(folder, metadata)
    files = [shard_path(folder, number) for number in range(metadata["num_shards"])]
    num_rows = 0
    for file in files:
        facts = read_facts(file)
        num_rows += facts.num_rows - len(facts.rejected)
    if num_rows != metadata["num_rows"]:
        raise ValueError(
            f"{folder} is damaged: its shards hold {num_rows} rows, {METADATA_FILE} says {metadata['num_rows']}."
        )
    held = sum(file.stat().st_size for file in files) // 4  # numbers of 4 bytes
    if num_rows * metadata["embedding_size"] > held:  # before memory is taken for them
        raise _bad_facts(folder / METADATA_FILE, f"the shards hold fewer than {num_rows:,} vectors of that width")
    checked = pyarrow.dataset.ParquetFileFormat(
        default_fragment_scan_options=pyarrow.dataset.ParquetFragmentScanOptions(page_checksum_verification=True)
    )
    schema = shard_schema(metadata["kind"], metadata["embedding_size"], bool(metadata.get("token_size")))
    return Embeddings(pyarrow.dataset.dataset([str(file) for file in files], schema=schema, format=checked), metadata)


def _check_counts(folder: Path, metadata: dict[str, Any]) -> None:
    """Refuse a finished folder whose facts are not there, or claim more than its files can hold.

    Raises:
        ValueError: If so; names the file and the field.
    """
    file = folder / METADATA_FILE
    for name, least in (("num_rows", 0), ("num_rejected", 0), ("num_shards", 0), ("embedding_size", 1)):
        value = metadata.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise _bad_facts(file, f"`{name}` is {value!r:.80}, it must be a whole number from {least} on")
    if metadata.get("kind") not in list(VALUE_COLUMN):
        raise _bad_facts(file, f"`kind` is {metadata.get('kind')!r:.80}, it must be molecules or texts")
    if not isinstance(metadata.get("model"), dict):
        raise _bad_facts(file, f"`model` is {metadata.get('model')!r:.80}, it must be an object")
    for number in range(metadata["num_shards"]):  # before a list of them is made
        if not shard_path(folder, number).is_file():
            raise _damaged(shard_path(folder, number), f"{METADATA_FILE} says {metadata['num_shards']:,} shards")


def _bad_facts(file: Path, problem: str) -> ValueError:
    return ValueError(f"{file} is damaged: {problem}. Remove the folder and embed again.")


def shard_path(folder: Path, number: int) -> Path:
    """Name a shard."""
    return folder / f"shard-{number:05d}.parquet"


def shard_schema(kind: str, embedding_size: int, has_tokens: bool = False) -> pa.Schema:
    """Columns of a shard of `"molecules"` or `"texts"`."""
    embedding = pa.list_(pa.field("item", pa.float32(), nullable=False), embedding_size)
    columns = [("row", pa.int64()), ("id", pa.string()), (VALUE_COLUMN[kind], pa.string()), ("embedding", embedding)]
    return pa.schema([*columns, *([("tokens", pa.binary())] if has_tokens else [])])


def write_shard(
    path: Path,
    kind: str,
    columns: tuple[list, list, list],
    embeds: np.ndarray,
    facts: ShardFacts,
    tokens: list[bytes] | None = None,
) -> None:
    """Write one shard, all of it or nothing.

    Args:
        path (`Path`): From `shard_path`.
        kind (`str`): `"molecules"` or `"texts"`.
        columns (`tuple` of three lists of length `R`): Rows, ids and SMILES or texts.
        embeds (`np.ndarray` of shape `(R, P)`): float32.
        facts (`ShardFacts`): For the footer.
        tokens (`list[bytes]` of length `R`, *optional*): Packed token vectors.

    Raises:
        OSError: If the file cannot be written, for example on a full disk; names it.
    """
    schema = shard_schema(kind, embeds.shape[1], tokens is not None)
    flat = pa.array(np.ascontiguousarray(embeds).reshape(-1))
    vectors = pa.FixedSizeListArray.from_arrays(flat, type=schema.field("embedding").type)
    arrays = [pa.array(column, schema.field(place).type) for place, column in enumerate(columns)]
    packed = [] if tokens is None else [pa.array(tokens, pa.binary())]
    table = pa.Table.from_arrays([*arrays, vectors, *packed], schema=schema)
    table = table.replace_schema_metadata({_FOOTER: json.dumps(facts._asdict())})
    try:
        with open_atomically(path, "wb") as file:
            # Embeddings neither repeat nor compress: a dictionary or a codec would cost time and save nothing.
            pq.write_table(table, file, use_dictionary=False, compression="none", write_page_checksum=True)
    except UnwrittenFileError as error:
        raise UnwrittenFileError(f"{error} The same command goes on from the last shard.") from error


def read_facts(path: Path) -> ShardFacts:
    """Read the footer of a shard.

    Raises:
        DamagedShardError: If the shard is missing, cut off or not one of ours; names it.
    """
    try:
        file = pq.read_metadata(path)
        facts = ShardFacts(**json.loads((file.metadata or {})[_FOOTER]))
        is_known = isinstance(facts.num_rows, int) and isinstance(facts.rejected, list)
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    if not is_known:
        raise _damaged(path, "its footer is of another sort")
    if file.num_rows != facts.num_rows - len(facts.rejected):
        raise _damaged(path, f"it has {file.num_rows} rows, its footer says {facts.num_rows - len(facts.rejected)}")
    return facts


def read_shard(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Read a shard or some of its columns, with checksums.

    Raises:
        DamagedShardError: If the shard is missing or damaged; names it.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read(columns).replace_schema_metadata()
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, error) from error


def read_embedding_metadata(folder: Path) -> dict[str, Any] | None:
    """Read the facts of a folder; `None` if it has none.

    Raises:
        ValueError: If the file is damaged or of another format.
    """
    file = folder / METADATA_FILE
    try:
        if file.stat().st_size > MAX_METADATA:
            raise ValueError(f"it has {file.stat().st_size:,} bytes, at most {MAX_METADATA:,} are read")
        metadata = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise ValueError(f"{folder} is a file, not an embedding folder.") from error
    except (ValueError, RecursionError) as error:
        raise _bad_facts(file, str(error)) from error
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        found = metadata.get("format") if isinstance(metadata, dict) else metadata
        raise ValueError(f"{file} has format {found!r}, this version reads format {FORMAT}.")
    return metadata


def refuse_empty(folder: Path, metadata: dict[str, Any]) -> ValueError:
    """Make the error that an embedding folder holds no rows, with the first reasons for that."""
    try:
        with (folder / REJECTED_FILE).open(encoding="utf-8", newline="") as file:
            rows = itertools.islice(csv.DictReader(file), SHOWN)
            found = [f"row {one['row']}, {one['input'][:80]!r}: {one['reason']}" for one in rows]
    except (OSError, KeyError, csv.Error):
        found = []
    return refuse_all(folder, metadata["num_rejected"], found, f"All reasons are in {folder / REJECTED_FILE}.")


def write_metadata(folder: Path, metadata: dict[str, Any]) -> None:
    """Replace the facts of a folder in one step."""
    write_text(folder / METADATA_FILE, json.dumps(metadata, indent=2) + "\n")


def write_rejected(folder: Path, rows: Iterable[list[Any]]) -> None:
    """Write the rows that could not be embedded.

    Args:
        folder (`Path`): The embedding folder.
        rows (iterable of list): As `REJECTED_COLUMNS`.
    """
    with open_atomically(folder / REJECTED_FILE, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(REJECTED_COLUMNS)
        writer.writerows(rows)


def _damaged(path: Path, reason: object) -> DamagedShardError:
    return DamagedShardError(
        f"The shard {path} is missing or damaged: {reason}. Delete it if it is there, and start `finemoltex embed` "
        "again with the same arguments: only what is missing is made anew."
    )
