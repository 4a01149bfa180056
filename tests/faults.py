"""What goes wrong in real life: a process that is killed or interrupted, and a disk that is full."""

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

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


def interrupt(words: list[object], is_at_work: Callable[[int], object]) -> tuple[int, str]:
    """Start a command and press Ctrl-C once it is at work; it must end within two seconds, without a trace.

    Args:
        words: After `finemoltex`.
        is_at_work: Tells from the number of the process whether the moment has come.

    Returns:
        Exit status and standard error.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "modeling_finemoltex.cli", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Tests that run in the background of a script ignore Ctrl-C, and what they start would too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        while not is_at_work(process.pid):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.1)
        start = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    seconds = time.monotonic() - start
    allowed = 2 + max(0, os.getloadavg()[0] - 1)  # on a machine that does nothing else: two seconds
    assert seconds < allowed, f"{seconds:.1f} s: {stderr[-2_000:]}"
    assert process.returncode and "Traceback" not in stderr, stderr[-2_000:]
    return process.returncode, stderr
