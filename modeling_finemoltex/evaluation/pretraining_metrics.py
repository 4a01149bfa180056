"""Metrics of a pre-training run on held-out pairs, in the form the Trainer asks for."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .ranking_metrics import evaluate_retrieval


def compute_pretraining_metrics(
    eval_prediction: Any,
    protocol: str,
    choose_from: tuple[int, ...] = (4, 10, 20),
    molecule_ids: Any = None,
    text_ids: Any = None,
) -> dict[str, float]:
    """Summarise the predictions of `FineMolTexForPreTraining` on an evaluation set.

    Made for `Trainer(compute_metrics=functools.partial(compute_pretraining_metrics, protocol=...))`.

    Args:
        eval_prediction (`transformers.EvalPrediction`): Its `predictions` are `(molecule_embeds (R, P),
            text_embeds (R, P))`, without the texts where no objective reads them, and, of objectives that count, a
            `dict` of counts of shape `(R,)`: `<what>_correct` of `<what>_total` predictions of each row; and maybe
            `<what>_classes` of shape `(R, C)`, how often each class was right.
        protocol (`str`): Name of data and protocol, the prefix of every key.
        choose_from (tuple of `int`): Sizes of T-choose-one; those above `R` are left out, as a small set has no such
            task.
        molecule_ids (`(R,)`, *optional*): As in `evaluate_retrieval`, in the order of the evaluation set.
        text_ids (`(R,)`, *optional*): The same for the texts.

    Returns:
        `dict[str, float]`: The keys of `evaluate_retrieval`, if there are texts, and `{protocol}/<what>_accuracy` for
        every pair of counts, such as `masked_word` and `masked_motif`; NaN where nothing was predicted. With classes,
        `{protocol}/<what>_majority_accuracy` too, of always answering the class that is right most often.

    Raises:
        ValueError: If the predictions are others, or retrieval cannot be measured on them.
    """
    predictions = eval_prediction.predictions
    if not isinstance(predictions, tuple | list) or len(predictions) not in (2, 3):
        given = len(predictions) if isinstance(predictions, tuple | list) else type(predictions).__name__
        raise ValueError(
            f"Expected the predictions (molecule_embeds, text_embeds) or (molecule_embeds, text_embeds, counts): got "
            f"{given}. List the other outputs in `config.keys_to_ignore_at_inference`."
        )
    if isinstance(predictions[1], Mapping):
        return _count_shares(predictions[1], protocol)
    molecule_embeds, text_embeds = predictions[:2]
    counts = predictions[2] if len(predictions) == 3 else {}
    metrics = evaluate_retrieval(
        molecule_embeds,
        text_embeds,
        protocol,
        choose_from=[size for size in choose_from if size <= len(molecule_embeds)],
        molecule_ids=molecule_ids,
        text_ids=text_ids,
    )
    return metrics | _count_shares(counts, protocol)


def _count_shares(counts: Mapping[str, Any], protocol: str) -> dict[str, float]:
    """Divide what was right by what was predicted, over all rows."""
    shares = {}
    for name in (key.removesuffix("_total") for key in counts if key.endswith("_total")):
        correct, total = float(np.sum(counts[f"{name}_correct"])), float(np.sum(counts[f"{name}_total"]))
        shares[f"{protocol}/{name}_accuracy"] = correct / total if total else float("nan")
        if f"{name}_classes" in counts:
            most = float(np.sum(counts[f"{name}_classes"], axis=0).max())
            shares[f"{protocol}/{name}_majority_accuracy"] = most / total if total else float("nan")
    return shares


def majority_class_accuracy(labels: Any) -> float:
    """Compute the accuracy of always answering the most frequent label, the floor of a masked-prediction task.

    Args:
        labels (integers of any shape): Class labels; negative ones (ignored slots such as -100) do not count.

    Returns:
        `float` in (0, 1].

    Raises:
        ValueError: If no label is left.

    Example:
    >>> majority_class_accuracy([3, 3, 5, -100])
    0.6666666666666666
    """
    labels = np.asarray(labels).reshape(-1)
    labels = labels[labels >= 0]
    if not labels.size:
        raise ValueError("There are no labels to count: got none, or only negative (ignored) ones.")
    return float(np.unique(labels, return_counts=True)[1].max() / labels.size)
