"""Drawing: pages of molecules, shared by the pages of hits and of edits."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
