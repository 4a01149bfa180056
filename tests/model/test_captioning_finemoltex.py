"""The captioning head: what the writer reads, how it writes, and any T5 in its place."""

import dataclasses

import pytest
import torch
from contracts.head import HeadContract
from huggingface_hub.errors import StrictDataclassClassValidationError
from transformers import AutoModelForSeq2SeqLM, BertConfig, BertModel, T5Config, T5ForConditionalGeneration

from modeling_finemoltex import FineMolTexForCaptioning, FineMolTexForPreTraining, FineMolTexModel, Molecules

WRITER = {
    **{"model_type": "t5", "vocab_size": 40, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2},
    **{"dropout_rate": 0.0, "pad_token_id": 0, "eos_token_id": 3, "decoder_start_token_id": 2},
}
COPYING = {"prompt": "captions", "copies": True}


def make_inputs(processor, smiles):
    """Molecules, prompts of different lengths, and captions."""
    generator = torch.Generator().manual_seed(3)
    prompts = torch.randint(4, 40, (10, 9), generator=generator)[: len(smiles)]
    mask = torch.ones_like(prompts)
    mask[::2, 6:] = 0
    return {
        **processor(smiles=list(smiles)),
        "prompt_ids": prompts,
        "prompt_attention_mask": mask,
        "decoder_input_ids": torch.cat([torch.full((len(smiles), 1), 2), prompts[:, :4]], dim=1),
    }


class TestCaptioning(HeadContract):
    head_class = FineMolTexForCaptioning
    changes = {"writer_config": WRITER, "captioning_config": COPYING}
    own = ("writer.", "to_writer.")
    row_outputs = ("logits",)
    num_hidden_states = 4  # two of atoms, and of the writer's encoder its input and its layer
    num_attentions = 1

    def make_batch(self, processor, molecules):
        return make_inputs(processor, molecules)

    def rows(self, model, inputs):
        """Prompts are drawn by place: those of a row alone are the first."""
        return super().rows(model, inputs)

    def make_loss(self, model, inputs):
        inputs = {name: one for name, one in inputs.items() if name != "decoder_input_ids"}
        return model(**inputs, labels=inputs["prompt_ids"]).loss

    def test_a_row_alone_equals_the_row_in_a_batch(self, head, processor, molecules, inputs):
        expected = self.rows(head, inputs)
        own = ("prompt_ids", "prompt_attention_mask", "decoder_input_ids")
        for row, smiles in enumerate(molecules):
            alone = dict(processor(smiles=[smiles])) | {name: inputs[name][row : row + 1] for name in own}
            torch.testing.assert_close(
                self.rows(head, alone)["logits"][0], expected["logits"][row], atol=1e-5, rtol=1e-5
            )

    def test_the_order_of_the_atoms_changes_nothing(self, processor, molecules, head_config):
        """Of the embedding; motifs are read in their order, and captioners spell every molecule the canonical way."""
        config = dataclasses.replace(head_config) if dataclasses.is_dataclass(head_config) else head_config
        config.captioning_config.states = ["molecule"]
        head = self.make_model(config)
        super().test_the_order_of_the_atoms_changes_nothing(
            head, processor, molecules, self.make_batch(processor, molecules)
        )


@pytest.fixture
def head(change_config):
    def make(**options):
        torch.manual_seed(0)
        return FineMolTexForCaptioning(change_config(writer_config=WRITER, captioning_config=options)).eval()

    return make


SMILES = ("CCO", "CC(=O)Oc1ccccc1C(=O)O", "C")


@pytest.fixture
def graphs(processor):
    return processor(smiles=list(SMILES))


def test_one_beam_is_greedy_and_more_are_likelier(head, processor):
    model, inputs = head(**COPYING), make_inputs(processor, SMILES)
    del inputs["decoder_input_ids"]
    greedy = model.generate(**inputs, max_new_tokens=6)
    assert torch.equal(greedy, model.generate(**inputs, max_new_tokens=6, num_beams=1, do_sample=False))
    options = {"max_new_tokens": 6, "min_new_tokens": 6, "return_dict_in_generate": True, "output_scores": True}
    beams = model.generate(**inputs, num_beams=4, **options)
    one = model.generate(**inputs, **options)
    likely = model.writer.compute_transition_scores(one.sequences, one.scores, normalize_logits=True).sum(1) / 6
    assert beams.sequences_scores.mean() > likely.mean()  # a single row may lose its greedy start


def test_sampling_follows_the_seed(head, graphs):
    model, drawn = head(), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(model.generate(**graphs, do_sample=True, max_new_tokens=12))
    assert drawn[0].tolist() == drawn[1].tolist() != drawn[2].tolist()


@pytest.mark.parametrize("options", [{}, COPYING])
def test_greedy_words_are_those_that_forward_finds_likeliest(head, processor, options):
    model, inputs = head(**options), make_inputs(processor, SMILES)
    del inputs["decoder_input_ids"]
    written = model.generate(**inputs, max_new_tokens=6, min_new_tokens=6)
    with torch.no_grad():
        logits = model(**inputs, decoder_input_ids=written[:, :-1]).logits
    logits[..., WRITER["eos_token_id"]] = -torch.inf
    assert torch.equal(logits.argmax(-1), written[:, 1:])


@pytest.mark.parametrize("states", [["molecule"], ["motifs"], ["atoms"], ["molecule", "motifs", "atoms"]])
def test_states_of_the_tower_stand_for_the_molecules(head, graphs, states):
    model = head(states=states)
    tower = model.read_tower(**graphs)
    assert list(tower) == states and all(mask.shape == one.shape[:2] for one, mask in tower.values())
    counts = {"molecule": [1, 1, 1], "motifs": graphs["motif_counts"].tolist(), "atoms": [3, 13, 1]}
    assert {kind: mask.sum(1).tolist() for kind, (_, mask) in tower.items()} == {kind: counts[kind] for kind in states}
    with torch.no_grad():
        labels = torch.tensor([[5, 6, 3]] * 3)
        assert torch.equal(model(**graphs, labels=labels).loss, model(tower_states=tower, labels=labels).loss)


def test_another_molecule_gives_another_caption_and_a_frozen_tower_learns_nothing(head, graphs):
    model = head().train()
    model.finemoltex.requires_grad_(False)
    labels = torch.tensor([[5, 6, 3], [7, 8, 3], [9, 10, 3]])
    optimizer = torch.optim.Adam([one for one in model.parameters() if one.requires_grad], lr=0.02)
    before = {name: one.clone() for name, one in model.finemoltex.state_dict().items()}
    for _ in range(60):
        optimizer.zero_grad()
        model(**graphs, labels=labels).loss.backward()
        optimizer.step()
    assert model.eval().generate(**graphs, max_new_tokens=3)[:, 1:].tolist() == labels.tolist()
    assert all(torch.equal(one, before[name]) for name, one in model.finemoltex.state_dict().items())


@pytest.mark.parametrize(("join", "copies"), [("input", False), ("input", True), ("output", False)])
def test_any_t5_can_write(config, processor, tmp_path, join, copies):
    torch.manual_seed(0)
    t5 = T5ForConditionalGeneration(T5Config(**{**WRITER, "vocab_size": 60, "feed_forward_proj": "gated-gelu"}))
    base = FineMolTexForPreTraining(config)
    model = FineMolTexForCaptioning.from_parts(base, t5, prompt="smiles", join=join, copies=copies)
    assert torch.equal(model.writer.shared.weight, t5.shared.weight)
    inputs = make_inputs(processor, SMILES)
    logits = model(**inputs).logits
    assert logits.shape == (3, 5, 60)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path).eval()
    assert type(loaded) is FineMolTexForCaptioning and torch.equal(loaded(**inputs).logits, logits)
    del inputs["decoder_input_ids"]
    options = {"max_new_tokens": 5, "num_beams": 2}
    assert torch.equal(loaded.generate(**inputs, **options), model.generate(**inputs, **options))


def test_the_adapter_of_a_t5_without_states_is_the_t5(config, processor):
    """States behind the encoder are all that is added: where they are hidden, the T5 writes what it wrote."""
    t5 = T5ForConditionalGeneration(T5Config(**WRITER)).eval()
    model = FineMolTexForCaptioning.from_parts(FineMolTexModel(config), t5, prompt="smiles", join="output")
    inputs = make_inputs(processor, SMILES)
    states, mask = model.read_tower(**processor(smiles=list(SMILES)))["molecule"]
    tower = {"molecule": (states, torch.zeros_like(mask))}
    words = {name: inputs[name] for name in ("prompt_ids", "prompt_attention_mask", "decoder_input_ids")}
    expected = t5(
        input_ids=words["prompt_ids"],
        attention_mask=words["prompt_attention_mask"],
        decoder_input_ids=words["decoder_input_ids"],
    ).logits
    torch.testing.assert_close(model(tower_states=tower, **words).logits, expected, atol=1e-5, rtol=1e-5)


def test_what_cannot_be_captioned_is_said(head, graphs, config, change_config):
    model = head()
    with pytest.raises(ValueError, match="`max_new_tokens` must be at least 1: got 0"):
        model.generate(**graphs, max_new_tokens=0)
    with pytest.raises(ValueError, match="needs molecules: the batch holds no `motif_counts`"):
        model.generate(max_new_tokens=2)
    with pytest.raises(ValueError, match="Give captions as `labels`, or `decoder_input_ids`"):
        model(**graphs)
    with pytest.raises(ValueError, match="needs a writer, and `config.writer_config` is None"):
        FineMolTexForCaptioning(config)
    with pytest.raises(ValueError, match="BertModel is no encoder-decoder"):
        FineMolTexForCaptioning.from_parts(FineMolTexModel(config), BertModel(BertConfig(hidden_size=12)))
    bart = {"model_type": "bart", "d_model": 16}
    with pytest.raises(ValueError, match="A writer that copies is of the type 't5': got 'bart'"):
        FineMolTexForCaptioning(change_config(writer_config=bart, captioning_config=COPYING))
    with pytest.raises(ValueError, match="encoder of the writer reads the prompt alone: give `prompt_ids`"):
        head(join="output", prompt="smiles").generate(**graphs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"states": ["bonds"]}, r"`states` must hold some of molecule, motifs, atoms: got \['bonds'\]"),
        ({"states": []}, "`states` must hold some of"),
        ({"join": "middle"}, "`join` must be one of"),
        ({"prompt": "poem"}, "`prompt` must be one of"),
        ({"num_examples": 0}, "`num_examples` must be at least 1: got 0"),
        ({"join": "output"}, "reads the prompt alone: set `prompt` to 'smiles'"),
    ],
)
def test_options_are_checked(change_config, options, message):
    with pytest.raises((StrictDataclassClassValidationError, ValueError), match=message):
        change_config(captioning_config=options)


def test_generation_reads_a_batch_as_one_value(head, processor, graphs):
    model = head()
    expected = model.generate(**graphs, max_new_tokens=4)
    assert torch.equal(model.generate(Molecules.from_tensors(**graphs), max_new_tokens=4), expected)
