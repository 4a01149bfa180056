"""Captioning: a molecule in, sentences that say what it is out."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
