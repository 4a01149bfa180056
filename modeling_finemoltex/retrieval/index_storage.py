"""The folder that an index is saved to.

A folder holds

    rows.arrow      id, row, smiles or text, removed: mapped into memory
    vectors.npy     the unit vectors (R, P): mapped, read where exact scores are asked for
    facts.npz       if asked for: how often each structural fact occurs in each molecule, 70 bytes a molecule
    index.faiss     the search structure, read into memory; for `ivf_pq` a sixteenth of the vectors
    metadata.json   kind, method, size, model fingerprint, and size and checksum of the files above
"""

import json
import logging
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..data.fact_counts import FactCounts
from .backends.protocol import SearchBackend
from .backends.registry import BACKENDS
from .index_facts import IndexFacts
from .index_rows import IndexRows

logger = logging.getLogger(__name__)

FORMAT = 1
ROWS_FILE, VECTORS_FILE, BACKEND_FILE, METADATA_FILE = "rows.arrow", "vectors.npy", "index.faiss", "metadata.json"
FACTS_FILE = "facts.npz"
DATA_FILES = (ROWS_FILE, VECTORS_FILE, BACKEND_FILE)
BLOCK = 1 << 24  # bytes per step of a checksum


def write_folder(
    folder: Path, rows: IndexRows, backend: SearchBackend, method: str, model: dict[str, Any] | None
) -> None:
    """Write an index in such a way that a folder of that name is at any time the old one or the new one, whole.

    Args:
        folder (`Path`): A new folder, or that of an index.
        rows ([`IndexRows`]): Its `R` rows.
        backend ([`SearchBackend`]): Holds their vectors `(R, P)`.
        method (`str`): Key of the back end in `BACKENDS`.
        model (`dict[str, str]`, *optional*): Fingerprint of the model.

    Raises:
        ValueError: If the folder exists and is no index.
    """
    with _staged(folder) as staging:
        table = rows.table.append_column("removed", pa.array(rows.removed)).combine_chunks()
        with pa.OSFile(str(staging / ROWS_FILE), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        np.save(staging / VECTORS_FILE, rows.vectors)
        backend.save(staging / BACKEND_FILE)
        names = DATA_FILES
        if rows.facts.stored is not None:
            (staging / FACTS_FILE).write_bytes(rows.facts.stored.to_bytes())
            names = (*DATA_FILES, FACTS_FILE)
        metadata = {
            "format": FORMAT,
            "kind": rows.kind,
            "method": method,
            "size": len(rows),
            "embedding_size": rows.vectors.shape[1],
            "model": model,
            "bytes": {name: (staging / name).stat().st_size for name in names},
            "crc32": {name: _checksum(staging / name) for name in names if name != VECTORS_FILE},
        }
        text = json.dumps(metadata, indent=2, ensure_ascii=False)
        (staging / METADATA_FILE).write_text(text + "\n", encoding="utf-8")


def read_index_metadata(folder: Path) -> dict[str, Any]:
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
    for name in dict.fromkeys((*DATA_FILES, *(name for name in (FACTS_FILE,) if name in metadata["bytes"]))):
        size = (folder / name).stat().st_size if (folder / name).is_file() else None
        if size != metadata["bytes"][name]:
            written = f"{metadata['bytes'][name]:,} bytes were written"
            raise _damaged(folder / name, f"{written}, {'it is missing' if size is None else f'{size:,} are there'}")
        if name in metadata["crc32"] and _checksum(folder / name) != metadata["crc32"][name]:
            raise _damaged(folder / name, "its checksum is another one than when it was written")
    return metadata


def read_rows(folder: Path, kind: str, embedding_size: int) -> IndexRows:
    """Map the table of rows, their vectors `(R, P)`, and which of them are removed, `(R,)`.

    Args:
        folder (`Path`): An index.
        kind (`str`): `"molecules"` or `"texts"`.
        embedding_size (`int`): `P`.

    Raises:
        ValueError: If a file is damaged, or holds something else; names it.
    """
    file = folder / ROWS_FILE
    try:
        table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
        # Through DLPack: `to_numpy` imports pandas, which takes longer than everything else about a small index.
        removed = np.from_dlpack(table["removed"].cast(pa.uint8()).combine_chunks()).astype(bool)
        cells = table.drop_columns("removed")
        file = folder / VECTORS_FILE
        vectors = np.load(file, mmap_mode="r")
        if vectors.shape != (len(cells), embedding_size) or vectors.dtype != np.float32:
            raise ValueError(f"it holds {vectors.dtype} {vectors.shape}, not float32 {len(cells), embedding_size}")
    except (OSError, ValueError, KeyError) as error:  # pyarrow's errors are subclasses of these
        raise _damaged(file, error) from error
    return IndexRows(kind, cells, vectors, removed)


def read_index_facts(folder: Path, metadata: dict[str, Any], size: int) -> IndexFacts:
    """Read the structural facts of the rows, if they are stored.

    Args:
        folder (`Path`): An index.
        metadata (`dict`): As `read_index_metadata` gives it.
        size (`int`): `R`, the number of rows.

    Returns:
        [`IndexFacts`]: Without stored facts if there are none, or if they belong to another vocabulary.

    Raises:
        ValueError: If the file is damaged.
    """
    if FACTS_FILE not in metadata["bytes"]:
        return IndexFacts()
    try:
        stored = FactCounts.from_bytes((folder / FACTS_FILE).read_bytes())
        if stored is not None and len(stored) != size:
            raise ValueError(f"it holds {len(stored)} molecules, not {size}")
    except (OSError, ValueError) as error:
        raise _damaged(folder / FACTS_FILE, error) from error
    if stored is None:
        logger.warning("%s: the vocabulary of facts has changed since; they are counted anew.", folder / FACTS_FILE)
    return IndexFacts(stored)


def read_backend(folder: Path, method: str, shape: tuple[int, int]) -> SearchBackend:
    """Read the back end and check that it belongs to the rows.

    Args:
        folder (`Path`): An index.
        method (`str`): A key of `BACKENDS`.
        shape (`tuple[int, int]`): Number of rows and width of their vectors, `(R, P)`.

    Raises:
        ValueError: If the method is unknown, or the file is damaged or of other rows.
    """
    if method not in BACKENDS:
        raise ValueError(f"{folder} was made with the method {method!r}; this version knows {', '.join(BACKENDS)}.")
    try:
        backend = BACKENDS[method].load(folder / BACKEND_FILE)
        if backend.shape != shape:
            raise ValueError(f"it holds {backend.shape} numbers, not {shape}")
    except (RuntimeError, ValueError, MemoryError) as error:
        raise _damaged(folder / BACKEND_FILE, error) from error
    return backend


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """Yield a staging folder, and swap it in on success."""
    known = {*DATA_FILES, FACTS_FILE, METADATA_FILE}
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in known) if folder.is_dir() else []
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
