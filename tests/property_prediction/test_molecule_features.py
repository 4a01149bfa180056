"""Features are computed once, finite, and in the order that is asked for."""

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn")

from modeling_finemoltex import FineMolTexModel, MoleculeTextEncoder
from modeling_finemoltex.data.molecule_filters import DESCRIPTORS
from modeling_finemoltex.property_prediction.fingerprints import compute_counts, compute_fingerprints
from modeling_finemoltex.property_prediction.molecule_features import (
    CHUNK,
    FeatureStore,
    fill_descriptors,
    make_store,
)


def test_each_molecule_is_computed_once():
    asked = []

    def lengths(smiles):
        asked.extend(smiles)
        return np.array([[len(one)] for one in smiles], dtype=np.float32).reshape(len(smiles), 1)

    store = FeatureStore({"length": lengths})
    assert store.get(["CC", "C", "CC"], ["length"])["length"].tolist() == [[2.0], [1.0], [2.0]]
    assert store.get(["CCC", "C"], ["length"])["length"].tolist() == [[3.0], [1.0]]
    assert asked == ["CC", "C", "CCC"] and store.get([], ["length"])["length"].shape == (0, 1)
    many = ["C" * length for length in range(1, 2 * CHUNK)]
    assert store.get(many, ["length"])["length"][:, 0].tolist() == list(range(1, 2 * CHUNK))
    with pytest.raises(KeyError, match="width"):
        store.get(["C"], ["width"])


def test_descriptors_are_finite_numbers():
    strange = ["[Pt]", "[Na+].[Cl-]", "C", "C" * 120, "[H][H]"]
    values = fill_descriptors(strange)
    assert values.shape == (5, len(DESCRIPTORS)) and values.dtype == np.float32
    assert np.isfinite(values).all() and np.abs(values).max() <= 1.001e12


def test_counts_say_more_than_bits():
    smiles = ["CCCCCCCC", "c1ccccc1", "C" * 400]
    counts, bits = compute_counts(smiles), compute_fingerprints(smiles)
    assert ((counts > 0) == (bits > 0)).all() and counts.dtype == np.uint8
    assert counts[0].max() == 6 and counts[2].max() == 255
    assert compute_counts([]).shape == (0, 2048)


def test_molecules_are_compared_with_typical_texts_where_a_model_knows_some(config, change_config, processor):
    torch.manual_seed(0)
    smiles = ["CCO", "c1ccccc1"]
    model = FineMolTexModel(change_config(scaling_config={"num_centres": 3}))
    centres = model.fitted.scaling.text_centres.data.normal_()
    found = make_store(lambda: MoleculeTextEncoder(model, processor)).get(smiles, ["embedding", "texts"])
    embeds = found["embedding"][:, : centres.shape[1]] * 2**0.5
    np.testing.assert_allclose(found["texts"], embeds @ centres.numpy().T, rtol=1e-4, atol=1e-5)
    plain = MoleculeTextEncoder(FineMolTexModel(config), processor)
    without = make_store(lambda: plain).get(smiles, ["embedding", "texts"])
    np.testing.assert_array_equal(without["texts"], without["embedding"])
