"""What goes wrong with files in real life: a process that is killed, and a disk that is full."""

import multiprocessing
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [f"modeling_finemoltex.{name}" for name in ("retrieval.index", "embedding.embedding_job", "property_prediction")]
)


@contextmanager
def full_disk(after: int) -> Iterator[None]:
    """Refuse to let any file of this process grow beyond `after` bytes, as a disk without room does."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (after, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def kill_during(action: Callable[[], object], moment: float) -> bool:
    """Run an action in a process of its own and kill it after `moment` seconds; tells whether it was still at work.

    The process is no copy of this one, whose threads it would lack: the action must be a function of a module, or a
    `functools.partial` of one.
    """
    child = CONTEXT.Process(target=action)
    child.start()
    child.join(moment)
    is_at_work = child.is_alive()
    child.kill()
    child.join()
    return is_at_work


def time_of(action: Callable[[], object]) -> float:
    """Seconds that an action takes in a process of its own, where all is imported."""
    for _ in range(2):
        start = time.monotonic()
        assert not kill_during(action, 120.0)
    return time.monotonic() - start
