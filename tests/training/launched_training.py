"""Train on the eight rows of one global batch, alone or as one of the processes of `accelerate launch`.

usage: launched_training.py FOLDER, which holds rows, processor and config, and takes losses and gradients of each step
"""

import os
import sys

import datasets
import torch
from torch import nn
from transformers import TrainerCallback

import modeling_finemoltex as finemoltex

STEPS, GLOBAL_BATCH = 3, 8


class Recorder(TrainerCallback):
    """Keeps the gradients of every step."""

    def __init__(self) -> None:
        self.gradients: list[dict[str, torch.Tensor]] = []

    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        named = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
        self.gradients.append({name.removeprefix("module."): gradient.clone() for name, gradient in named.items()})


class RecordingTrainer(finemoltex.FineMolTexTrainer):
    """Keeps the loss of every step, the mean over the processes, unrounded."""

    def training_step(self, *args, **kwargs):
        loss = super().training_step(*args, **kwargs)
        self.losses = [*getattr(self, "losses", []), self.accelerator.gather(loss.detach()).mean().item()]
        return loss


def main(folder: str) -> None:
    torch.set_num_threads(1)
    # Statistics of half a batch differ from those of the whole one: BatchNorm stays on its running statistics.
    nn.BatchNorm1d.train = lambda self, mode=True: nn.Module.train(self, False)
    torch.manual_seed(0)
    model = finemoltex.FineMolTexForPreTraining(finemoltex.FineMolTexConfig.from_pretrained(f"{folder}/config"))
    world_size = int(os.environ.get("WORLD_SIZE", 1))
    trainer = RecordingTrainer(
        model=model,
        args=finemoltex.FineMolTexTrainingArguments(
            output_dir=f"{folder}/run-{world_size}",
            per_device_train_batch_size=GLOBAL_BATCH // world_size,
            max_steps=STEPS,
            learning_rate=1e-3,
            eval_strategy="no",
            save_strategy="no",
            load_best_model_at_end=False,
            report_to="none",
            use_cpu=True,
            disable_tqdm=True,
            ddp_find_unused_parameters=False,
        ),
        train_dataset=datasets.load_from_disk(f"{folder}/rows").select(range(GLOBAL_BATCH)),
        data_collator=finemoltex.FineMolTexDataCollator(
            finemoltex.FineMolTexProcessor.from_pretrained(f"{folder}/processor")
        ),
    )
    assert trainer.args.world_size == world_size
    trainer.add_callback(recorder := Recorder())
    trainer.train()
    if trainer.is_world_process_zero():
        record = {"losses": trainer.losses, "gradients": recorder.gradients}
        torch.save(record, f"{folder}/record-{world_size}.pt")
    trainer.accelerator.wait_for_everyone()
    os._exit(0)  # the destructor of a gloo group sometimes waits for ever for a peer that has gone


if __name__ == "__main__":
    main(sys.argv[1])
