"""Fitting: it solves the correlation that its formula states, on the counts of the model's own features."""

import numpy as np
import pytest
import torch
from datasets import Dataset

from modeling_finemoltex import FineMolTexForPreTraining
from modeling_finemoltex.data.sources import PairSource
from modeling_finemoltex.model.molecules_finemoltex import MOLECULE_TENSORS, Molecules
from modeling_finemoltex.processors import FineMolTexDataCollator
from modeling_finemoltex.training.count_fitting import MOLECULE_PENALTY, TEXT_PENALTY, fit_counts
from modeling_finemoltex.training.fitting import check_fitted

PAIRS = [
    *[("CCO", "ethanol"), ("CCCO", "propan-1-ol"), ("CC(=O)O", "acetic acid"), ("CCN", "ethylamine")],
    *[("c1ccccc1", "benzene"), ("Clc1ccccc1", "chlorobenzene"), ("CCC", "propane"), ("CCCCO", "butan-1-ol")],
]
SIZES = {"size": 4, "num_text_buckets": 96, "num_molecule_buckets": 64}


@pytest.fixture
def model(change_config):
    torch.manual_seed(0)
    return FineMolTexForPreTraining(change_config(count_config=SIZES))


@pytest.fixture(scope="module")
def rows():
    smiles, texts = zip(*PAIRS, strict=True)
    return Dataset.from_dict({"smiles": smiles, "text": texts, "source_ids": [0] * 6 + [1] * 2})


@pytest.fixture
def collate(processor):
    return FineMolTexDataCollator(processor)


def correlate_with_numpy(texts, molecules, size):
    """The formula of the docstring, word by word. `(n, V)`, `(n, W)` counts -> scores `(n, n)` before lengths."""
    rarity = np.log((1 + len(texts)) / (1 + (texts > 0).sum(0)))
    texts = np.log1p(texts) * rarity
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    molecules = np.log1p(molecules)
    molecules = (molecules - molecules.mean(0)) / (molecules.std(0) + 0.05)
    molecules /= np.linalg.norm(molecules, axis=1, keepdims=True)

    def whiten(one, penalty):
        centred = one - one.mean(0)
        values, vectors = np.linalg.eigh(centred.T @ centred + penalty * np.eye(one.shape[1]))
        return centred, vectors / np.sqrt(values) @ vectors.T

    (own, left), (other, right) = whiten(texts, TEXT_PENALTY), whiten(molecules, MOLECULE_PENALTY)
    u, s, v = np.linalg.svd(left @ own.T @ other @ right)
    u, s, v = u[:, :size], s[:size], v[:size]
    return (texts @ left @ u * np.sqrt(s)), (molecules @ right @ v.T * np.sqrt(s)), s


def test_it_solves_the_formula(model, rows, collate):
    correlations = fit_counts(model, rows, collate, num_pairs=len(rows))
    model.eval()
    batch = collate([rows[place] for place in range(len(rows))])
    texts, molecules = model.finemoltex.fitted.counts.texts, model.finemoltex.fitted.counts.molecules
    words = (batch["input_ids"], batch["attention_mask"])
    value = Molecules.from_tensors(**{name: batch[name] for name in MOLECULE_TENSORS if name in batch})
    left, right, expected = correlate_with_numpy(
        texts.count(*words).double().numpy(), molecules.count(value).double().numpy(), SIZES["size"]
    )
    np.testing.assert_allclose(correlations, expected, rtol=1e-3)
    scores = texts(*words) @ molecules(value).T
    left /= np.linalg.norm(left, axis=1, keepdims=True)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    np.testing.assert_allclose(scores.detach(), left @ right.T, atol=2e-3)
    ranked = model(**batch).molecule_embeds[:, -SIZES["size"] :]
    torch.testing.assert_close(ranked, model.config.count_config.weight**0.5 * molecules(value))


def test_nothing_else_moves(model, rows, collate):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fit_counts(model, rows, collate, num_pairs=len(rows))
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved and all(".counts." in name for name in moved)


def test_sources_give_their_share(model, rows, collate):
    sources = [PairSource("one", "data", weight=1.0), PairSource("two", "data", weight=1.0)]
    with pytest.raises(ValueError, match="4 numbers cannot be fitted to 2 pairs"):
        fit_counts(model, rows, collate, num_pairs=2, sources=sources)
    fit_counts(model, rows, collate, num_pairs=6, sources=sources)  # three of the one, both of the other
    assert model.finemoltex.fitted.counts.texts.projection.table.any()


def test_a_tokenizer_without_word_pieces_is_refused(model, rows, collate, monkeypatch):
    monkeypatch.setattr(type(collate.processor.tokenizer), "get_vocab", lambda self: {"word": 0})
    with pytest.raises(ValueError, match="needs a WordPiece tokenizer"):
        fit_counts(model, rows, collate, num_pairs=len(rows))


def test_what_will_not_be_fitted_is_refused_before_a_training(model, change_config, rows, collate):
    without = FineMolTexForPreTraining(change_config())
    with pytest.raises(ValueError, match="the model has nothing to be fitted"):
        check_fitted(without, 100)
    with pytest.raises(ValueError, match="molecule_counts, text_counts of the model are not fitted: set `fit_pairs`"):
        check_fitted(model, 0)
    check_fitted(model, 100)
    check_fitted(without, 0)
    fit_counts(model, rows, collate, num_pairs=len(rows))
    check_fitted(model, 0)
