"""Evaluation: embeddings in, dicts of floats out, the protocol named in every key."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
