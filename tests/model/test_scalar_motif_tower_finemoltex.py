"""Motif tokens of the published weights: what a slot starts from."""

import pytest
import torch

from modeling_finemoltex import FineMolTexModel, Molecules
from modeling_finemoltex.model.motif_towers_finemoltex import MOTIF_TOWERS, build_motif_tower


@pytest.fixture
def scalar(change_config):
    return change_config(motif_config={"tower": "scalar", "mask_level": "token"})


@pytest.fixture
def graphs(processor, molecules):
    return Molecules.from_tensors(**processor(smiles=list(molecules)))


def build(config):
    tower = build_motif_tower(config).eval()
    with torch.no_grad():
        for parameter in tower.parameters():
            parameter.normal_(std=0.3)
    return tower


def test_slots_add_a_projected_mean_and_a_number(scalar, graphs):
    tower, states = build(scalar), torch.randn(len(graphs.atom_features), 32)
    tokens = tower(states, graphs)
    assert tokens.shape == (len(graphs), graphs.num_slots, 32)
    torch.testing.assert_close(tokens[:, 0], tower.norm(tower.position.bias).expand(len(graphs), -1))
    for motif in (0, 3, 7):
        mean = states[graphs.atom_to_motif == motif].mean(0)
        place = graphs.motif_positions[motif] * tower.position.weight[:, 0] + tower.position.bias
        expected = tower.norm(tower.projection(mean) + place)
        found = tokens[graphs.molecule_of_motif[motif], graphs.slot_of_motif[motif]]
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_hidden_motif_keeps_its_place_alone(scalar, graphs):
    tower, states = build(scalar), torch.randn(len(graphs.atom_features), 32)
    hidden = torch.zeros_like(graphs.motif_attention_mask, dtype=torch.bool)
    hidden[:, 1] = True
    found = tower(states, graphs, hidden)
    place = tower.position(graphs.pad(graphs.motif_positions.float())[:, 1, None])
    torch.testing.assert_close(found[:, 1], tower.norm(place))
    torch.testing.assert_close(found[:, 2:], tower(states, graphs)[:, 2:])


def test_a_motif_without_atoms_is_the_bias_of_the_projection(scalar):
    graphs = Molecules.from_tensors(
        torch.tensor([2]),
        atom_features=torch.zeros(1, 2, dtype=torch.long),
        edge_index=torch.zeros(2, 0, dtype=torch.long),
        edge_features=torch.zeros(0, 2, dtype=torch.long),
        atom_to_motif=torch.tensor([1]),
        motif_positions=torch.tensor([0, 1]),
    )
    tower = build(scalar)
    torch.testing.assert_close(tower.project(torch.ones(1, 32), graphs)[0], tower.projection.bias)


def test_every_weight_of_every_tower_has_a_part(change_config):
    for name in MOTIF_TOWERS:
        model = FineMolTexModel(change_config(motif_config={"tower": name}))
        names = [one for part in model.parts().values() for one in part.state_names(model)]
        assert sorted(names) == sorted(model.state_dict())


def test_an_unknown_tower_is_refused_with_the_known_ones(change_config):
    with pytest.raises(ValueError, match="`motif_config.tower` must be one of tokens, scalar: got 'babel'"):
        FineMolTexModel(change_config(motif_config={"tower": "babel"}))
