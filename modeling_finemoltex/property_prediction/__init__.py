"""Property prediction for use: experiments with baselines, calibrated prediction of files, attribution to motifs."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
