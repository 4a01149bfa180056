"""What an index keeps: its table of rows, their vectors, and the folder it is saved to.

A folder holds

    rows.arrow      id, row, smiles or text, removed: mapped into memory
    vectors.npy     the unit vectors (R, P): mapped, read where exact scores are asked for
    index.faiss     the search structure, read into memory; for `ivf_pq` a sixteenth of the vectors
    metadata.json   kind, method, size, model fingerprint, and size and checksum of the files above
"""

import json
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

FORMAT = 1
ROWS_FILE, VECTORS_FILE, FAISS_FILE, METADATA_FILE = "rows.arrow", "vectors.npy", "index.faiss", "metadata.json"
DATA_FILES = (ROWS_FILE, VECTORS_FILE, FAISS_FILE)
CONTENT_COLUMN = {"molecules": "smiles", "texts": "text"}
BLOCK = 1 << 24  # bytes per step of a checksum


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


def make_rows(kind: str, ids: Any, numbers: Any, contents: Any) -> pa.Table:
    """Build a table of rows; a missing id becomes the row number.

    Args:
        kind (`str`): `"molecules"` or `"texts"`.
        ids (`(R,)` strings or nulls): Names of the rows.
        numbers (`(R,)` integers): Row numbers in the user's data.
        contents (`(R,)` strings): SMILES or texts.
    """
    numbers = pa.array(numbers, pa.int64())
    names = pc.coalesce(pa.array(ids, pa.string()), numbers.cast(pa.string()))
    return pa.table({"id": names, "row": numbers, CONTENT_COLUMN[kind]: pa.array(contents, pa.string())})


def write_folder(
    folder: Path,
    rows: pa.Table,
    vectors: np.ndarray,
    removed: np.ndarray,
    structure: faiss.Index,
    metadata: dict[str, Any],
) -> None:
    """Write an index so that a folder of that name is at any time the old one or the new one, whole.

    Raises:
        ValueError: If the folder exists and is no index.
    """
    with _staged(folder) as staging:
        table = rows.append_column("removed", pa.array(removed)).combine_chunks()
        with pa.OSFile(str(staging / ROWS_FILE), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        np.save(staging / VECTORS_FILE, vectors)
        faiss.write_index(structure, str(staging / FAISS_FILE))
        metadata = {
            "format": FORMAT,
            **metadata,
            "bytes": {name: (staging / name).stat().st_size for name in DATA_FILES},
            "crc32": {name: _checksum(staging / name) for name in (ROWS_FILE, FAISS_FILE)},
        }
        text = json.dumps(metadata, indent=2, ensure_ascii=False)
        (staging / METADATA_FILE).write_text(text + "\n", encoding="utf-8")


def read_metadata(folder: Path) -> dict[str, Any]:
    """Read `metadata.json` of an index and check the other files against it.

    The vectors are checked for their size only: they may be many times larger than memory and are read on demand.

    Raises:
        ValueError: If the folder is no index, is of a later format, or a file is missing or damaged; names the file.
    """
    file = folder / METADATA_FILE
    try:
        metadata = json.loads(file.read_text(encoding="utf-8"))
        version = metadata["format"]
    except FileNotFoundError as error:
        raise ValueError(
            f"{folder} is not an index: it has no {METADATA_FILE}. `finemoltex index` makes one."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(file, f"{error!r}") from error
    if version != FORMAT:
        raise ValueError(f"{file} has format {version}; this version reads {FORMAT}. Update, or build it again.")
    missing = {"kind", "method", "size", "embedding_size", "model", "bytes", "crc32"} - metadata.keys()
    if missing:
        raise _damaged(file, f"it lacks {', '.join(sorted(missing))}")
    for name in DATA_FILES:
        size = (folder / name).stat().st_size if (folder / name).is_file() else None
        if size != metadata["bytes"][name]:
            written = f"{metadata['bytes'][name]:,} bytes were written"
            raise _damaged(folder / name, f"{written}, {'it is missing' if size is None else f'{size:,} are there'}")
        if name in metadata["crc32"] and _checksum(folder / name) != metadata["crc32"][name]:
            raise _damaged(folder / name, "its checksum is another one than when it was written")
    return metadata


def read_rows(folder: Path) -> tuple[pa.Table, np.ndarray]:
    """Map `rows.arrow`: the table of rows, and `(R,)` booleans that tell which are removed."""
    try:
        table = pa.ipc.open_file(pa.memory_map(str(folder / ROWS_FILE))).read_all()
        # Through DLPack: `to_numpy` imports pandas, which takes longer than everything else about a small index.
        removed = np.from_dlpack(table["removed"].cast(pa.uint8()).combine_chunks()).astype(bool)
        return table.drop_columns("removed"), removed
    except (OSError, ValueError, KeyError) as error:  # pyarrow's errors are subclasses of these
        raise _damaged(folder / ROWS_FILE, error) from error


def read_vectors(folder: Path, num_rows: int, embedding_size: int) -> np.ndarray:
    """Map `vectors.npy`: `(R, P)`, float32."""
    try:
        vectors = np.load(folder / VECTORS_FILE, mmap_mode="r")
        if vectors.shape != (num_rows, embedding_size) or vectors.dtype != np.float32:
            raise ValueError(f"it holds {vectors.dtype} {vectors.shape}, not float32 {num_rows, embedding_size}")
    except (OSError, ValueError) as error:
        raise _damaged(folder / VECTORS_FILE, error) from error
    return vectors


def read_structure(folder: Path, num_rows: int, embedding_size: int) -> faiss.Index:
    """Read `index.faiss` and check that it belongs to the rows."""
    try:
        structure = faiss.read_index(str(folder / FAISS_FILE))
        if (structure.ntotal, structure.d) != (num_rows, embedding_size):
            raise ValueError(f"it holds {(structure.ntotal, structure.d)} numbers, not {num_rows, embedding_size}")
    except (RuntimeError, ValueError, MemoryError) as error:
        raise _damaged(folder / FAISS_FILE, error) from error
    return structure


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside `folder` that takes its place once filled."""
    ours = {*DATA_FILES, METADATA_FILE}
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in ours) if folder.is_dir() else []
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


def _checksum(file: Path) -> int:
    """CRC-32 of a file: a third of a second for the 256 MB of 250,000 vectors."""
    checksum = 0
    with file.open("rb") as stream:
        while block := stream.read(BLOCK):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _damaged(file: Path, reason: object) -> ValueError:
    return ValueError(f"{file} is damaged: {reason}. Build the index again.")
