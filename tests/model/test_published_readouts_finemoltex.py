"""The read-outs of published weights: what they read, what they refuse, and that a model trains with them."""

import pytest
import torch
import torch.nn.functional as F

from modeling_finemoltex import FineMolTexForPreTraining, FineMolTexModel, Molecules
from modeling_finemoltex.model.published_readouts_finemoltex import FineMolTexMeanReadout
from modeling_finemoltex.model.readouts_finemoltex import READOUTS, build_readout

FIELDS = {"atoms": {}, "slots": {}, "pooled": {"projection_dim": 12}, "mean": {"projection_dim": 32}}


def make_config(change_config, name, **fields):
    return change_config(readout=name, **FIELDS[name], **fields)


@pytest.fixture
def graphs(processor, molecules):
    return Molecules.from_tensors(**processor(smiles=list(molecules)))


def test_every_readout_is_tested():
    assert set(READOUTS) == {*FIELDS, "pools"}  # that of SMILES has a file of its own


@pytest.mark.parametrize("name", FIELDS)
def test_a_model_trains_with_every_readout(name, change_config, batch):
    config = make_config(change_config, name, motif_config={"tower": "scalar", "mask_level": "token"})
    model = FineMolTexForPreTraining(config)
    output = model(**batch, seeds=torch.arange(10))
    output.loss.backward()
    unreached = {
        one for one, parameter in model.named_parameters() if parameter.grad is None and parameter.requires_grad
    }
    assert output.loss.isfinite() and not unreached
    assert output.molecule_embeds.shape == output.text_embeds.shape == (10, config.encoder_size)


@pytest.mark.parametrize("name", FIELDS)
def test_a_molecule_alone_is_placed_as_in_a_batch(name, change_config, batch, processor, molecules):
    model = FineMolTexModel(make_config(change_config, name)).eval()
    output = model(**batch)
    alone = processor(smiles=list(molecules)[2], text=list(molecules.values())[2])
    torch.testing.assert_close(model(**alone).molecule_embeds[0], output.molecule_embeds[2], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(model(**alone).text_embeds[0], output.text_embeds[2], atol=1e-5, rtol=1e-4)


def test_slots_are_read_after_all_layers_of_their_stream(change_config, batch, graphs):
    model = FineMolTexModel(make_config(change_config, "slots")).eval()
    output = model(**batch)
    motifs = model.fusion.finish_motifs_alone(output.motif_states, graphs.motif_attention_mask)
    words = model.fusion.finish_words_alone(output.word_states, batch["attention_mask"])
    assert not torch.allclose(motifs, output.motif_states) and not torch.allclose(words, output.word_states)
    torch.testing.assert_close(output.molecule_embeds, F.normalize(motifs[:, 0], dim=-1))
    torch.testing.assert_close(output.text_embeds, F.normalize(words[:, 0], dim=-1), atol=1e-5, rtol=1e-4)
    placed = model.place_motifs(model.encode_atoms(graphs), graphs)
    torch.testing.assert_close(placed, F.normalize(graphs.unpad(motifs), dim=-1))


def test_slots_belong_to_what_an_embedding_depends_on(change_config):
    parts = {"motif_projection", "motif_tokens", "motif_layers"}
    model = FineMolTexModel(make_config(change_config, "slots"))
    assert parts <= set(model.EMBEDDING_PARTS) and parts.isdisjoint(FineMolTexModel.EMBEDDING_PARTS)


def test_slots_are_there_without_text(change_config, batch, graphs):
    config = make_config(change_config, "slots")
    whole, alone = FineMolTexModel(config).eval(), FineMolTexModel(config, with_text=False).eval()
    report = alone.load_state_dict(whole.state_dict(), strict=False)
    assert not report.missing_keys and not alone.fusion.text_layers and not alone.fusion.co_attention
    torch.testing.assert_close(alone.get_molecule_features(molecules=graphs), whole(**batch).molecule_embeds)
    assert FineMolTexModel(make_config(change_config, "atoms"), with_text=False).motif_tower is None


def test_slots_place_no_other_groups(change_config, graphs):
    model = FineMolTexModel(make_config(change_config, "slots")).eval()
    states = model.encode_atoms(graphs)
    with pytest.raises(ValueError, match="places molecules and motifs, and no other groups of atoms"):
        model.place_atoms(states, torch.arange(len(states)), len(states))


def test_sizes_that_do_not_fit_are_refused(change_config):
    with pytest.raises(ValueError, match="`readout` 'slots' projects nothing: leave out `projection_dim` 12"):
        FineMolTexModel(change_config(readout="slots", projection_dim=12))
    with pytest.raises(ValueError, match=r"as wide as atoms \(32\): set `projection_dim` to that, not 12"):
        FineMolTexMeanReadout(32, 12)
    with pytest.raises(ValueError, match="`readout` must be one of atoms, slots, pooled, mean, pools: got 'loud'"):
        build_readout(change_config(readout="loud"))
