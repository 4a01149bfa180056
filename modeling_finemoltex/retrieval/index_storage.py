"""The folder that an index is saved to.

A folder holds

    rows.arrow      id, row, smiles or text, removed: mapped into memory
    vectors.npy     the unit vectors (R, P): mapped, read where exact scores are asked for
    facts.npz       if asked for: how often each structural fact occurs in each molecule, 70 bytes a molecule
    index.faiss     the search structure: mapped, too; for `ivf_pq` a sixteenth of the vectors
    tokens.arrow    packed token vectors, of a model with a token score: mapped, read for the rows that are re-scored
    metadata.json   kind, method, size, model fingerprint, name and size of the files above, and checksums of those
                    that are read when the index is opened

An index that is saved over another one is written beside its files, under names such as `rows-1f2e3d4c.arrow`. The new
`metadata.json` names them, so that its renaming is the one step between the old index and the new one.
"""

import json
import logging
import os
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..data.atomic_files import UNFINISHED, UnwrittenFileError, locked_folder, staged_folder, write_text
from ..data.fact_counts import FactCounts
from .backends.protocol import SearchBackend
from .backends.registry import BACKENDS
from .index_facts import IndexFacts
from .index_rows import CONTENT_COLUMN, IndexRows

logger = logging.getLogger(__name__)

FORMAT = 1
ROWS_FILE, VECTORS_FILE, BACKEND_FILE, METADATA_FILE = "rows.arrow", "vectors.npy", "index.faiss", "metadata.json"
TOKENS_FILE, FACTS_FILE = "tokens.arrow", "facts.npz"
DATA_FILES = (ROWS_FILE, VECTORS_FILE, BACKEND_FILE)
OPTIONAL_FILES = (TOKENS_FILE, FACTS_FILE)
MAPPED_FILES = (VECTORS_FILE, TOKENS_FILE)  # many times larger than memory, read on demand
CHECKSUM_UP_TO = 1 << 26  # bytes of a search structure: a larger one is opened without reading it all
FIELDS = {"kind", "method", "size", "embedding_size", "model", "bytes", "crc32"}
TOKEN = 8  # letters that tell the files of one saving from those of another
MAX_METADATA = 1 << 20  # bytes
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
    has_them = (rows.tokens is not None, rows.facts.stored is not None)
    roles = (*DATA_FILES, *(name for name, is_there in zip(OPTIONAL_FILES, has_them, strict=True) if is_there))
    with _prepared(folder, roles) as (place, names):
        table = rows.table.append_column("removed", pa.array(rows.removed)).combine_chunks()
        with pa.OSFile(str(place / names[ROWS_FILE]), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        with (place / names[VECTORS_FILE]).open("wb") as file:  # `np.save` keeps silent about the end of a full disk
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(rows.vectors))
            file.write(np.ascontiguousarray(rows.vectors).data)
        backend.save(place / names[BACKEND_FILE])
        if rows.tokens is not None:
            tokens = pa.table({"tokens": rows.tokens})
            file = str(place / names[TOKENS_FILE])
            with pa.OSFile(file, "wb") as sink, pa.ipc.new_file(sink, tokens.schema) as writer:
                writer.write_table(tokens)
        if rows.facts.stored is not None:
            (place / names[FACTS_FILE]).write_bytes(rows.facts.stored.to_bytes())
        for name in names.values():
            _sync(place / name)
        metadata = {
            "format": FORMAT,
            "kind": rows.kind,
            "method": method,
            "size": len(rows),
            "embedding_size": rows.vectors.shape[1],
            "model": model,
            "files": names,
            "bytes": {name: (place / name).stat().st_size for name in names.values()},
            "crc32": {
                name: _checksum(place / name)
                for role, name in names.items()
                if not _is_read_on_demand(role, (place / name).stat().st_size)
            },
        }
        write_text(place / METADATA_FILE, json.dumps(metadata, indent=2, ensure_ascii=False) + "\n")


def read_index_metadata(folder: Path) -> dict[str, Any]:
    """Read `metadata.json` of an index and check the other files against it.

    The vectors are checked for their size only: they may be many times larger than memory and are read on demand. So
    is a large search structure, whose numbers `read_backend` checks.

    Raises:
        ValueError: If the folder is no index, is of a later format, or a file is missing or damaged; names the file.
    """
    file = folder / METADATA_FILE
    if not file.is_file():
        raise ValueError(f"{folder} is not an index: it has no {METADATA_FILE}. `finemoltex index` makes one.")
    try:
        if file.stat().st_size > MAX_METADATA:
            raise ValueError(f"it has {file.stat().st_size:,} bytes, at most {MAX_METADATA:,} are read")
        metadata = json.loads(file.read_text(encoding="utf-8"))
        version = metadata["format"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(file, f"{error!r}") from error
    if version != FORMAT:
        raise ValueError(f"{file} has format {version}; this version reads {FORMAT}. Update, or build it again.")
    if "num_shards" in metadata:
        raise ValueError(f"{folder} holds embeddings. `finemoltex index` makes an index of them.")
    missing = FIELDS - metadata.keys()
    if missing:
        raise _damaged(file, f"it lacks {', '.join(sorted(missing))}")
    problem = _find_problem(metadata)
    if problem is not None:
        raise _damaged(file, problem)
    for role, name in metadata["files"].items():
        size = (folder / name).stat().st_size if (folder / name).is_file() else None
        if size != metadata["bytes"][name]:
            written = f"{metadata['bytes'][name]:,} bytes were written"
            raise _damaged(folder / name, f"{written}, {'it is missing' if size is None else f'{size:,} are there'}")
        if _is_read_on_demand(role, size) or name not in metadata["crc32"]:
            continue
        if _checksum(folder / name) != metadata["crc32"][name]:
            raise _damaged(folder / name, "its checksum is another one than when it was written")
    return metadata


def _find_problem(metadata: dict[str, Any]) -> str | None:
    """Say which field holds what no index has; `None` if all are fine. Fills in `files` where it is absent."""
    names = metadata.setdefault(
        "files", {name: name for name in DATA_FILES}
    )  # earlier versions knew these names alone
    if not isinstance(names, dict) or names.keys() - set(OPTIONAL_FILES) != set(DATA_FILES):
        return f"`files` must name {', '.join(DATA_FILES)}"
    for role, name in names.items():
        if not isinstance(name, str) or not is_index_file(name) or Path(name).suffix != Path(role).suffix:
            return f"`files` names {name!r:.80} for {role}"
    if metadata["kind"] not in list(CONTENT_COLUMN):  # a list: it may be of any type
        return f"`kind` is {metadata['kind']!r:.80}, it must be one of {', '.join(CONTENT_COLUMN)}"
    if not isinstance(metadata["method"], str):
        return f"`method` is {metadata['method']!r:.80}"
    for name, least in (("size", 0), ("embedding_size", 1)):
        if not _is_count(metadata[name]) or metadata[name] < least:
            return f"`{name}` is {metadata[name]!r:.80}, it must be a whole number from {least} on"
    if not isinstance(metadata["model"], dict | None):
        return f"`model` is {metadata['model']!r:.80}, it must be an object"
    for field, files in (("bytes", names.values()), ("crc32", ())):
        known = metadata[field]
        if not isinstance(known, dict) or set(files) - known.keys() or not all(map(_is_count, known.values())):
            return f"`{field}` must hold a whole number for each of {', '.join(names.values())}"
    return None


def is_index_file(name: str) -> bool:
    """Tell whether an index has files of this name: nothing else of a folder is replaced, or published with it."""
    if name in (*DATA_FILES, *OPTIONAL_FILES, METADATA_FILE):
        return True
    stem, mark, token = Path(name).stem.rpartition("-")
    is_token = mark == "-" and len(token) == TOKEN and set(token) <= set("0123456789abcdef")
    return is_token and Path(name).name == name and f"{stem}{Path(name).suffix}" in (*DATA_FILES, *OPTIONAL_FILES)


def read_rows(folder: Path, metadata: dict[str, Any]) -> IndexRows:
    """Map the table of rows, their vectors `(R, P)`, and which of them are removed, `(R,)`.

    Args:
        folder (`Path`): An index.
        metadata (`dict`): From `read_index_metadata`.

    Raises:
        ValueError: If a file is damaged, or holds something else; names it.
    """
    kind, file = metadata["kind"], folder / metadata["files"][ROWS_FILE]
    try:
        table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
        _check_columns(table, kind)
        # Through DLPack: `to_numpy` imports pandas, which takes longer than everything else about a small index.
        removed = np.from_dlpack(table["removed"].cast(pa.uint8()).combine_chunks()).astype(bool)
        cells = table.drop_columns("removed")
        if len(table) - removed.sum() != metadata["size"]:
            raise ValueError(f"it has {len(table) - removed.sum():,} rows, {METADATA_FILE} says {metadata['size']:,}")
        file, shape = folder / metadata["files"][VECTORS_FILE], (len(cells), metadata["embedding_size"])
        vectors = np.load(file, mmap_mode="r", allow_pickle=False)
        if vectors.shape != shape or vectors.dtype != np.float32:
            raise ValueError(f"it holds {vectors.dtype} {vectors.shape}, not float32 {shape}")
        tokens = None
        if TOKENS_FILE in metadata["files"]:
            file = folder / metadata["files"][TOKENS_FILE]
            tokens = pa.ipc.open_file(pa.memory_map(str(file))).read_all()["tokens"]
            if len(tokens) != len(cells) or tokens.type != pa.large_binary() or tokens.null_count:
                raise ValueError(f"it holds {len(tokens):,} {tokens.type}, not {len(cells):,} large_binary")
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:  # pyarrow's errors are subclasses of these
        raise _damaged(file, error) from error
    return IndexRows(kind, cells, vectors, removed, tokens)


def _check_columns(table: pa.Table, kind: str) -> None:
    """Refuse a table that is not one of rows, or whose strings lie outside of its file."""
    wanted = {"id": pa.string(), "row": pa.int64(), CONTENT_COLUMN[kind]: pa.string(), "removed": pa.bool_()}
    found = {field.name: field.type for field in table.schema}
    if found != wanted:
        raise ValueError(f"it has the columns {', '.join(f'{name} ({type})' for name, type in found.items())}")
    table.validate(full=True)
    holes = [name for name in wanted if table[name].null_count]
    if holes:
        raise ValueError(f"it has rows without {', '.join(holes)}")


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
    if FACTS_FILE not in metadata["files"]:
        return IndexFacts()
    file = folder / metadata["files"][FACTS_FILE]
    try:
        stored = FactCounts.from_bytes(file.read_bytes())
        if stored is not None and len(stored) != size:
            raise ValueError(f"it holds {len(stored)} molecules, not {size}")
    except (OSError, ValueError) as error:
        raise _damaged(file, error) from error
    if stored is None:
        logger.warning("%s: the vocabulary of facts has changed since; they are counted anew.", file)
    return IndexFacts(stored)


def read_backend(folder: Path, metadata: dict[str, Any], shape: tuple[int, int]) -> SearchBackend:
    """Read the back end and check that it belongs to the rows.

    Args:
        folder (`Path`): An index.
        metadata (`dict`): From `read_index_metadata`.
        shape (`tuple[int, int]`): Number of rows and width of their vectors, `(R, P)`.

    Raises:
        ValueError: If the method is unknown, or the file is damaged or of other rows.
    """
    method, file = metadata["method"], folder / metadata["files"][BACKEND_FILE]
    if method not in BACKENDS:
        raise ValueError(f"{folder} was made with the method {method!r}; this version knows {', '.join(BACKENDS)}.")
    try:
        backend = BACKENDS[method].load(file)
        if backend.shape != shape:
            raise ValueError(f"it holds {backend.shape} numbers, not {shape}")
    except (RuntimeError, ValueError, OSError, MemoryError) as error:
        raise _damaged(file, error) from error
    return backend


@contextmanager
def _prepared(folder: Path, roles: tuple[str, ...]) -> Iterator[tuple[Path, dict[str, str]]]:
    """Give a place and names for the files of an index, which come to count with `metadata.json`, the last of them."""
    foreign = sorted(path.name for path in folder.iterdir() if not _is_own(path)) if folder.is_dir() else []
    if foreign or folder.is_file():
        raise ValueError(f"{folder} is not an index ({', '.join(foreign[:5]) or 'a file'}). Save to a new folder.")
    if not folder.is_dir():
        with staged_folder(folder) as staged:
            yield staged, {name: name for name in roles}
        return
    with locked_folder(folder), _exchanged(folder, roles) as names:
        yield folder, names


@contextmanager
def _exchanged(folder: Path, roles: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Give new names for the files of an index that is there, and remove the files that it does not name any more."""
    former = {path.name for path in folder.iterdir()} - {METADATA_FILE}
    token = secrets.token_hex(TOKEN // 2)
    names = {name: f"{Path(name).stem}-{token}{Path(name).suffix}" for name in roles}
    try:
        yield names
    except UnwrittenFileError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise UnwrittenFileError(f"{folder} cannot be written: {reason}. The index in it is unchanged.") from error
    finally:
        is_new = names == _read_names(folder)
        for name in former if is_new else names.values():  # what the folder does not name any more
            if is_index_file(name) or name.endswith(UNFINISHED):
                (folder / name).unlink(missing_ok=True)


def _is_read_on_demand(role: str, size: int) -> bool:
    """Tell whether opening an index leaves most of a file on the disk."""
    return role in MAPPED_FILES or (role == BACKEND_FILE and size > CHECKSUM_UP_TO)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_own(path: Path) -> bool:
    return path.is_file() and (is_index_file(path.name) or path.name.endswith(UNFINISHED))


def _read_names(folder: Path) -> Any:
    """Read which files an index names."""
    try:
        return json.loads((folder / METADATA_FILE).read_text(encoding="utf-8")).get("files")
    except (OSError, ValueError, AttributeError):
        return None


def _sync(file: Path) -> None:
    """Bring a file to the disk."""
    with file.open("rb") as stream:
        os.fsync(stream.fileno())


def _checksum(file: Path) -> int:
    """CRC-32 of a file: a third of a second for the 256 MB of 250,000 vectors."""
    checksum = 0
    with file.open("rb") as stream:
        while block := stream.read(BLOCK):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _damaged(file: Path, reason: object) -> ValueError:
    return ValueError(f"{file} is damaged: {reason}. Build the index again.")
