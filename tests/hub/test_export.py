"""Exported folders: half-precision weights that load as float32, and cards whose figures come from reports."""

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from transformers import AutoModelForPreTraining

from modeling_finemoltex import export_folder
from modeling_finemoltex.hub.cards import list_eval_results

REPORT = {
    "tasks": {"chebi20_validation_only": {"queries": 4}},
    "figures": {
        "model": {
            "chebi20_validation_only/t2m_hits@1": 0.25,
            "chebi20_validation_only/t2m_hits@1_low": 0.2,
            "chebi20_validation_only/t2m_hits@1_high": 0.31,
            "chebi20_validation_only/t2m_mrr": 0.36,
            "chebi20_validation_only/m2t_mean_rank": 12.0,
        },
        "random": {"chebi20_validation_only/t2m_hits@1": 0.0001, "chebi20_validation_only/t2m_mrr": 0.002},
    },
}


def test_half_precision_halves_the_file_and_loads_as_float32(model, processor, tmp_path):
    export_folder(model, processor, tmp_path / "full")
    export_folder(model, processor, tmp_path / "half", half_precision=True)
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("full", "half")]
    assert sizes[1] < 0.6 * sizes[0]
    stored = load_file(tmp_path / "half" / "model.safetensors")
    assert {weight.dtype for weight in stored.values() if weight.is_floating_point()} == {torch.float16}
    loaded = AutoModelForPreTraining.from_pretrained(tmp_path / "half")
    assert loaded.dtype == torch.float32
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], weight, atol=1e-3, rtol=1e-3)


def test_a_weight_beyond_float16_is_named(model, processor, tmp_path):
    with torch.no_grad():
        model.finemoltex.motif_tower.molecule_token.fill_(1e6)
    with pytest.raises(ValueError, match=r"motif_tower.molecule_token reaches 1e\+06, beyond float16"):
        export_folder(model, processor, tmp_path, half_precision=True)


def test_the_card_shows_and_indexes_the_figures_of_reports(model, processor, tmp_path):
    widget = [{"text": "an alcohol", "output": [{"label": "CCO", "score": 0.9}]}]
    fields = {"model_id": "finemoltex-small", "reports": [REPORT], "widget": widget, "data_statement": "From ChEBI."}
    export_folder(model, processor, tmp_path, fields)
    card = ModelCard.load(tmp_path / "README.md")
    assert "25.00 % [20.00, 31.00]" in card.text and "From ChEBI." in card.text
    assert "random" in card.text and "was not evaluated" not in card.text
    assert card.data.widget == widget and card.data.model_name == "finemoltex-small"
    results = {(one.task_name, one.metric_type): one.metric_value for one in card.data.eval_results}
    task = "molecule-text retrieval"
    assert results == {(task, "t2m_hits@1"): 25.0, (task, "t2m_mrr"): 0.36}


def test_only_the_model_is_indexed():
    names = {one.metric_type for one in list_eval_results([REPORT])}
    assert names == {"t2m_hits@1", "t2m_mrr"}
