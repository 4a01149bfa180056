"""The latent part of molecule editing: what the optimisation does, and that it does no more than it says."""

import copy
import json

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from contracts.head import TextHeadContract
from transformers import AutoModelForSeq2SeqLM, BertConfig, BertModel, T5Config

from modeling_finemoltex import (
    AutoModelForMoleculeEditing,
    FineMolTexConfig,
    FineMolTexFeatureExtractor,
    FineMolTexForMoleculeEditing,
    FineMolTexModel,
)
from modeling_finemoltex.model.editing_finemoltex import LONGEST_GROWTH

IDS = torch.tensor([[5, 6, 7, 8, 2], [9, 5, 2, 0, 0], [30, 31, 32, 2, 0]])
MASK = (IDS != 0).long()
PENALTIES = (10.0, 1.0, 0.1, 0.01, 0.001)


class TestEditingHead(TextHeadContract):
    head_class = FineMolTexForMoleculeEditing
    own = ("generator.", "to_shared.", "to_latent.", "latent_mean", "latent_scale")
    row_outputs = ("aligned_embeds", "text_embeds")
    num_hidden_states = 5  # two of the generator's encoder, three of words
    num_attentions = 3

    @pytest.fixture
    def head_config(self, change_config, generator_config):
        return change_config(generator_config=generator_config.to_dict())

    def make_batch(self, processor, molecules):
        rows = {smiles: [1, *(5 + ord(letter) % 35 for letter in smiles), 2] for smiles in molecules}
        ids = [torch.tensor(row) for row in rows.values()]
        ids = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
        texts = dict(processor(text=list(molecules.values()), padding=True))
        return {"generator_input_ids": ids, "generator_attention_mask": (ids != 0).long(), **texts}

    def make_loss(self, model, inputs):
        graph = FineMolTexFeatureExtractor()(["CCO", "c1ccccc1"])
        texts = {name: inputs[name][:2] for name in ("input_ids", "attention_mask")}
        hidden = torch.ones(2, int(graph["motif_counts"].max()) + 1, dtype=torch.bool)
        base = model.finemoltex(**graph, **texts, hidden_motifs=hidden, cross_attention=True)
        ids, mask = inputs["generator_input_ids"], inputs["generator_attention_mask"]
        written = model.generator(input_ids=ids, attention_mask=mask, labels=ids).loss
        output = model(**inputs)
        pooled = pool(output.latents[:2], mask[:2])
        states = sum(base[name].square().sum() for name in ("motif_states", "word_states"))
        mapped = model.space_map_loss(pooled, base.molecule_embeds, "info_nce")
        return states + written + output.similarity.square().sum() + mapped

    def test_the_order_of_the_atoms_changes_nothing(self, head, processor, molecules):
        """The generator reads a molecule as it is written; molecules are embedded from their graphs."""
        renumbered = processor(smiles=["OCC", "C1=CC=CC=C1"])
        expected = head.get_molecule_features(**processor(smiles=["CCO", "c1ccccc1"]))
        torch.testing.assert_close(head.get_molecule_features(**renumbered), expected, atol=1e-5, rtol=1e-5)


@pytest.fixture(scope="module")
def editing(config, generator_config):
    torch.manual_seed(0)
    base, generator = FineMolTexModel(config), AutoModelForSeq2SeqLM.from_config(generator_config)
    return FineMolTexForMoleculeEditing.from_parts(base, generator)


@pytest.fixture(scope="module")
def latents(editing):
    with torch.no_grad():
        return editing.encode_latents(IDS, MASK)[0]


@pytest.fixture
def text(editing):
    return torch.randn(editing.to_shared.refine.out_features)


def pool(latents, mask=MASK):
    return (latents * mask[..., None]).sum(-2) / mask.sum(-1, keepdim=True)


def similarity(editing, latents, text):
    with torch.no_grad():
        return F.cosine_similarity(editing.align(pool(latents).flatten(0, -2)), text[None]).view(latents.shape[:-2])


def test_optimisation_raises_the_similarity_with_the_text(editing, latents, text):
    moved = editing.optimize(latents, MASK, text, PENALTIES)
    assert moved.shape == (5, *latents.shape)
    before, after = similarity(editing, latents, text), similarity(editing, moved, text)  # (B,), (W, B)
    assert (after > before).all()
    assert (after.diff(dim=0) > -1e-3).all() and (after[-1] > before + 0.1).all()  # the weaker the penalty, the more


def test_a_large_penalty_keeps_the_molecule(editing, latents, text):
    moved = editing.optimize(latents, MASK, text, [1e6])[0]
    torch.testing.assert_close(moved, latents, atol=2e-2, rtol=0)
    distances = (editing.optimize(latents, MASK, text, PENALTIES) - latents).square().mean((-1, -2))  # (W, B)
    assert (distances.diff(dim=0) > 0).all()


def test_it_is_adam_on_every_token(editing, latents, text):
    """The common shift of all tokens is what Adam makes of each token by itself."""
    (moved,) = editing.optimize(latents[:1], MASK[:1], text, [0.1], num_steps=40, learning_rate=0.1)
    token_wise = latents[:1].clone().requires_grad_()
    adam = torch.optim.Adam([token_wise], lr=0.1)
    for step in range(40):
        progress = (step + 0.5) / 40
        down = 0.5 - 0.5 * torch.cos(torch.tensor(torch.pi * min(1.0, (1 - progress) / 0.25)))
        adam.param_groups[0]["lr"] = 0.1 * min(1.0, progress / 0.05) * down.item()
        cosine = F.cosine_similarity(editing.align(token_wise.mean(1)), text[None])
        loss = 0.1 * (token_wise - latents[:1]).square().mean() - cosine.sum()
        (token_wise.grad,) = torch.autograd.grad(loss, token_wise)
        adam.step()
    torch.testing.assert_close(moved, token_wise.detach(), atol=5e-3, rtol=0)


def test_a_batch_is_what_its_molecules_are_alone(editing, latents, text):
    texts = torch.stack([text, -text, text.flip(0)])
    together = editing.optimize(latents, MASK, texts, PENALTIES, num_steps=30)
    for place, length in enumerate(MASK.sum(1).tolist()):
        row = slice(place, place + 1)
        for number, penalty in enumerate(PENALTIES):
            alone = editing.optimize(latents[row, :length], MASK[row, :length], texts[place], [penalty], num_steps=30)
            torch.testing.assert_close(together[number, row, :length], alone[0], atol=1e-4, rtol=0)
    padding = (MASK == 0)[None, ..., None].expand(5, -1, -1, latents.shape[-1])
    assert torch.equal(together[padding], latents.expand(5, -1, -1, -1)[padding])


def test_weights_get_no_gradient_and_inference_mode_is_no_obstacle(editing, text):
    with torch.inference_mode():
        moved = editing.optimize(*editing.encode_latents(IDS, MASK), text, [0.1], num_steps=2)
    assert moved.isfinite().all() and all(weight.grad is None for weight in editing.parameters())


def test_decoding_ends_and_does_not_depend_on_neighbours(editing, latents):
    together = editing.decode(latents, MASK)
    for place, length in enumerate(MASK.sum(1).tolist()):
        alone = editing.decode(latents[place : place + 1, :length], MASK[place : place + 1, :length])[0]
        kept = min(len(alone), together.shape[1])
        assert torch.equal(together[place, :kept], alone[:kept])
        assert not together[place, length + LONGEST_GROWTH + 1 :].any()


def test_a_few_states_can_hold_a_molecule(config, generator_config):
    described = copy.deepcopy(generator_config)
    described.num_latents = 2
    generator = AutoModelForSeq2SeqLM.from_config(described)
    model = FineMolTexForMoleculeEditing.from_parts(FineMolTexModel(config), generator)
    with torch.no_grad():
        latents, mask = model.encode_latents(IDS, MASK)
        assert latents.shape[:2] == mask.shape == (3, 2) and mask.all()
        changed = IDS.clone()
        changed[0, 2] += 1  # behind the tokens of the latent, which have seen it all the same
        assert not torch.equal(model.encode_latents(changed, MASK)[0][0], latents[0])
        assert model.decode(latents, mask).shape[1] <= described.max_position_embeddings
        assert model(IDS, MASK).latents.shape == latents.shape


def test_forward_compares_molecules_with_texts(editing, processor, latents):
    texts = processor(text=["an acid", "a gas"])
    with torch.no_grad():
        output = editing(IDS, MASK, **texts)
    assert output.similarity.shape == (3, 2)
    torch.testing.assert_close(output.latents, latents)
    torch.testing.assert_close(output.aligned_embeds.norm(dim=-1), torch.ones(3))
    torch.testing.assert_close(output.similarity, output.aligned_embeds @ output.text_embeds.T)


@pytest.mark.parametrize("objective", ["cosine", "ebm_nce", "info_nce"])
def test_the_loss_of_the_space_maps_teaches_both_directions(config, generator_config, objective):
    base, generator = FineMolTexModel(config), AutoModelForSeq2SeqLM.from_config(generator_config)
    model = FineMolTexForMoleculeEditing.from_parts(base, generator)
    pooled, embeds = torch.randn(8, 16), F.normalize(torch.randn(8, model.to_shared.refine.out_features), dim=-1)
    model.set_latent_statistics(pooled)
    torch.testing.assert_close(model.standardize(pooled).mean(0), torch.zeros(16), atol=1e-5, rtol=0)
    first = model.space_map_loss(pooled, embeds, objective)
    first.backward()
    maps = (model.to_shared, model.to_latent)
    assert all(weight.grad.abs().sum() > 0 for one in maps for weight in one.parameters())
    with torch.no_grad():
        for weight in (weight for one in maps for weight in one.parameters()):
            weight -= 0.05 * weight.grad / weight.grad.norm()  # so small a step downhill leads down
    assert model.space_map_loss(pooled, embeds, objective) < first


def test_any_encoder_decoder_will_do(config, text):
    t5 = T5Config(vocab_size=40, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=0)
    generator = AutoModelForSeq2SeqLM.from_config(t5)
    model = FineMolTexForMoleculeEditing.from_parts(FineMolTexModel(config), generator, "smiles")
    assert model.config.editing_config.notation == "smiles"
    start, mask = model.encode_latents(IDS, MASK)
    assert torch.equal(mask, MASK)
    moved = model.optimize(start, mask, text, [0.01], num_steps=5)[0]
    assert model.decode(moved, MASK).shape[0] == 3


def test_the_folder_holds_every_part(editing, tmp_path, latents):
    editing.save_pretrained(tmp_path)
    again = AutoModelForMoleculeEditing.from_pretrained(tmp_path).eval()
    assert type(again) is FineMolTexForMoleculeEditing
    expected = editing.state_dict()
    assert again.state_dict().keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in again.state_dict().items())
    assert again.generator.lm_head.weight is again.generator.get_input_embeddings().weight  # still tied
    with torch.no_grad():
        torch.testing.assert_close(again.encode_latents(IDS, MASK)[0], latents)


def test_other_heads_know_no_generator(config, tmp_path):
    FineMolTexModel(config).save_pretrained(tmp_path)
    stored = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert stored.get("generator_config") is None
    loaded = FineMolTexConfig.from_pretrained(tmp_path)
    assert loaded.generator_config is None and loaded.editing_config.notation == "selfies"
    with pytest.raises(ValueError, match="needs a generator, and `config.generator_config` is None"):
        FineMolTexForMoleculeEditing(loaded)


def test_refusals_are_explained(editing, latents, text, config):
    with pytest.raises(ValueError, match=r"penalties of 0 or more and at least one step: got \[\] and 100"):
        editing.optimize(latents, MASK, text, [])
    with pytest.raises(ValueError, match=r"got \[-1\] and 100"):
        editing.optimize(latents, MASK, text, [-1])
    with pytest.raises(ValueError, match="`objective` must be one of .*: got 'triplet'"):
        editing.space_map_loss(pool(latents), text, "triplet")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    bert = BertModel(BertConfig(vocab_size=40, **sizes))
    with pytest.raises(ValueError, match="A BertModel is no encoder-decoder"):
        FineMolTexForMoleculeEditing.from_parts(FineMolTexModel(config), bert)
