"""A `SentenceTransformer` gives what our encoder gives, and a `MultiVectorEncoder` our token score."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from rdkit import Chem

pytest.importorskip("sentence_transformers", minversion="6.2")

from sentence_transformers import MultiVectorEncoder, SentenceTransformer  # noqa: E402
from sentence_transformers.multi_vector_encoder import evaluation as multi_vector_evaluation  # noqa: E402
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator  # noqa: E402

from modeling_finemoltex import (  # noqa: E402
    FineMolTexForRetrieval,
    FineMolTexProcessor,
    MoleculeTextEncoder,
    default_model,
    to_multi_vector_encoder,
    to_sentence_transformer,
)
from modeling_finemoltex.evaluation import evaluate_retrieval  # noqa: E402
from modeling_finemoltex.hub.contents import MODULES_FILE  # noqa: E402
from modeling_finemoltex.hub.folders import MODULES  # noqa: E402

LIBRARY = Path(__file__).resolve().parents[2] / "hub_cards" / "space" / "library.csv"

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
    for options in ({}, {"task": "text"}):  # texts, if nothing is said
        np.testing.assert_array_equal(transformer.encode(texts, batch_size=batch_size, **options), found)


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


def test_an_unknown_task_is_refused(transformer):
    with pytest.raises(ValueError, match="No route found for task type 'smiles'.*task='molecule'"):
        transformer.encode(["CCO"], task="smiles")


def test_texts_are_cut_where_it_is_asked_for(saved_folder, encoder):
    short = SentenceTransformer(saved_folder, trust_remote_code=True, device="cpu")
    short.max_seq_length = 4  # of which two are the ends
    assert short.max_seq_length == 4
    np.testing.assert_allclose(short.encode("an acid, an ester and a ring"), short.encode("an acid"), atol=1e-5)
    np.testing.assert_allclose(short.encode_document("CCO"), encoder.encode_molecules(["CCO"])[0], atol=1e-5)


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


@pytest.fixture(scope="module")
def named() -> list[dict[str, str]]:
    """Sixty molecules with their names; no two are alike."""
    with LIBRARY.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))[:60]


@pytest.fixture(scope="module")
def shipped():
    return SentenceTransformer(default_model(), trust_remote_code=True, device="cpu")


def test_the_shipped_folder_is_one_as_it_is(shipped):
    encoder = MoleculeTextEncoder.from_pretrained(default_model())
    texts, smiles = ["an alcohol", "a chlorinated pyridine"], ["CCO", "Clc1ccncc1"]
    np.testing.assert_allclose(shipped.encode(texts), encoder.encode_texts(texts), atol=1e-5)
    np.testing.assert_allclose(shipped.encode_document(smiles), encoder.encode_molecules(smiles), atol=1e-5)


def test_folders_name_the_module_that_the_library_saves(saved_folder):
    saved = json.loads((Path(saved_folder) / MODULES_FILE).read_text(encoding="utf-8"))
    assert saved == MODULES == json.loads((Path(default_model()) / MODULES_FILE).read_text(encoding="utf-8"))


def test_their_evaluator_gives_our_hits(shipped, named):
    rows = range(len(named))
    molecules, names = {str(row): named[row]["smiles"] for row in rows}, {str(row): named[row]["name"] for row in rows}
    encoder = MoleculeTextEncoder.from_pretrained(default_model())
    embeds = encoder.encode_molecules(list(molecules.values())), encoder.encode_texts(list(names.values()))
    ours = evaluate_retrieval(*embeds, "names", choose_from=(4,), hits_at=(1, 10))
    theirs = InformationRetrievalEvaluator(
        names, molecules, {row: {row} for row in names}, accuracy_at_k=[1, 10], mrr_at_k=[len(rows)], write_csv=False
    )(shipped)
    for count in (1, 10):
        assert theirs[f"cosine_accuracy@{count}"] == pytest.approx(ours[f"names/t2m_hits@{count}"], abs=1e-9)
    assert theirs[f"cosine_mrr@{len(rows)}"] == pytest.approx(ours["names/t2m_mrr"], abs=1e-9)
    assert 1 / len(rows) < ours["names/t2m_hits@1"] < 1  # neither blind nor without a fault: the two can differ


@pytest.fixture(scope="module")
def multi_vector(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors") / "model"
    to_multi_vector_encoder(default_model(), device="cpu").save_pretrained(str(folder))
    return MultiVectorEncoder(str(folder), trust_remote_code=True, device="cpu")


def test_late_interaction_is_our_token_score(multi_vector, named):
    smiles = [row["smiles"] for row in named]
    texts = ["an arene without chlorine", "two chlorine atoms, no ring", "a long text " * 8, named[3]["name"]]
    words, molecules = multi_vector.encode_query(texts), multi_vector.encode_document(smiles)
    assert {len(one) for one in molecules} == {1} and {one.shape[1] for one in [*words, *molecules]} == {
        multi_vector.get_embedding_dimension()
    }
    model = FineMolTexForRetrieval.from_pretrained(default_model()).eval()
    processor = FineMolTexProcessor.from_pretrained(default_model())
    with torch.no_grad():
        output = model(
            **processor(smiles=smiles, return_tensors="pt"), **processor(text=texts, padding=True, return_tensors="pt")
        )
    ours = output.logits_per_text / model.finemoltex.inverse_temperature.detach()
    torch.testing.assert_close(multi_vector.similarity(words, molecules), ours, atol=1e-5, rtol=1e-5)
    assert (ours - output.text_embeds @ output.molecule_embeds.T).abs().max() > 1  # more than the cosines
    (chlorine,) = multi_vector.similarity(words[:1], multi_vector.encode_document(["c1ccccc1", "Clc1ccccc1"]))
    assert chlorine[0] > chlorine[1]


def test_their_evaluator_takes_late_interaction(multi_vector, named):
    rows = [str(place) for place in range(len(named))]
    corpus = {row: named[int(row)]["smiles"] for row in rows}
    queries = {row: named[int(row)]["name"] for row in rows[:20]}
    evaluator = multi_vector_evaluation.MultiVectorInformationRetrievalEvaluator(
        queries, corpus, {row: {row} for row in queries}, accuracy_at_k=[1], write_csv=False
    )
    scores = multi_vector.similarity(
        multi_vector.encode_query(list(queries.values())), multi_vector.encode_document(list(corpus.values()))
    )
    found = evaluator(multi_vector)["maxsim_accuracy@1"]
    assert found == (scores.argmax(1).numpy() == np.arange(20)).mean()


def test_models_that_count_tokens_have_no_such_vectors(plain_folder):
    with pytest.raises(ValueError, match="whose token score has structural concepts.*got no token score"):
        to_multi_vector_encoder(plain_folder)
