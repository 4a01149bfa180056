"""Editing: a molecule and a sentence in, analogues that fit the sentence out."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
