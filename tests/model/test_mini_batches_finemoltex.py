"""Mini-batches: in training too they give what the whole batch gives, statistics included."""

import pytest
import torch
from contracts.head import without_dropout

from modeling_finemoltex import FineMolTexForPreTraining
from modeling_finemoltex.model.recomputing_finemoltex import is_computed_again, recompute


@pytest.fixture
def objectives():
    return {"contrastive": {}, "late_interaction": {}, "transport": {}, "masked_modelling": None}


@pytest.fixture
def make_model(change_config, objectives):
    def make(graph="gin"):
        torch.manual_seed(0)
        tokens = {"size": 8, "num_counts": 1, "num_graph_layers": 1}
        config = change_config(objectives=objectives, token_config=tokens, graph_config={"encoder": graph})
        return FineMolTexForPreTraining(without_dropout(config))

    return make


def train_once(model, batch, size):
    numbers = torch.arange(len(batch["motif_counts"]))
    loss = model.train()(**batch, seeds=numbers, mini_batch_size=size).loss
    loss.backward()
    return loss.detach(), {name: one.grad for name, one in model.named_parameters()}, dict(model.named_buffers())


@pytest.mark.parametrize("graph", ["gin", "ogb_gin", "self_loop_gin"])
@pytest.mark.parametrize("size", [1, 3])
def test_training_with_batch_norm_is_that_of_the_whole_batch(make_model, batch, size, graph):
    loss, gradients, statistics = train_once(make_model(graph), batch, None)
    mini_loss, mini_gradients, mini_statistics = train_once(make_model(graph), batch, size)
    torch.testing.assert_close(mini_loss, loss, atol=1e-6, rtol=1e-5)
    assert any(name.endswith("running_mean") for name in statistics)
    for name, expected in statistics.items():  # counted once, although they are met twice
        torch.testing.assert_close(mini_statistics[name], expected, atol=1e-6, rtol=1e-5, msg=name)
    whole, parts = (
        torch.cat([one.flatten() for one in found.values() if one is not None])
        for found in (gradients, mini_gradients)
    )
    assert torch.cosine_similarity(whole, parts, dim=0) > 0.999999


def test_a_batch_that_fits_is_computed_at_once(make_model, batch):
    model = make_model().eval()
    assert torch.equal(model(**batch, mini_batch_size=99).loss, model(**batch).loss)
    with torch.no_grad():
        assert torch.equal(model(**batch, mini_batch_size=1).loss, model(**batch).loss)
    with pytest.raises(ValueError, match="`mini_batch_size` must be at least 1, got 0"):
        model(**batch, mini_batch_size=0)


def test_dropout_is_the_same_when_it_is_computed_again():
    weight, seen = torch.ones(1000, requires_grad=True), []

    def layer(inputs):
        dropped = torch.nn.functional.dropout(inputs, 0.5)
        seen.append((is_computed_again(), dropped.detach()))
        return dropped * dropped

    recompute(layer, weight).sum().backward()
    (first, before), (second, after) = seen
    assert (first, second) == (False, True) and torch.equal(before, after) and not is_computed_again()
