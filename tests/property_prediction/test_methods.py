"""Each method starts from what its name says."""

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn")

from transformers import AutoModel

from modeling_finemoltex import FineMolTexDataCollator
from modeling_finemoltex.data import load_property_table
from modeling_finemoltex.property_prediction.methods import METHODS, MethodRunner
from modeling_finemoltex.training import FineTuningSettings

from .conftest import MOLECULES, write_table


@pytest.fixture
def runner(tmp_path, base_folder, processor):
    path = write_table(tmp_path / "t.csv", {"y": lambda one: int("N" in one or "n" in one)}, MOLECULES[::3])
    table = load_property_table(path, ["y"])
    starts = enumerate(("train", "valid", "test"))
    parts = {name: table.select(np.arange(len(table.smiles))[start::3]) for start, name in starts}
    settings = FineTuningSettings(epochs=3, batch_size=8)
    return MethodRunner(parts, base_folder, processor, FineMolTexDataCollator(processor), settings)


def test_the_probe_leaves_the_pretrained_weights_alone(runner, base_folder):
    outcome = runner.run("probe", 0)
    assert outcome.predictions["test"].shape == (10, 1) and set(outcome.facts) == {"penalty", "temperature"}
    before = AutoModel.from_pretrained(base_folder).state_dict()
    for name, tensor in outcome.model.finemoltex.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_fine_tuning_starts_from_the_weights_and_scratch_from_none(runner, base_folder):
    """At a rate of 0 the weights stay where they started."""
    runner.settings = FineTuningSettings(1, 8, learning_rate=0.0, head_learning_rate=0.0, weight_decay=0.0)
    before = AutoModel.from_pretrained(base_folder).graph_encoder.layers[0].expand.weight
    models = [runner.run(method, 0).model for method in ("fine_tuned", "gin_scratch")]
    tuned, scratch = (model.finemoltex.graph_encoder.layers[0].expand.weight for model in models)
    assert torch.equal(tuned, before) and not torch.allclose(scratch, before, atol=1e-2)
    assert [model.config.property_config.readout for model in models] == ["both", "atoms"]


def test_fingerprints_have_no_model_and_unknown_methods_are_named(runner):
    assert runner.run("ecfp_lr", 0).model is None
    with pytest.raises(ValueError, match=f"Unknown method 'svm': choose among {', '.join(METHODS)}"):
        runner.run("svm", 0)
