"""The transport objective: the contract, closed forms at each level, and who is no negative."""

import math

import pytest
import torch
from contracts.head import without_dropout
from contracts.objective import ObjectiveContract, as_batch, take_rows
from torch.nn.functional import cross_entropy

from modeling_finemoltex import FineMolTexForPreTraining
from modeling_finemoltex.model.objectives_finemoltex import encode_pairs
from modeling_finemoltex.model.transport_finemoltex import sinkhorn
from modeling_finemoltex.model.transport_objective_finemoltex import TransportOptions


class TestTransportObjective(ObjectiveContract):
    name = "transport"
    losses = ("transport_atom", "transport_motif", "transport_molecule")

    def expected_of_two_ranks(self, pretrainer, pairs):
        """Each rank compares its own half."""
        half = len(pairs["seeds"]) // 2
        halves = torch.arange(2 * half).chunk(2)
        return sum(pretrainer(**take_rows(pairs, rows)).loss for rows in halves) / 2


@pytest.fixture
def make_model(change_config):
    def make(**options):
        objectives = {"contrastive": None, "masked_modelling": None, "transport": options}
        return FineMolTexForPreTraining(without_dropout(change_config(objectives=objectives))).eval()

    return make


def test_motifs_are_scored_one_pair_at_a_time(make_model, batch, processor):
    model = make_model(levels=["motif"], epsilon=0.2, temperature=0.5, weight=2.0)
    pairs = as_batch({**batch, "seeds": torch.zeros(len(batch["input_ids"]))})
    encoded = encode_pairs(model.finemoltex, pairs, {"word_states", "motif_embeds"})
    words, special = model.finemoltex.place_words(encoded.word_states), processor.tokenizer.all_special_ids
    num_pairs, owner = len(pairs.input_ids), pairs.molecules.molecule_of_motif
    scores = torch.zeros(num_pairs, num_pairs)
    for text in range(num_pairs):
        kept = [place for place, word in enumerate(pairs.input_ids[text].tolist()) if word not in special]
        for molecule in range(num_pairs):
            cosines = words[text, kept] @ encoded.motif_embeds[owner == molecule].T
            every = [torch.ones(size, dtype=torch.bool) for size in cosines.shape]
            scores[text, molecule] = (sinkhorn(cosines, *every, 0.2, 10) * cosines).sum()
    own = torch.arange(num_pairs)
    expected = 0.5 * (cross_entropy(scores / 0.5, own) + cross_entropy(scores.T / 0.5, own))
    output = model(**batch)
    torch.testing.assert_close(output.losses["transport_motif"], expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(output.loss, 2 * expected, atol=1e-5, rtol=1e-4)


def test_equal_words_and_parts_give_the_logarithm_of_the_batch(make_model, batch, monkeypatch):
    model = make_model()
    monkeypatch.setattr(model.finemoltex, "place_words", lambda states: same_place(states))
    monkeypatch.setattr(model.finemoltex, "place_atoms", lambda states, groups, size: same_place(states[:1], size))
    losses = model(**batch).losses
    for loss in losses.values():
        assert loss.item() == pytest.approx(math.log(len(batch["input_ids"])), abs=1e-4)


def same_place(states, size=None):
    """One unit vector for everything, through which gradients still flow."""
    place = torch.nn.functional.one_hot(torch.tensor(0), states.shape[-1]) + 0 * states
    return place if size is None else place.expand(size, -1)


def test_equal_molecules_and_texts_are_no_negatives(make_model, batch):
    ids = torch.zeros(len(batch["input_ids"]), dtype=torch.long)
    assert make_model()(**batch, molecule_ids=ids).loss < 1e-6
    assert make_model()(**batch, text_ids=ids).loss < 1e-6


def test_a_text_of_special_tokens_alone_is_scored_by_them(make_model, batch, processor):
    batch["input_ids"][0] = processor.tokenizer.pad_token_id
    batch["input_ids"][0, 0] = processor.tokenizer.cls_token_id
    batch["attention_mask"][0] = torch.arange(batch["input_ids"].shape[1]) < 1
    assert make_model()(**batch).loss.isfinite()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0}, "`temperature` must be positive: got 0"),
        ({"epsilon": -1.0}, "`epsilon` must be positive: got -1.0"),
        ({"num_iterations": 0}, "`num_iterations` must be at least 1: got 0"),
        ({"levels": []}, r"`levels` must be some of \('atom', 'motif', 'molecule'\), each once: got \(\)"),
        ({"levels": ["motif", "motif"]}, "each once"),
        ({"levels": ["bond"]}, r"`levels` must be one of \('atom', 'motif', 'molecule'\): got 'bond'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TransportOptions(**options)
