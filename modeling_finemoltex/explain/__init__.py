"""Explanations: which word goes with which motif, and what a masked motif or word is predicted from."""

import importlib
from typing import Any

_MODULES = {
    "AlignedMotif": "alignment",
    "Alignment": "alignment",
    "MaskedPrediction": "masked_prediction",
    "MaskedPredictionExplainer": "masked_prediction",
    "MotifWordAligner": "aligner",
    "TokenMap": "token_map",
    "Word": "words",
    "draw_alignment_matrix": "figures",
    "draw_highlights": "figures",
    "draw_masked_prediction": "figures",
    "draw_token_map": "figures",
    "map_tokens": "token_map",
    "render_alignment_page": "alignment_page",
    "split_words": "words",
    "write_alignment": "alignment_page",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Import torch, RDKit and matplotlib only when a name that needs them is asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
