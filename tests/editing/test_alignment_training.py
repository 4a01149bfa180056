"""The alignment learns where molecules lie; the generator and the base model stay as they are."""

import pytest
import torch

from modeling_finemoltex.editing import AlignmentSettings, EditingParts, train_alignment
from modeling_finemoltex.editing.alignment_training import embed_both_sides


@pytest.fixture
def untrained(parts, encoder):
    torch.manual_seed(0)
    return EditingParts(type(parts.model).from_parts(encoder.model, parts.model.generator), *parts[1:])


@pytest.mark.parametrize("objective", ["cosine", "info_nce"])
def test_the_loss_falls_and_the_rest_stays(untrained, arenes, objective):
    model = untrained.model
    pooled, embeds = embed_both_sides(untrained, arenes)
    model.set_latent_statistics(pooled)
    frozen = {name: tensor.clone() for name, tensor in model.generator.state_dict().items()}
    before = model.space_map_loss(pooled, embeds, objective).item()
    settings = AlignmentSettings(objective, num_epochs=60, batch_size=len(arenes), learning_rate=1e-2)
    figures = train_alignment(untrained, [*arenes, "[Fe+2]"], settings)
    assert model.space_map_loss(pooled, embeds, objective).item() < 0.85 * before
    assert figures["num_left_out"] == 1 and figures["num_molecules"] == len(arenes)
    assert figures["num_ranked"] == figures["num_held_out"] == round(0.1 * len(arenes))
    assert -1 <= figures["cosine"] <= 1 and 0 <= figures["hits@1"] <= 1
    assert all(torch.equal(tensor, frozen[name]) for name, tensor in model.generator.state_dict().items())
    assert all(weight.grad is None for weight in model.generator.parameters())


def test_both_sides_embed_what_both_can_read(untrained, arenes):
    pooled, embeds = embed_both_sides(untrained, [arenes[0], "[Fe+2]", arenes[1]])
    assert pooled.shape == (2, untrained.model.generator.config.d_model) and len(embeds) == 2
    torch.testing.assert_close(embeds.norm(dim=-1), torch.ones(2))
    alone = embed_both_sides(untrained, [arenes[1]])
    torch.testing.assert_close((pooled[1:], embeds[1:]), alone)


def test_too_few_molecules_are_refused(untrained):
    with pytest.raises(ValueError, match="at least two molecules to learn from and two held out: got 2 of 2"):
        train_alignment(untrained, ["Cc1ccc(O)cc1", "Nc1ccc(O)cc1"])


def test_a_loss_that_is_not_finite_stops_training(untrained, arenes):
    with torch.no_grad():
        next(untrained.model.to_shared.parameters()).fill_(float("nan"))
    with pytest.raises(ValueError, match="stopped in step 1 of .*the loss is nan.*number [0-9, ]+ of"):
        train_alignment(untrained, arenes, AlignmentSettings(num_epochs=1))
