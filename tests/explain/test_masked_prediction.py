"""LIME over the other side: words explain a masked motif, and motifs a masked word."""

import itertools
import json

import numpy as np
import pytest
import torch

pytest.importorskip("lime")

from modeling_finemoltex import FineMolTexForPreTraining, MaskedPredictionExplainer  # noqa: E402
from modeling_finemoltex.explain.masked_prediction import KERNEL_WIDTH, RIDGE, _draw_visible  # noqa: E402

# Three parts of one atom and one word piece compete: neither size nor length gives the answer away.
SMILES, TEXT = "Clc1ccccc1", "a benzene with chlorine"


@pytest.fixture(scope="module")
def explainer(word_model, word_processor):
    return MaskedPredictionExplainer(word_model, word_processor, num_samples=200)


def find_motif(processor, label: str) -> int:
    return next(motif.position for motif in processor.feature_extractor.motifs(SMILES) if motif.label == label)


def fit_surrogate(visible: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Solve the weighted ridge regression: `(n, F)`, `(n,)` -> effects `(F,)`."""
    weights = np.sqrt(np.exp(-((1 - np.sqrt(visible.mean(1))) ** 2) / KERNEL_WIDTH**2))
    features = visible - np.average(visible, axis=0, weights=weights)
    targets = values - np.average(values, weights=weights)
    gram = (features * weights[:, None]).T @ features + RIDGE * np.eye(features.shape[1])
    return np.linalg.solve(gram, (features * weights[:, None]).T @ targets)


@torch.no_grad()
def test_effects_fit_what_the_model_predicts_with_words_hidden(explainer, word_model, word_processor):
    """All 16 ways to hide the four words, computed one by one."""
    motif = find_motif(word_processor, "Cl")
    found = explainer.explain_motif(SMILES, TEXT, motif)
    batch = word_processor(smiles=SMILES, text=TEXT)
    slot = 1 + int(batch["atom_to_motif"][word_processor.feature_extractor.motifs(SMILES)[motif].atoms[0]])
    hidden = torch.zeros(1, int(batch["motif_counts"]) + 1, dtype=torch.bool)
    hidden[0, slot] = True
    target = word_processor.feature_extractor.motifs(SMILES)[motif].id
    head = word_model.objectives["masked_modelling"].motif_head
    ways = np.array(list(itertools.product((True, False), repeat=4)))
    values = []
    for way in ways:  # one piece for each word, between two special tokens
        ids = batch["input_ids"].clone()
        ids[0, 1:5][torch.from_numpy(~way)] = word_model.config.mask_token_id
        output = word_model.finemoltex(**{**batch, "input_ids": ids}, cross_attention=True, hidden_motifs=hidden)
        values.append(float(head(output.motif_states[0, slot]).log_softmax(-1)[target]))
    assert found.kind == "motif" and found.target == "Cl" and found.features == ["a", "benzene", "with", "chlorine"]
    np.testing.assert_allclose(found.effects, fit_surrogate(ways, np.array(values)), atol=1e-4)
    assert found.probability == pytest.approx(np.exp(values[0]), abs=1e-5) and 0 <= found.fit <= 1
    assert [share for _, share in found.predictions] == sorted([share for _, share in found.predictions], reverse=True)
    json.dumps(found.to_dict())


def test_motifs_explain_a_masked_word(explainer, word_processor):
    found = explainer.explain_word(SMILES, TEXT, "chlorine")
    labels = [motif.label for motif in word_processor.feature_extractor.motifs(SMILES)]
    assert found.kind == "word" and found.target == "chlorine" and found.features == labels
    assert len(found.effects) == len(labels) and any(found.effects)
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
