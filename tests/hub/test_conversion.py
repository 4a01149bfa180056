"""Published checkpoints become models: every weight finds its place, and what does not fit stops the conversion."""

import pytest
import torch
import torch.nn.functional as F
from contracts.published_checkpoint import (
    SETTINGS,
    TEXT_SETTINGS,
    make_bert,
    make_finemoltex,
    make_linear,
    make_moleculestm,
    make_multi,
    make_ogb_gin,
    make_self_loop_gin,
)
from transformers import BertConfig, BertModel

from modeling_finemoltex import FineMolTexFeatureExtractor
from modeling_finemoltex.hub.conversion import convert_tensors, restore_tensors

GIN = {"ogb": lambda: make_ogb_gin(prefix=""), "motif": make_ogb_gin, "self loops": make_self_loop_gin}


def convert(kind="finemoltex", tensors=None, settings=SETTINGS, text_settings=TEXT_SETTINGS):
    return convert_tensors(kind, make_finemoltex() if tensors is None else tensors, settings, text_settings)


@pytest.fixture(scope="module")
def words():
    ids = torch.tensor([[2, 17, 30, 3], [2, 9, 3, 0]])
    return {"input_ids": ids, "attention_mask": (ids != 0).long()}


def graphs(view, smiles=("CCO", "CC(=O)Oc1ccccc1C(=O)O", "[Na+].[Cl-]")):
    return FineMolTexFeatureExtractor(views=[view])(list(smiles))


def make_encoder(state, prefix, width, layers, heads, inner):
    """Layers of a BERT by Transformers, with published weights."""
    config = BertConfig(
        vocab_size=256,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
        max_position_embeddings=64,
    )
    model = BertModel(config).eval()
    own = {name.removeprefix(prefix): one for name, one in state.items() if name.startswith(prefix)}
    if f"{prefix}embeddings.word_embeddings.weight" not in state:
        own = {f"encoder.{name}": one for name, one in own.items()}
    assert not model.load_state_dict(own, strict=False).unexpected_keys
    return model


def test_the_layout_has_the_published_number_of_tensors():
    assert len(make_multi(width=8, bert=12, text=12, motif=3, blocks=2, words=9)) == 543
    assert len(make_bert(width=8, layers=12)) == 199


@pytest.mark.parametrize(
    ("kind", "tensors"),
    [
        ("finemoltex", make_finemoltex),
        ("moleculestm", make_moleculestm),
        *(("gin", lambda make=make: {"molecule": make()}) for make in GIN.values()),
    ],
)
def test_every_weight_comes_back_under_its_name(kind, tensors):
    tensors = tensors()
    converted = convert(kind, tensors)
    unused = {tuple(name.split(": ")) for name in converted.unused}
    restored = restore_tensors(kind, converted.model.state_dict(), tensors)
    for part, state in tensors.items():
        assert restored[part].keys() == {name for name in state if (part, name) not in unused}
        for name, tensor in restored[part].items():
            assert torch.equal(tensor, state[name]), name
    assert converted.weights.keys() == converted.model.state_dict().keys() - set(converted.untrained)
    assert all(name.startswith("motif_tower.") for name in converted.untrained) and (
        bool(converted.untrained) == (kind == "moleculestm")
    )


def test_sizes_come_from_the_weights_and_the_rest_from_the_settings():
    tensors = make_finemoltex(width=24, graph_width=6, motifs=5, bert=1, text=4, blocks=1, words=40)
    heads = {"num_attention_heads": 3, "v_num_attention_heads": 6}
    depths = {"t_biattention_id": [2], "v_biattention_id": [1]}
    config = convert(tensors=tensors, settings={**SETTINGS, **heads, **depths}).model.config
    fusion, text, graph = config.multimodal_config, config.text_config, config.graph_config
    assert (fusion.hidden_size, fusion.num_text_layers, fusion.num_motif_layers) == (24, 4, 2)
    assert (fusion.num_text_attention_heads, fusion.num_motif_attention_heads, fusion.num_co_attention_heads) == (
        3,
        6,
        8,
    )
    assert (fusion.intermediate_size, fusion.motif_intermediate_size) == (20, 28)
    assert (fusion.co_attention_text_layers, fusion.co_attention_motif_layers) == ([2], [1])
    assert (text.hidden_size, text.num_hidden_layers, text.vocab_size, text.num_attention_heads) == (24, 1, 40, 2)
    assert (graph.hidden_size, graph.num_layers, graph.atom_feature_sizes[:2], graph.rare_feature_sizes) == (
        6,
        2,
        [121, 6],
        [],
    )
    assert (config.readout, config.motif_config.tower, config.motif_config.mask_level) == ("slots", "scalar", "token")
    assert config.motif_config.vocab_size == 7 and config.temperature == 0.1


def test_published_depths_and_heads_are_known():
    sizes = {"bert": 1, "text": 12, "motif": 3, "words": 31090}
    config = convert(tensors=make_finemoltex(width=8, **sizes), settings=None, text_settings=None).model.config
    fusion = config.multimodal_config
    assert (fusion.co_attention_text_layers, fusion.co_attention_motif_layers) == ([10, 12], [2, 3])
    assert (fusion.num_text_attention_heads, fusion.num_motif_attention_heads) == (4, 8)
    assert config.mask_token_id == 104 and config.text_config.num_attention_heads == 1


def test_texts_are_the_first_words_after_all_layers(words):
    """The layers of Transformers, in the published order, on the published weights."""
    tensors = make_finemoltex()
    converted, state = convert(tensors=tensors), tensors["multi"]
    bert = make_encoder(state, "bert.bertlm.", 16, 2, 2, 24)
    top = make_encoder({k: v for k, v in state.items() if ".layer." in k}, "bert.encoder.", 16, 3, 4, 20)
    with torch.no_grad():
        states = bert(**words).last_hidden_state
        mask = torch.where(words["attention_mask"][:, None, None] == 1, 0.0, -10000.0)
        states = top.encoder(states, attention_mask=mask).last_hidden_state
        found = converted.model.finemoltex.get_text_features(**words)
    torch.testing.assert_close(found, F.normalize(states[:, 0], dim=-1), atol=1e-5, rtol=1e-4)


def test_molecules_are_the_first_slots_of_their_stream():
    tensors = make_finemoltex()
    base, state, batch = convert(tensors=tensors).model.finemoltex, tensors["multi"], graphs("graph_2")
    stack = make_encoder(
        {name.replace("v_layer", "layer"): one for name, one in state.items() if "v_layer" in name},
        "bert.encoder.", 16, 2, 2, 28,
    )  # fmt: skip
    place = {name: state[f"bert.v_embeddings.image_location_embeddings.{name}"] for name in ("weight", "bias")}
    norm = {name: state[f"bert.v_embeddings.LayerNorm.{name}"] for name in ("weight", "bias")}
    with torch.no_grad():
        atoms = base.graph_encoder(from_batch(batch))
        counts, slots = batch["motif_counts"], int(batch["motif_counts"].max()) + 1
        tokens, positions = torch.zeros(3, slots, 16), torch.zeros(3, slots, 1)
        first = counts.cumsum(0) - counts
        for row in range(3):
            for motif in range(int(counts[row])):
                own = atoms[batch["atom_to_motif"] == first[row] + motif]
                tokens[row, motif + 1] = F.linear(own.mean(0), **tensors["mol2latent"])
                positions[row, motif + 1] = batch["motif_positions"][first[row] + motif]
        tokens = F.layer_norm(tokens + F.linear(positions, **place), (16,), **norm, eps=1e-12)
        mask = torch.where(batch["motif_attention_mask"][:, None, None] == 1, 0.0, -10000.0)
        expected = stack.encoder(tokens, attention_mask=mask).last_hidden_state
        found = base.get_molecule_features(**batch)
        motifs = base.place_motifs(atoms, from_batch(batch))
    torch.testing.assert_close(found, F.normalize(expected[:, 0], dim=-1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(motifs[0], F.normalize(expected[0, 1], dim=-1), atol=1e-5, rtol=1e-4)


def from_batch(batch):
    from modeling_finemoltex import Molecules

    return Molecules.from_tensors(**batch)


def test_moleculestm_pools_atoms_and_the_first_word(words):
    tensors = make_moleculestm()
    model, batch = convert("moleculestm", tensors).model, graphs("graph_9")
    bert = make_encoder(tensors["text"], "", 16, 2, 2, 24)
    with torch.no_grad():
        texts = F.linear(bert(**words).pooler_output, **tensors["text2latent"])
        states = model.encode_atoms(from_batch(batch))
        means = torch.stack([states[from_batch(batch).molecule_of_atom == row].mean(0) for row in range(3)])
        output = model(**batch, **{name: one.repeat(2, 1)[:3] for name, one in words.items()})
    torch.testing.assert_close(output.text_embeds[:2], F.normalize(texts, dim=-1), atol=1e-5, rtol=1e-4)
    expected = F.normalize(F.linear(means, **tensors["mol2latent"]), dim=-1)
    torch.testing.assert_close(output.molecule_embeds, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("make", GIN.values(), ids=GIN)
def test_a_molecule_encoder_alone_gives_means_of_atoms(make):
    model, batch = convert("gin", {"molecule": make()}).model, graphs("graph_2")
    with torch.no_grad():
        states, embeds = model.encode_atoms(from_batch(batch)), model.get_molecule_features(**batch)
    torch.testing.assert_close(embeds[0], F.normalize(states[:3].mean(0), dim=0))
    assert model.text_encoder is None


def change(part, remove=(), **added):
    tensors = make_finemoltex()
    tensors[part] = {name: one for name, one in tensors[part].items() if name not in remove} | added
    return tensors


class TestRefused:
    def test_unknown_names_are_listed(self):
        extra = {f"bert.encoder.extra.{number}": torch.ones(1) for number in range(15)}
        with pytest.raises(
            ValueError, match=r"nothing was written. unknown: bert.encoder.extra.0, .* and 3 more \(in 'multi'\)"
        ):
            convert(tensors=change("multi", **extra))

    def test_missing_names_are_listed(self):
        names = ("bert.encoder.c_layer.1.biattention.key2.bias", "bert.encoder.layer.0.output.dense.weight")
        with pytest.raises(ValueError, match=rf"missing: {names[0]}, {names[1]} \(in 'multi'\)"):
            convert(tensors=change("multi", names))

    def test_other_shapes_are_told_with_both(self):
        for part, name, shape in (
            *(("mol2latent", "weight", (16, 11)), ("frag", "1.bias", (8,)), ("frag", "1.bias", (10,))),
            ("molecule", "molecule_node_model.gnns.1.bond_encoder.bond_embedding_list.2.weight", (3, 10)),
        ):
            with pytest.raises(
                ValueError, match=rf"of another shape: {name} \({shape[0]},.* instead of .* \(in '{part}'\)"
            ):
                convert(tensors=change(part, **{name: torch.ones(shape)}))

    def test_a_matrix_without_columns(self):
        key = "bert.bertlm.embeddings.word_embeddings.weight"
        with pytest.raises(ValueError, match=rf"no matrix: {key} \(in 'multi'\)"):
            convert(tensors=change("multi", **{key: torch.ones(256)}))

    def test_numbers_that_are_not_finite(self):
        with pytest.raises(ValueError, match=r"not finite \(NaN or infinite\): bias \(in 'mol2latent'\)"):
            convert(tensors=change("mol2latent", bias=torch.full((16,), torch.nan)))

    def test_a_decoder_that_is_not_tied(self):
        key = "cls.predictions.decoder.weight"
        with pytest.raises(ValueError, match=rf"to which it is tied: {key}"):
            convert(tensors=change("multi", **{key: torch.ones(256, 16)}))
        assert convert(tensors=change("multi", [key])).model.training is False  # some copies leave it out

    def test_streams_of_several_widths(self):
        tensors = make_finemoltex()
        tensors["multi"] |= {
            k: v for k, v in make_multi(width=12, inner=20).items() if "bertlm" in k or "predictions" in k
        }
        with pytest.raises(ValueError, match="must be equally wide|of another shape"):
            convert(tensors=tensors)

    @pytest.mark.parametrize(
        ("part", "state", "told"),
        [
            ("molecule", {"encoder.layers.0.self_attn.q_proj.weight": torch.ones(1)}, "such as MegaMolBART"),
            ("multi", make_bert(), "It looks like a BERT"),
            ("multi", {"conv1.weight": torch.ones(1)}, "architecture that is not known here. Its names: conv1.weight"),
            ("frag", {"graph_encoder.x": torch.ones(1)}, "needs no conversion"),
            ("text", {"module.embeddings.x": torch.ones(1)}, "parallel wrapper"),
            ("mol2latent", {"layers.0.weight": torch.ones(1)}, "no name begins with weight"),
        ],
    )
    def test_another_architecture_is_named(self, part, state, told):
        kind = "moleculestm" if part == "text" else "finemoltex"
        tensors = make_moleculestm() if part == "text" else make_finemoltex()
        with pytest.raises(ValueError, match=f"The file '{part}' is no {part} checkpoint.*{told}"):
            convert(kind, tensors | {part: state})

    def test_settings_of_another_checkpoint(self):
        with pytest.raises(
            ValueError, match=r"of another checkpoint .*: hidden_size 768 \(16\), v_target_size 2457 \(9\)"
        ):
            convert(settings={**SETTINGS, "hidden_size": 768, "v_target_size": 2457})

    def test_depths_that_nobody_knows(self):
        with pytest.raises(ValueError, match="3 text layers and 2 motif layers, not .*`t_biattention_id`"):
            convert(settings=None)
        with pytest.raises(ValueError, match="has 2 co-attention blocks, but the settings place 1 and 2"):
            convert(settings={**SETTINGS, "t_biattention_id": [3]})

    def test_heads_that_do_not_divide_the_width(self):
        with pytest.raises(ValueError, match="16 wide, which 5 attention heads do not divide: give `text_config`"):
            convert(text_settings={"num_attention_heads": 5})


def test_the_spare_rows_of_the_motif_head_have_no_chance():
    head = convert().model.objectives["masked_modelling"].motif_head
    assert head(torch.randn(5, 16)).softmax(-1)[:, :2].max() == 0
    assert make_linear(9, 16, "1.", seed=4)["1.bias"].equal(head.table.bias[2:])
