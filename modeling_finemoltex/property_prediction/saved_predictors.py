"""Whatever an experiment saved, loaded by one call."""

from pathlib import Path
from typing import Any

from .predictor import BLEND_FILE, PropertyPredictor


def load_predictor(folder: str | Path, device: str | None = None, trust_remote_code: bool = False) -> Any:
    """Load whatever an experiment saved: a fine-tuned model, or a blend.

    Args:
        folder (`str` or `Path`): The folder of one run; of a fine-tuned model also a Hub id.
        device (`str`, *optional*): Where to compute; the fastest, if absent.
        trust_remote_code (`bool`): Run the code in the folder instead of the installed one.

    Returns:
        [`PropertyPredictor`] or [`PropertyBlend`]: Both have `columns`, `predict` and `predict_window`.

    Raises:
        ImportError: If the folder holds a blend, and scikit-learn or skops is not installed.
        ValueError: If it cannot be loaded.

    Example:
    >>> load_predictor(property_folder).predict(["CCO", "c1ccccc1"]).shape
    (2, 1)
    """
    if not (Path(folder) / BLEND_FILE).is_file():
        return PropertyPredictor.from_pretrained(folder, device, trust_remote_code)
    try:
        from .property_blend import PropertyBlend
    except ImportError as error:
        raise ImportError('A blend needs scikit-learn and skops: pip install "finemoltex[properties]".') from error
    return PropertyBlend.from_pretrained(folder, device, trust_remote_code)
