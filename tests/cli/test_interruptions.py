"""Ctrl-C ends a search and a pre-training soon, without a trace; the training saves a checkpoint first."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modeling_finemoltex.training.checkpoints import find_resumable_checkpoint

ROOT = Path(__file__).resolve().parents[2]


def interrupt(words, is_at_work):
    """Start a command, interrupt it once it is at work: exit status, errors, seconds until its end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "modeling_finemoltex.cli", *map(str, words)], cwd=ROOT, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not is_at_work(process.pid):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    start = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, stderr = process.communicate(timeout=120)
    return process.returncode, stderr, time.monotonic() - start


def allowed():
    """Two seconds on a machine that does nothing else."""
    return 2 + max(0, os.getloadavg()[0] - 1)


@pytest.mark.slow
def test_search(index_folder):
    def has_loaded(pid):
        """It loads the library of the index first, and encodes queries a few seconds later."""
        has_library = "faiss" in Path(f"/proc/{pid}/maps").read_text()
        time.sleep(8 if has_library else 0)
        return has_library

    queries = [f"a ring with {number} acids" for number in range(20_000)]
    status, stderr, seconds = interrupt(["search", index_folder, *queries], has_loaded)
    assert status and "Traceback" not in stderr and seconds < allowed(), (status, seconds, stderr[-2_000:])


@pytest.mark.slow
def test_pretraining(command, tmp_path):
    words = ["pretrain", *command, "--max_steps", 100_000, "--save_steps", 5, "--eval_strategy", "no"]
    words += ["--load_best_model_at_end", "false", "--save_total_limit", 2]
    folder = tmp_path / "run"
    status, stderr, seconds = interrupt(words, lambda _: list(folder.glob("checkpoint-*")))
    assert status == 130 and "Traceback" not in stderr and seconds < allowed(), (status, seconds, stderr[-2_000:])
    assert find_resumable_checkpoint(folder) is not None
