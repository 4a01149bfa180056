"""The dict of floats that the Trainer logs."""

from types import SimpleNamespace

import numpy as np
import pytest

from modeling_finemoltex.evaluation.pretraining_metrics import compute_pretraining_metrics, majority_class_accuracy


def predictions(rows: int, motif_total: int = 4) -> SimpleNamespace:
    ones = np.ones(rows, dtype=np.int64)
    counts = {"masked_word_correct": 3 * ones, "masked_word_total": 6 * ones}
    counts |= {"masked_motif_correct": ones, "masked_motif_total": motif_total * ones}
    return SimpleNamespace(predictions=(np.eye(rows), np.eye(rows), counts))


def test_sums_hits_and_measures_retrieval():
    metrics = compute_pretraining_metrics(predictions(12), "valid")
    assert metrics["valid/masked_word_accuracy"] == 0.5
    assert metrics["valid/masked_motif_accuracy"] == 0.25
    assert metrics["valid/t2m_hits@1"] == 1.0
    assert "valid/t2m_choose_one_of_10" in metrics and "valid/t2m_choose_one_of_20" not in metrics


def test_what_a_constant_answer_would_get():
    counts = {"blend_spd_correct": np.array([3, 1]), "blend_spd_total": np.array([4, 2])}
    counts["blend_spd_classes"] = np.array([[1, 3, 0], [2, 0, 0]])
    found = SimpleNamespace(predictions=(np.eye(2), np.eye(2), counts))
    metrics = compute_pretraining_metrics(found, "valid")
    assert metrics["valid/blend_spd_accuracy"] == pytest.approx(4 / 6)
    assert metrics["valid/blend_spd_majority_accuracy"] == 3 / 6
    counts["blend_spd_total"], counts["blend_spd_classes"] = np.zeros(2), np.zeros((2, 3))
    assert np.isnan(compute_pretraining_metrics(found, "valid")["valid/blend_spd_majority_accuracy"])


def test_nothing_masked_is_nan():
    assert np.isnan(compute_pretraining_metrics(predictions(5, motif_total=0), "valid")["valid/masked_motif_accuracy"])


def test_objectives_that_count_nothing_leave_retrieval():
    metrics = compute_pretraining_metrics(SimpleNamespace(predictions=(np.eye(3), np.eye(3))), "valid")
    assert metrics["valid/t2m_hits@1"] == 1.0 and not [name for name in metrics if name.endswith("_accuracy")]


def test_other_predictions_are_refused():
    with pytest.raises(ValueError, match="got 1.*keys_to_ignore_at_inference"):
        compute_pretraining_metrics(SimpleNamespace(predictions=(np.eye(3),)), "valid")


def test_majority_class():
    assert majority_class_accuracy(np.array([[1, 1], [2, -100]])) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="no labels to count"):
        majority_class_accuracy([-100])
