"""What worker processes need: cores, work begun ahead of what is waited for, and an end with their parent."""

import itertools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import TypeVar

Item = TypeVar("Item")


def count_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def take_ahead(items: Iterable[Item], number: int) -> Iterator[Item]:
    """Give items in their order, with up to `number` of them taken, and what making them begins begun.

    Example:
    >>> list(take_ahead("abc", 2))
    ['a', 'b', 'c']
    """
    items = iter(items)
    taken = deque(itertools.islice(items, number))
    while taken:
        yield taken.popleft()
        taken.extend(itertools.islice(items, 1))


def follow_parent(end: Connection | None = None) -> None:
    """End this worker as soon as nobody wants its work: its parent is gone, killed or not, or says so.

    Ctrl-C, which a terminal sends to all processes, is the parent's to answer.

    Args:
        end (`Connection`, *optional*): A pipe through which the parent says so; what it holds stays there for others.
    """

    def wait_for_end() -> None:
        """Sleep until then."""
        parent = multiprocessing.parent_process()
        ends = [one for one in (end, None if parent is None else parent.sentinel) if one is not None]
        wait(ends)
        os._exit(0 if end is not None and end.poll() else 1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=wait_for_end, daemon=True).start()
