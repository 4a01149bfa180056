"""Reconstruction: its contract with both encoders, a causal decoder, targets, and what it learns."""

import math

import pytest
import torch
from contracts.objective import ObjectiveContract, as_batch

from modeling_finemoltex import FineMolTexFeatureExtractor, FineMolTexForPreTraining, FineMolTexProcessor
from modeling_finemoltex.model.objectives_finemoltex import encode_pairs
from modeling_finemoltex.model.smiles_reconstruction_objective_finemoltex import (
    SmilesReconstructionOptions,
    lay_out_atoms,
)
from modeling_finemoltex.model.spellings_finemoltex import FIRST_ID, LAST_ID, PAD_ID, VOCABULARY_SIZE
from modeling_finemoltex.processors.smiles_tokens_finemoltex import write_smiles
from modeling_finemoltex.training.respelling import Respelling

GRAPH = {
    "encoder": "smiles",
    "encoder_options": {"num_attention_heads": 2, "intermediate_size": 16},
    "hidden_size": 40,
    "num_layers": 2,
    "dropout": 0.0,
}
SMALL = {"hidden_size": 16, "num_layers": 1, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def smiles_processor(tokenizer):
    return FineMolTexProcessor(FineMolTexFeatureExtractor(views=["graph", "smiles"]), tokenizer)


@pytest.fixture
def batch(smiles_processor, molecules):
    return dict(smiles_processor(smiles=list(molecules), text=list(molecules.values())))


@pytest.fixture
def drawn(batch):
    """The batch with random spellings, as `FineMolTexTrainer` gives it."""
    return Respelling(with_target=True)({**batch, "seeds": 977 * torch.arange(10) + 5})


class TestReconstructionOfGraphs(ObjectiveContract):
    name = "smiles_reconstruction"
    options = SMALL
    losses = ("smiles_token",)

    @pytest.fixture
    def batch(self, smiles_processor, molecules):
        return dict(smiles_processor(smiles=list(molecules), text=list(molecules.values())))


class TestReconstructionOfSmiles(TestReconstructionOfGraphs):
    @pytest.fixture
    def objective_config(self, change_config):
        others = {"contrastive": None, "masked_modelling": None}
        return change_config(graph_config=GRAPH, readout="pools", objectives={self.name: self.options, **others})


@pytest.fixture
def build(change_config):
    def make(graph=GRAPH, **options):
        objectives = {"contrastive": None, "masked_modelling": None, "smiles_reconstruction": {**SMALL, **options}}
        fields = {"graph_config": graph, "readout": "pools"} if graph else {}
        torch.manual_seed(0)
        return FineMolTexForPreTraining(change_config(objectives=objectives, **fields)).eval()

    return make


def test_mini_batches_need_no_texts(build, drawn):
    model, found = build().train(), []
    molecules = {name: one for name, one in drawn.items() if name not in ("input_ids", "attention_mask")}
    for size in (None, 3):
        model.zero_grad()
        loss = model(**molecules, mini_batch_size=size).loss
        loss.backward()
        found.append((loss.detach(), {name: one.grad for name, one in model.named_parameters()}))
    (whole, expected), (parts, gradients) = found
    torch.testing.assert_close(parts, whole, atol=1e-6, rtol=1e-5)
    assert not any("text" in name for name, one in expected.items() if one is not None)
    for name, gradient in expected.items():
        if gradient is not None:
            torch.testing.assert_close(gradients[name], gradient, atol=1e-5, rtol=1e-3, msg=name)


def test_uniform_scores_give_the_logarithm_of_the_vocabulary(build, batch):
    model = build()
    score = model.objectives["smiles_reconstruction"].decoder.score
    torch.nn.init.zeros_(score.weight)
    torch.nn.init.zeros_(score.bias)
    assert model(**batch).loss.item() == pytest.approx(math.log(VOCABULARY_SIZE), rel=1e-5)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_the_decoder_sees_nothing_of_what_comes(build, batch, implementation):
    model = build()
    model.set_attn_implementation(implementation)
    objective, molecules = model.objectives["smiles_reconstruction"], as_batch(batch | {"seeds": None}).molecules
    atoms = lay_out_atoms(model.finemoltex.encode_atoms(molecules), molecules)
    inputs, _ = objective.make_targets(molecules)
    states = objective.decoder(inputs, *atoms)
    for place in (2, 5):
        changed = inputs.clone()
        changed[:, place:] = 40
        other = objective.decoder(changed, *atoms)
        torch.testing.assert_close(other[:, :place], states[:, :place], atol=1e-6, rtol=1e-5)
        assert not torch.allclose(other[:, place], states[:, place])


def test_the_decoder_reads_the_atoms_of_its_own_molecule(build, batch):
    model = build()
    objective, molecules = model.objectives["smiles_reconstruction"], as_batch(batch | {"seeds": None}).molecules
    atom_states = model.finemoltex.encode_atoms(molecules)
    inputs, _ = objective.make_targets(molecules)
    states = objective.decoder(inputs, *lay_out_atoms(atom_states, molecules))
    changed = atom_states + 1.0 * (molecules.molecule_of_atom == 3)[:, None]
    other = objective.decoder(inputs, *lay_out_atoms(changed, molecules))
    rows = torch.arange(10) != 3
    assert torch.equal(other[rows], states[rows]) and not torch.allclose(other[3], states[3])


def test_targets_are_the_tokens_that_follow(build, batch):
    objective, molecules = build().objectives["smiles_reconstruction"], as_batch(batch | {"seeds": None}).molecules
    inputs, labels = objective.make_targets(molecules)
    assert write_smiles(inputs[2].tolist()) == write_smiles(labels[2].tolist()) == "CC(=O)Oc1ccccc1C(=O)O"
    assert inputs[1].tolist()[:4] == [FIRST_ID, *labels[1].tolist()[:3]]
    assert labels[1].tolist()[3] == LAST_ID and labels[1][4:].eq(PAD_ID).all()


def test_it_counts_right_tokens_row_by_row(build, batch):
    model = build()
    counts = model(**batch).counts
    lengths = (batch["smiles_ids"] != PAD_ID).sum(1)
    assert torch.equal(counts["smiles_token_total"], lengths)  # one for each token, and the end
    bias = model.objectives["smiles_reconstruction"].decoder.score.bias
    torch.nn.init.zeros_(model.objectives["smiles_reconstruction"].decoder.score.weight)
    with torch.no_grad():
        bias.zero_()[LAST_ID] = 9.0
    assert model(**batch).counts["smiles_token_correct"].tolist() == [1] * 10


def test_in_evaluation_the_random_spelling_is_the_source(build, batch, drawn):
    model = build()
    with torch.no_grad():
        for one in model.parameters():
            if one.ndim > 1:  # norms stay as they are: smaller ones would silence the encoder
                one.normal_(std=0.5)
    with_drawn, without = model(**drawn), model(**batch, seeds=drawn["seeds"])
    assert not torch.isclose(with_drawn.losses["smiles_token"], without.losses["smiles_token"])
    assert torch.equal(with_drawn.molecule_embeds, without.molecule_embeds)  # of the canonical SMILES
    graph = build(graph=None)
    losses = [graph(**one).losses["smiles_token"] for one in (drawn, {**batch, "seeds": drawn["seeds"]})]
    assert torch.equal(*losses)


def test_the_random_target_is_the_other_spelling(build, batch, drawn):
    model = build(target="random")
    objective = model.objectives["smiles_reconstruction"]
    inputs, _ = objective.make_targets(as_batch(drawn).molecules)
    assert torch.equal(inputs, drawn["target_smiles_ids"]) and model(**drawn).loss.isfinite()
    with pytest.raises(ValueError, match="needs `target_smiles_ids`"):
        model(**batch)


def test_molecules_alone_are_enough_where_no_objective_reads_texts(build, batch, model):
    alone = {name: one for name, one in batch.items() if name not in ("input_ids", "attention_mask")}
    output = build()(**alone)
    assert output.text_embeds is None and output.loss.isfinite()
    assert encode_pairs(
        model.finemoltex, as_batch(alone | {"input_ids": None, "attention_mask": None, "seeds": None}), {}
    )
    with pytest.raises(ValueError, match="Pre-training needs pairs"):
        model(**alone)


def test_a_batch_without_smiles_is_refused(build, processor):
    with pytest.raises(ValueError, match=r"this one has none.*views=\[\"graph\", \"smiles\"\]"):
        build(graph=None)(**processor(smiles="CCO", text="ethanol"))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"target": "longest"}, "`target` must be one of"), ({"hidden_size": 20}, "must be a multiple of twice")],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SmilesReconstructionOptions(**options)


def test_it_learns_to_write_a_molecule_from_any_of_its_spellings(build, smiles_processor):
    pairs = smiles_processor(smiles=["CC(=O)Nc1ccc(O)cc1", "CCN(CC)CC", "OCC(O)C=O"], text=["a", "b", "c"])
    torch.manual_seed(0)
    model = build(hidden_size=32).train()
    optimizer, respell = torch.optim.Adam(model.parameters(), 5e-3), Respelling()
    for step in range(110):
        optimizer.zero_grad()
        model(**respell({**pairs, "seeds": torch.arange(3) + 100 * step})).loss.backward()
        optimizer.step()
    counts = model.eval()(**respell({**pairs, "seeds": torch.arange(3) - 77})).counts
    assert counts["smiles_token_correct"].sum() >= 0.95 * counts["smiles_token_total"].sum()
