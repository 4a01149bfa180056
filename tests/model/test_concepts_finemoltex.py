"""Structural concepts: counts add up over atoms, words ask for numbers of them, and the score is its formula."""

import torch

from modeling_finemoltex import FineMolTexModel, Molecules
from modeling_finemoltex.model.concepts_finemoltex import (
    collect_demands,
    score_concepts,
)
from modeling_finemoltex.model.tokens_finemoltex import CONCEPT_WORTH, score_tokens

SMILES = ["CCO", "c1ccccc1C(=O)O"]
SIZES = {"size": 8, "num_concepts": 7, "num_concept_counts": 3, "num_graph_layers": 1, "num_text_layers": 1}


def build(change_config):
    torch.manual_seed(0)
    model = FineMolTexModel(change_config(token_config=SIZES)).eval()
    torch.nn.init.normal_(model.molecule_tokens.concepts.detectors.weight, std=0.5)
    torch.nn.init.normal_(model.word_tokens.concepts.naming.weight)
    return model


def encode(model, processor, smiles, texts):
    molecules = Molecules.from_tensors(**processor(smiles=smiles, return_tensors="pt"))
    inputs = processor(text=texts, padding=True, return_tensors="pt")
    states, _ = model.encode_words(inputs["input_ids"], inputs["attention_mask"])
    tokens = model.tokenize_molecules(model.encode_atoms(molecules), molecules)
    return molecules, tokens, model.tokenize_words(states, **inputs)


def test_the_score_is_the_formula():
    demands = [torch.tensor([[1.0, 0.0], [0.0, -1.0]]), torch.tensor([[-1.0, 0.0], [0.0, 0.0]])]
    counts = torch.tensor([[1.0, 0.0], [2.0, 3.0], [0.0, 1.0]])
    expected = [
        [sum(d[i, k] * torch.sigmoid(8 * (n[k] - c + 0.5)) for c, d in enumerate(demands, 1) for k in (0, 1))]
        for i in (0, 1)
        for n in counts
    ]
    torch.testing.assert_close(score_concepts(demands, counts), torch.tensor(expected).reshape(2, 3))


def test_exactly_one_and_none_order_molecules():
    exactly_one, none = torch.tensor([[1.0]]), torch.tensor([[-1.0]])
    counts = torch.tensor([[0.0], [1.0], [2.0]])
    assert score_concepts([exactly_one, -exactly_one], counts)[0].argmax() == 1
    assert score_concepts([none, torch.zeros(1, 1)], counts)[0].argmax() == 0


def test_counts_add_up_over_atoms(change_config, processor):
    model = build(change_config)
    molecules, tokens, _ = encode(model, processor, SMILES, ["an alcohol"])
    detectors = model.molecule_tokens
    held = detectors.detect_concepts(model.encode_atoms(molecules), molecules).sigmoid()
    assert tokens.concepts.shape == (2, 7)
    torch.testing.assert_close(tokens.concepts, torch.stack([held[:3].sum(0), held[3:].sum(0)]))


def test_words_name_at_most_one_concept_and_texts_want_what_their_words_do(change_config, processor):
    model = build(change_config)
    _, _, words = encode(model, processor, SMILES, ["an alcohol", "an acid on an aromatic ring"])
    assert words.shares.shape == (len(words.vectors), 7) and words.amounts.shape == (len(words.vectors), 3)
    assert (words.shares.sum(1) <= 1).all()
    demands = collect_demands(words.shares, words.amounts, words.text_of_word, 2)
    second = words.text_of_word == 1
    torch.testing.assert_close(demands[2][1], (words.shares * words.amounts[:, 2:])[second].sum(0))


def test_the_token_score_is_blind_to_what_stands_beside(change_config, processor):
    model = build(change_config)
    texts = ["an alcohol", "an acid on an aromatic ring"]
    _, tokens, words = encode(model, processor, SMILES, texts)
    _, alone, word = encode(model, processor, SMILES[1:], texts[:1])
    together = score_tokens(words, tokens, 2, 2)
    torch.testing.assert_close(together[0, 1], score_tokens(word, alone, 1, 1)[0, 0], atol=1e-4, rtol=1e-4)


def test_without_vectors_the_score_is_that_of_the_concepts(change_config, processor):
    torch.manual_seed(0)
    model = FineMolTexModel(change_config(token_config={**SIZES, "levels": "none"})).eval()
    torch.nn.init.normal_(model.molecule_tokens.concepts.detectors.weight, std=0.5)
    _, tokens, words = encode(model, processor, SMILES, ["an alcohol", "an acid"])
    assert tokens.vectors.shape == (0, 8)
    demands = collect_demands(words.shares, words.amounts, words.text_of_word, 2)
    by_concept = CONCEPT_WORTH * score_concepts(demands, tokens.concepts)
    left = score_tokens(words, tokens, 2, 2) - by_concept
    torch.testing.assert_close(left, left[:, :1].expand(2, 2))  # the same for all molecules


def test_own_layers_leave_the_embeddings_alone(change_config, processor):
    model = build(change_config)
    plain = FineMolTexModel(change_config(token_config={"size": 0})).eval()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if "_tokens." not in k})
    inputs = processor(smiles=SMILES, text=["a", "b"], padding=True, return_tensors="pt")
    ours, theirs = model(**inputs), plain(**inputs)
    assert torch.equal(ours.molecule_embeds, theirs.molecule_embeds)
    assert torch.equal(ours.text_embeds, theirs.text_embeds)
