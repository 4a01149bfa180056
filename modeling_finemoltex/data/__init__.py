"""Molecule-text pairs and property tables: loading, splitting, removing leaked rows, features for pre-training."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
