"""Property prediction for use: experiments with baselines, calibrated prediction of files, attribution to motifs."""

import importlib
from typing import Any

_MODULES = {
    "ExperimentArguments": "experiment",
    "METHODS": "methods",
    "MotifAttribution": "attribution",
    "PropertyPredictor": "predictor",
    "TrainingFingerprints": "fingerprints",
    "attribute_motifs": "attribution",
    "calibrate": "calibration",
    "draw_attribution": "attribution",
    "format_property_table": "tables",
    "predict_file": "prediction_job",
    "run_experiments": "experiment",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Import torch, RDKit and scikit-learn only when a name that needs them is asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
