import torch
from torch import nn

from modeling_finemoltex import FineMolTexModel, Part
from modeling_finemoltex.model.parts_finemoltex import find_kinds


def test_a_part_holds_modules_and_single_parameters():
    layer, lone = nn.Linear(2, 3), nn.Parameter(torch.zeros(1))
    part = Part("head", (layer,), (lone,))
    assert [id(one) for one in part.parameters()] == [id(one) for one in (layer.weight, layer.bias, lone)]


def test_a_part_names_its_weights_and_buffers(config):
    model = FineMolTexModel(config)
    names = {name: part.state_names(model) for name, part in model.parts().items()}
    assert names["temperature"] == {"logit_scale"}
    assert "graph_encoder.layers.0.norm.running_mean" in names["molecule_encoder"]
    assert "motif_tower.mask_token" in names["motif_tokens"]
    assert sorted(one for part in names.values() for one in part) == sorted(model.state_dict())  # each once


def test_embeddings_depend_on_the_parts_that_are_named(change_config, batch):
    """What has no gradient of the embeddings is no part of them; token vectors are stored beside them."""
    fitted = {"count_config": {"size": 4}, "scaling_config": {"num_centres": 2}}
    base = FineMolTexModel(change_config(token_config={"size": 8, "num_concepts": 3}, **fitted)).eval()
    output = base(**batch)
    sum((output[name] * torch.randn(10, 40)).sum() for name in ("molecule_embeds", "text_embeds")).backward()
    used = {name for name, part in base.parts().items() if any(one.grad is not None for one in part.parameters())}
    assert used and used <= set(base.EMBEDDING_PARTS) <= base.parts().keys()


def test_kinds_cover_every_parameter(model):
    kinds = find_kinds(model)
    assert kinds.keys() == {id(parameter) for parameter in model.parameters()}
    assert kinds[id(model.objectives["masked_modelling"].motif_head.bias)] == "head"
    assert kinds[id(model.finemoltex.motif_tower.projection.weight)] == "projection"
