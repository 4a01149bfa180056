"""The pools of a SMILES model as a fingerprint: what they are, and a predictor made of them."""

import numpy as np
import pandas as pd
import pytest
import torch

pytest.importorskip("sklearn")
pytest.importorskip("skops")

from modeling_finemoltex import (
    FineMolTexDataCollator,
    FineMolTexFeatureExtractor,
    FineMolTexModel,
    FineMolTexProcessor,
    Molecules,
    MoleculeTextEncoder,
)
from modeling_finemoltex.property_prediction import ExperimentArguments, estimators, load_predictor, run_experiments
from modeling_finemoltex.property_prediction.molecule_features import pool_tokens

from .conftest import MOLECULES, write_table

GRAPH = {
    "encoder": "smiles",
    "encoder_options": {"num_attention_heads": 2, "intermediate_size": 16},
    "hidden_size": 40,
    "num_layers": 2,
}


@pytest.fixture(scope="module")
def smiles_folder(change_config, tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("smiles") / "model"
    torch.manual_seed(0)
    FineMolTexModel(change_config(graph_config=GRAPH, readout="pools")).save_pretrained(folder)
    FineMolTexProcessor(FineMolTexFeatureExtractor(views=["graph", "smiles"]), tokenizer).save_pretrained(folder)
    return str(folder)


def test_the_fingerprint_is_the_four_pools_of_each_molecule(smiles_folder, monkeypatch):
    monkeypatch.setattr("modeling_finemoltex.property_prediction.molecule_features.POOL_BATCH", 4)
    encoder = MoleculeTextEncoder.from_pretrained(smiles_folder)
    found = pool_tokens(encoder, MOLECULES[:10])
    assert found.shape == (10, 32) and found.dtype == np.float32
    molecules = Molecules.from_tensors(**encoder.processor(smiles=MOLECULES[:10]))
    with torch.no_grad():
        states = encoder.model.encode_atoms(molecules)
    expected = encoder.model.molecule_readout.pool_molecules(states, molecules)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_predictor_of_pools_is_saved_and_predicts_the_same(smiles_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(estimators, "NUM_TREES", 10)
    path = write_table(tmp_path / "t.csv", {"y": lambda smiles: int("N" in smiles or "n" in smiles)})
    processor = FineMolTexProcessor.from_pretrained(smiles_folder)
    arguments = ExperimentArguments(
        model=smiles_folder,
        dataset=[str(path)],
        output_dir=str(tmp_path / "out"),
        split="random",
        label_columns=["y"],
        methods=["pools_rf", "ecfp_rf"],
        label_fractions=[0.5, 1.0],
    )
    run_experiments(arguments, lambda folder: (processor, FineMolTexDataCollator(processor)))
    folder = tmp_path / "out" / "t" / "pools_rf" / "seed0"
    frame = pd.read_csv(folder / "predictions.csv")
    held_out = frame[frame["assigned_split"] == "test"]
    again = load_predictor(folder).predict(list(held_out["smiles"]))
    np.testing.assert_allclose(np.asarray(again).reshape(-1), held_out["predicted_y"], atol=1e-5)
    table = (tmp_path / "out" / "results.md").read_text()
    assert table.count("SMILES fingerprint (four pools) + random forest") == 2 and "| 0.5 | 1 | mean |" in table
