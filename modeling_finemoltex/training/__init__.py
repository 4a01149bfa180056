"""Pre-training (arguments, Trainer, text model, the steps of the main job) and fine-tuning on properties."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
