"""Embeddings in the order of the rows, equal to those of the bare model, with every refusal explained."""

import copy

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from modeling_finemoltex import FineMolTexForPreTraining, FineMolTexModel, FineMolTexProcessor
from modeling_finemoltex.embedding import MoleculeTextEncoder

BAD = "C1CC"


@pytest.fixture(scope="module")
def encoder(config, processor):
    torch.manual_seed(0)
    return MoleculeTextEncoder(FineMolTexModel(config), processor)


def alone(encoder, **one):
    """Embedding of one molecule or text by the model itself."""
    batch = encoder.processor(return_tensors="pt", **one)
    with torch.no_grad():
        output = encoder.model(**batch)
    return (output.molecule_embeds if "smiles" in one else output.text_embeds)[0].numpy()


def test_embeddings_are_those_of_the_model_in_the_order_of_the_rows(encoder, molecules):
    smiles, texts = list(molecules), list(molecules.values())
    embeds, text_embeds = encoder.encode_molecules(smiles, batch_size=3), encoder.encode_texts(texts, batch_size=3)
    assert embeds.dtype == text_embeds.dtype == np.float32
    assert embeds.shape == text_embeds.shape == (len(smiles), encoder.embedding_size)
    for row in range(len(smiles)):
        np.testing.assert_allclose(embeds[row], alone(encoder, smiles=smiles[row]), atol=1e-5)
        np.testing.assert_allclose(text_embeds[row], alone(encoder, text=texts[row]), atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_any_iterable_and_any_batch_size(encoder, molecules, batch_size):
    smiles = list(molecules) * 3
    expected = encoder.encode_molecules(smiles)
    found = encoder.encode_molecules((one for one in smiles), batch_size=batch_size, output="torch")
    assert isinstance(found, torch.Tensor)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_rows_are_read_a_window_at_a_time(encoder):
    read = []

    def endless():
        while True:
            read.append("C")
            yield "C" if len(read) < 30 else BAD

    with pytest.raises(ValueError, match="index 29"):
        encoder.encode_molecules(endless(), batch_size=1)
    assert len(read) <= 32


def test_workers_give_the_same(encoder, molecules):
    smiles = [*molecules, BAD, *molecules] * 2
    expected, kept = encoder.encode_molecules(smiles, batch_size=2, on_error="skip")
    found, kept_too = encoder.encode_molecules(smiles, batch_size=2, on_error="skip", num_workers=2)
    assert kept == kept_too == [index for index, one in enumerate(smiles) if one != BAD]
    np.testing.assert_array_equal(found, expected)


def test_bad_rows_raise_or_are_skipped(encoder):
    smiles = ["CCO", BAD, None, "", "C"]
    with pytest.raises(ValueError, match=f"Molecule at index 1 cannot be embedded.*{BAD}.*not valid SMILES"):
        encoder.encode_molecules(smiles)
    embeds, kept = encoder.encode_molecules(smiles, on_error="skip")
    assert kept == [0, 4]
    np.testing.assert_allclose(embeds, encoder.encode_molecules(["CCO", "C"]), atol=1e-6)
    with pytest.raises(ValueError, match="Text at index 1 cannot be embedded. A text must not be blank"):
        encoder.encode_texts(["ethanol", "  "])
    assert encoder.encode_texts(["ethanol", 5], on_error="skip")[1] == [0]
    embeds, kept = encoder.encode_molecules([BAD], on_error="skip")
    assert embeds.shape == (0, encoder.embedding_size) and kept == []


def test_no_rows_give_no_embeddings(encoder):
    for encode in (encoder.encode_molecules, encoder.encode_texts):
        assert encode([]).shape == (0, encoder.embedding_size)
        assert encode(iter([]), output="torch").shape == (0, encoder.embedding_size)


def test_long_text_is_cut(encoder):
    long = "an aromatic ring " * 400
    assert len(long.split()) > encoder.max_length
    embeds = encoder.encode_texts([long, long + "and more"])
    np.testing.assert_allclose(embeds[0], embeds[1], atol=1e-6)


def test_text_limit_is_that_of_the_model_where_the_tokenizer_has_none(encoder, monkeypatch):
    monkeypatch.setattr(encoder.processor.tokenizer, "model_max_length", int(1e30))
    assert encoder.max_length == encoder.model.config.text_config.max_position_embeddings
    assert encoder.encode_texts(["an ester " * 2000]).shape == (1, encoder.embedding_size)


def test_options_are_checked(encoder):
    for options, message in (
        ({"output": "list"}, "`output` must be 'numpy' or 'torch', got 'list'"),
        ({"on_error": "ignore"}, "`on_error` must be 'raise' or 'skip', got 'ignore'"),
    ):
        with pytest.raises(ValueError, match=message):
            encoder.encode_molecules(["C"], **options)
    with pytest.raises(ValueError, match="single string 'CCO'"):
        encoder.encode_molecules("CCO")


def test_random_state_stays_untouched(encoder):
    before = torch.get_rng_state()
    encoder.encode_molecules(["C", "CC"])
    assert torch.equal(before, torch.get_rng_state())


def test_bfloat16_is_close_and_unit_length(encoder, config, processor, molecules):
    model = copy.deepcopy(encoder.model)
    half = MoleculeTextEncoder(model, processor, dtype="bfloat16")
    assert half.model.dtype == torch.bfloat16 and half.fingerprint == encoder.fingerprint
    embeds = half.encode_molecules(list(molecules))
    np.testing.assert_allclose(np.linalg.norm(embeds, axis=1), 1.0, atol=1e-5)
    assert (embeds * encoder.encode_molecules(list(molecules))).sum(1).min() > 0.99
    for dtype in ("bfloat61", "int64"):
        with pytest.raises(ValueError, match=f"`dtype` must be a floating-point type .* got '{dtype}'"):
            MoleculeTextEncoder(model, processor, dtype=dtype)
    with pytest.raises(ValueError, match="`device` 'abacus' is unknown"):
        MoleculeTextEncoder(model, processor, device="abacus")


def test_damaged_weights_are_found(encoder, processor):
    model = copy.deepcopy(encoder.model)
    torch.nn.init.constant_(model.molecule_readout.contract.weight, float("nan"))
    with pytest.raises(ValueError, match="not finite in float32"):
        MoleculeTextEncoder(model, processor).encode_molecules(["CCO"])


def test_fingerprint_tells_what_embeddings_depend_on(encoder, processor, config):
    with_heads = FineMolTexForPreTraining(config)
    with_heads.finemoltex.load_state_dict(encoder.model.state_dict())
    own = MoleculeTextEncoder(with_heads.finemoltex, processor).fingerprint
    assert own["weights"] == encoder.fingerprint["weights"]
    model = copy.deepcopy(encoder.model)
    torch.nn.init.zeros_(model.logit_scale)
    torch.nn.init.zeros_(model.motif_tower.molecule_token)
    torch.nn.init.zeros_(model.fusion.co_attention[0].motif_attention.output.weight)
    assert MoleculeTextEncoder(model, processor).fingerprint["weights"] == own["weights"]
    torch.nn.init.zeros_(model.molecule_readout.contract.weight)
    assert MoleculeTextEncoder(model, processor).fingerprint["weights"] != own["weights"]
    spatial = FineMolTexProcessor(
        processor.feature_extractor.with_views(["graph", "paths", "conformer"]), processor.tokenizer
    )
    assert MoleculeTextEncoder(model, spatial).fingerprint["conformers"] == "read" and "conformers" not in own
    encoder.encode_texts(["ethanol"])  # calling a tokenizer changes its state
    again = MoleculeTextEncoder(encoder.model, processor).fingerprint
    assert again == encoder.fingerprint
    assert all(isinstance(value, str) for value in again.values())


def test_folder_gives_the_same_encoder(encoder, processor, tmp_path, molecules):
    encoder.model.save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    loaded = MoleculeTextEncoder.from_pretrained(str(tmp_path / "model"))
    assert loaded.fingerprint == encoder.fingerprint | {"name_or_path": str(tmp_path / "model")}
    smiles = list(molecules)
    np.testing.assert_allclose(loaded.encode_molecules(smiles), encoder.encode_molecules(smiles), atol=1e-6)


def test_other_folders_are_refused(encoder, processor, tokenizer, tmp_path):
    with pytest.raises(ValueError, match="absent' cannot be loaded as a model with its processor"):
        MoleculeTextEncoder.from_pretrained(str(tmp_path / "absent"))
    other = tmp_path / "bert"
    small = BertConfig(vocab_size=len(tokenizer), hidden_size=8, num_hidden_layers=1, num_attention_heads=1)
    BertModel(small).save_pretrained(other)
    tokenizer.save_pretrained(other)
    with pytest.raises(
        ValueError, match="bert' cannot be loaded .* A BertModel has no `get_molecule_features`: it is another kind"
    ):
        MoleculeTextEncoder.from_pretrained(str(other))
    encoder.model.save_pretrained(tmp_path / "cut")
    processor.save_pretrained(tmp_path / "cut")
    weights = tmp_path / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match="cut' cannot be loaded"):
        MoleculeTextEncoder.from_pretrained(str(tmp_path / "cut"))
    with pytest.raises(TypeError, match="has no `feature_extractor`"):
        MoleculeTextEncoder(encoder.model, tokenizer)
