"""Ctrl-C in training: finish the step, save a checkpoint, stop."""

import signal
import threading
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.utils import logging

logger = logging.get_logger(__name__)


class SaveOnInterrupt(TrainerCallback):
    """Turns the first Ctrl-C (SIGINT) into a saved checkpoint and an orderly stop; the second one stops at once.

    A launcher of several processes passes the signal on to each of them at a moment of its own, so the processes agree
    after every step, and repeated signals there change nothing.
    """

    def __init__(self) -> None:
        self.interrupted = False
        self._requested = False
        self._previous_handler: Any = None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs) -> None:
        """Install the handler; signals can only be handled in the main thread."""
        self.interrupted = self._requested = False
        if threading.current_thread() is threading.main_thread():
            self._previous_handler = signal.signal(signal.SIGINT, self._handle)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs) -> None:
        """Save and stop if any process was interrupted."""
        if self._agree(args):
            self.interrupted = True
            control.should_save = True
            control.should_training_stop = True

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs) -> None:
        """Give Ctrl-C its usual meaning back."""
        if self._previous_handler is not None:
            signal.signal(signal.SIGINT, self._previous_handler)
            self._previous_handler = None

    def _handle(self, signum: int, frame: Any) -> None:
        if self._requested and not torch.distributed.is_initialized():
            raise KeyboardInterrupt
        self._requested = True
        logger.warning("Interrupted: saving a checkpoint after this step. Press Ctrl-C again to stop at once.")

    def _agree(self, args: TrainingArguments) -> bool:
        if args.world_size <= 1:
            return self._requested
        flag = torch.tensor(float(self._requested), device=args.device)
        torch.distributed.all_reduce(flag, op=torch.distributed.ReduceOp.MAX)
        return bool(flag.item())
