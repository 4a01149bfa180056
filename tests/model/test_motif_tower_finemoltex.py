"""Motif tokens: what slot 0 knows, and what a hidden motif still shows."""

import pytest
import torch

from modeling_finemoltex import Molecules
from modeling_finemoltex.model.motif_tower_finemoltex import FineMolTexMotifTower


@pytest.fixture
def graphs(processor, molecules):
    return Molecules.from_tensors(**processor(smiles=list(molecules)))


def build(config, **changes):
    tower = FineMolTexMotifTower(config).eval()
    with torch.no_grad():
        for parameter in tower.parameters():
            parameter.normal_(std=0.3)
    return tower


def hide_first_motifs(graphs):
    hidden = torch.zeros_like(graphs.motif_attention_mask, dtype=torch.bool)
    hidden[:, 1] = True
    return hidden


def test_tokens_lie_in_the_slots_of_their_molecules(config, graphs):
    tower, states = build(config), torch.randn(len(graphs.atom_features), config.graph_config.hidden_size)
    tokens = tower(states, graphs)
    assert tokens.shape == (len(graphs), graphs.num_slots, config.multimodal_config.hidden_size)
    alone = graphs.select(torch.tensor([2]))
    own = tower(states[graphs.molecule_of_atom == 2], alone)
    torch.testing.assert_close(tokens[2, : alone.num_slots], own[0], atol=1e-5, rtol=1e-5)


def test_every_token_knows_its_number_of_atoms(config, processor):
    """Chains of equal atoms differ in length alone, and their means do not tell."""
    graphs = Molecules.from_tensors(**processor(smiles=["CCCC", "CCCCCC"]))
    tower = build(config)
    tokens = tower(torch.ones(10, config.graph_config.hidden_size), graphs)
    assert not torch.allclose(tokens[0, 0], tokens[1, 0])
    tower.size_embedding.weight.data.zero_()
    tokens = tower(torch.ones(10, config.graph_config.hidden_size), graphs)
    torch.testing.assert_close(tokens[0, 0], tokens[1, 0])


def test_sizes_and_positions_beyond_the_tables_share_the_last_row(change_config, processor):
    graphs = Molecules.from_tensors(**processor(smiles=["C" * 9, "C" * 12]))
    tower = build(change_config(motif_config={"max_atom_count": 5, "max_positions": 1}))
    tokens = tower(torch.ones(21, 32), graphs)
    torch.testing.assert_close(tokens[0, 0], tokens[1, 0])


@pytest.mark.parametrize("level", ["motif", "atom", "token"])
def test_a_hidden_motif_shows_its_surroundings_only_where_its_atoms_are_hidden(change_config, graphs, level):
    tower = build(change_config(motif_config={"mask_level": level}))
    states = torch.randn(len(graphs.atom_features), 32)
    hidden = hide_first_motifs(graphs)
    covered = graphs.unpad(hidden)[graphs.atom_to_motif]  # (N,)
    changed = torch.where(covered[:, None], states + 1, states)
    one, two = tower(states, graphs, hidden)[:, 1], tower(changed, graphs, hidden)[:, 1]
    assert torch.allclose(one, two) == (level == "token")
    assert not torch.allclose(one, tower(states, graphs)[:, 1])
