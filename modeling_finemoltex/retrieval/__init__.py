"""Retrieval: an index of embeddings, searched by text or molecule, filtered and re-ranked."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
