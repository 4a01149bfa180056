"""Figures over the labels that are there."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from modeling_finemoltex.evaluation import compute_property_metrics, selection_score

NAN = np.nan


def test_tasks_are_scored_where_labels_are():
    labels = np.array([[1, 0, NAN], [0, NAN, NAN], [1, 0, NAN], [NAN, 0, NAN]])
    predictions = np.array([[0.9, 0.1, 0.5], [0.2, 0.9, 0.5], [0.1, 0.1, 0.5], [0.0, 0.1, 0.5]])
    metrics = compute_property_metrics(predictions, labels, "binary", ["a", "single", "empty"])
    assert metrics["per_task"]["a"]["roc_auc"] == 0.5  # 0.9 above 0.2, 0.1 below
    single = metrics["per_task"]["single"]
    assert set(single) == {"log_loss", "brier", "ece"} and metrics["per_task"]["empty"] == {}
    assert single["log_loss"] == pytest.approx(-np.log(0.9))
    assert (single["brier"], single["ece"]) == pytest.approx((0.01, 0.1))  # always 0.1, and never 1
    assert metrics["roc_auc"] == 0.5 and metrics["pr_auc"] == pytest.approx((1 + 2 / 3) / 2)
    assert (metrics["num_tasks"], metrics["num_scored_tasks"]) == (3, 1)


def test_no_task_with_both_labels_leaves_the_log_loss_to_choose():
    metrics = compute_property_metrics(np.array([[0.9], [0.8]]), np.ones((2, 1)), "binary", ["a"])
    assert "roc_auc" not in metrics
    assert selection_score(metrics) == pytest.approx(np.log([0.9, 0.8]).mean())
    with pytest.raises(ValueError, match="no label at all"):
        selection_score(compute_property_metrics(np.ones((2, 1)), np.full((2, 1), NAN), "binary", ["a"]))


def test_classes_are_scored_one_against_the_rest():
    predictions = np.array([[0.8, 0.1, 0.1], [0.3, 0.4, 0.3], [0.2, 0.5, 0.3], [1.0, 0.0, 0.0]])
    labels = np.array([[0.0], [1.0], [2.0], [NAN]])
    metrics = compute_property_metrics(predictions, labels, "multiclass", ["x", "y", "z"])
    assert metrics["accuracy"] == pytest.approx(2 / 3)
    assert metrics["per_task"]["y"]["roc_auc"] == 0.5 and metrics["per_task"]["z"]["roc_auc"] == 0.75
    assert selection_score(metrics) == metrics["roc_auc"] == pytest.approx((1 + 0.5 + 0.75) / 3)


def test_numbers():
    metrics = compute_property_metrics(
        np.array([[1.0, 0], [2, 0], [3, 9]]), np.array([[1.0, NAN], [4, NAN], [3, 10]]), "regression", ["a", "b"]
    )
    per_task = metrics["per_task"]
    assert per_task["a"]["rmse"] == pytest.approx(np.sqrt(4 / 3)) and per_task["b"]["mae"] == 1
    assert "rmse" not in metrics and "mae" not in metrics  # of two units
    relative = [np.sqrt(4 / 3) / np.std([1, 4, 3]), 1]  # one label deviates by nothing
    assert metrics["relative_rmse"] == pytest.approx(np.mean(relative))
    assert selection_score(metrics) == -metrics["relative_rmse"] and metrics["num_scored_tasks"] == 2
    alone = compute_property_metrics(np.array([[1.0], [2]]), np.array([[1.0], [4]]), "regression", ["a"])
    assert alone["rmse"] == pytest.approx(np.sqrt(2)) and selection_score(alone) == -alone["rmse"]
