"""The probe is the penalised linear model it claims to be."""

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn")

from sklearn.linear_model import LogisticRegression

from modeling_finemoltex.evaluation import compute_property_metrics, selection_score
from modeling_finemoltex.training import fit_linear_probe, linear_probe, predict_logits


def score(model, collate, rows, valid):
    predictions = model.predict(torch.from_numpy(predict_logits(model, rows, collate))).numpy()
    return selection_score(compute_property_metrics(predictions, valid.labels, valid.task_type, valid.label_names))


def test_the_probe_is_logistic_regression(setting, parts, monkeypatch):
    model, collate, rows, _, _ = setting
    monkeypatch.setattr(linear_probe, "PENALTIES", (2.0,))
    before = {name: tensor.clone() for name, tensor in model.finemoltex.state_dict().items()}
    assert fit_linear_probe(*setting) == 2.0
    for name, tensor in model.finemoltex.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    features, _ = linear_probe._extract(model, rows, collate)
    features = (
        (features - features.mean(0)) / features.std(0, unbiased=False).clamp(min=linear_probe.MIN_SCALE)
    ).numpy()
    for task in range(2):
        known = ~np.isnan(parts[0].labels[:, task])
        expected = LogisticRegression(C=0.5, tol=1e-8, max_iter=10_000).fit(
            features[known], parts[0].labels[known, task]
        )
        logits = predict_logits(model, rows, collate)[:, task]
        np.testing.assert_allclose(logits, expected.decision_function(features), atol=2e-2, rtol=2e-2)


def test_validation_chooses_the_penalty(setting, monkeypatch):
    model, collate, _, valid_rows, valid = setting
    scores = {}
    for penalty in linear_probe.PENALTIES:
        monkeypatch.setattr(linear_probe, "PENALTIES", (penalty,))
        fit_linear_probe(*setting)
        scores[penalty] = score(model, collate, valid_rows, valid)
    monkeypatch.setattr(linear_probe, "PENALTIES", tuple(scores))
    fit_linear_probe(*setting)
    # Started from the fit before, a fit ends near, not at, the one that started from zero.
    assert score(model, collate, valid_rows, valid) >= max(scores.values()) - 0.05


def test_features_that_are_not_finite_are_refused(setting):
    model = setting[0]
    with torch.no_grad():
        model.finemoltex.molecule_readout.expand.weight.fill_(float("nan"))
    with pytest.raises(ValueError, match="features of the model have NaN or infinite values"):
        fit_linear_probe(*setting)
