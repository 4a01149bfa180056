"""The molecule encoders of published weights, by their formulas."""

import pytest
import torch
import torch.nn.functional as F
from contracts.encoder import EncoderContract

from modeling_finemoltex import FineMolTexGraphConfig, Molecules
from modeling_finemoltex.model.encoders_finemoltex import build_molecule_encoder
from modeling_finemoltex.model.published_gin_finemoltex import FineMolTexPresentFeatures


class TestOGBEncoder(EncoderContract):
    name = "ogb_gin"


class TestSelfLoopEncoder(EncoderContract):
    name = "self_loop_gin"


@pytest.fixture
def graphs(processor, molecules):
    return Molecules.from_tensors(**processor(smiles=list(molecules)))


def build(name):
    config = FineMolTexGraphConfig(encoder=name, hidden_size=8, num_layers=1, dropout=0.0, rare_feature_sizes=[])
    encoder = build_molecule_encoder(config).eval()
    with torch.no_grad():
        for one in encoder.parameters():
            one.normal_(std=0.4)
    return encoder


def test_absent_columns_add_nothing():
    embedding = FineMolTexPresentFeatures([3, 4, 5], 2)
    features = torch.tensor([[0, 2, 1], [1, 3, 4]])
    tables = embedding.table.weight.split([3, 4, 5])
    for given in (1, 2, 3):
        expected = sum(tables[column][features[:, column]] for column in range(given))
        torch.testing.assert_close(embedding(embedding.indicate(features[:, :given])), expected)
    torch.testing.assert_close(
        embedding(embedding.indicate(features[:, :1], torch.tensor([True, False]))), tables[0][[2, 1]]
    )


def test_an_atom_with_self_loops_is_its_own_neighbour(graphs):
    encoder = build("self_loop_gin")
    layer = encoder.layers[0]
    atoms = encoder.atom_embedding(encoder.atom_embedding.indicate(graphs.atom_features))
    types, directions, _ = layer.bond_embedding.table.weight.split(layer.bond_embedding.table_sizes)
    sums = atoms + types[4] + directions[0]
    bonds = layer.bond_embedding(layer.bond_embedding.indicate(graphs.edge_features))
    for bond, (begin, end) in enumerate(graphs.edge_index.T.tolist()):
        sums[end] = sums[end] + atoms[begin] + bonds[bond]
    expected = layer.norm(layer.contract(F.relu(layer.expand(sums))), False)
    torch.testing.assert_close(encoder(graphs), expected, atol=1e-5, rtol=1e-4)
