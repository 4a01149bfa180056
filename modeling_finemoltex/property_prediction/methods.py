"""The methods that an experiment compares, each from the same training rows to predictions of the held-out rows."""

import copy
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, set_seed

from ..data.property_tables import PropertyTable
from ..embedding import MoleculeTextEncoder
from ..model.property_prediction_finemoltex import FineMolTexForPropertyPrediction
from ..training.fine_tuning import FineTuningSettings, describe_task, fine_tune, predict_logits, prepare_rows
from ..training.linear_probe import fit_linear_probe
from .blend import Blend, answer_alike, fit_member
from .calibration import calibrate
from .fingerprint_baselines import fit_boosting, fit_forest, fit_linear
from .fingerprints import TrainingFingerprints
from .molecule_features import FeatureStore, make_store
from .property_blend import PropertyBlend
from .recipes import RECIPES, WITH_VECTORS, find_recipe
from .tempering import choose_temperature, temper

# Name -> what a table calls it.
METHODS = {
    "ecfp_rf": "ECFP4 + random forest",
    "ecfp_lr": "ECFP4 + logistic regression",
    "counts_rf": "ECFP4 counts + random forest",
    "descriptors_rf": "RDKit descriptors + random forest",
    "descriptors_et": "RDKit descriptors + extra trees",
    "descriptors_gb": "RDKit descriptors + gradient boosting",
    "descriptors_svm": "RDKit descriptors + support-vector machine",
    "descriptors_blend": "descriptors and ECFP4 counts, blend of forests",
    "blend_no_vectors": "descriptors and ECFP4 counts, the blend without the model",
    "gin_scratch": "GIN from scratch",
    "vectors_et": "pre-trained embedding + extra trees",
    "pools_rf": "SMILES fingerprint (four pools) + random forest",
    "pools_svm": "SMILES fingerprint (four pools) + support-vector machine",
    "probe": "pre-trained, linear probe",
    "fine_tuned": "pre-trained, fine-tuned",
    "lora": "pre-trained, LoRA",
    "blend": "pre-trained embedding in the blend",
}
DEFAULT = "blend"
# Those that learn nothing of a molecule but what is computed of it.
FIXED_FEATURES = {"ecfp_rf": fit_forest, "ecfp_lr": fit_linear, "descriptors_gb": fit_boosting}
BASELINES = tuple(
    name for name in METHODS if name in FIXED_FEATURES or (name in RECIPES and name not in WITH_VECTORS)
) + ("gin_scratch",)


@dataclass
class Outcome:
    """What one method made of one split.

    Args:
        predictions (`dict`): `"valid"` and `"test"`: `(R, K)` probabilities or numbers.
        model ([`FineMolTexForPropertyPrediction`] or [`PropertyBlend`], *optional*): The trained model; none where
            the pre-trained one has no part in it.
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

    Attributes:
        store ([`FeatureStore`]): Fixed features of the molecules; another runner may use it too.
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
        self.store: FeatureStore = make_store(lambda: self.encoder)
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._answers: dict[Any, dict[str, np.ndarray]] = {}  # of members of blends

    @functools.cached_property
    def encoder(self) -> MoleculeTextEncoder:
        """The pre-trained model as it is, for embeddings."""
        return load_encoder(self.model_folder, tuple(self.processor.feature_extractor.views))

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
        if method in RECIPES:
            return self._run_blend(method, seed)
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

    def _run_blend(self, method: str, seed: int) -> Outcome:
        """Fit the members of a blend, and average what they say."""
        train, valid = self.parts["train"], self.parts["valid"]
        blend = Blend(find_recipe(method, train.task_type), train.task_type, len(train.label_names))
        blend.answers = answer_alike(train.labels, train.task_type, blend.num_outputs)
        answers = [self._ask_member(blend, place, seed, method in WITH_VECTORS) for place in range(len(blend.members))]
        averaged = {name: blend.average([answer[name] for answer in answers]) for name in answers[0]}
        temperature = choose_temperature(averaged["valid"], valid.labels, train.task_type)
        predictions = {name: temper(found, temperature, train.task_type) for name, found in averaged.items()}
        members = [{"estimator": one.estimator, "blocks": list(one.blocks)} for one in blend.members]
        facts = {"temperature": temperature, "members": members}
        if method not in WITH_VECTORS:
            return Outcome(predictions, facts=facts)
        near = TrainingFingerprints.from_smiles(train.smiles)
        model = PropertyBlend(blend, self.encoder, train.label_names, temperature, near)
        return Outcome(predictions, model, facts)

    def _ask_member(self, blend: Blend, place: int, seed: int, keeps: bool) -> dict[str, np.ndarray]:
        """Fit one member and predict by it; one of an earlier method is not fitted again, unless it will be saved."""
        member, train = blend.members[place], self.parts["train"]
        blend.fitted.append([])
        if keeps or (member, seed) not in self._answers:
            features = {name: self.store.get(part.smiles, member.blocks) for name, part in self.parts.items()}
            blend.fitted[place] = fit_member(
                member, features["train"], train.labels, train.task_type, seed, self.settings.balance_classes
            )
            self._answers[member, seed] = {name: blend.ask(place, features[name]) for name in ("valid", "test")}
            if not keeps:
                blend.fitted[place] = []  # forests are large
        return self._answers[member, seed]

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


@functools.lru_cache(maxsize=1)
def load_encoder(model_folder: str, views: tuple[str, ...] | None = None) -> MoleculeTextEncoder:
    """Load a pre-trained model for its embeddings, once for all sets of an experiment.

    Args:
        model_folder (`str`): Folder or Hub id.
        views (`tuple[str, ...]`, *optional*): How molecules are read; as the folder says, if absent.
    """
    encoder = MoleculeTextEncoder.from_pretrained(model_folder)
    extractor = encoder.processor.feature_extractor
    if views is not None and list(views) != extractor.views:
        encoder.processor.feature_extractor = extractor.with_views(views)
    return encoder


def _without_text(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "input_ids"}
