"""A predictor is a fine-tuned folder as one function."""

import numpy as np
import pytest
import torch

from modeling_finemoltex import FineMolTexForPropertyPrediction
from modeling_finemoltex.property_prediction import PropertyPredictor

SMILES = ["CCO", "c1ccccc1", "CC(=O)O"]


@pytest.fixture(scope="module")
def predictor(tuned_folder):
    return PropertyPredictor.from_pretrained(tuned_folder, "cpu")


def test_predictions_are_calibrated_probabilities_of_each_task(predictor, processor):
    predictions = predictor.predict(SMILES)
    assert predictor.columns == ["toxic", "soluble"] and predictions.shape == (3, 2)
    with torch.no_grad():
        logits = predictor.model(**processor(smiles=SMILES)).logits
    np.testing.assert_allclose(predictions, (logits / 2.0).sigmoid(), atol=1e-6)  # its temperature
    np.testing.assert_allclose(predictor.predict(SMILES[1:2]), predictions[1:2], atol=1e-6)
    assert predictor.fingerprints.similarity("OCC") == 1.0
    with pytest.raises(ValueError, match="index 1"):
        predictor.predict(["C", "C1CC"])


def test_models_that_were_never_trained_or_read_texts_are_refused(base_folder, change_config, processor, tmp_path):
    with pytest.raises(ValueError, match="holds no trained property prediction model"):
        PropertyPredictor.from_pretrained(base_folder)
    with pytest.raises(ValueError, match="cannot be loaded"):
        PropertyPredictor.from_pretrained(tmp_path)
    reader = FineMolTexForPropertyPrediction(change_config(property_config={"with_text": True}, num_labels=1))
    with pytest.raises(ValueError, match="reads a text beside each molecule"):
        PropertyPredictor(reader, processor)
