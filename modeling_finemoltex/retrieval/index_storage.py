"""What an index keeps: its table of rows with their vectors, and the folder it is saved to.

A folder holds `rows.arrow` (id, row, smiles or text, vector, removed), read by memory mapping, `index.faiss` (the
search structure) and `metadata.json`. The vectors lie in both files: in the first they serve exact scores on demand
from the disk, in the second the search, from memory and for `ivf_pq` sixteen times smaller.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

FORMAT = 1
ROWS_FILE, FAISS_FILE, METADATA_FILE = "rows.arrow", "index.faiss", "metadata.json"
OURS = {ROWS_FILE, FAISS_FILE, METADATA_FILE}
CONTENT_COLUMN = {"molecules": "smiles", "texts": "text"}
LOCATION = {"name_or_path", "revision"}  # of a fingerprint: where a model lies; the rest tells what it is
ROWS_PER_BATCH = 16_384  # 16 MB of vectors at width 256


def unit_rows(vectors: np.ndarray, what: str, numbers: Sequence[int] | None = None) -> np.ndarray:
    """Scale rows to length 1.

    Args:
        vectors (`np.ndarray` of shape `(R, P)`): Any real numbers.
        what (`str`): What a row is, for the message.
        numbers (sequence of `R` `int`, *optional*): Their numbers, for the message.

    Returns:
        `np.ndarray` of shape `(R, P)`, float32 and contiguous.

    Raises:
        ValueError: If the shape is another one, or a row is zero or not finite; names the row.
    """
    vectors = np.asarray(vectors, dtype=np.float32)
    if vectors.ndim != 2:
        raise ValueError(f"Vectors must have the shape (rows, width), got {vectors.shape}.")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
    if len(bad):
        number = bad[0] if numbers is None else numbers[bad[0]]
        raise ValueError(
            f"{what} {number} has a vector of length {lengths[bad[0], 0]}: it must be finite and not zero "
            f"({len(bad)} of {len(vectors)} are bad). Embed it again."
        )
    return np.ascontiguousarray(vectors / lengths)


def make_rows(kind: str, ids: Any, rows: Any, contents: Any, vectors: np.ndarray) -> pa.Table:
    """Build a table of rows; a missing id becomes the row number.

    Args:
        kind (`str`): `"molecules"` or `"texts"`.
        ids (`(R,)` strings or nulls): Names of the rows.
        rows (`(R,)` integers): Row numbers in the user's data.
        contents (`(R,)` strings): SMILES or texts.
        vectors (`np.ndarray` of shape `(R, P)`): Unit vectors, float32.
    """
    numbers = pa.array(rows, pa.int64())
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
    return pa.table(
        {
            "id": pc.coalesce(pa.array(ids, pa.string()), numbers.cast(pa.string())),
            "row": numbers,
            CONTENT_COLUMN[kind]: pa.array(contents, pa.string()),
            "embedding": column,
        }
    )


class StoredVectors:
    """The vectors of a table of rows, read in place.

    Args:
        column (`pa.ChunkedArray` of `FixedSizeList<float32>[P]`): `R` vectors.
    """

    def __init__(self, column: pa.ChunkedArray) -> None:
        self.width = column.type.list_size
        self.chunks = [
            chunk.flatten().to_numpy(zero_copy_only=True).reshape(-1, self.width)
            for chunk in column.chunks
            if len(chunk)
        ]
        self._starts = np.cumsum([0, *(len(chunk) for chunk in self.chunks)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def take(self, positions: np.ndarray) -> np.ndarray:
        """Gather rows `(n,)` into an array `(n, P)`."""
        taken = np.empty((len(positions), self.width), np.float32)
        owners = np.searchsorted(self._starts, positions, side="right") - 1
        for owner in np.unique(owners):
            wanted = owners == owner
            taken[wanted] = self.chunks[owner][positions[wanted] - self._starts[owner]]
        return taken

    def sample(self, num_rows: int) -> np.ndarray:
        """Draw `num_rows` different rows at random, the same ones every time: `(num_rows, P)`."""
        return self.take(np.sort(np.random.default_rng(0).choice(len(self), num_rows, replace=False)))

    def score(self, query: np.ndarray) -> np.ndarray:
        """Multiply every row with one vector `(P,)`: `(R,)`."""
        return np.concatenate([chunk @ query for chunk in self.chunks])


def write_folder(
    folder: Path, rows: pa.Table, removed: np.ndarray, structure: faiss.Index, metadata: dict[str, Any]
) -> None:
    """Write an index so that a folder of that name is at any time the old one or the new one, whole.

    Raises:
        ValueError: If the folder exists and is no index.
    """
    with _staged(folder) as staging:
        table = rows.append_column("removed", pa.array(removed))
        with pa.OSFile(str(staging / ROWS_FILE), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=ROWS_PER_BATCH)
        faiss.write_index(structure, str(staging / FAISS_FILE))
        sizes = {name: (staging / name).stat().st_size for name in (ROWS_FILE, FAISS_FILE)}
        text = json.dumps({"format": FORMAT, **metadata, "bytes": sizes}, indent=2, ensure_ascii=False)
        (staging / METADATA_FILE).write_text(text + "\n", encoding="utf-8")


def read_metadata(folder: Path) -> dict[str, Any]:
    """Read `metadata.json` of an index and check that the other files have the size it tells.

    Raises:
        ValueError: If the folder is no index, is of a later format, or a file is missing or truncated; names the file.
    """
    file = folder / METADATA_FILE
    try:
        metadata = json.loads(file.read_text(encoding="utf-8"))
        version, sizes = metadata["format"], metadata["bytes"]
        kind, width = metadata["kind"], int(metadata["embedding_size"])
        if kind not in CONTENT_COLUMN or width < 1:
            raise ValueError(f"kind {kind!r}, embedding_size {width}")
    except FileNotFoundError as error:
        raise ValueError(f"{folder} is not an index: it has no {METADATA_FILE}. Make one with `save`.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} cannot be read as the metadata of an index: {error!r}. Build it again.") from error
    if version != FORMAT:
        raise ValueError(f"{file} has format {version}; this version reads {FORMAT}. Update, or build it again.")
    for name in (ROWS_FILE, FAISS_FILE):
        size = (folder / name).stat().st_size if (folder / name).is_file() else None
        if size != sizes[name]:
            found = "is missing" if size is None else f"is damaged: it has {size:,} bytes"
            raise ValueError(f"{folder / name} {found}, and {sizes[name]:,} were written. Build the index again.")
    return metadata


def read_rows(folder: Path, kind: str, embedding_size: int) -> tuple[pa.Table, np.ndarray]:
    """Map `rows.arrow` into memory: the table of rows, and `(R,)` booleans that tell which are removed."""
    file = folder / ROWS_FILE
    try:
        table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
        rows = table.select(["id", "row", CONTENT_COLUMN[kind], "embedding"])
        # All offsets and characters of the names, a tenth of a second per million rows; the vectors stay on the disk.
        rows.select(["id", "row", CONTENT_COLUMN[kind]]).validate(full=True)
        if rows.schema.field("embedding").type != pa.list_(pa.float32(), embedding_size):
            raise ValueError(f"`embedding` is {rows.schema.field('embedding').type}, not {embedding_size} float32")
        return rows, table["removed"].to_numpy()
    except (OSError, ValueError, KeyError) as error:  # pyarrow's errors are subclasses of these
        raise ValueError(f"{file} is damaged: {error}. Build the index again.") from error


def read_structure(folder: Path, num_rows: int, embedding_size: int) -> faiss.Index:
    """Read `index.faiss` and check that it belongs to the rows."""
    file = folder / FAISS_FILE
    try:
        structure = faiss.read_index(str(file))
        if (structure.ntotal, structure.d) != (num_rows, embedding_size):
            raise ValueError(
                f"it holds {structure.ntotal:,} vectors of width {structure.d}, and {ROWS_FILE} {num_rows:,} of width "
                f"{embedding_size}"
            )
    except (RuntimeError, ValueError, MemoryError) as error:
        raise ValueError(f"{file} is damaged: {error}. Build the index again.") from error
    return structure


def check_same_model(indexed: dict[str, Any] | None, offered: dict[str, Any]) -> None:
    """Refuse an encoder of another model than that of an index.

    Weights, motif vocabulary and tokenizer decide, not where they lie: a copied folder is the same model.

    Args:
        indexed (`dict[str, str]`, *optional*): Fingerprint in the index.
        offered (`dict[str, str]`): Fingerprint of the encoder.

    Raises:
        ValueError: If they differ; tells both.
    """
    if indexed is None:
        raise ValueError(
            "This index does not name its model, so no encoder is known to fit. Search with `embeddings`."
        )
    parts = sorted((indexed.keys() | offered.keys()) - LOCATION)
    other = [name for name in parts if indexed.get(name) != offered.get(name)]
    if other:
        raise ValueError(
            f"The index was made with another model than the encoder's; they differ in {', '.join(other)}. "
            f"Index: {_describe(indexed)}. Encoder: {_describe(offered)}. "
            "Load the encoder of the index's model and revision, or embed and index the library with this one."
        )


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside `folder` that takes its place once filled."""
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in OURS) if folder.is_dir() else []
    if foreign or folder.is_file():
        raise ValueError(f"{folder} is not an index ({', '.join(foreign[:5]) or 'a file'}). Save to a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        staging, former = Path(scratch, "new"), Path(scratch, "former")
        staging.mkdir()
        yield staging
        if folder.is_dir():
            folder.rename(former)
        try:
            staging.rename(folder)
        except OSError:
            if former.is_dir():
                shutil.move(former, folder)
            raise


def _describe(fingerprint: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in fingerprint.items() if value is not None)
