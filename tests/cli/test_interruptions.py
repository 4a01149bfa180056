"""Ctrl-C ends a search and a pre-training soon, without a trace; the training saves a checkpoint first."""

import time
from pathlib import Path

import pytest

from modeling_finemoltex.training.checkpoints import find_resumable_checkpoint
from tests.faults import interrupt


@pytest.mark.slow
def test_search(index_folder):
    def has_loaded(pid):
        """It loads the library of the index first, and encodes queries a few seconds later."""
        has_library = "faiss" in Path(f"/proc/{pid}/maps").read_text()
        time.sleep(8 if has_library else 0)
        return has_library

    interrupt(["search", index_folder, *(f"a ring with {number} acids" for number in range(20_000))], has_loaded)


@pytest.mark.slow
def test_pretraining(command, tmp_path):
    words = ["pretrain", *command, "--max_steps", 100_000, "--save_steps", 5, "--eval_strategy", "no"]
    words += ["--load_best_model_at_end", "false", "--save_total_limit", 2]
    folder = tmp_path / "run"
    status, _ = interrupt(words, lambda _: list(folder.glob("checkpoint-*")))
    assert status == 130 and find_resumable_checkpoint(folder) is not None
