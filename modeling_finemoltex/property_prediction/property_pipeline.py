"""The pipeline `"finemoltex-property-prediction"`: SMILES in, named and calibrated predictions out."""

from collections.abc import Sequence
from typing import Any

import torch

from ..model.pipelines_finemoltex import FineMolTexPipeline

BATCH = 64


class FineMolTexPropertyPredictionPipeline(FineMolTexPipeline):
    """Predict properties of molecules, each a SMILES, or a `dict` of `smiles` and `text` where texts count.

    Example:
    >>> from transformers import pipeline
    >>> predictor = FineMolTexForPropertyPrediction(base.config).eval()
    >>> predict = pipeline("finemoltex-property-prediction", model=predictor, processor=processor)
    >>> predict("CCO")
    [{'label': 'LABEL_...', 'score': ...}, ...]
    """

    def __call__(self, inputs: Any, batch_size: int = BATCH, **kwargs) -> Any:
        """Predict one molecule or several.

        Args:
            inputs (`str`, `dict` or a list of them): SMILES, or `{"smiles": ..., "text": ...}`.
            batch_size (`int`): Molecules that the model takes at once.
            kwargs: As of every pipeline.

        Returns:
            A list of `{"label", "score"}` per molecule: every task in the order of the model, or every class, the
            likeliest first; the score is a calibrated probability, or in regression the number. One list for a
            single molecule, else a list of lists.

        Raises:
            ValueError: If a molecule cannot be parsed, or a text is missing or not wanted.
        """
        is_single = isinstance(inputs, str | dict)
        molecules = [inputs] if is_single else list(inputs)
        found: list[Any] = []
        for start in range(0, len(molecules), batch_size):
            # A batch is one input: graphs cannot be padded to be stacked by the base class.
            found += super().__call__({"molecules": molecules[start : start + batch_size]}, **kwargs)
        return found[0] if is_single else found

    def preprocess(self, inputs: dict[str, Sequence[Any]]) -> Any:
        """Featurise one batch."""
        molecules = [one if isinstance(one, dict) else {"smiles": one} for one in inputs["molecules"]]
        texts = [one.get("text") for one in molecules]
        smiles = [one.get("smiles") for one in molecules]
        return self.processor(smiles=smiles, text=None if texts.count(None) == len(texts) else texts)

    def _forward(self, model_inputs: Any) -> torch.Tensor:
        return {"predictions": self.model.predict(self.model(**model_inputs).logits)}

    def postprocess(self, model_outputs: dict[str, torch.Tensor]) -> list[list[dict[str, Any]]]:
        """Name the predictions of one batch."""
        names = self.model.config.id2label
        rows = [
            [{"label": names[place], "score": score} for place, score in enumerate(row)]
            for row in model_outputs["predictions"].tolist()
        ]
        if self.model.config.problem_type == "single_label_classification":
            rows = [sorted(row, key=lambda one: -one["score"]) for row in rows]
        return rows


__all__ = ["FineMolTexPropertyPredictionPipeline"]
