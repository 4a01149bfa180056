"""A `SentenceTransformer` gives what our encoder gives, before and after it is saved."""

from pathlib import Path

import numpy as np
import pytest
import torch
from rdkit import Chem

pytest.importorskip("sentence_transformers", minversion="6.2")

from sentence_transformers import SentenceTransformer  # noqa: E402

from modeling_finemoltex import MoleculeTextEncoder, to_sentence_transformer  # noqa: E402

BAD = "C1CC"


@pytest.fixture(scope="module")
def encoder(plain_folder):
    return MoleculeTextEncoder.from_pretrained(plain_folder)


@pytest.fixture(scope="module")
def transformer(plain_folder):
    return to_sentence_transformer(plain_folder, device="cpu")


@pytest.fixture(scope="module")
def saved_folder(transformer, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("saved") / "model"
    transformer.save_pretrained(str(folder))
    return str(folder)


@pytest.fixture(scope="module")
def loaded(saved_folder):
    return SentenceTransformer(saved_folder, trust_remote_code=True, device="cpu")


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_embeddings_are_those_of_the_encoder_in_the_order_of_the_rows(encoder, transformer, molecules, batch_size):
    smiles, texts = list(molecules), list(molecules.values())
    found = transformer.encode_document(smiles, batch_size=batch_size)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, encoder.encode_molecules(smiles), atol=1e-5)
    np.testing.assert_array_equal(transformer.encode(smiles, batch_size=batch_size, task="molecule"), found)
    found = transformer.encode_query(texts, batch_size=batch_size)
    np.testing.assert_allclose(found, encoder.encode_texts(texts), atol=1e-5)
    np.testing.assert_array_equal(transformer.encode(texts, batch_size=batch_size, task="text"), found)


def test_similarities_are_cosines(encoder, transformer, molecules):
    texts, smiles = list(molecules.values())[:3], list(molecules)[:4]
    found = transformer.similarity(transformer.encode_query(texts), transformer.encode_document(smiles))
    np.testing.assert_allclose(found, encoder.encode_texts(texts) @ encoder.encode_molecules(smiles).T, atol=1e-5)


def test_molecules_of_rdkit_and_single_rows(encoder, transformer):
    expected = encoder.encode_molecules(["CCO"])
    np.testing.assert_allclose(transformer.encode_document([Chem.MolFromSmiles("OCC")]), expected, atol=1e-5)
    np.testing.assert_allclose(transformer.encode_document("CCO"), expected[0], atol=1e-5)
    assert transformer.get_embedding_dimension() == encoder.embedding_size
    assert transformer.max_seq_length == encoder.max_length
    assert transformer.tokenizer.get_vocab() == encoder.processor.tokenizer.get_vocab()


def test_a_saved_one_is_loaded_by_both_libraries(encoder, transformer, loaded, saved_folder, molecules):
    smiles, texts = list(molecules), list(molecules.values())
    np.testing.assert_allclose(loaded.encode_document(smiles), encoder.encode_molecules(smiles), atol=1e-5)
    np.testing.assert_allclose(loaded.encode_query(texts), encoder.encode_texts(texts), atol=1e-5)
    assert loaded.similarity_fn_name == "cosine"
    again = MoleculeTextEncoder.from_pretrained(saved_folder)
    np.testing.assert_array_equal(again.encode_molecules(smiles), encoder.encode_molecules(smiles))
    assert again.fingerprint == {**encoder.fingerprint, "name_or_path": saved_folder}


def test_the_card_shows_a_search(saved_folder):
    card = (Path(saved_folder) / "README.md").read_text(encoding="utf-8")
    assert "search of molecules with texts" in card
    (code,) = [block for block in card.split("```") if block.startswith("python")]
    assert "encode_query(queries)" in code and "encode_document(documents)" in code and "'c1ccccc1'" in code


def test_a_second_save_is_loaded_too(encoder, loaded, tmp_path):
    loaded.save_pretrained(str(tmp_path / "again"))
    again = SentenceTransformer(str(tmp_path / "again"), trust_remote_code=True, device="cpu")
    np.testing.assert_allclose(again.encode_query(["ethanol"]), encoder.encode_texts(["ethanol"]), atol=1e-5)


def test_other_types_to_compute_in(saved_folder, encoder):
    options = {"trust_remote_code": True, "device": "cpu"}
    half = SentenceTransformer(saved_folder, model_kwargs={"dtype": "bfloat16"}, **options)
    assert {one.dtype for one in half.parameters()} == {torch.bfloat16}
    found = half.encode_query(["ethanol"])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, encoder.encode_texts(["ethanol"]), atol=0.05)
    with pytest.raises(ValueError, match="takes .'dtype'. as `model_kwargs`, got backend 'torch' and .'provider'."):
        SentenceTransformer(saved_folder, model_kwargs={"provider": "x"}, **options)
    with pytest.raises(ValueError, match="runs on backend 'torch'.* got backend 'onnx'"):
        SentenceTransformer(saved_folder, backend="onnx", **options)


def test_prompts_are_for_texts(encoder, transformer):
    found = transformer.encode_query(["ethanol", "an ester"], prompt="a molecule: ")
    np.testing.assert_allclose(found, encoder.encode_texts(["a molecule: ethanol", "a molecule: an ester"]), atol=1e-5)
    with pytest.raises(ValueError, match="A molecule takes no prompt, got 'a '"):
        transformer.encode_document(["CCO"], prompt="a ")


@pytest.mark.parametrize("task", [None, "smiles"])
def test_a_task_is_asked_for(transformer, task):
    with pytest.raises(ValueError, match=f"one of 'query', 'text', 'document', 'molecule', got {task!r}"):
        transformer.encode(["CCO"], task=task)


def test_rows_that_cannot_be_embedded_are_named(transformer):
    with pytest.raises(ValueError, match=f"Molecule '{BAD}' cannot be embedded.*not valid SMILES.*on_error='skip'"):
        transformer.encode_document(["CCO", BAD, "CCCCCCCC"])
    with pytest.raises(ValueError, match="Text '  ' cannot be embedded. A text must not be blank"):
        transformer.encode_query(["ethanol", "  "])


def test_gradients_reach_both_towers(loaded):
    for task, row, tower in (("query", "ethanol", "text"), ("document", "CCO", "molecule")):
        loaded.zero_grad()
        loaded(loaded.preprocess([row], task=task))["sentence_embedding"][0, 0].backward()
        touched = {name for name, one in loaded.named_parameters() if one.grad is not None and one.grad.any()}
        others = {"text": "molecule_encoder", "molecule": "text_encoder"}
        assert touched and not [name for name in touched if others[tower] in name]


def test_custom_code_is_asked_for(saved_folder):
    with pytest.raises(ValueError, match="trust_remote_code=True"):
        SentenceTransformer(saved_folder, device="cpu")


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot be loaded as a model with its processor"):
        to_sentence_transformer(str(tmp_path))
