"""Masked modelling: its contract, what is hidden and what hidden things still tell."""

import math

import pytest
import torch
from contracts.objective import ObjectiveContract, as_batch

from modeling_finemoltex import FineMolTexForPreTraining, Molecules
from modeling_finemoltex.model.masked_objective_finemoltex import MaskedModellingOptions
from modeling_finemoltex.model.objectives_finemoltex import encode_pairs


class TestMaskedModellingObjective(ObjectiveContract):
    name = "masked_modelling"
    losses = ("word", "motif")

    def test_uniform_scores_give_the_log_of_the_vocabulary(self, pretrainer, pairs):
        objective = pretrainer.objectives["masked_modelling"]
        with torch.no_grad():
            for head in (objective.word_head, objective.motif_head):
                head.norm.weight.zero_()
                head.norm.bias.zero_()
        losses = pretrainer(**pairs).losses
        assert losses["word"] == pytest.approx(math.log(pretrainer.config.text_config.vocab_size), rel=1e-5)
        assert losses["motif"] == pytest.approx(math.log(pretrainer.config.motif_config.vocab_size), rel=1e-5)

    def test_predictions_are_counted_by_pair(self, pretrainer, pairs):
        counts = pretrainer(**pairs).counts
        assert set(counts) == {f"masked_{what}_{how}" for what in ("word", "motif") for how in ("correct", "total")}
        for what in ("word", "motif"):
            assert (counts[f"masked_{what}_correct"] <= counts[f"masked_{what}_total"]).all()
        assert (counts["masked_word_total"] >= 1).all()

    def test_a_bias_that_knows_the_answer_is_counted_as_right(self, pretrainer, pairs):
        pairs["input_ids"][pairs["input_ids"] > 4] = 7
        with torch.no_grad():
            pretrainer.objectives["masked_modelling"].word_head.bias[7] = 100.0
        counts = pretrainer(**pairs).counts
        assert torch.equal(counts["masked_word_correct"], counts["masked_word_total"])

    def test_other_seeds_hide_others(self, pretrainer, pairs):
        other = {**pairs, "seeds": pairs["seeds"] + 100}
        assert not torch.equal(pretrainer(**pairs).loss, pretrainer(**other).loss)

    def test_the_masks_leave_special_tokens_and_unknown_motifs_alone(self, pretrainer, pairs):
        pairs["motif_ids"][:] = 0
        output = pretrainer(**pairs)
        assert output.counts["masked_motif_total"].sum() == 0 and output.losses["motif"] == 0
        pairs["input_ids"][:] = pretrainer.config.special_token_ids[0]
        assert pretrainer(**pairs).counts["masked_word_total"].sum() == 0

    @pytest.mark.parametrize("side", ["word", "motif"])
    def test_a_side_without_weight_is_not_hidden(self, change_config, pairs, side):
        config = change_config(objectives={"masked_modelling": {f"{side}_weight": 0.0}})
        counts = FineMolTexForPreTraining(config).eval()(**pairs).counts
        for one in ("word", "motif"):
            assert (counts[f"masked_{one}_total"].sum() == 0) == (one == side)

    def test_new_words_start_without_a_preference(self, pretrainer):
        objective = pretrainer.objectives["masked_modelling"]
        torch.nn.init.normal_(objective.word_head.bias)
        before = objective.word_head.bias.detach().clone()
        objective.resize_vocabulary(len(before) + 3)
        assert torch.equal(objective.word_head.bias[:-3], before) and not objective.word_head.bias[-3:].any()
        objective.resize_vocabulary(5)
        assert torch.equal(objective.word_head.bias, before[:5])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draw": "none"}, r"`draw` must be one of \('importance', 'random'\): got 'none'"),
        ({"draw_temperature": 0.0}, "`draw_temperature` must be positive: got 0.0"),
        ({"word_share": 1.5}, "`word_share` must lie between 0 and 1: got 1.5"),
        ({"motif_share": 0.0}, "`motif_share` must lie between 0 and 1: got 0.0"),
        ({"word_weight": 0, "motif_weight": 0}, "are both 0. Leave the objective out instead"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MaskedModellingOptions(**options)


@pytest.mark.parametrize("level", ["motif", "atom", "token"])
def test_masked_motif_prediction_does_not_see_its_own_atoms(change_config, batch, level):
    """Other elements in the masked motif leave its prediction as it was (no leak through any neighbour)."""
    # Weights so large let atoms speak up without training.
    wide = change_config(motif_config={"mask_level": level}, initializer_range=0.2)
    model = FineMolTexForPreTraining(wide).eval()
    first = batch["motif_counts"].cumsum(0) - batch["motif_counts"]
    hidden = torch.zeros(len(first), int(batch["motif_counts"].max()) + 1, dtype=torch.bool)
    hidden[:, 1] = True
    hidden_atoms = torch.isin(batch["atom_to_motif"], first)
    changed = {**batch, "atom_features": batch["atom_features"].clone()}
    changed["atom_features"][hidden_atoms, 0] = (changed["atom_features"][hidden_atoms, 0] + 7) % 100

    def predict(inputs):
        states = model.finemoltex(**inputs, hidden_motifs=hidden, cross_attention=True).motif_states
        return model.objectives["masked_modelling"].motif_head(states[:, 1])

    difference = (predict(changed) - predict(batch)).abs().max()
    visible = (model.finemoltex(**changed).motif_states - model.finemoltex(**batch).motif_states).abs().max()
    assert visible > 1e-2
    if level != "token":
        assert difference <= 1e-6
    else:
        assert difference > 1e-4  # the paper's masking: neighbours still carry the answer


@pytest.mark.parametrize("level", ["motif", "atom"])
def test_a_hidden_motif_has_no_size_at_the_level_of_motifs(change_config, processor, level):
    """Butyl and hexyl on the same amide: what is left of the molecules is the same."""
    wide = change_config(motif_config={"mask_level": level}, initializer_range=0.2)
    model = FineMolTexForPreTraining(wide).eval()
    molecules = Molecules.from_tensors(**processor(smiles=["CCCCNC(C)=O", "CCCCCCNC(C)=O"], return_tensors="pt"))
    sizes = molecules.atom_to_motif.bincount()
    chain = (
        sizes
        == torch.stack([sizes[molecules.molecule_of_motif == row].max() for row in (0, 1)])[
            molecules.molecule_of_motif
        ]
    )
    hidden = molecules.pad(chain)
    states = model.finemoltex(molecules, hidden_motifs=hidden).motif_states
    assert sizes[chain].unique().numel() == 2
    assert torch.allclose(states[0], states[1], atol=1e-5) == (level == "motif")


@torch.no_grad()
def score_importance(model, batch):
    """Importance of motifs `(B, K + 1)` and words `(B, T)`."""
    pairs = as_batch({**batch, "seeds": None, "molecule_ids": None, "text_ids": None})
    objective = model.objectives["masked_modelling"]
    return objective._score_importance(
        model.finemoltex, encode_pairs(model.finemoltex, pairs, objective.reads), pairs.molecules
    )


def test_importance_is_the_cosine_with_the_whole(model, processor):
    batch = processor(smiles=["c1ccccc1", "CCO"], text=["benzene", "ethanol a small alcohol"], padding=True)
    motifs, words = score_importance(model, batch)
    assert motifs[0, 1] == pytest.approx(1, abs=1e-5)  # the only motif is the molecule
    output = model.finemoltex(**batch)
    embeds = model.finemoltex.place_words(output.word_states[1, 3])
    assert words[1, 3] == pytest.approx((embeds @ output.text_embeds[1]).item(), abs=1e-5)
    assert words[1, 3] < 1


@pytest.mark.parametrize("draw", ["importance", "random"])
def test_important_motifs_and_words_are_drawn_more_often(change_config, model, processor, draw):
    """Draws follow the softmax of the importances over their temperature, or are even."""
    drawing = FineMolTexForPreTraining(change_config(objectives={"masked_modelling": {"draw": draw}})).eval()
    drawing.load_state_dict(model.state_dict())
    batch = processor(smiles="CC(=O)Oc1ccc(CCN(C)C(=O)c2ccncc2)cc1C(=O)O", text="an ester and an acid of aspirin")
    draws, objective = 4000, drawing.objectives["masked_modelling"]
    scores, importances = score_importance(drawing, batch), score_importance(model, batch)
    for stream, (score, importance) in enumerate(zip(scores, importances, strict=True)):
        candidates = torch.ones_like(score[0], dtype=torch.bool)
        candidates[[0, -1]] = False
        share = 1 / candidates.sum().item() + 1e-6  # one of them
        rows = (score.expand(draws, -1), candidates.expand(draws, -1))
        drawn = objective._draw_slots(*rows, share, torch.arange(draws), stream).float().mean(0)
        expected = (importance[0] / 0.1 if draw == "importance" else torch.zeros_like(importance[0])).masked_fill(
            ~candidates, -torch.inf
        )
        torch.testing.assert_close(drawn, expected.softmax(-1), atol=0.03, rtol=0)
