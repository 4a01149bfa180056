"""Ctrl-C ends a training after its step, with a checkpoint."""

import signal

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from modeling_finemoltex.training.interruption import SaveOnInterrupt


@pytest.fixture
def trained(tmp_path):
    """A callback whose training has begun, with what Trainer hands to it."""
    callback, before = SaveOnInterrupt(), signal.getsignal(signal.SIGINT)
    given = (TrainingArguments(str(tmp_path), use_cpu=True, report_to="none"), TrainerState(), TrainerControl())
    callback.on_train_begin(*given)
    yield callback, given
    callback.on_train_end(*given)
    assert signal.getsignal(signal.SIGINT) is before


def test_the_step_ends_before_the_training(trained):
    callback, given = trained
    callback.on_step_end(*given)
    assert not given[2].should_save and not callback.interrupted
    signal.raise_signal(signal.SIGINT)
    callback.on_step_end(*given)
    assert given[2].should_save and given[2].should_training_stop and callback.interrupted


def test_the_second_signal_stops_at_once(trained):
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_new_training_starts_afresh(trained):
    callback, given = trained
    signal.raise_signal(signal.SIGINT)
    callback.on_train_end(*given)
    callback.on_train_begin(*given)
    callback.on_step_end(*given)
    assert not callback.interrupted
