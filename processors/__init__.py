"""Molecules and texts to model inputs. Users import these names from `modeling_finemoltex`.

The names stand in `__init__.pyi`. A file is loaded when a name of it is first used, and most of them need neither
PyTorch nor Transformers.
"""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
