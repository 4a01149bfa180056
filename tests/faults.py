"""What goes wrong with files in real life: a process that is killed, and a disk that is full."""

import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
    """Run an action in a process of its own and kill it after `moment` seconds; tells whether it was still at work."""
    sys.stdout.flush()
    child = os.fork()
    if not child:
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    deadline = time.monotonic() + moment
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.0005)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def time_of(action: Callable[[], object]) -> float:
    """Seconds that an action takes in a process of its own."""
    start = time.monotonic()
    kill_during(action, 300.0)
    return time.monotonic() - start
