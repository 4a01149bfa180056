"""A killed run continues to the very weights of the run that was left alone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from modeling_finemoltex.training.arguments import parse_arguments
from modeling_finemoltex.training.checkpoints import STAGING_FOLDER, find_resumable_checkpoint
from modeling_finemoltex.training.interruption import SaveOnInterrupt
from modeling_finemoltex.training.preparation import prepare_data

KILLED_RUN = Path(__file__).parent / "killed_run.py"


@pytest.mark.slow
def test_sigkill_while_saving_then_resume_gives_the_same_weights(command, tmp_path, run_example):
    # 19 steps per epoch, killed while step 20 is saved: the resumed run starts at 10 and crosses an epoch.
    options = "--max_steps 30 --save_steps 10 --eval_strategy no --load_best_model_at_end false".split()
    killed = subprocess.run(
        [sys.executable, str(KILLED_RUN), "20", *command, *options], capture_output=True, text=True, timeout=280
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    folder = tmp_path / "run"
    assert (folder / STAGING_FOLDER / "checkpoint-20" / "optimizer.pt").is_file()  # half-written, and never picked up
    assert find_resumable_checkpoint(folder) == folder / "checkpoint-10"

    run_example([*command, *options, "--resume_from_checkpoint"])
    run_example([*command, *options, "--output_dir", str(tmp_path / "alone")])
    resumed, alone = (load_file(tmp_path / name / "model.safetensors") for name in ("run", "alone"))
    assert resumed.keys() == alone.keys()
    for name, tensor in alone.items():
        assert torch.equal(resumed[name], tensor), name


def test_ctrl_c_saves_a_checkpoint_after_the_step_and_stops(make_trainer, tmp_path):
    trainer = make_trainer(max_steps=50, save_strategy="no", logging_steps=1)
    interruption = SaveOnInterrupt()
    trainer.add_callback(interruption)
    handler = signal.getsignal(signal.SIGINT)
    forward, calls = trainer.model.forward, []

    def interrupt_in_third_step(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return forward(*args, **kwargs)

    trainer.model.forward = interrupt_in_third_step
    trainer.train()
    assert interruption.interrupted
    assert find_resumable_checkpoint(tmp_path / "trainer").name == "checkpoint-3"
    assert signal.getsignal(signal.SIGINT) is handler


def test_the_second_ctrl_c_stops_at_once():
    interruption = SaveOnInterrupt()
    interruption._handle(signal.SIGINT, None)
    with pytest.raises(KeyboardInterrupt):
        interruption._handle(signal.SIGINT, None)


def test_resuming_with_other_data_is_an_error(command, run_example):
    prepare_data(*parse_arguments(command))  # all that an interrupted run needs to have done
    with pytest.raises(ValueError, match="motif_min_count: 1 -> 2"):
        run_example([*command, "--motif_min_count", "2", "--resume_from_checkpoint"])


def test_resuming_without_a_checkpoint_starts_anew(command, run_example, tmp_path):
    run_example([*command, "--validation_size", "0", "--test_size", "0", "--resume_from_checkpoint"])
    assert (tmp_path / "run" / "model.safetensors").is_file()
