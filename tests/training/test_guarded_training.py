"""Training that has failed stops with its step and its pairs, and leaves the good checkpoints as they are."""

import math
import multiprocessing
import os
import random
import signal
import time

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from modeling_finemoltex.training import FineTuningSettings, fine_tune
from modeling_finemoltex.training.checkpoints import find_checkpoint_problem, find_resumable_checkpoint, read_step
from modeling_finemoltex.training.command_line import parse_arguments
from modeling_finemoltex.training.guarded_training import ROWS_FILE, hash_rows
from modeling_finemoltex.training.preparation import prepare_data

from .conftest import without_dropout


class SpoilAfter(TrainerCallback):
    """Fill a weight with NaN when a step is done, or before it is begun."""

    def __init__(self, step, before_saving):
        self.step, self.before_saving = step, before_saving

    def spoil(self, model):
        with torch.no_grad():
            next(model.parameters()).fill_(math.nan)

    def on_step_end(self, args, state, control, model=None, **kwargs):
        if self.before_saving and state.global_step == self.step:
            self.spoil(model)

    def on_step_begin(self, args, state, control, model=None, **kwargs):
        if not self.before_saving and state.global_step == self.step:
            self.spoil(model)


@pytest.mark.parametrize(
    ("before_saving", "message", "kept"),
    [(False, r"step 3: the loss is nan.*rows (\d+, ){7}\d+ of", 2), (True, "step 2: 1 weights are not finite", 1)],
)
def test_checkpoints_stay_good(make_trainer, tmp_path, before_saving, message, kept):
    trainer = make_trainer(max_steps=6, save_strategy="steps", save_steps=1, save_total_limit=1)
    trainer.add_callback(SpoilAfter(2, before_saving))
    with pytest.raises(ValueError, match=message):
        trainer.train()
    folder = find_resumable_checkpoint(tmp_path / "trainer")
    assert folder.name == f"checkpoint-{kept}"
    assert all(one.isfinite().all() for one in load_file(folder / "model.safetensors").values())


@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_gradient_that_is_not_finite_names_all_pairs_of_the_step(make_trainer, accumulation):
    trainer = make_trainer(
        max_steps=2, per_device_train_batch_size=8 // accumulation, gradient_accumulation_steps=accumulation
    )
    weight = next(one for one in trainer.model.parameters() if one.requires_grad)
    before = weight.detach().clone()
    weight.register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(ValueError, match=r"step 1: the norm of the gradient is (nan|inf).*rows (\d+, ){7}\d+ of"):
        trainer.train()
    assert torch.equal(weight, before)


def test_a_bad_batch_among_those_accumulated_is_named_alone(make_trainer, monkeypatch):
    trainer = make_trainer(max_steps=2, per_device_train_batch_size=4, gradient_accumulation_steps=2)
    compute, seen = trainer.compute_loss, []

    def spoil_second(model, inputs, *args, **kwargs):
        seen.append(inputs["pair_ids"].tolist())
        loss = compute(model, inputs, *args, **kwargs)
        return loss * math.nan if len(seen) == 2 else loss

    monkeypatch.setattr(trainer, "compute_loss", spoil_second)
    with pytest.raises(ValueError, match="step 1: the loss is nan") as caught:
        trainer.train()
    assert f"rows {', '.join(map(str, seen[1]))} of" in str(caught.value)


def test_fine_tuning_stops_too(setting):
    model, collate, train_rows, valid_rows, valid = setting
    with torch.no_grad():
        model.classifier.weight.fill_(math.nan)
    with pytest.raises(ValueError, match="step 1: the loss is nan.*rows"):
        fine_tune(model, collate, train_rows, valid_rows, valid, FineTuningSettings(epochs=1))


def test_going_on_with_other_rows_is_an_error(make_trainer, rows, tmp_path):
    trainer = make_trainer(max_steps=1, save_strategy="steps", save_steps=1)
    trainer.train()
    checkpoint = find_resumable_checkpoint(tmp_path / "trainer")
    assert (checkpoint / ROWS_FILE).is_file()
    again = make_trainer(max_steps=2)
    again.train(resume_from_checkpoint=str(checkpoint))
    other = make_trainer(max_steps=2)
    other.train_dataset = other.train_dataset.select([1, 0, *range(2, 8)])
    with pytest.raises(ValueError, match="The training data changed: .* 8 rows"):
        other.train(resume_from_checkpoint=str(checkpoint))


def test_rows_are_hashed_by_what_they_hold(rows):
    assert hash_rows(rows) == hash_rows(rows.select(range(len(rows))))
    assert hash_rows(rows) != hash_rows(rows.select([1, 0, *range(2, len(rows))]))
    assert hash_rows([{"input_ids": [1, 2]}]) != hash_rows([{"input_ids": [1, 3]}])
    assert hash_rows(iter([])) == {"rows": None, "hash": None}


def test_resuming_after_a_file_changed_is_an_error(command, pairs_file, tmp_path, run_example):
    copy = tmp_path / "own.csv"
    copy.write_text(pairs_file.read_text(encoding="utf-8"), encoding="utf-8")
    words = [str(copy) if word == str(pairs_file) else word for word in command]
    prepare_data(*parse_arguments(words))  # all that an interrupted run needs to have done
    copy.write_text(copy.read_text(encoding="utf-8").replace("1-methyl", "1-Methyl", 1), encoding="utf-8")
    with pytest.raises(ValueError, match="own.csv changed since"):
        run_example([*words, "--resume_from_checkpoint"])


@pytest.mark.slow
def test_killed_at_20_random_moments(make_trainer, config, tmp_path):
    options = {"max_steps": 80, "save_strategy": "steps", "save_steps": 1, "save_total_limit": 3}
    options |= {"config": without_dropout(config)}

    def train(folder, resume):
        torch.manual_seed(0)
        trainer = make_trainer(output_dir=str(folder), **options)
        checkpoint = find_resumable_checkpoint(folder) if resume else None
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        trainer.save_model(str(folder / "done"))

    folder, context, generator = tmp_path / "killed", multiprocessing.get_context("fork"), random.Random(5)
    folder.mkdir()
    reached, kills = 0, 0
    while kills < 20:
        child = context.Process(target=train, args=(folder, True))
        child.start()
        time.sleep(generator.uniform(0.05, 0.6))
        assert child.is_alive(), "the run was over before it was killed 20 times: give it more steps"
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        kills += 1
        checkpoint = find_resumable_checkpoint(folder)
        step = 0 if checkpoint is None else read_step(checkpoint)
        assert step >= reached, "a checkpoint was lost"
        assert all(find_checkpoint_problem(one) is None for one in folder.glob("checkpoint-*"))
        reached = step
    for place, resume in ((folder, True), (tmp_path / "alone", False)):
        child = context.Process(target=train, args=(place, resume))
        child.start()
        child.join()
        assert child.exitcode == 0
    killed, alone = (load_file(one / "done" / "model.safetensors") for one in (folder, tmp_path / "alone"))
    assert all(torch.equal(killed[name], tensor) for name, tensor in alone.items())
