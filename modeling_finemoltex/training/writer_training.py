"""What the trainings of writers share, of molecules and of captions: arguments of the Trainer, and kept settings."""

import json
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments

from ..data.atomic_files import write_text


def make_training_arguments(arguments: Any, **others: Any) -> TrainingArguments:
    """Make the arguments of a Trainer that trains a writer, with checkpoints to go on from.

    Args:
        arguments (dataclass): Has `output_dir`, `batch_size`, `learning_rate`, `max_steps`, `save_steps` and `seed`.
        **others: Further arguments.
    """
    has_device = torch.accelerator.is_available()
    return TrainingArguments(
        output_dir=arguments.output_dir,
        per_device_train_batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        max_steps=arguments.max_steps,
        warmup_steps=0.05,
        lr_scheduler_type="cosine",
        weight_decay=0.01,
        bf16=torch.cuda.is_available(),
        remove_unused_columns=False,
        save_strategy="steps",
        save_steps=arguments.save_steps,
        save_total_limit=2,
        report_to="none",
        seed=arguments.seed,
        use_cpu=not has_device,
        dataloader_pin_memory=has_device,
        **others,
    )


def keep_settings(arguments: Any, file: Path, may_change: Collection[str]) -> None:
    """Keep the settings of a run beside its checkpoints, and refuse to go on with others.

    Args:
        arguments (dataclass): The settings.
        file (`Path`): Where they are kept.
        may_change (collection of `str`): Those that a run may go on with changed.

    Raises:
        ValueError: If the folder holds a run with other settings; names them.
    """
    settings = {name: value for name, value in asdict(arguments).items() if name not in may_change}
    if file.exists():
        earlier = json.loads(file.read_text(encoding="utf-8"))
        changed = sorted(name for name in settings if settings[name] != earlier.get(name))
        if changed:
            raise ValueError(
                f"{file.parent} holds a run with other values of {', '.join(changed)}. Give them as they were to go "
                "on with it, or another output folder for a new run."
            )
    write_text(file, json.dumps(settings, indent=1) + "\n")
