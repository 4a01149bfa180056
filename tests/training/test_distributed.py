"""Two processes and one, with the same global batch, take the same steps."""

import os
import socket
from contextlib import contextmanager
from functools import partial

import pytest
import torch
from torch import nn

from .conftest import without_dropout

STEPS = 3


@pytest.mark.slow
def test_two_processes_equal_one(rows, processor, config, tmp_path):
    rows.save_to_disk(str(tmp_path / "rows"))
    processor.save_pretrained(tmp_path / "processor")
    without_dropout(config).save_pretrained(tmp_path / "config")
    for world_size in (1, 2):
        context = torch.multiprocessing.get_context("spawn")
        run = partial(_train, world_size=world_size, port=_free_port(), folder=str(tmp_path))
        torch.multiprocessing.start_processes(_call, args=(run,), nprocs=world_size, start_method=context._name)
    one, two = (torch.load(tmp_path / f"record-{size}.pt", weights_only=True) for size in (1, 2))
    assert len(one["losses"]) == len(two["losses"]) == STEPS
    for expected, actual in zip(one["losses"], two["losses"], strict=True):
        assert actual == pytest.approx(expected, rel=1e-4)
    for step, (expected, actual) in enumerate(zip(one["gradients"], two["gradients"], strict=True)):
        assert expected.keys() == actual.keys()
        joined_expected = torch.cat([expected[name].flatten() for name in expected])
        joined_actual = torch.cat([actual[name].flatten() for name in expected])
        difference = (joined_actual - joined_expected).norm() / joined_expected.norm()
        assert difference < 1e-4, f"step {step}: relative difference {difference:.1e}"


def _call(rank: int, run) -> None:
    run(rank)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def _environment(rank: int, world_size: int, port: int):
    """Present this process to accelerate as one of `world_size` CPU processes."""
    values = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "LOCAL_RANK": str(rank)}
    values |= {"WORLD_SIZE": str(world_size), "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items() if world_size > 1 else {"ACCELERATE_USE_CPU": "true"}.items():
            patch.setenv(name, value)
        yield patch


def _train(rank: int, world_size: int, port: int, folder: str) -> None:
    """Train on the eight rows of one global batch; the first process records losses and gradients of every step."""
    with _environment(rank, world_size, port) as patch:
        torch.set_num_threads(1)
        # Statistics of half a batch differ from those of the whole one: BatchNorm stays on its running statistics.
        patch.setattr(nn.BatchNorm1d, "train", lambda self, mode=True: nn.Module.train(self, False))
        import datasets

        import modeling_finemoltex as finemoltex

        config = finemoltex.FineMolTexConfig.from_pretrained(f"{folder}/config")
        torch.manual_seed(0)
        model = finemoltex.FineMolTexForPreTraining(config)
        processor = finemoltex.FineMolTexProcessor.from_pretrained(f"{folder}/processor")
        trainer = finemoltex.FineMolTexTrainer(
            model=model,
            args=finemoltex.FineMolTexTrainingArguments(
                output_dir=f"{folder}/run-{world_size}",
                per_device_train_batch_size=8 // world_size,
                max_steps=STEPS,
                logging_steps=1,
                learning_rate=1e-3,
                eval_strategy="no",
                save_strategy="no",
                load_best_model_at_end=False,
                report_to="none",
                use_cpu=True,
                disable_tqdm=True,
                ddp_find_unused_parameters=False,
            ),
            train_dataset=datasets.load_from_disk(f"{folder}/rows").select(range(8)),
            data_collator=finemoltex.FineMolTexDataCollator(processor),
        )
        assert trainer.args.world_size == world_size
        trainer.add_callback(_make_recorder(gradients := []))
        trainer.train()
        losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
        if rank == 0:
            torch.save({"losses": losses, "gradients": gradients}, f"{folder}/record-{world_size}.pt")
        trainer.accelerator.wait_for_everyone()
        os._exit(0)  # the destructor of a gloo group sometimes waits for ever for a peer that has gone


def _make_recorder(gradients: list):
    from transformers import TrainerCallback

    class Recorder(TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
            gradients.append(
                {
                    name: parameter.grad.clone()
                    for name, parameter in model.named_parameters()
                    if parameter.grad is not None
                }
            )

    return Recorder()
