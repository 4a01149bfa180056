"""The read-out of four pools: what it reads of molecules, what of motifs, and a model with it."""

import pytest
import torch

from modeling_finemoltex import (
    FineMolTexFeatureExtractor,
    FineMolTexForPreTraining,
    FineMolTexModel,
    FineMolTexProcessor,
    Molecules,
)
from modeling_finemoltex.model.smiles_readout_finemoltex import FineMolTexPoolReadout

GRAPH = {
    "encoder": "smiles",
    "encoder_options": {"num_attention_heads": 2, "intermediate_size": 16},
    "hidden_size": 40,
    "num_layers": 2,
    "dropout": 0.0,
}


@pytest.fixture(scope="module")
def smiles_processor(tokenizer):
    return FineMolTexProcessor(FineMolTexFeatureExtractor(views=["graph", "smiles"]), tokenizer)


@pytest.fixture
def pairs(smiles_processor, molecules):
    return dict(smiles_processor(smiles=list(molecules), text=list(molecules.values())))


@pytest.fixture
def smiles_config(change_config):
    return change_config(graph_config=GRAPH, readout="pools")


@pytest.fixture
def model(smiles_config):
    torch.manual_seed(0)
    return FineMolTexModel(smiles_config).eval()


@pytest.fixture
def graphs(smiles_processor, molecules):
    return Molecules.from_tensors(**smiles_processor(smiles=list(molecules)))


def test_the_fingerprint_is_what_the_encoder_laid_beside_the_atoms(model, graphs):
    states = model.encode_atoms(graphs)
    pools = model.molecule_readout.pool_molecules(states, graphs)
    assert pools.shape == (len(graphs), 32)
    assert torch.equal(pools[graphs.molecule_of_atom], states[:, 8:])


def test_motifs_are_placed_by_their_own_tokens(model, graphs):
    states = model.encode_atoms(graphs)
    placed = model.place_motifs(states, graphs)
    assert placed.shape == (graphs.num_motifs, model.config.embedding_size)
    changed = states.clone()
    changed[:, 8:] = 1.0  # the pools of the molecules
    assert torch.equal(model.place_motifs(changed, graphs), placed)
    assert not torch.allclose(model.place_molecules(changed, graphs), model.place_molecules(states, graphs))
    readout, atoms = model.molecule_readout, graphs.atom_to_motif == 2
    tokens = states[atoms, :8]
    pools = torch.cat([tokens.mean(0), tokens.amax(0), torch.zeros(16)])
    expected = readout.contract(torch.nn.functional.gelu(readout.expand(pools)))
    torch.testing.assert_close(readout(states, graphs.atom_to_motif, graphs.num_motifs)[2], expected)


def test_another_width_is_refused():
    with pytest.raises(ValueError, match="'pools' reads the encoder 'smiles'.*256 cannot be divided"):
        FineMolTexPoolReadout(256, 16)


def test_every_spelling_gives_the_same_embedding(model, smiles_processor):
    spellings = ["CC(=O)Oc1ccccc1C(=O)O", "O=C(O)c1ccccc1OC(C)=O", "c1cccc(C(O)=O)c1OC(=O)C"]
    embeds = model(**smiles_processor(smiles=spellings)).molecule_embeds
    torch.testing.assert_close(embeds, embeds[:1].expand_as(embeds), atol=1e-5, rtol=1e-4)


def test_eager_equals_sdpa(model, pairs):
    embeds = []
    for implementation in ("eager", "sdpa"):
        model.set_attn_implementation(implementation)
        assert model.graph_encoder.layers[0].attention.config._attn_implementation == implementation
        embeds.append(model(**pairs).molecule_embeds)
    torch.testing.assert_close(*embeds, atol=1e-5, rtol=1e-4)


def test_hidden_states_are_those_of_tokens(model, pairs):
    output = model(**pairs, output_hidden_states=True)
    assert [tuple(one.shape) for one in output.hidden_states[:2]] == [(*pairs["smiles_ids"].shape, 8)] * 2


def test_a_model_with_every_objective_of_wholes_motifs_and_words_trains(change_config, pairs):
    objectives = {
        name: {} for name in ("contrastive", "masked_modelling", "late_interaction", "smiles_reconstruction")
    }
    for level in ("motif", "atom", "token"):
        config = change_config(
            graph_config=GRAPH,
            readout="pools",
            objectives=objectives,
            token_config={"size": 8},
            motif_config={"mask_level": level},
        )
        output = FineMolTexForPreTraining(config)(**pairs, seeds=torch.arange(10))
        output.loss.backward()
        assert output.loss.isfinite() and {"contrastive", "motif", "word", "smiles_token"} <= set(output.losses)


def test_saved_and_loaded_it_is_the_same(model, pairs, tmp_path):
    model.save_pretrained(tmp_path)
    loaded = FineMolTexModel.from_pretrained(tmp_path).eval()
    assert torch.equal(loaded(**pairs).molecule_embeds, model(**pairs).molecule_embeds)


def test_views_of_the_graph_are_refused(smiles_config):
    smiles_config.objectives = {"momu": {}}
    with pytest.raises(ValueError, match="the encoder 'smiles' also reads smiles"):
        FineMolTexForPreTraining(smiles_config)
