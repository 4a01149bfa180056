"""LIME over the other side: words explain a masked motif, and motifs a masked word."""

import json

import numpy as np
import pytest

pytest.importorskip("sklearn")

from modeling_finemoltex import FineMolTexForPreTraining, MaskedPredictionExplainer  # noqa: E402
from modeling_finemoltex.explain.masked_prediction import _draw_visible  # noqa: E402

# Three parts of one atom and one word piece compete: neither size nor length gives the answer away.
SMILES, TEXT = "Clc1ccccc1", "a benzene with chlorine"


@pytest.fixture(scope="module")
def explainer(word_model, word_processor):
    return MaskedPredictionExplainer(word_model, word_processor, num_samples=200)


def find_motif(processor, label: str) -> int:
    return next(motif.position for motif in processor.feature_extractor.motifs(SMILES) if motif.label == label)


@pytest.mark.slow  # what 150 steps have learned, on any processor: the right feature first, however large its effect
def test_what_names_the_hidden_one_explains_it_best(explainer, word_processor):
    by_words = explainer.explain_motif(SMILES, TEXT, find_motif(word_processor, "Cl"))
    assert by_words.features[int(np.argmax(by_words.effects))] == "chlorine"
    by_motifs = explainer.explain_word(SMILES, TEXT, "chlorine")
    assert by_motifs.features[int(np.argmax(by_motifs.effects))] == "Cl"


def test_a_motif_is_explained_by_the_words(explainer, word_processor, tmp_path):
    found = explainer.explain_motif(SMILES, TEXT, find_motif(word_processor, "Cl"))
    assert found.kind == "motif" and found.target == "Cl" and found.features == ["a", "benzene", "with", "chlorine"]
    assert np.isfinite(found.effects).all() and len(set(found.effects)) > 1
    assert dict(found.predictions).get("Cl", found.probability) == pytest.approx(found.probability, abs=1e-5)
    assert sum(share for _, share in found.predictions) <= 1 + 1e-5 and 0 <= found.fit <= 1
    json.dumps(found.to_dict())


def test_a_word_is_explained_by_the_motifs(explainer, word_processor):
    found = explainer.explain_word(SMILES, TEXT, "chlorine")
    assert found.kind == "word" and found.features == [
        m.label for m in word_processor.feature_extractor.motifs(SMILES)
    ]
    assert np.isfinite(found.effects).all() and 0 < found.probability < 1
    assert explainer.explain_word(SMILES, TEXT, 3) == found  # by number, and the same again
    aldehyde = explainer.explain_word("c1ccccc1C=O", "a benzene with aldehyde", "aldehyde")  # two pieces
    assert aldehyde.target == "aldehyde" and 0 < aldehyde.probability < 1


@pytest.mark.slow
def test_the_side_that_names_it_explains_what_was_learned(learned_model, word_processor):
    explainer = MaskedPredictionExplainer(learned_model, word_processor, num_samples=200)
    motif = explainer.explain_motif(SMILES, TEXT, find_motif(word_processor, "Cl"))
    assert motif.features[int(np.argmax(motif.effects))] == "chlorine" and max(motif.effects) > 0.1
    word = explainer.explain_word(SMILES, TEXT, "chlorine")
    assert word.features[int(np.argmax(word.effects))] == "Cl" and max(word.effects) > 0


def test_what_is_hidden():
    few = _draw_visible(3, 100, 0)
    assert few.shape == (8, 3) and few[0].all() and len({tuple(row) for row in few}) == 8
    many = _draw_visible(20, 100, 0)
    assert many.shape == (100, 20) and many[0].all() and not many[1:].all(1).any()
    assert np.array_equal(many, _draw_visible(20, 100, 0)) and not np.array_equal(many, _draw_visible(20, 100, 1))


def test_errors(explainer, word_processor, change_config, processor):
    with pytest.raises(ValueError, match="has no motif 9; it has 0: "):
        explainer.explain_motif(SMILES, TEXT, 9)
    with pytest.raises(ValueError, match="has no word 'ester'; it has 0: a, 1: benzene"):
        explainer.explain_word(SMILES, TEXT, "ester")
    with pytest.raises(ValueError, match="not in the vocabulary"):
        explainer.explain_motif("[Pu]", TEXT, 0)
    plain = FineMolTexForPreTraining(change_config(objectives={"masked_modelling": None}))
    with pytest.raises(ValueError, match="predicts no masked motifs and words"):
        MaskedPredictionExplainer(plain, processor)
