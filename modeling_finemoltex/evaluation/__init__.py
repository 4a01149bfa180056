"""Evaluation: embeddings in, dicts of floats out, the protocol named in every key."""

import importlib
from typing import Any

_MODULES = {
    "FragmentWordEncoder": "retrieval_baselines",
    "NearestTextEncoder": "retrieval_baselines",
    "PROMPTS": "editing_prompts",
    "PROTOCOLS": "protocols",
    "RetrievalSetting": "pools",
    "RetrievalTask": "protocols",
    "bootstrap_intervals": "intervals",
    "build_alignment_probe": "alignment",
    "compare_paired": "intervals",
    "compute_pretraining_metrics": "pretraining",
    "canonical_set": "editing",
    "compute_property_metrics": "property_metrics",
    "embed_tasks": "protocols",
    "evaluate_alignment": "alignment",
    "evaluate_retrieval": "retrieval",
    "format_alignment_table": "alignment",
    "format_editing_table": "editing",
    "format_retrieval_table": "tables",
    "format_systems_table": "tables",
    "load_motif_names": "motif_names",
    "load_negatives": "pools",
    "load_protocol": "protocols",
    "majority_class_accuracy": "pretraining",
    "name_motifs": "motif_names",
    "report_editing": "editing",
    "report_systems": "report",
    "score_alignment": "alignment",
    "score_at_random": "retrieval",
    "score_edits": "editing",
    "score_queries": "retrieval",
    "selection_score": "property_metrics",
    "summarise_queries": "intervals",
    "write_sentences": "motif_names",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Import torch only when a function that needs it is asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
