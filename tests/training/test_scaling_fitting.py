"""The centres of local scaling are directions of the training items, and nothing else moves."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from datasets import Dataset

from modeling_finemoltex import FineMolTexForPreTraining
from modeling_finemoltex.processors import FineMolTexDataCollator
from modeling_finemoltex.training.fitting import average_with_start, check_fitted
from modeling_finemoltex.training.scaling_fitting import find_centres, fit_scaling

ROWS = Dataset.from_dict({"smiles": ["CCO", "CCCO", "CCN", "C"], "text": ["ethanol", "propanol", "amine", "methane"]})


@pytest.fixture
def model(change_config):
    torch.manual_seed(0)
    return FineMolTexForPreTraining(change_config(scaling_config={"num_centres": 4, "num_neighbours": 1}))


@pytest.fixture
def collate(processor):
    return FineMolTexDataCollator(processor)


def test_with_a_centre_for_each_pair_every_item_is_its_own_centre(model, collate):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    fit_scaling(model, ROWS, collate, num_pairs=4)
    assert model.training and model.finemoltex.fitted.scaling is not None
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {f"finemoltex.fitted.scaling.{side}_centres" for side in ("molecule", "text")}
    model.eval()
    batch = collate([ROWS[place] for place in range(4)])
    embeds = model.finemoltex.get_text_features(batch["input_ids"], batch["attention_mask"])
    texts = embeds[:, : model.config.encoder_size] * 2**0.5
    torch.testing.assert_close((texts @ model.finemoltex.fitted.scaling.text_centres.T).amax(1), torch.ones(4))
    check_fitted(model, 0)


def test_weights_are_averaged_with_those_of_the_start(model, config, tmp_path):
    start = FineMolTexForPreTraining(config)
    start.save_pretrained(tmp_path)
    trained = {name: value.clone() for name, value in model.state_dict().items()}
    average_with_start(model, None, 1.0)
    with pytest.raises(ValueError, match="`average_weight` 0.25 needs the weights of an --initial_model"):
        average_with_start(model, None, 0.25)
    average_with_start(model, str(tmp_path), 0.25)
    for name, value in model.state_dict().items():
        if name.startswith("finemoltex.") and "fitted" not in name and value.is_floating_point():
            torch.testing.assert_close(value, 0.25 * trained[name] + 0.75 * start.state_dict()[name])
        else:  # the head, counters, and what the start has not
            assert torch.equal(value, trained[name])


def test_clusters_far_apart_are_found():
    generator = torch.Generator().manual_seed(0)
    axes = torch.eye(3).repeat_interleave(20, 0)
    embeds = F.normalize(axes + 0.05 * torch.randn(60, 3, generator=generator), dim=1)
    starts = torch.cat([embeds[:1], embeds[20:21], embeds[40:41], embeds])  # whatever is drawn first, enough centres
    centres = find_centres(starts, 12, generator)
    torch.testing.assert_close(centres.norm(dim=1), torch.ones(12))
    assert ((torch.eye(3) @ centres.T).amax(1) > 0.99).all()


def test_more_centres_than_pairs_are_refused(model, collate):
    with pytest.raises(ValueError, match="4 centres cannot be fitted to 3 pairs"):
        fit_scaling(model, ROWS, collate, num_pairs=3)
    with pytest.raises(ValueError, match="local_scaling of the model are not fitted"):
        check_fitted(model, 0)
