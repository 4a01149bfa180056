"""A property prediction model with its processor, as one function: molecules to probabilities or numbers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import AutoModelForSequenceClassification, AutoProcessor

from ..embedding.preparation import PreparedWindow
from .fingerprints import TrainingFingerprints

PARTS = ("predict", "extract_features")
BLEND_FILE = "property_blend.json"  # by which the folder of a blend is known


class PropertyPredictor:
    """Predicts calibrated probabilities or numbers, and says how near molecules are to the training set.

    Args:
        model ([`FineMolTexForPropertyPrediction`]): Put in eval mode.
        processor (`FineMolTexProcessor`): That of the model.
        fingerprints ([`TrainingFingerprints`], *optional*): Of the molecules that the model was trained on.

    Raises:
        ValueError: If the model reads texts beside molecules: the pipeline takes both.

    Example:
    >>> predictor = PropertyPredictor.from_pretrained(property_folder)
    >>> predictor.predict(["CCO", "c1ccccc1"]).shape
    (2, 1)
    """

    def __init__(self, model: Any, processor: Any, fingerprints: TrainingFingerprints | None = None) -> None:
        if model.config.property_config.with_text:
            raise ValueError(
                "This model reads a text beside each molecule. Use it through "
                '`pipeline("finemoltex-property-prediction", model=folder)`, which takes both.'
            )
        self.model, self.processor, self.fingerprints = model.eval(), processor, fingerprints

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, device: str | None = None, trust_remote_code: bool = False
    ) -> "PropertyPredictor":
        """Load model, processor and training fingerprints from a folder that fine-tuning wrote.

        Args:
            folder (`str` or `Path`): The folder.
            device (`str`, *optional*): Where to compute; the fastest, if absent.
            trust_remote_code (`bool`): Run the code in the folder instead of the installed one.

        Raises:
            ValueError: If it cannot be loaded, or holds a model whose linear layer was never trained.
        """
        options: dict[str, Any] = {"trust_remote_code": trust_remote_code}
        try:
            model, report = AutoModelForSequenceClassification.from_pretrained(
                folder, output_loading_info=True, **options
            )
            processor = AutoProcessor.from_pretrained(folder, **options)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise ValueError(f"{str(folder)!r} cannot be loaded as a model with its processor: {error}") from error
        lacks_head = any("classifier" in str(key) for key in report["missing_keys"])
        if lacks_head or not all(hasattr(model, part) for part in PARTS):
            raise ValueError(
                f"{str(folder)!r} holds no trained property prediction model ({type(model).__name__}, without weights "
                f"for {sorted(report['missing_keys'])[:3]}). Fine-tune it first: examples/finetune_property.py."
            )
        if hasattr(model, "require_weights"):  # code in a folder of an earlier version has no such method
            model.require_weights("property prediction")
        if device is None:
            device = str(torch.accelerator.current_accelerator()) if torch.accelerator.is_available() else "cpu"
        return cls(model.to(device), processor, TrainingFingerprints.load(folder))

    @property
    def columns(self) -> list[str]:
        """Name of each output: task or class."""
        return [self.model.config.id2label[place] for place in range(self.model.config.num_labels)]

    @property
    def problem_type(self) -> str:
        """Name of the task type in Transformers."""
        return self.model.config.problem_type

    def predict(self, smiles: Sequence[str]) -> np.ndarray:
        """Predict a batch of molecules.

        Args:
            smiles (sequence of `str`): `R` molecules.

        Returns:
            `np.ndarray` of shape `(R, K)`, float32: Calibrated probabilities, or numbers in their own units.

        Raises:
            ValueError: If a molecule cannot be parsed; names its index.
        """
        return self._predict_batch(self.processor(smiles=list(smiles), return_tensors="pt"))

    def predict_window(self, window: PreparedWindow) -> np.ndarray:
        """Predict one prepared window. -> `(W, K)`, NaN for the rows that were rejected."""
        predictions = np.full((len(window.values), len(self.columns)), np.nan, dtype=np.float32)
        for batch in window.batches:
            inputs = {name: torch.from_numpy(array) for name, array in batch.inputs.items()}
            predictions[batch.places] = self._predict_batch(inputs)
        return predictions

    @torch.inference_mode()
    def _predict_batch(self, inputs: Any) -> np.ndarray:
        inputs = {name: tensor.to(self.model.device) for name, tensor in inputs.items()}
        return self.model.predict(self.model(**inputs).logits).cpu().numpy()
