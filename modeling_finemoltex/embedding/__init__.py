"""Embedding: molecules and texts to vectors, one by one or whole files, interrupted and resumed."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
