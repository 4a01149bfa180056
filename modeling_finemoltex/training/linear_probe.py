"""Fit the linear layer of a property prediction model on features that stay as they were pre-trained."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.property_tables import PropertyTable
from ..evaluation.property_metrics import compute_property_metrics, selection_score
from .fine_tuning import EVALUATION_BATCH

# Strengths of the quadratic penalty beside the summed loss, from strong to weak: each fit starts from the one before.
PENALTIES = (1000.0, 100.0, 10.0, 1.0, 0.1)
MAX_STEPS = 200
# Features that hardly vary are not blown up: undoing that in the linear layer would cost its precision.
MIN_SCALE = 1e-3


def fit_linear_probe(
    model: Any,
    collate: Any,
    train_rows: Sequence[dict[str, Any]],
    valid_rows: Sequence[dict[str, Any]],
    valid: PropertyTable,
) -> float:
    """Fit the linear layer to convergence; the rest of the model is frozen.

    The features are computed once and standardised (the linear layer takes that in), and the penalised loss has one
    minimum, so nothing depends on a seed.

    Args:
        model ([`FineMolTexForPropertyPrediction`]): Its linear layer is changed in place.
        collate (`FineMolTexDataCollator`): Makes batches.
        train_rows, valid_rows (sequence of `dict`): From [`prepare_rows`].
        valid ([`PropertyTable`]): The validation rows, for their labels.

    Returns:
        `float`: The penalty that the validation metric chose.

    Raises:
        ValueError: If a feature is not finite, or no validation row has a label.
    """
    model.eval()
    features, labels = _extract(model, train_rows, collate)  # (R, F)
    valid_features, _ = _extract(model, valid_rows, collate)
    if not (features.isfinite().all() and valid_features.isfinite().all()):
        raise ValueError("The features of the model have NaN or infinite values. Fine-tune or load another model.")
    mean, scale = features.mean(0), features.std(0, unbiased=False).clamp(min=MIN_SCALE)  # (F,)
    features = (features - mean) / scale
    layer = torch.nn.Linear(features.shape[1], model.config.num_labels, device=features.device)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    best: tuple[float, float, Tensor, Tensor] | None = None
    for penalty in PENALTIES:
        _minimise(layer, model, features, labels, penalty)
        weight = layer.weight.detach() / scale  # (K, F)
        bias = layer.bias.detach() - weight @ mean  # (K,)
        _set_layer(model, weight, bias)
        with torch.inference_mode():
            logits = model.to_units(model.classifier(valid_features))
            predictions = model.predict(logits).cpu().numpy()
        metrics = compute_property_metrics(predictions, valid.labels, valid.task_type, valid.label_names)
        score = selection_score(metrics)
        if best is None or score > best[0]:
            best = (score, penalty, weight, bias)
    if best is None or not np.isfinite(best[0]):
        raise ValueError("No penalty gives a finite validation metric: label some validation rows.")
    _set_layer(model, *best[2:])
    return best[1]


def _minimise(layer: torch.nn.Linear, model: Any, features: Tensor, labels: Tensor, penalty: float) -> None:
    """Minimise the penalised loss by L-BFGS."""
    num_labels = (labels != -100).sum() if labels.ndim == 1 else (~labels.isnan()).sum()
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=MAX_STEPS, line_search_fn="strong_wolfe")

    def evaluate() -> Tensor:
        """Compute the penalised loss and its gradient."""
        optimizer.zero_grad()
        loss = model.compute_loss(layer(features), labels) + 0.5 * penalty / num_labels * layer.weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(evaluate)


@torch.no_grad()
def _extract(model: Any, rows: Sequence[dict[str, Any]], collate: Any) -> tuple[Tensor, Tensor]:
    """Compute the features `(R, F)` of prepared rows, and collect their labels."""
    features, labels = [], []
    for start in range(0, len(rows), EVALUATION_BATCH):
        batch = collate(rows[start : start + EVALUATION_BATCH])
        labels.append(batch.pop("labels"))
        for name in ("motif_ids", "pair_ids"):
            batch.pop(name, None)
        features.append(model.extract_features(**{name: tensor.to(model.device) for name, tensor in batch.items()}))
    return torch.cat(features), torch.cat(labels).to(model.device)


@torch.no_grad()
def _set_layer(model: Any, weight: Tensor, bias: Tensor) -> None:
    model.classifier.weight.copy_(weight)
    model.classifier.bias.copy_(bias)
