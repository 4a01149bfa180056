"""Explanations: which word goes with which motif, and what a masked motif or word is predicted from."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
