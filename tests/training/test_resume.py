"""A killed run continues to the very weights of the run that was left alone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from modeling_finemoltex.training.checkpoints import STAGING_FOLDER, find_resumable_checkpoint
from modeling_finemoltex.training.command_line import parse_arguments
from modeling_finemoltex.training.interruption import SaveOnInterrupt
from modeling_finemoltex.training.preparation import prepare_data

KILLED_RUN = Path(__file__).parent / "killed_run.py"


ADVERSARIAL = ["--objective", "critic", "--objective", "memory_bank", "--objective", "second_order"]


@pytest.mark.slow
@pytest.mark.parametrize("objectives", [[], ADVERSARIAL], ids=["default", "adversarial"])
def test_sigkill_while_saving_then_resume_gives_the_same_weights(command, tmp_path, run_example, objectives):
    # 19 steps per epoch, killed while step 20 is saved: the resumed run starts at 10 and crosses an epoch.
    options = "--max_steps 30 --save_steps 10 --eval_strategy no --load_best_model_at_end false".split() + objectives
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


def test_a_run_with_a_critic_resumes_to_the_same_losses(make_trainer, change_config, tmp_path):
    objectives = {"critic": {"hidden_sizes": [16, 8]}, "memory_bank": {}, "second_order": {}, "masked_modelling": None}
    options = {"max_steps": 5, "save_steps": 3, "logging_steps": 1, "learning_rate": 1e-2, "muon_learning_rate": 0.02}
    options |= {"per_device_train_batch_size": 3, "adversary_learning_rate": 0.01}  # two steps an epoch
    logs, weights = [], []
    for checkpoint in (None, tmp_path / "trainer" / "checkpoint-3"):
        trainer = make_trainer(config=change_config(objectives=objectives), **options)  # other weights each time
        first = trainer.model.objectives["critic"].critic.score.weight.detach().clone()
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        steps = [entry for entry in trainer.state.log_history if "critic_loss" in entry and entry["step"] > 3]
        logs.append([{name: value for name, value in entry.items() if name.endswith("loss")} for entry in steps])
        weights.append(trainer.model.state_dict())
        assert not torch.equal(trainer.model.objectives["critic"].critic.score.weight, first)
    assert len(logs[0]) == 2 and logs[0] == logs[1]
    assert {"critic_loss", "generator_loss", "memory_bank_loss", "u2u_loss", "u2c_loss"} <= logs[0][0].keys()
    for name, tensor in weights[0].items():
        assert torch.equal(weights[1][name], tensor), name


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
