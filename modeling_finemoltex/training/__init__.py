"""Pre-training (arguments, Trainer, text model, the steps of the main job) and fine-tuning on properties."""

import importlib
from typing import Any

_MODULES = {
    "DataArguments": "arguments",
    "FineMolTexTrainer": "trainer",
    "FineTuningSettings": "fine_tuning",
    "FineMolTexTrainingArguments": "arguments",
    "ModelArguments": "arguments",
    "ProcessorTools": "pretraining",
    "describe_task": "fine_tuning",
    "fine_tune": "fine_tuning",
    "fit_linear_probe": "linear_probe",
    "plot_training_curves": "pretraining",
    "predict_logits": "fine_tuning",
    "prepare_rows": "fine_tuning",
    "build_model": "pretraining",
    "build_text_model": "text_model",
    "build_trainer": "pretraining",
    "evaluate_on_test": "pretraining",
    "evaluate_with_floors": "masking_floors",
    "format_ablation_table": "ablation",
    "find_resumable_checkpoint": "checkpoints",
    "name_test_protocol": "pretraining",
    "name_training_data": "pretraining",
    "option_words": "recipe",
    "parse_arguments": "arguments",
    "preparation_settings": "pretraining",
    "prepare_data": "pretraining",
    "pretrain": "run",
    "PretrainingResult": "run",
    "run_variant": "ablation",
    "run_training": "pretraining",
    "train_tokenizer": "text_model",
    "use_cpu_threads": "pretraining",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Import torch and Transformers only when a name that needs them is asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
