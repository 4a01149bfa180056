"""Write a file or a folder so that it is at any time the old one or the new one, whole.

What is new is written beside its place under a name of its own, brought to the disk, and renamed in one step. A
process that is killed leaves the old file, and one that writes to a full disk too, with a sentence that names it.
"""

import errno
import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from safetensors import SafetensorError

try:
    import fcntl
except ImportError:  # Windows: what a killed process left stays until somebody deletes it
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

# No room, in one way or another: only who writes meets these.
OF_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
UNFINISHED = ".unfinished"  # ends the name of what is being written
YOUNG = 60  # seconds in which an unfinished file may not be locked yet by the process that began it


class UnwrittenFileError(OSError):
    """A file or folder that could not be written; the sentence names it."""


@contextmanager
def staged_file(path: str | Path) -> Iterator[Path]:
    """Give a name to write to; on success the file gets the name `path` in one step.

    Two processes that write to one path do not share anything: the path holds what the last of them finished.

    Args:
        path (`str` or `Path`): The file to make or to replace; its folder is made if needed.

    Yields:
        `Path`: An empty file beside it.

    Raises:
        UnwrittenFileError: If it cannot be written, for example on a full disk; a file that was there is unchanged.

    Example:
    >>> with staged_file(Path(folder) / "staged.txt") as staged:
    ...     _ = staged.write_text("whole")
    >>> (Path(folder) / "staged.txt").read_text()
    'whole'
    """
    path = Path(path)
    if path.is_symlink():  # the file it leads to is replaced, not the link
        path = path.resolve()
    staged = _name_beside(path)
    with _explained(path, staged):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_unfinished(path.parent, f".{path.name}.*{UNFINISHED}")
        with staged.open("xb") as held:
            try:
                _lock(held)
                yield staged
                _sync(staged)
                staged.replace(path)
            finally:
                staged.unlink(missing_ok=True)
    _sync_folder(path.parent)


@contextmanager
def open_atomically(path: str | Path, mode: str = "w", newline: str | None = None) -> Iterator[IO[Any]]:
    """Open a file for writing that gets its name when the block ends without an error; see `staged_file`.

    Args:
        path (`str` or `Path`): The file to make or to replace.
        mode (`str`): `"w"` for text in UTF-8, `"wb"` for bytes.
        newline (`str`, *optional*): As `open` takes it.

    Example:
    >>> with open_atomically(Path(folder) / "opened.txt") as file:
    ...     _ = file.write("whole")
    """
    encoding = None if "b" in mode else "utf-8"
    with staged_file(path) as staged, staged.open(mode, encoding=encoding, newline=newline) as file:
        yield file


def write_text(path: str | Path, text: str) -> None:
    """Replace a text file in one step, in UTF-8.

    Args:
        path (`str` or `Path`): The file.
        text (`str`): All of it.

    Raises:
        UnwrittenFileError: If it cannot be written; a file that was there is unchanged.

    Example:
    >>> write_text(Path(folder) / "note.txt", "whole")
    """
    with open_atomically(path) as file:
        file.write(text)


def copy_file(source: Path, target: Path) -> None:
    """Copy what a file holds, and replace the target in one step."""
    with staged_file(target) as staged:
        shutil.copyfile(source, staged)


@contextmanager
def staged_folder(folder: str | Path) -> Iterator[Path]:
    """Give a folder to write to; on success its files get their place in `folder`.

    A folder that is not there appears in one step. In one that is there each file is replaced in one step, after all
    of them are written, and other files stay.

    Args:
        folder (`str` or `Path`): The folder to make or to complete.

    Yields:
        `Path`: A new folder beside it.

    Raises:
        UnwrittenFileError: If it cannot be written; what was there is unchanged.
    """
    folder = Path(folder)
    folder = folder.resolve() if folder.is_symlink() else folder
    staged = _name_beside(folder)
    with _explained(folder, staged):
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged.mkdir()
        try:
            yield staged
            files = sorted(path for path in staged.rglob("*") if path.is_file())
            for file in files:
                _sync(file)
            if not folder.exists():
                staged.rename(folder)
            else:
                for file in files:
                    place = folder / file.relative_to(staged)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    file.replace(place)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    _sync_folder(folder.parent)


@contextmanager
def locked_folder(folder: Path, waits: bool = False) -> Iterator[None]:
    """Keep other processes that write to a folder out of it; readers do not notice.

    Args:
        folder (`Path`): A folder that is there.
        waits (`bool`): Wait until no other process writes to it.

    Raises:
        UnwrittenFileError: If another process is writing to it, unless this one waits.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if not waits:
                raise UnwrittenFileError(
                    f"{folder} is being written by another process. Wait until it has ended, or give another folder."
                ) from error
            logger.warning("%s is being written by another process: waiting until it has ended.", folder)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(handle)


def remove_unfinished(folder: Path, pattern: str = f"*{UNFINISHED}") -> None:
    """Remove what killed processes left; files that a living process holds stay.

    Args:
        folder (`Path`): Where to look.
        pattern (`str`): Names to remove, as `Path.glob` takes them.
    """
    if fcntl is None:
        return
    for path in folder.glob(pattern):
        try:
            if path.is_file() and time.time() - path.stat().st_mtime > YOUNG:
                with path.open("rb") as held:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink(missing_ok=True)
        except OSError:  # another process writes it, or has just finished it
            continue


def _name_beside(path: Path) -> Path:
    """Make up a hidden name in the same folder, which no other process makes up."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{UNFINISHED}")


@contextmanager
def _explained(path: Path, staged: Path) -> Iterator[None]:
    """Turn an error of writing into a sentence about the file; errors about other files pass."""
    try:
        yield
    except UnwrittenFileError:
        raise
    except SafetensorError as error:
        if "os error" not in str(error).lower():
            raise
        reason = str(error).rpartition(": ")[2]
        kept = " What was there is unchanged." if path.exists() else ""
        raise UnwrittenFileError(f"{path} cannot be written: {reason}.{kept}") from error
    except OSError as error:
        named = Path(os.fsdecode(error.filename)) if error.filename else staged
        is_ours = error.errno in OF_WRITING or named in (path, staged, *staged.parents) or staged in named.parents
        if not is_ours:
            raise
        kept = " What was there is unchanged." if path.exists() else ""
        raise UnwrittenFileError(f"{path} cannot be written: {error.strerror or error}.{kept}") from error


def _lock(held: IO[bytes]) -> None:
    """Tell other processes that the file is being written."""
    if fcntl is not None:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # a file system without locks
            return


def _sync(file: Path) -> None:
    """Bring a file to the disk."""
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    if fcntl is not None:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError:  # a file system that does not
            return
        finally:
            os.close(handle)
