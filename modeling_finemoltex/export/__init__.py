"""A trained model as files that other run times read: ONNX, ONNX of 8 bits, and programs of `torch.export`."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
