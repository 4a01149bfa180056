"""One temperature makes confident probabilities honest, and leaves rankings alone."""

import numpy as np
import pytest
import torch

pytest.importorskip("scipy")

from modeling_finemoltex import FineMolTexForPropertyPrediction
from modeling_finemoltex.property_prediction import calibrate


@pytest.fixture
def make(change_config):
    return lambda num_labels, problem_type: FineMolTexForPropertyPrediction(
        change_config(num_labels=num_labels, problem_type=problem_type)
    )


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_known_temperature_is_found(make, factor):
    generator = np.random.default_rng(0)
    honest = generator.normal(size=(4000, 2), scale=2).astype(np.float32)
    labels = (generator.random((4000, 2)) < 1 / (1 + np.exp(-honest))).astype(float)
    labels[:1000, 0] = np.nan
    model = make(2, "multi_label_classification")
    assert calibrate(model, factor * honest, labels) == pytest.approx(factor, rel=0.1)
    assert model.config.property_config.calibration_temperature == pytest.approx(factor, rel=0.1)
    probabilities = model.predict(torch.from_numpy(factor * honest))
    assert (probabilities[:, 0].argsort() == torch.from_numpy(honest[:, 0]).sigmoid().argsort()).float().mean() > 0.99


def test_classes(make):
    generator = np.random.default_rng(0)
    honest = generator.normal(size=(4000, 3), scale=2).astype(np.float32)
    chances = np.exp(honest) / np.exp(honest).sum(1, keepdims=True)
    labels = (generator.random((4000, 1)) > chances.cumsum(1)).sum(1, keepdims=True).astype(float)
    assert calibrate(make(3, "single_label_classification"), 4 * honest, labels) == pytest.approx(4, rel=0.1)


def test_nothing_to_calibrate(make):
    logits = np.ones((3, 1), dtype=np.float32)
    assert calibrate(make(1, "regression"), logits, np.ones((3, 1))) == 1.0
    assert calibrate(make(1, "multi_label_classification"), logits, np.full((3, 1), np.nan)) == 1.0
    # A single certain label would ask for a temperature of zero: bounded.
    assert calibrate(make(1, "multi_label_classification"), logits, np.ones((3, 1))) >= np.exp(-3) * 0.99
