"""What is recorded and in which order; that the heads return it is in their contract."""

import inspect

import pytest
import torch

from modeling_finemoltex import FineMolTexModel, Molecules
from modeling_finemoltex.model.molecules_finemoltex import MOLECULE_TENSORS
from modeling_finemoltex.model.recording_finemoltex import record_states


def test_states_are_those_of_the_layers_in_the_order_they_ran(model, batch):
    base = model.finemoltex
    states = base(**batch, output_hidden_states=True).hidden_states
    atoms, words = len(batch["atom_features"]), tuple(batch["input_ids"].shape)
    motifs = (10, int(batch["motif_counts"].max()) + 1)
    assert [tuple(one.shape) for one in states] == [(atoms, 32)] * 2 + [(*motifs, 32)] + [(*words, 32)] * 3
    graphs = Molecules.from_tensors(**{name: batch[name] for name in MOLECULE_TENSORS if name in batch})
    torch.testing.assert_close(states[1], base.encode_atoms(graphs))
    torch.testing.assert_close(states[2], base(**batch).motif_states)


def test_batches_of_several_chunks_are_recorded_whole(config, processor):
    base = FineMolTexModel(config).eval()
    texts = processor(text=["an acid"] * 20 + ["a bicyclic alkaloid of caffeine"] * 20, padding=True)
    output = base(**texts, output_hidden_states=True, output_attentions=True)
    assert [tuple(one.shape[:2]) for one in output.hidden_states] == [tuple(texts["input_ids"].shape)] * 3
    assert all(weights.shape[0] == 40 for weights in output.attentions)
    torch.testing.assert_close(output.text_embeds, base(**texts).text_embeds, atol=1e-5, rtol=1e-5)


def test_hooks_and_switches_are_gone_after_an_error(model):
    base = model.finemoltex
    before = base.config._attn_implementation
    with pytest.raises(RuntimeError, match="on purpose"), record_states(base, with_attentions=True):
        assert base.config._attn_implementation == "eager"
        raise RuntimeError("on purpose")
    assert base.config._attn_implementation == before
    assert not base.text_encoder.config.output_hidden_states and not base.text_encoder.config.output_attentions
    assert not any(module._forward_hooks for module in base.graph_encoder.modules())


def test_states_keep_their_gradients(model, batch):
    states = model.finemoltex(**batch, output_hidden_states=True).hidden_states
    states[-1].square().sum().backward()
    assert model.finemoltex.get_input_embeddings().weight.grad.abs().sum() > 0


def test_the_signature_names_the_switches():
    parameters = inspect.signature(FineMolTexModel.forward).parameters
    assert {"output_hidden_states", "output_attentions"} <= set(parameters)
