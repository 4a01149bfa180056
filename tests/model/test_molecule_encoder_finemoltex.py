import pytest
import torch

from modeling_finemoltex import FineMolTexGraphConfig, MoleculeEncoder, Molecules
from modeling_finemoltex.model.molecule_encoder_finemoltex import FineMolTexFeatureEmbedding, pool_atoms


def test_pooling_averages_and_leaves_empty_groups_zero():
    pooled = pool_atoms(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 2]), num_groups=3)
    assert pooled.tolist() == [[2.0], [0.0], [5.0]]


def test_pooling_refuses_a_wrong_number_of_atoms():
    with pytest.raises(ValueError, match="got 2 entries for 3 atoms"):
        pool_atoms(torch.zeros(3, 1), torch.tensor([0, 0]), num_groups=1)


def test_features_are_summed_over_tables_and_masked_in_the_last_row():
    embedding = FineMolTexFeatureEmbedding([3, 2], hidden_size=4)
    features = torch.tensor([[2, 0], [0, 1]])
    table = embedding.table.weight
    indicators = embedding.indicate(features)
    torch.testing.assert_close(embedding(indicators), torch.stack([table[2] + table[3], table[0] + table[4]]))
    assert embedding.indicate(features, torch.tensor([True, False])).tolist() == [[0, 0, 1, 0, 1], [1, 0, 0, 0, 1]]


def test_an_encoder_without_forward_says_so(processor):
    class Empty(MoleculeEncoder):
        pass

    with pytest.raises(NotImplementedError, match="Empty has no `forward`"):
        Empty(FineMolTexGraphConfig())(Molecules.from_tensors(**processor(smiles="C")))
