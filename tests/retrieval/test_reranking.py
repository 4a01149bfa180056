"""Pairs are scored as the matching head scores them, whatever the order and the batch."""

import numpy as np
import pytest
import torch

from modeling_finemoltex import FineMolTexForRetrieval
from modeling_finemoltex.retrieval import PairReranker


@pytest.fixture(scope="module")
def model(config):
    torch.manual_seed(0)
    model = FineMolTexForRetrieval(config).eval()
    for parameter in model.matching_head.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model


def test_both_directions_score_the_same_pairs(model, processor, molecules):
    rerank = PairReranker(model, processor, list(molecules), list(molecules.values()), batch_size=3)
    texts, candidates = np.array([0, 7]), np.array([[5, 2, 9], [1, 7, 0]])
    scores = rerank("t2m", texts, candidates)
    assert scores.shape == (2, 3) and scores.dtype == np.float32
    for row, column in np.ndindex(2, 3):
        alone = rerank("m2t", candidates[row, column : column + 1], texts[row : row + 1, None])
        assert alone.item() == pytest.approx(scores[row, column], abs=1e-5)


def test_a_pair_is_what_the_model_makes_of_it(model, processor, molecules):
    smiles, text = list(molecules)[2], list(molecules.values())[4]
    (score,) = PairReranker(model, processor, [smiles], [text])("t2m", np.array([0]), np.array([[0]]))
    with torch.no_grad():
        molecule, words = processor(smiles=[smiles]), processor(text=[text])
        expected = model.match(model.finemoltex(**molecule), model.finemoltex(**words), words["attention_mask"])
    assert score.item() == pytest.approx(expected.item(), abs=1e-5)


def test_an_unknown_direction_is_refused(model, processor):
    with pytest.raises(ValueError, match='"t2m" or "m2t": got \'both\''):
        PairReranker(model, processor, ["C"], ["a"])("both", np.array([0]), np.array([[0]]))
