import pytest
import torch

from modeling_finemoltex import FineMolTexGraphConfig
from modeling_finemoltex.model.gin_encoder_finemoltex import (
    FineMolTexFeatureEmbedding,
    FineMolTexGraphEncoder,
    locate_motifs,
    pool_atoms_to_motifs,
)


@pytest.fixture
def encoder():
    return FineMolTexGraphEncoder(FineMolTexGraphConfig(hidden_size=16, num_layers=3, dropout=0.0)).eval()


def test_pooling_averages_and_leaves_empty_motifs_zero():
    pooled = pool_atoms_to_motifs(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 2]), num_motifs=3)
    assert pooled.tolist() == [[2.0], [0.0], [5.0]]


def test_pooling_refuses_a_wrong_number_of_atoms():
    with pytest.raises(ValueError, match="got 2 entries for 3 atoms"):
        pool_atoms_to_motifs(torch.zeros(3, 1), torch.tensor([0, 0]), num_motifs=1)


def test_motifs_are_located_behind_the_molecule_slot():
    molecule, slot = locate_motifs(torch.tensor([2, 1, 3]), num_motifs=6)
    assert molecule.tolist() == [0, 0, 1, 2, 2, 2]
    assert slot.tolist() == [1, 2, 1, 1, 2, 3]


def test_features_are_summed_over_tables_and_masked_in_the_last_row():
    embedding = FineMolTexFeatureEmbedding([3, 2], hidden_size=4)
    features = torch.tensor([[2, 0], [0, 1]])
    table = embedding.table.weight
    indicators = embedding.indicate(features)
    torch.testing.assert_close(embedding(indicators), torch.stack([table[2] + table[3], table[0] + table[4]]))
    assert embedding.indicate(features, torch.tensor([True, False])).tolist() == [[0, 0, 1, 0, 1], [1, 0, 0, 0, 1]]


def test_masked_atoms_tell_nothing_to_anyone(encoder, batch):
    hidden = batch["atom_to_motif"] == 5
    names = ("atom_features", "edge_index", "edge_features")
    states = encoder(*(batch[name] for name in names), hidden)
    changed = {name: batch[name].clone() for name in names}
    changed["atom_features"][hidden] = 1
    touching = hidden[changed["edge_index"]].any(0)
    changed["edge_features"][touching] = 2
    torch.testing.assert_close(encoder(*changed.values(), hidden), states, atol=1e-6, rtol=0)
    assert not torch.allclose(encoder(*changed.values()), states)


def test_an_atom_without_bonds_is_encoded(encoder):
    states = encoder(torch.zeros(1, 9, dtype=torch.long), torch.zeros(2, 0).long(), torch.zeros(0, 3).long())
    assert states.shape == (1, 16) and states.isfinite().all()
