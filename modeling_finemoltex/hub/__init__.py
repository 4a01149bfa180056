"""Hub folders: assemble, describe, check and push models and data sets."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
