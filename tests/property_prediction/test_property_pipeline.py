"""`pipeline("finemoltex-property-prediction")`."""

import pytest
import torch
from transformers import AutoModelForSequenceClassification, pipeline

from modeling_finemoltex import FineMolTexForPropertyPrediction


def test_tasks_by_name(tuned_folder, processor):
    predict = pipeline("finemoltex-property-prediction", model=tuned_folder, device="cpu")
    alone, listed = predict("CCO"), predict(["CCO", "c1ccccc1", "C"], batch_size=2)
    assert [one["label"] for one in alone] == ["toxic", "soluble"] and len(listed) == 3
    assert [one["score"] for one in listed[0]] == pytest.approx([one["score"] for one in alone], abs=1e-6)
    model = AutoModelForSequenceClassification.from_pretrained(tuned_folder).eval()
    with torch.no_grad():
        expected = model.predict(model(**processor(smiles="c1ccccc1")).logits)[0]
    assert [one["score"] for one in listed[1]] == pytest.approx(expected.tolist(), abs=1e-6)
    assert predict({"smiles": "CCO"}) == alone
    with pytest.raises(ValueError, match="RDKit cannot parse the SMILES 'C\\('"):
        predict(["CCO", "C("])


def test_classes_texts_and_numbers(change_config, processor):
    classes = FineMolTexForPropertyPrediction(change_config(num_labels=3, problem_type="single_label_classification"))
    best, *rest = pipeline("finemoltex-property-prediction", model=classes, processor=processor)("CCO")
    assert best["score"] >= max(one["score"] for one in rest)
    fields = {"property_config": {"with_text": True, "target_mean": [500.0], "target_scale": [1.0]}}
    numbers = FineMolTexForPropertyPrediction(change_config(**fields, num_labels=1, problem_type="regression"))
    predict = pipeline("finemoltex-property-prediction", model=numbers, processor=processor)
    (found,) = predict({"smiles": "CCO", "text": "an alcohol"})
    assert 400 < found["score"] < 600
    with pytest.raises(ValueError, match="Give `text` too"):
        predict("CCO")
