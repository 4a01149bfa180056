"""Worker processes that turn rows into batches while the model computes, by the data loader of PyTorch."""

import functools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

if TYPE_CHECKING:
    from .preparation import PreparedWindow

Tag = TypeVar("Tag")
WINDOWS_AHEAD = 2  # prepared for each worker before they are needed


def prepare_in_workers(
    windows: Iterable[tuple[Tag, list[Any]]],
    prepare: "Callable[[Sequence[Any]], PreparedWindow]",
    num_workers: int,
) -> "Iterator[tuple[Tag, PreparedWindow]]":
    """Prepare windows in at least one worker; arguments and results are those of `prepare_windows`."""
    under_way: deque[Tag] = deque()

    def values_of_windows() -> Iterator[list[Any]]:
        """Hand out the values of each window, and remember its tag."""
        for tag, values in windows:
            under_way.append(tag)
            yield values

    end, farewell = multiprocessing.Pipe(duplex=False)
    loader = DataLoader(
        _Prepared(prepare),
        batch_size=None,
        sampler=values_of_windows(),
        num_workers=num_workers,
        collate_fn=_as_it_is,
        worker_init_fn=functools.partial(_end_in_time, end),
        prefetch_factor=WINDOWS_AHEAD,
        generator=torch.Generator(),  # otherwise every loader draws a number from the global generator
    )
    try:
        for prepared in loader:
            yield under_way.popleft(), prepared
    finally:
        farewell.send_bytes(b".")
        del loader
        farewell.close()
        end.close()


class _Prepared(Dataset):
    """Look a window up by its values: what a data loader calls an index is whatever its sampler yields."""

    def __init__(self, prepare: "Callable[[Sequence[Any]], PreparedWindow]") -> None:
        self.prepare = prepare

    def __getitem__(self, values: Sequence[Any]) -> "PreparedWindow":
        return self.prepare(values)


def _as_it_is(prepared: "PreparedWindow") -> "PreparedWindow":
    """Keep numpy arrays, which the default would turn into tensors in shared memory."""
    return prepared


def _end_in_time(end: Connection, worker: int) -> None:
    """End this worker as soon as nobody wants its work: its parent is gone, killed or not, or says so through a pipe.

    The loader's own watch notices too, but then waits for a pipe to be emptied that nobody reads any more, or for five
    seconds. Ctrl-C, which a terminal sends to all processes, is the parent's to answer.
    """

    def wait_for_end() -> None:
        """Sleep until then; what the pipe holds stays there for the other workers."""
        parent = multiprocessing.parent_process()
        wait([end] if parent is None else [end, parent.sentinel])
        os._exit(0 if end.poll() else 1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=wait_for_end, daemon=True).start()
