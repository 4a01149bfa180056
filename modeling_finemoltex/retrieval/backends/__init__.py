"""Search back ends: what an index asks for the nearest of its vectors."""

from ..._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
