"""Fine-tuning keeps the epoch that validation chose; the probe is the penalised linear model it claims to be."""

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn")


from modeling_finemoltex import FineMolTexForPropertyPrediction
from modeling_finemoltex.data import load_property_table
from modeling_finemoltex.evaluation import compute_property_metrics, selection_score
from modeling_finemoltex.training import (
    FineTuningSettings,
    describe_task,
    fine_tune,
    predict_logits,
    prepare_rows,
)


def score(model, collate, rows, valid):
    predictions = model.predict(torch.from_numpy(predict_logits(model, rows, collate))).numpy()
    return selection_score(compute_property_metrics(predictions, valid.labels, valid.task_type, valid.label_names))


def test_the_best_epoch_on_validation_is_kept(setting):
    model, collate, _, valid_rows, valid = setting
    # At this rate the epochs go up and down, so that the last is seldom the best.
    settings = FineTuningSettings(epochs=6, learning_rate=2e-2, head_learning_rate=2e-2, patience=6)
    model, history = fine_tune(*setting, settings)
    scores = [epoch["selection_score"] for epoch in history]
    assert len(scores) == 6 and len(set(scores)) > 1
    assert score(model, collate, valid_rows, valid) == pytest.approx(max(scores), abs=1e-6)
    assert not model.training


def test_training_stops_without_progress(setting):
    settings = FineTuningSettings(epochs=50, learning_rate=0.0, head_learning_rate=0.0, weight_decay=0.0, patience=2)
    _, history = fine_tune(*setting, settings)
    assert len(history) < 50  # only the running statistics of the norms still move


def test_equal_seeds_give_equal_models(setting, change_config, parts):
    results = []
    for _ in range(2):
        config = change_config()
        describe_task(config, parts[0])
        torch.manual_seed(3)
        model = FineMolTexForPropertyPrediction(config)
        settings = FineTuningSettings(epochs=1, seed=3)
        results.append(predict_logits(fine_tune(model, *setting[1:], settings)[0], setting[3], setting[1]))
    np.testing.assert_array_equal(*results)


def test_what_a_table_says_is_written_into_the_configuration(change_config, parts, tmp_path):
    train, config = parts[0], change_config()
    options = config.property_config
    describe_task(config, train, balance_classes=True)
    assert config.id2label == {0: "amine", 1: "long"} and config.num_labels == 2
    assert config.problem_type == "multi_label_classification" and options.target_mean is None
    labels = train.labels
    expected = [(labels[:, task] == 0).sum() / (labels[:, task] == 1).sum() for task in range(2)]
    assert options.class_weights == pytest.approx(expected)
    file = tmp_path / "numbers.csv"
    file.write_text("smiles,y,constant,kind\nC,1,5,a\nCC,3,5,b\nCCC,,5,b\nCCCC,8,,b\n")
    describe_task(config, load_property_table(str(file), ["y", "constant"], task_type="regression"))
    assert options.target_mean == pytest.approx([4, 5]) and options.class_weights is None
    assert options.target_scale == pytest.approx([np.std([1, 3, 8]), 1.0])
    describe_task(config, load_property_table(str(file), ["kind"], task_type="multiclass"), balance_classes=True)
    assert options.class_weights == pytest.approx([2.0, 2 / 3]) and options.target_scale is None


def test_a_molecule_that_is_too_large_is_named(table, processor, monkeypatch):
    monkeypatch.setattr(processor.feature_extractor, "max_atoms", 5)
    with pytest.raises(ValueError, match="at index 0 has .* atoms, at most 5"):
        prepare_rows(table, processor)
