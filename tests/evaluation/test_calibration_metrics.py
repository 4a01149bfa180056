"""Brier score and expected calibration error of cases whose values are known."""

import numpy as np
import pytest

from modeling_finemoltex.evaluation import brier_score, expected_calibration_error

pytest.importorskip("sklearn")


def test_brier_score_is_that_of_scikit_learn():
    from sklearn.metrics import brier_score_loss

    random = np.random.default_rng(0)
    probabilities, labels = random.random(50), random.integers(0, 2, 50)
    assert brier_score(probabilities, labels) == pytest.approx(brier_score_loss(labels, probabilities))
    assert brier_score(np.full(4, 0.5), np.array([0, 1, 1, 1])) == 0.25
    assert brier_score(np.array([0.0, 1.0]), np.array([0, 1])) == 0


def test_calibration_error_by_hand():
    # 0.2 in 10 % and 0.8 in 90 %: 0.1 away in either bin.
    probabilities = np.repeat([0.2, 0.8], 10)
    labels = np.array([1] + [0] * 9 + [0] + [1] * 9)
    assert expected_calibration_error(probabilities, labels) == pytest.approx(0.1)
    # In one bin the two errors cancel.
    assert expected_calibration_error(probabilities, labels, num_bins=1) == pytest.approx(0.0)
    # The larger bin counts more: 30 molecules 0.2 away, 10 molecules right.
    probabilities = np.array([0.3] * 30 + [1.0] * 10)
    labels = np.array([1] * 15 + [0] * 15 + [1] * 10)
    assert expected_calibration_error(probabilities, labels) == pytest.approx(0.15)


def test_the_frequencies_themselves_are_calibrated():
    random = np.random.default_rng(0)
    probabilities = random.random(200_000)
    labels = (random.random(200_000) < probabilities).astype(int)
    assert expected_calibration_error(probabilities, labels) < 0.01
    assert expected_calibration_error(probabilities**3, labels) > 0.1


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        ([], [], "at least one"),
        ([0.5], [1, 0], r"shapes \(1,\) and \(2,\)"),
        ([1.5], [1], "from 0 to 1"),
        ([float("nan")], [1], "from 0 to 1"),
        ([0.5], [float("nan")], "0 or 1"),
    ],
)
def test_what_is_no_probability_or_label(probabilities, labels, message):
    for measure in (brier_score, expected_calibration_error):
        with pytest.raises(ValueError, match=message):
            measure(np.array(probabilities), np.array(labels))
    with pytest.raises(ValueError, match="num_bins"):
        expected_calibration_error(np.array([0.5]), np.array([1]), num_bins=0)
