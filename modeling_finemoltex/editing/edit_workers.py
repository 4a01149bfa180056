"""Editors in processes of their own, which edit the molecules of a job side by side."""

import functools
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from ..data.worker_processes import count_cores, follow_parent
from .edits import Edits, MoleculeEditor

MOST_WORKERS = 8  # by default: each holds a model and the fragments, about 800 MB
FEWEST_ROWS = 8  # by default: to start the processes costs as much time as editing that many molecules

_editors: list[MoleculeEditor] = []  # of this process: none, or one


class EditWorkers:
    """Processes that each make an editor and edit one molecule at a time, each on its share of the cores.

    Args:
        make_editor (callable): Makes an editor; it is sent to the processes, so it must be a function of a module, or
            a `functools.partial` of one.
        num_workers (`int`): Processes.

    Raises:
        ValueError: If `num_workers` is below 0, or what `make_editor` raises.
    """

    def __init__(self, make_editor: Callable[[], MoleculeEditor], num_workers: int) -> None:
        if num_workers < 1:
            raise ValueError(f"`num_workers` must be 0 or more, got {num_workers}.")
        threads = max(1, count_cores() // num_workers)
        context = multiprocessing.get_context("spawn")  # a fork of a process that computes with threads hangs
        self._pool = ProcessPoolExecutor(num_workers, context, _prepare, (threads,))
        self._make_editor = make_editor
        try:
            _wait(self._pool.submit(_load, make_editor))  # what is wrong is said before any molecule is read
        except BaseException:
            self.close()
            raise

    def begin(self, *request: Any) -> Callable[[], Edits]:
        """Begin an edit; takes what `MoleculeEditor.edit` takes, and gives a function that waits for the edits.

        Raises:
            ChildProcessError: If a process came to an end; says so instead of waiting.
        """
        with _saying_what_ended():
            return functools.partial(_wait, self._pool.submit(_edit, self._make_editor, request))

    def close(self) -> None:
        """End the processes; an edit that nobody began to work on is dropped."""
        self._pool.shutdown(cancel_futures=True)

    def __enter__(self) -> "EditWorkers":
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


def _wait(future: Future) -> Any:
    """Wait for what a process gives."""
    with _saying_what_ended():
        return future.result()


@contextmanager
def _saying_what_ended() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        raise ChildProcessError(
            "A process that edits came to a sudden end, perhaps for want of memory. Give a smaller `num_workers`; the "
            "same call goes on from what is done."
        ) from error


def _prepare(threads: int) -> None:
    """Begin a process, before it imports what reads the number of threads."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    follow_parent()


def _load(make_editor: Callable[[], MoleculeEditor]) -> None:
    """Make the editor of this process, once."""
    if not _editors:
        _editors.append(make_editor())


def _edit(make_editor: Callable[[], MoleculeEditor], request: tuple[Any, ...]) -> Edits:
    _load(make_editor)
    return _editors[0].edit(*request)
