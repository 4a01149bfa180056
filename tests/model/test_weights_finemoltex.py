"""A model is refused for a purpose if weights for it are missing or damaged, and for no other reason."""

import math
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import pipeline

from modeling_finemoltex import (
    FineMolTexForMoleculeEditing,
    FineMolTexForPreTraining,
    FineMolTexForPropertyPrediction,
    FineMolTexForRetrieval,
    FineMolTexModel,
    MoleculeTextEncoder,
    MotifWordAligner,
)
from modeling_finemoltex.editing.editing_folder import load_editing_folder
from modeling_finemoltex.property_prediction import PropertyPredictor
from modeling_finemoltex.retrieval import PairReranker


@pytest.fixture(scope="module")
def folder(tmp_path_factory, config, processor):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("whole")
    FineMolTexForPreTraining(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def change(source, target, part, spoil):
    """Copy a folder with the weights of a part changed; `None` leaves them out."""
    shutil.copytree(source, target)
    file = target / "model.safetensors"
    weights = {}
    for name, weight in load_file(file).items():
        changed = spoil(weight) if part in name and weight.is_floating_point() else weight
        weights |= {} if changed is None else {name: changed}
    save_file(weights, file, {"format": "pt"})
    return str(target)


DAMAGES = {
    "missing": lambda weight: None,
    "nan": lambda weight: weight * math.nan,
    "infinite": lambda weight: weight + math.inf,
}
TOWERS = [("text_encoder", "text encoder"), ("graph_encoder", "molecule encoder"), ("readout", "molecule readout")]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    ("part", "name"),
    [("text_encoder", "text encoder"), ("graph_encoder", "molecule encoder"), ("readout", "molecule readout")],
)
def test_the_encoder_refuses_damaged_towers(folder, tmp_path, damage, part, name):
    damaged = change(folder, tmp_path / "damaged", part, DAMAGES[damage])
    reason = "missing" if damage == "missing" else r"not finite \(NaN or infinite\)"
    with pytest.raises(ValueError, match=f"cannot be used for embedding.*{name}: {reason}: .*{part}"):
        MoleculeTextEncoder.from_pretrained(damaged)


@pytest.mark.parametrize("task", ["feature-extraction", "zero-shot-classification", "retrieval"])
def test_pipelines_refuse_damaged_towers(folder, tmp_path, task):
    damaged = change(folder, tmp_path / "damaged", "text_encoder", DAMAGES["missing"])
    with pytest.raises(ValueError, match=f"pipeline 'finemoltex-{task}'.*text encoder: missing"):
        pipeline(f"finemoltex-{task}", model=damaged)


def test_the_reranker_needs_a_trained_head(config, processor, tmp_path):
    FineMolTexModel(config).save_pretrained(tmp_path)
    without = FineMolTexForRetrieval.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="re-ranking. matching head: missing"):
        PairReranker(without, processor, ["C"], ["methane"])


def test_weights_of_other_purposes_are_not_looked_at(folder, tmp_path, capfd):
    damaged = change(folder, tmp_path / "damaged", "objectives", DAMAGES["nan"])
    assert MoleculeTextEncoder.from_pretrained(damaged).encode_texts(["an alcohol"]).shape[0] == 1
    assert "REPORT" not in capfd.readouterr().err
    damaged = change(folder, tmp_path / "fusion", "co_attention", DAMAGES["nan"])
    encoder = MoleculeTextEncoder.from_pretrained(damaged)
    with pytest.raises(ValueError, match="co attention: not finite"):
        MotifWordAligner(encoder)


def test_new_features_of_an_old_checkpoint_are_not_missing(folder, tmp_path):
    older = change(folder, tmp_path / "older", "rare_embedding", DAMAGES["missing"])
    model = MoleculeTextEncoder.from_pretrained(older).model
    assert not model.graph_encoder.rare_embedding.table.weight.any()


def test_what_was_trained_since_is_not_missing(folder, tmp_path):
    damaged = change(folder, tmp_path / "damaged", "molecule_readout", DAMAGES["missing"])
    model = FineMolTexModel.from_pretrained(damaged)
    with pytest.raises(ValueError, match="molecule readout: missing"):
        model.require_weights("anything", "molecule_readout")
    with torch.no_grad():
        for weight in model.molecule_readout.parameters():
            weight.add_(1.0)
    model.require_weights("anything", "molecule_readout")


def test_the_predictor_needs_its_encoder(change_config, processor, tmp_path):
    FineMolTexForPropertyPrediction(change_config(num_labels=2)).save_pretrained(tmp_path / "whole")
    processor.save_pretrained(tmp_path / "whole")
    damaged = change(tmp_path / "whole", tmp_path / "damaged", "graph_encoder", DAMAGES["nan"])
    with pytest.raises(ValueError, match="property prediction.*molecule encoder: not finite"):
        PropertyPredictor.from_pretrained(damaged)
    with pytest.raises(ValueError, match="finemoltex-property-prediction.*molecule encoder: not finite"):
        pipeline("finemoltex-property-prediction", model=damaged)


def test_the_editor_needs_its_generator(change_config, generator_config, processor, tmp_path):
    model = FineMolTexForMoleculeEditing(change_config(generator_config=generator_config.to_dict()))
    model.save_pretrained(tmp_path / "whole")
    processor.save_pretrained(tmp_path / "whole")
    processor.tokenizer.save_pretrained(tmp_path / "whole" / "generator_tokenizer")
    for part, name in (("generator", "generator"), ("to_shared", "space maps"), ("text_encoder", "text encoder")):
        damaged = change(tmp_path / "whole", tmp_path / part, f"{part}.", DAMAGES["missing"])
        with pytest.raises(ValueError, match=f"latent editing.*{name}: missing"):
            load_editing_folder(damaged)
    with pytest.raises(ValueError, match="finemoltex-molecule-editing.*text encoder: missing"):
        pipeline("finemoltex-molecule-editing", model=damaged)
