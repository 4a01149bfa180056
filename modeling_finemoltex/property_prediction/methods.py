"""The methods that an experiment compares, each from the same training rows to predictions of the held-out rows."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, set_seed

from ..data.property_tables import PropertyTable
from ..model.property_prediction_finemoltex import FineMolTexForPropertyPrediction
from ..training.fine_tuning import FineTuningSettings, describe_task, fine_tune, predict_logits, prepare_rows
from ..training.linear_probe import fit_linear_probe
from .calibration import calibrate
from .fingerprint_baselines import fit_boosting, fit_forest, fit_linear

# Name -> what a table calls it.
METHODS = {
    "ecfp_rf": "ECFP4 + random forest",
    "ecfp_lr": "ECFP4 + logistic regression",
    "descriptors_gb": "RDKit descriptors + gradient boosting",
    "gin_scratch": "GIN from scratch",
    "probe": "pre-trained, linear probe",
    "fine_tuned": "pre-trained, fine-tuned",
    "lora": "pre-trained, LoRA",
}
# Those that learn nothing of a molecule but what is computed of it.
FIXED_FEATURES = {"ecfp_rf": fit_forest, "ecfp_lr": fit_linear, "descriptors_gb": fit_boosting}
BASELINES = (*FIXED_FEATURES, "gin_scratch")


@dataclass
class Outcome:
    """What one method made of one split.

    Args:
        predictions (`dict`): `"valid"` and `"test"`: `(R, K)` probabilities or numbers.
        model ([`FineMolTexForPropertyPrediction`], *optional*): The trained model; none for fingerprints.
        facts (`dict`): Figures of the training, ready for JSON.
    """

    predictions: dict[str, np.ndarray]
    model: Any = None
    facts: dict[str, Any] = field(default_factory=dict)


class MethodRunner:
    """Runs methods on one split; molecules are featurised once for all of them.

    Args:
        parts (mapping): `"train"`, `"valid"` and `"test"` [`PropertyTable`].
        model_folder (`str`): Folder or Hub id of the pre-trained model.
        processor (`FineMolTexProcessor`): Its processor.
        collate (`FineMolTexDataCollator`): Of that processor.
        settings ([`FineTuningSettings`]): For full fine-tuning; the others differ from it in `method_settings`.
        method_settings (mapping, *optional*): Method -> fields of the settings that differ.
        readout (`str`): What the linear layer reads; `config.property_config.readout`.
        dropout (`float`): After every layer and before the linear one.
    """

    def __init__(
        self,
        parts: Mapping[str, PropertyTable],
        model_folder: str,
        processor: Any,
        collate: Any,
        settings: FineTuningSettings,
        method_settings: Mapping[str, Mapping[str, Any]] | None = None,
        readout: str = "both",
        dropout: float = 0.1,
    ) -> None:
        self.parts, self.model_folder, self.collate = parts, model_folder, collate
        self.processor, self.settings = processor, settings
        self.method_settings, self.readout, self.dropout = method_settings or {}, readout, dropout
        self._rows: dict[str, list[dict[str, Any]]] = {}

    def run(self, method: str, seed: int) -> Outcome:
        """Train by one method with one seed, and predict.

        Args:
            method (`str`): One of `METHODS`.
            seed (`int`): Of everything random. The linear probe and the linear baseline do not depend on it.

        Raises:
            ValueError: If the method is unknown.
        """
        if method not in METHODS:
            raise ValueError(f"Unknown method {method!r}: choose among {', '.join(METHODS)}.")
        if method in FIXED_FEATURES:
            return Outcome(FIXED_FEATURES[method](self.parts, seed, self.settings.balance_classes))
        if not self._rows:
            self._rows = {name: prepare_rows(part, self.processor) for name, part in self.parts.items()}
        set_seed(seed)
        model = self._build(method)
        if torch.accelerator.is_available():
            model.to(torch.accelerator.current_accelerator())
        rows, valid = self._rows, self.parts["valid"]
        if not model.config.property_config.with_text:
            rows = {name: [_without_text(row) for row in part] for name, part in rows.items()}
        facts: dict[str, Any] = {}
        if method == "probe":
            facts["penalty"] = fit_linear_probe(model, self.collate, rows["train"], rows["valid"], valid)
        else:
            settings = replace(self.settings, seed=seed, **self.method_settings.get(method, {}))
            model, history = fine_tune(model, self.collate, rows["train"], rows["valid"], valid, settings)
            facts["epochs"] = [{name: round(value, 5) for name, value in epoch.items()} for epoch in history]
        logits = {name: predict_logits(model, rows[name], self.collate) for name in ("valid", "test")}
        facts["temperature"] = calibrate(model, logits["valid"], valid.labels)
        predictions = {name: model.predict(torch.from_numpy(scores)).numpy() for name, scores in logits.items()}
        return Outcome(predictions, model, facts)

    def _build(self, method: str) -> Any:
        """Build the model that a method starts from."""
        config = copy.deepcopy(AutoConfig.from_pretrained(self.model_folder))
        config.property_config.readout, config.property_config.dropout = self.readout, self.dropout
        config.graph_config.dropout = config.multimodal_config.hidden_dropout_prob = self.dropout
        describe_task(config, self.parts["train"], self.settings.balance_classes)
        if method != "gin_scratch":
            return FineMolTexForPropertyPrediction.from_pretrained(
                self.model_folder, config=config, ignore_mismatched_sizes=True
            )
        # The graph encoder alone, and the mean of the atoms.
        config.property_config.readout, config.property_config.with_text = "atoms", False
        return FineMolTexForPropertyPrediction(config)


def _without_text(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "input_ids"}
