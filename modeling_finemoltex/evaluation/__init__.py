"""Evaluation: embeddings in, dicts of floats out, the protocol named in every key."""

import importlib
from typing import Any

_MODULES = {
    "compute_pretraining_metrics": "pretraining",
    "evaluate_retrieval": "retrieval",
    "format_retrieval_table": "retrieval",
    "load_negatives": "retrieval",
    "majority_class_accuracy": "pretraining",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Import torch only when a function that needs it is asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
