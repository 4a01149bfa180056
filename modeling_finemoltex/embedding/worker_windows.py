"""Worker processes that turn rows into batches while the model computes, by the data loader of PyTorch."""

import functools
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from ..data.worker_processes import follow_parent

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
    """End when the parent does.

    The loader's own watch notices too, but then waits for a pipe to be emptied that nobody reads any more, or for five
    seconds.
    """
    follow_parent(end)
