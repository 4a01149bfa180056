"""The token score: equal to its formula word by word, blind to order and padding, in chunks as at once."""

import pytest
import torch
from torch.nn.functional import normalize

from modeling_finemoltex import FineMolTexForRetrieval, FineMolTexModel, FineMolTexTokenConfig, Molecules
from modeling_finemoltex.model import tokens_finemoltex
from modeling_finemoltex.model.tokens_finemoltex import MoleculeTokens, WordTokens, score_tokens, weigh_texts

GENERATOR = torch.Generator().manual_seed(0)


def draw(*shape):
    return torch.randn(*shape, generator=GENERATOR)


@pytest.fixture
def words():
    return WordTokens(normalize(draw(5, 3), dim=-1), draw(5), draw(5, 5), torch.tensor([0, 0, 1, 1, 1]))


@pytest.fixture
def tokens():
    return MoleculeTokens(normalize(draw(7, 3), dim=-1), torch.tensor([0, 1, 2, 0, 0, 1, 2]), torch.arange(7) >= 3)


def score_one(words, tokens, text, molecule):
    """Write the formula out."""
    total = 0.0
    for word in (words.text_of_word == text).nonzero()[:, 0]:
        own = tokens.molecule_of_token == molecule
        cosines = tokens.vectors[own] @ words.vectors[word]
        finds = torch.sigmoid(12 * (cosines - words.thresholds[word]))
        features = [(24 * cosines).logsumexp(0) / 24]
        for level in (False, True):
            count = finds[tokens.is_atom[own] == level].sum()
            features += [torch.sigmoid(6 * (count - k + 0.5)) for k in (1, 2)]
        total += (words.weights[word] * torch.stack(features)).sum()
    return total


def test_the_score_is_the_formula(words, tokens):
    scores = score_tokens(words, tokens, 2, 3)
    expected = torch.stack([torch.stack([score_one(words, tokens, i, j) for j in range(3)]) for i in range(2)])
    torch.testing.assert_close(scores, expected)


def test_chunks_change_nothing(words, tokens, monkeypatch):
    expected = score_tokens(words, tokens, 2, 3)
    monkeypatch.setattr(tokens_finemoltex, "MAX_ENTRIES", 14)  # two words at a time
    torch.testing.assert_close(score_tokens(words, tokens, 2, 3), expected)


def test_negative_weights_count_against_a_molecule(words, tokens):
    forbids = words._replace(weights=-words.weights)
    torch.testing.assert_close(score_tokens(forbids, tokens, 2, 3), -score_tokens(words, tokens, 2, 3))


@pytest.mark.parametrize("levels", ["motif", "atom", "both"])
def test_every_level_has_its_tokens(change_config, processor, levels):
    model = FineMolTexModel(change_config(token_config={"size": 8, "levels": levels})).eval()
    molecules = Molecules.from_tensors(**processor(smiles=["CCO", "c1ccccc1C(=O)O"], return_tensors="pt"))
    tokens = model.tokenize_molecules(model.encode_atoms(molecules), molecules)
    num_atoms = len(molecules.molecule_of_atom)
    expected = {"motif": molecules.num_motifs, "atom": num_atoms, "both": molecules.num_motifs + num_atoms}[levels]
    assert tokens.vectors.shape == (expected, 8)
    assert tokens.is_atom.sum() == (0 if levels == "motif" else num_atoms)


def test_the_head_adds_both_scores_whatever_stands_beside_in_the_batch(change_config, processor):
    torch.manual_seed(0)
    model = FineMolTexForRetrieval(change_config(token_config={"size": 8})).eval()
    torch.nn.init.normal_(model.finemoltex.word_tokens.weighting.weight)
    smiles, texts = ["CCO", "c1ccccc1", "CC(=O)O"], ["an alcohol", "an acid with a long name"]
    output = model(
        **processor(smiles=smiles, return_tensors="pt"), **processor(text=texts, padding=True, return_tensors="pt")
    )
    torch.testing.assert_close(output.logits_per_text, output.pooled_logits + output.token_logits)
    assert output.token_logits.abs().max() > 1e-3
    alone = model(**processor(smiles=smiles[1], return_tensors="pt"), **processor(text=texts[0], return_tensors="pt"))
    torch.testing.assert_close(alone.logits_per_text[0, 0], output.logits_per_text[0, 1], atol=1e-5, rtol=1e-5)


def test_a_model_without_tokens_says_so(model, batch):
    molecules = Molecules.from_tensors(**{k: v for k, v in batch.items() if not k.startswith(("input", "attention"))})
    base = model.finemoltex
    with pytest.raises(ValueError, match="This model has no token score"):
        base.tokenize_molecules(base.encode_atoms(molecules), molecules)


def test_long_texts_have_less_of_the_weight():
    words = WordTokens(torch.zeros(9, 2), torch.zeros(9), torch.zeros(9, 3), torch.tensor([0] * 2 + [2] * 4 + [3] * 3))
    sizes = FineMolTexTokenConfig(weight=2.0, full_words=2)
    expected = [2.0, 2.0, 2.0 / 8, 2.0 * 8 / 27]  # of two words, none, four and three
    assert weigh_texts(words, 4, sizes)[:, 0].tolist() == pytest.approx(expected)
    assert weigh_texts(words, 4, FineMolTexTokenConfig(weight=2.0))[:, 0].tolist() == [2.0] * 4
