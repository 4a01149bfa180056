"""Conformal sets and intervals: thresholds by hand, the promise kept by construction, and files."""

import json

import numpy as np
import pytest

pytest.importorskip("sklearn")

from modeling_finemoltex.property_prediction import ConformalCalibration, measure_coverage

NAN = float("nan")


def classes(count, seed=0):
    """Labels drawn by the probabilities that stand beside them: `(R, 1)` both."""
    random = np.random.default_rng(seed)
    probabilities = random.beta(0.5, 2, (count, 1))  # a rare positive class
    return probabilities, (random.random((count, 1)) < probabilities).astype(float)


def test_thresholds_by_hand():
    predictions, labels = np.zeros((9, 1)), np.arange(1.0, 10)[:, None]  # errors 1 to 9
    calibration = ConformalCalibration.from_predictions(predictions, labels, "regression", ["size"])
    # The smallest k with k / (n + 1) at the level, and no end where there is none.
    for level, error in ((0.1, 1), (0.5, 5), (0.51, 6), (0.9, 9), (0.91, np.inf)):
        assert calibration.thresholds(level).tolist() == [[error]]
    assert calibration.predict_intervals(np.array([[2.0]]), 0.5).tolist() == [[[-3.0, 7.0]]]
    for level in (0, 1, 1.5, NAN):
        with pytest.raises(ValueError, match="share between 0 and 1"):
            calibration.thresholds(level)


def test_each_class_has_a_threshold_of_its_own_and_missing_labels_count_nowhere():
    labels = np.array([[0.0]] * 9 + [[1.0]] * 9 + [[NAN]] * 50)
    predictions = np.concatenate([np.linspace(0.1, 0.5, 9), np.linspace(0.5, 0.9, 9), np.ones(50)])[:, None]
    calibration = ConformalCalibration.from_predictions(predictions, labels, "binary", ["toxic"])
    assert [len(calibration.errors["toxic"][name]) for name in "01"] == [9, 9]
    np.testing.assert_allclose(calibration.thresholds(0.9), [[0.5, 0.5]], atol=1e-9)
    np.testing.assert_allclose(calibration.thresholds(0.5), [[0.3, 0.3]], atol=1e-9)
    sets = calibration.predict_sets(np.array([[0.2], [0.5], [0.6]]), 0.9)
    assert sets[:, 0].tolist() == [[True, False], [True, True], [False, True]]
    assert calibration.predict_sets(np.array([[0.5]]), 0.5).tolist() == [[[False, False]]]  # like neither


def test_a_class_that_is_too_rare_for_the_level_is_never_left_out():
    predictions, labels = np.array([[0.1]] * 20 + [[0.9]] * 3), np.array([[0.0]] * 20 + [[1.0]] * 3)
    calibration = ConformalCalibration.from_predictions(predictions, labels, "binary", ["toxic"])
    assert np.isinf(calibration.thresholds(0.9)[0, 1])
    assert calibration.predict_sets(np.array([[0.0]]), 0.9).tolist() == [[[True, True]]]


def test_coverage_is_the_level_on_like_rows_in_each_class():
    predictions, labels = classes(40_000)
    calibration = ConformalCalibration.from_predictions(predictions, labels, "binary", ["toxic"])
    # Twisted probabilities rank alike, so the promise holds for them too.
    twisted = ConformalCalibration.from_predictions(predictions**3, labels, "binary", ["toxic"])
    others, truth = classes(40_000, seed=1)
    for level in (0.8, 0.9, 0.95):
        for one, given in ((calibration, others), (twisted, others**3)):
            found = measure_coverage(one, given, truth, level)
            assert found["coverage"] == pytest.approx(level, abs=0.01) and found["num_labels"] == 40_000
            assert list(found["by_class"].values()) == pytest.approx([level, level], abs=0.015)
            assert 0.5 < found["set_size"] < 2 and 0 < found["decided"] < 1
    # Of other rows nothing is promised: with all labels turned, little is covered.
    assert measure_coverage(calibration, others, 1 - truth, 0.9)["coverage"] < 0.7


def test_several_classes_and_tasks():
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, (3000, 1)).astype(float)
    predictions = np.full((3000, 3), 0.2)
    predictions[np.arange(3000), np.where(random.random(3000) < 0.8, labels[:, 0], 0).astype(int)] = 0.6
    halves = [slice(1500), slice(1500, None)]
    calibration = ConformalCalibration.from_predictions(
        predictions[halves[0]], labels[halves[0]], "multiclass", ["low", "mid", "high"]
    )
    assert calibration.tasks == ["class"] and calibration.classes == ["low", "mid", "high"]
    found = measure_coverage(calibration, predictions[halves[1]], labels[halves[1]], 0.75)
    assert list(found["by_class"]) == ["low", "mid", "high"] and min(found["by_class"].values()) > 0.75
    twice = ConformalCalibration.from_predictions(
        np.array([[0.1, 0.3]] * 19), np.array([[0.0, NAN]] * 19), "binary", ["a", "b"]
    )
    assert twice.predict_sets(np.array([[0.2, 0.9]]), 0.9).tolist() == [[[False, True], [True, True]]]
    assert measure_coverage(twice, np.array([[0.1, 0.9]]), np.array([[0.0, NAN]]))["num_labels"] == 1
    assert measure_coverage(twice, np.array([[0.1, 0.9]]), np.array([[NAN, NAN]]))["coverage"] is None


def test_numbers_have_a_width():
    random = np.random.default_rng(0)
    predictions = random.normal(size=(4000, 1))
    labels = predictions + random.normal(size=(4000, 1))
    calibration = ConformalCalibration.from_predictions(predictions[:2000], labels[:2000], "regression", ["size"])
    found = measure_coverage(calibration, predictions[2000:], labels[2000:], 0.9)
    assert found["coverage"] == pytest.approx(0.9, abs=0.02)
    assert found["width"] == pytest.approx(2 * 1.645, abs=0.25)  # of the normal distribution


def test_files_keep_everything(tmp_path):
    predictions, labels = classes(300)
    calibration = ConformalCalibration.from_predictions(predictions.astype(np.float32), labels, "binary", ["toxic"])
    assert ConformalCalibration.load(tmp_path) is None
    calibration.save(tmp_path)
    assert ConformalCalibration.load(tmp_path) == calibration
    file = tmp_path / "conformal.json"
    fields = json.loads(file.read_text())
    for text in (
        "{",
        "[]",
        json.dumps({**fields, "errors": {}}),
        json.dumps({**fields, "errors": {"toxic": {"0": 1}}}),
    ):
        file.write_text(text)
        with pytest.raises(ValueError, match=r"conformal.json is no conformal calibration: .* Remove it"):
            ConformalCalibration.load(tmp_path)


def test_what_does_not_go_together():
    predictions, labels = np.full((20, 1), 0.5), np.zeros((20, 1))
    binary = ConformalCalibration.from_predictions(predictions, labels, "binary", ["toxic"])
    numbers = ConformalCalibration.from_predictions(predictions, labels, "regression", ["size"])
    with pytest.raises(ValueError, match="call `predict_sets`"):
        binary.predict_intervals(predictions)
    with pytest.raises(ValueError, match="call `predict_intervals`"):
        numbers.predict_sets(predictions)
    with pytest.raises(ValueError, match=r"a column for each of \['toxic'\]: got \(20, 2\)"):
        binary.predict_sets(np.zeros((20, 2)))
    with pytest.raises(ValueError, match=r"labels \(R, 1\): got \(20, 1\) and \(20, 2\)"):
        ConformalCalibration.from_predictions(predictions, np.zeros((20, 2)), "binary", ["toxic"])
    with pytest.raises(ValueError, match="`task_type` must be one of binary"):
        ConformalCalibration.from_predictions(predictions, labels, "ordinal", ["toxic"])
