"""Exported models without PyTorch and Transformers: molecules and texts to embeddings by ONNX Runtime, on a CPU."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
