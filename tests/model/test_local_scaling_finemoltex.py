"""Local scaling: products of widened embeddings are CSLS, and vectors stay of length one."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from modeling_finemoltex import FineMolTexModel
from modeling_finemoltex.model.local_scaling_finemoltex import FineMolTexLocalScaling


def draw(rows, seed):
    return F.normalize(torch.randn(rows, 8, generator=torch.Generator().manual_seed(seed)), dim=1)


@pytest.fixture
def scaling():
    scaling = FineMolTexLocalScaling(8, num_centres=5, num_neighbours=2)
    scaling.molecule_centres.data, scaling.text_centres.data = draw(5, 1), draw(5, 2)
    return scaling


def test_products_are_local_scaling(scaling):
    texts, molecules = draw(4, 3), draw(6, 4)
    near_texts = (texts @ scaling.molecule_centres.T).topk(2).values.mean(1)
    near_molecules = (molecules @ scaling.text_centres.T).topk(2).values.mean(1)
    expected = 2 * texts @ molecules.T - near_texts[:, None] - near_molecules
    products = scaling.widen_texts(texts) @ scaling.widen_molecules(molecules).T
    torch.testing.assert_close(4 * products, expected)


def test_widened_molecules_are_compared_with_typical_texts(scaling):
    molecules = draw(6, 4)
    found = scaling.compare_with_texts(scaling.widen_molecules(molecules))
    torch.testing.assert_close(found, molecules @ scaling.text_centres.T)


def test_lengths_stay_one_even_on_a_centre(scaling):
    for widen, embeds in ((scaling.widen_texts, scaling.molecule_centres), (scaling.widen_molecules, draw(3, 5))):
        widened = widen(embeds)
        assert widened.shape[1] == 12
        torch.testing.assert_close(widened.norm(dim=1), torch.ones(len(embeds)))


def test_without_centres_the_order_stays():
    scaling = FineMolTexLocalScaling(8, num_centres=5, num_neighbours=9)
    scaling.reset_own_parameters(None)
    texts, molecules = draw(4, 3), draw(6, 4)
    products = scaling.widen_texts(texts) @ scaling.widen_molecules(molecules).T
    torch.testing.assert_close(products, texts @ molecules.T / 2)


def test_a_model_widens_what_it_embeds(change_config, processor):
    config = change_config(scaling_config={"num_centres": 3}, count_config={"size": 6})
    model = FineMolTexModel(config).eval()
    batch = processor(smiles=["CCO", "C"], text=["ethanol", "methane"], padding=True, return_tensors="pt")
    output = model(**batch)
    assert config.embedding_size == config.encoder_size + 6 + 4 == output.molecule_embeds.shape[1]
    assert output.text_embeds.shape == output.molecule_embeds.shape
    assert model.parts()["local_scaling"].kind == "fitted"
