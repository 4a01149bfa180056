"""Baselines on fingerprints: what a bit shows they learn, what has one class they answer."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from modeling_finemoltex.data import load_property_table
from modeling_finemoltex.property_prediction import fingerprint_baselines as baselines

from .conftest import write_table

FITS = {"forest": baselines.fit_forest, "linear": baselines.fit_linear}


def make_parts(tmp_path, columns, task_type="binary"):
    table = load_property_table(write_table(tmp_path / "t.csv", columns), list(columns), task_type)
    starts = enumerate(("train", "valid", "test"))
    return {name: table.select(np.arange(len(table.smiles))[start::3]) for start, name in starts}


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(baselines, "NUM_TREES", 10)


@pytest.mark.parametrize("fit", FITS)
def test_a_bit_that_shows_the_label_is_found(tmp_path, fit):
    parts = make_parts(tmp_path, {"aromatic": lambda one: int("c" in one), "always": lambda one: 1})
    predictions = FITS[fit](parts, 0)
    for name in ("valid", "test"):
        right = parts[name].labels[:, 0] == 1
        assert predictions[name][right, 0].min() > 0.5 > predictions[name][~right, 0].max()
        assert (predictions[name][:, 1] == 1).all()  # the only class that there is


@pytest.mark.parametrize("fit", FITS)
def test_classes_and_numbers(tmp_path, fit):
    kinds = make_parts(tmp_path, {"y": lambda one: "ring" if "1" in one else "chain"}, "multiclass")
    predictions = FITS[fit](kinds, 0)["test"]
    assert predictions.shape == (len(kinds["test"].smiles), 2)
    np.testing.assert_allclose(predictions.sum(1), 1, atol=1e-6)
    lengths = make_parts(tmp_path, {"y": lambda one: 1000 + len(one)}, "regression")
    assert np.abs(FITS[fit](lengths, 0)["test"] - lengths["test"].labels).max() < 50


def test_descriptors_tell_sizes_apart(tmp_path):
    columns = {"atoms": lambda one: sum(letter.isalpha() for letter in one)}
    table = load_property_table(write_table(tmp_path / "t.csv", columns), list(columns), "regression")
    found = baselines.fit_boosting(dict.fromkeys(("train", "valid", "test"), table), 0)["test"]
    assert np.isfinite(found).all() and np.corrcoef(found[:, 0], table.labels[:, 0])[0, 1] > 0.5
