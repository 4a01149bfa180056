"""A pre-training run from the words of the command line to the folder it leaves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers.utils import logging

from ..hub.folders import export_folder
from .command_line import parse_arguments
from .preparation import prepare_data
from .pretraining import (
    build_model,
    build_trainer,
    check_options,
    evaluate_on_test,
    name_test_protocol,
    name_training_data,
    run_training,
    use_cpu_threads,
)


@dataclass(frozen=True)
class PretrainingResult:
    """What a run came to.

    Args:
        output_dir (`Path`): Folder of the run; once `is_complete`, it loads with `from_pretrained`.
        is_complete (`bool`): False if Ctrl-C ended the training; a checkpoint was saved then.
        is_main_process (`bool`): Whether this process wrote the folder.
        metrics (`dict`): Of the test split, ready for `format_retrieval_table`; empty without one.
    """

    output_dir: Path
    is_complete: bool
    is_main_process: bool
    metrics: dict[str, float]


def pretrain(words: list[str] | None = None, prog: str | None = None) -> PretrainingResult:
    """Prepare the data, train or resume, evaluate on the test split, and export the model with its card.

    With `--push_to_hub` the folder is pushed in the end.

    Args:
        words (`list[str]`, *optional*): Options as `finemoltex pretrain --help` lists them; those of the command line,
            if absent.
        prog (`str`, *optional*): What the help calls the program; its file name, if absent.

    Returns:
        `PretrainingResult`.

    Raises:
        ValueError: If options contradict each other, or the data cannot be read.

    Example:
    >>> pretrain("--preset tiny --max_steps 3 --output_dir runs/tiny".split()).metrics  # trains  # doctest: +SKIP
    """
    model_args, data_args, training_args = parse_arguments(words, prog)
    logging.set_verbosity(training_args.get_process_log_level())
    use_cpu_threads(training_args)
    output_dir, is_main = Path(training_args.output_dir), training_args.should_save

    check_options(model_args, data_args, training_args)
    prepared = prepare_data(model_args, data_args, training_args)
    model = build_model(model_args, prepared, training_args.seed)
    trainer = build_trainer(model, prepared, data_args, training_args)
    if not run_training(trainer, model_args.initial_model):
        return PretrainingResult(output_dir, False, is_main, {})

    metrics: dict[str, float] = {}
    if "test" in prepared.features:
        metrics = evaluate_on_test(trainer, prepared.features["test"], name_test_protocol(data_args))
    card_fields: dict[str, Any] = {
        "dataset": name_training_data(data_args),
        "base_model": model_args.text_model,
        "preparation": prepared.summary,
        "metrics": metrics,
    }
    if training_args.push_to_hub:
        trainer.push_to_hub(card_fields=card_fields)
    elif is_main:
        export_folder(trainer.model, prepared.processor, output_dir, card_fields)
    return PretrainingResult(output_dir, True, is_main, metrics)
