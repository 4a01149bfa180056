"""The models work in the hands of others: quantised, adapted, off-loaded, with more words."""

import copy
import warnings
from pathlib import Path

import pytest
import torch
from accelerate import disk_offload

from modeling_finemoltex import (
    FineMolTexForMoleculeEditing,
    FineMolTexForPreTraining,
    FineMolTexForPropertyPrediction,
    FineMolTexForRetrieval,
    FineMolTexModel,
    Molecules,
    MoleculeTextEncoder,
)

SHIPPED = Path(__file__).resolve().parents[2] / "hub_cards" / "finemoltex-small"

HEADS = {
    "base": FineMolTexModel,
    "pre-training": FineMolTexForPreTraining,
    "retrieval": FineMolTexForRetrieval,
    "properties": FineMolTexForPropertyPrediction,
    "editing": FineMolTexForMoleculeEditing,
}


@pytest.fixture(params=HEADS)
def case(request, change_config, generator_config, batch):
    """A head, and a function that runs all of it."""
    fields = {"property_config": {"with_text": True}} if request.param == "properties" else {}
    fields |= {"generator_config": generator_config.to_dict()} if request.param == "editing" else {}
    model = HEADS[request.param](change_config(**fields)).eval()

    def run(one):
        if request.param == "pre-training":
            return one(**batch, seeds=torch.arange(len(batch["input_ids"]))).loss
        if request.param != "editing":
            return next(value for value in one(**batch).values() if isinstance(value, torch.Tensor))
        ids = torch.ones(2, 4, dtype=torch.long)
        pooled = torch.ones(2, one.generator.config.d_model)
        return torch.cat([one.align(pooled).flatten(), one.generator(input_ids=ids, labels=ids).logits.flatten()])

    return model, run


@torch.no_grad()
def test_dynamic_quantisation(case):
    model, run = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch announces another home of the function
        small = torch.ao.quantization.quantize_dynamic(copy.deepcopy(model), {torch.nn.Linear}, dtype=torch.qint8)
    found, expected = run(small), run(model)
    assert found.shape == expected.shape and found.isfinite().all()


@torch.no_grad()
def test_the_shipped_model_stands_quantisation():
    encoder = MoleculeTextEncoder.from_pretrained(str(SHIPPED), device="cpu")
    expected = encoder.encode_texts(["an aromatic acid"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder.model = torch.ao.quantization.quantize_dynamic(encoder.model, {torch.nn.Linear}, dtype=torch.qint8)
    assert (encoder.encode_texts(["an aromatic acid"]) * expected).sum() > 0.95


@torch.no_grad()
def test_weights_kept_on_disk(case, tmp_path):
    model, run = case
    expected = run(model)
    disk_offload(model, str(tmp_path), execution_device=torch.device("cpu"))
    assert any(parameter.is_meta for parameter in model.parameters())
    torch.testing.assert_close(run(model), expected)


def test_low_rank_adapters(case):
    peft = pytest.importorskip("peft")
    model, run = case
    expected = run(model).detach()
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules="all-linear"))
    found = run(adapted.base_model.model)
    torch.testing.assert_close(found, expected)
    found.sum().backward()
    assert any(one.grad is not None for name, one in adapted.named_parameters() if "lora_" in name)


def test_more_words(case, tmp_path):
    model, run = case
    expected, words = run(model), model.get_input_embeddings().num_embeddings
    model.resize_token_embeddings(words + 3, mean_resizing=False)
    model.save_pretrained(tmp_path)
    loaded = type(model).from_pretrained(tmp_path).eval()
    assert loaded.get_input_embeddings().num_embeddings == words + 3
    if not isinstance(model, FineMolTexForPreTraining):  # its first output is the loss, over more words
        torch.testing.assert_close(run(loaded), expected)


def test_molecules_are_given_once(model, batch):
    tensors = {name: one for name, one in batch.items() if name not in ("input_ids", "attention_mask")}
    molecules = Molecules.from_tensors(**tensors)
    with pytest.raises(ValueError, match="Give molecules once: got `molecules` and atom_features"):
        model.base_model.get_molecule_features(molecules, atom_features=tensors["atom_features"])
    model.base_model.get_molecule_features(molecules, atom_features=None)
