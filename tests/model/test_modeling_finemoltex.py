"""The base model: its contract, its embeddings, and text encoders that are loaded into it."""

import pytest
import torch
from contracts.head import GRAPH, TextHeadContract, check_compiled, floats
from torch import nn
from torch.export import Dim
from transformers import AutoModel, BertConfig, BertModel

from modeling_finemoltex import FineMolTexForPreTraining, FineMolTexForRetrieval, FineMolTexModel, Molecules


def hide_first_motifs(batch):
    """Hide slot 1 of every molecule: `(B, K + 1)`, and the atoms it covers `(N,)`."""
    first = batch["motif_counts"].cumsum(0) - batch["motif_counts"]
    hidden = torch.zeros(len(batch["motif_counts"]), int(batch["motif_counts"].max()) + 1, dtype=torch.bool)
    hidden[:, 1] = True
    return hidden, torch.isin(batch["atom_to_motif"], first)


class TestBaseModel(TextHeadContract):
    head_class = FineMolTexModel
    num_hidden_states = 6  # two of atoms, one of motifs before the fusion, three of words
    num_attentions = 3  # one of motifs, two of words
    frozen = frozenset({"logit_scale"})

    def make_loss(self, model, inputs):
        hidden, _ = hide_first_motifs(inputs)
        output = model(**inputs, hidden_motifs=hidden, cross_attention=True)
        names = ("molecule_embeds", "text_embeds", "motif_states", "word_states")
        return sum((output[name] * torch.randn_like(output[name])).sum() for name in names)

    def compare_states(self, model, inputs):
        output = model(**inputs, cross_attention=True)
        words = {"word_states": output.word_states[inputs["attention_mask"].bool()]}
        motifs = {"motif_states": output.motif_states[output.motif_attention_mask.bool()]}
        return {**floats(model(**inputs)), **words, **motifs} | {"alone": model(**inputs).motif_states}

    def test_compiles_as_one_graph(self, head, inputs):
        check_compiled(head, inputs, cross_attention=True)

    def test_every_layer_is_recorded_with_cross_attention(self, head, inputs):
        output = head(**inputs, cross_attention=True, output_hidden_states=True, output_attentions=True)
        # Two blocks of co-attention, each with both streams, and one more layer of motifs and of words.
        assert len(output.hidden_states) == self.num_hidden_states + 4 + 2
        assert len(output.attentions) == self.num_attentions + 4 + 2


class TestEmbeddings:
    def test_sides_are_normalised_and_independent(self, model, batch):
        base = model.finemoltex
        both = base(**batch)
        torch.testing.assert_close(both.molecule_embeds.norm(dim=-1), torch.ones(len(batch["motif_counts"])))
        texts = base(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        molecules = base(**{name: batch[name] for name in GRAPH})
        assert texts.molecule_embeds is None and molecules.text_embeds is None
        torch.testing.assert_close(texts.text_embeds, both.text_embeds)
        torch.testing.assert_close(molecules.molecule_embeds, both.molecule_embeds)
        torch.testing.assert_close(
            base.get_molecule_features(**{name: batch[name] for name in GRAPH}), both.molecule_embeds
        )
        torch.testing.assert_close(
            base.get_text_features(batch["input_ids"], batch["attention_mask"]), both.text_embeds
        )

    def test_texts_computed_by_length_equal_texts_computed_at_once(self, model):
        lengths = torch.randperm(40)[:37] + 1
        mask = (torch.arange(40) < lengths[:, None]).long()
        ids = torch.randint(5, 100, mask.shape) * mask
        base = model.finemoltex
        at_once = base.fusion.encode_words_alone(base.text_encoder(ids, mask).last_hidden_state, mask)
        states, means = base.encode_words(ids, mask)
        torch.testing.assert_close(states[mask.bool()], at_once[mask.bool()], atol=1e-5, rtol=0)
        for row, length in enumerate(lengths):
            torch.testing.assert_close(means[row], at_once[row, :length].mean(0), atol=1e-5, rtol=0)

    def test_cross_attention_changes_the_states_and_not_the_embeddings(self, model, batch):
        alone, joined = model.finemoltex(**batch), model.finemoltex(**batch, cross_attention=True)
        assert not torch.allclose(alone.motif_states, joined.motif_states)
        assert not torch.allclose(alone.word_states, joined.word_states)
        torch.testing.assert_close(alone.molecule_embeds, joined.molecule_embeds)
        torch.testing.assert_close(alone.text_embeds, joined.text_embeds)

    def test_a_motif_alone_is_embedded_as_a_molecule_is(self, model, processor):
        """Benzene is one motif: as a motif and as a molecule it has one place in the shared space."""
        batch = processor(smiles=["c1ccccc1", "CCO"])
        graphs = Molecules.from_tensors(**batch)
        motifs = model.finemoltex.place_motifs(model.finemoltex.encode_atoms(graphs), graphs)
        molecules = model.finemoltex.get_molecule_features(graphs)
        assert graphs.motif_counts[0] == 1
        torch.testing.assert_close(motifs[0], molecules[0])

    def test_cross_attention_needs_both_sides(self, model, batch):
        with pytest.raises(ValueError, match="needs molecules and texts"):
            model.finemoltex(input_ids=batch["input_ids"], cross_attention=True)
        with pytest.raises(ValueError, match="neither"):
            model.finemoltex()

    def test_projection_sets_the_embedding_size(self, change_config, batch):
        projected = FineMolTexModel(change_config(projection_dim=12)).eval()(**batch)
        assert projected.molecule_embeds.shape[1] == projected.text_embeds.shape[1] == 12

    def test_hidden_motifs_show_in_the_embedding_unless_tokens_alone_are_hidden(self, change_config, batch):
        hidden, _ = hide_first_motifs(batch)
        for level in ("motif", "atom", "token"):
            base = FineMolTexModel(change_config(motif_config={"mask_level": level})).eval()
            plain, covered = base(**batch), base(**batch, hidden_motifs=hidden)
            assert torch.allclose(covered.molecule_embeds, plain.molecule_embeds) == (level == "token")
            assert not torch.allclose(covered.motif_states, plain.motif_states)

    def test_texts_can_be_given_as_embeddings(self, model, batch):
        base, texts = model.finemoltex, {name: batch[name] for name in ("input_ids", "attention_mask")}
        embeds = base.get_input_embeddings()(texts["input_ids"])
        output = base(inputs_embeds=embeds, attention_mask=texts["attention_mask"])
        torch.testing.assert_close(output.text_embeds, base(**texts).text_embeds)
        with pytest.raises(ValueError, match="either `input_ids` or `inputs_embeds`"):
            base(**texts, inputs_embeds=embeds)

    def test_without_text_it_embeds_molecules_alone(self, config, batch):
        base = FineMolTexModel(config, with_text=False).eval()
        graph = {name: batch[name] for name in GRAPH}
        output = base(**graph)
        assert output.motif_states is None and output.molecule_embeds.shape == (10, 32)
        with pytest.raises(ValueError, match="built without text"):
            base(input_ids=batch["input_ids"])
        with pytest.raises(NotImplementedError, match="built without text and has no word embeddings"):
            base.get_input_embeddings()
        with pytest.raises(ValueError, match="There are no molecules"):
            base.get_molecule_features()

    def test_the_masked_pass_leaves_the_running_statistics_alone(self, model, batch):
        model.train()
        before = {name: buffer.clone() for name, buffer in model.named_buffers()}
        hidden, _ = hide_first_motifs(batch)
        model.finemoltex(**batch, hidden_motifs=hidden, cross_attention=True)
        assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())
        model.finemoltex(**batch)
        assert not all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())


class TestExport:
    """Both embedding functions as graphs of any size, as a service would export them."""

    def export(self, function, inputs, sizes):
        class Embed(nn.Module):
            def __init__(self):
                super().__init__()
                self.function, self.model = function, function.__self__

            def forward(self, inputs):
                return self.function(**inputs)

        with torch.no_grad():
            return torch.export.export(Embed(), (inputs,), dynamic_shapes=(sizes,)).module()

    def test_molecules(self, model, batch, processor):
        embed = model.finemoltex.get_molecule_features
        inputs = {name: batch[name] for name in GRAPH}
        molecules, atoms, bonds, motifs, slots = (Dim(name, min=2) for name in ("B", "N", "E", "M", "K"))
        sizes = {
            "motif_counts": {0: molecules},
            "atom_features": {0: atoms},
            "edge_index": {1: bonds},
            "edge_features": {0: bonds},
            "atom_to_motif": {0: atoms},
            "motif_positions": {0: motifs},
            "motif_attention_mask": {0: molecules, 1: slots},
        }
        exported = self.export(embed, inputs, {name: sizes[name] for name in inputs})
        other = processor(smiles=["CC(=O)Oc1ccccc1", "OCC", "CCN(CC)CC"])
        other = {name: other[name] for name in GRAPH}
        for one in (inputs, other):
            torch.testing.assert_close(exported(one), embed(**one), atol=1e-6, rtol=1e-5)

    def test_texts(self, model, batch):
        embed = model.finemoltex.get_text_features
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
        texts, words = Dim("B", min=2), Dim("T", min=2, max=128)
        exported = self.export(embed, inputs, {name: {0: texts, 1: words} for name in inputs})
        for one in (inputs, {name: tensor[:3, :7] for name, tensor in inputs.items()}):
            torch.testing.assert_close(exported(one), embed(**one), atol=1e-6, rtol=1e-5)


class TestLoading:
    def test_the_base_model_loads_from_a_pretraining_folder(self, model, batch, tmp_path):
        model.save_pretrained(tmp_path)
        base = AutoModel.from_pretrained(tmp_path)
        torch.testing.assert_close(base(**batch).text_embeds, model.finemoltex(**batch).text_embeds)

    def test_loaded_text_encoder_equals_its_source_file(self, config, tmp_path):
        source = BertModel(BertConfig(**config.text_config.to_dict()))
        source.save_pretrained(tmp_path / "text")
        model = FineMolTexForPreTraining(config)
        model.finemoltex.load_text_encoder(str(tmp_path / "text"))
        model.save_pretrained(tmp_path / "whole")
        reloaded = FineMolTexForPreTraining.from_pretrained(tmp_path / "whole")
        from safetensors.torch import load_file

        stored = load_file(tmp_path / "text" / "model.safetensors")
        compared = [name for name in stored if not name.startswith("pooler.")]
        assert len(compared) == len(model.finemoltex.text_encoder.state_dict())
        for name in compared:
            for owner in (model, reloaded):
                assert torch.equal(owner.finemoltex.text_encoder.state_dict()[name], stored[name]), name

    def test_a_text_encoder_that_does_not_fit_is_refused_with_its_keys(self, config, tmp_path):
        sizes = {**config.text_config.to_dict(), "num_hidden_layers": 1, "vocab_size": 77}
        BertModel(BertConfig(**sizes)).save_pretrained(tmp_path)
        with pytest.raises(ValueError, match="missing from the source: encoder.layer.1.*word_embeddings"):
            FineMolTexModel(config).load_text_encoder(str(tmp_path))


class TestFreezing:
    def test_parts_are_frozen_by_name_or_kind(self, model):
        model.freeze("molecule_encoder", "text")
        frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
        encoders = ("finemoltex.graph_encoder.", "finemoltex.text_encoder.", "finemoltex.logit_scale")
        assert frozen == {name for name, _ in model.named_parameters() if name.startswith(encoders)}

    def test_unknown_parts_are_refused(self, model):
        with pytest.raises(ValueError, match="There is no part 'graph': freeze some of molecule_encoder, "):
            model.freeze("graph")


def test_weights_of_the_own_head_are_worth_a_report_and_those_of_others_are_not(config, tmp_path):
    head = FineMolTexForRetrieval(config)
    weights = {**head.state_dict(), "matching_head.other": torch.ones(1), "classifier.weight": torch.ones(1)}
    head.save_pretrained(tmp_path, state_dict=weights)
    _, report = FineMolTexForRetrieval.from_pretrained(tmp_path, output_loading_info=True)
    assert set(report["unexpected_keys"]) == {"matching_head.other"}
    _, report = FineMolTexModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["unexpected_keys"]
