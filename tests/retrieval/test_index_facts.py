"""Facts beside similarity: hits that contradict a query are marked or left out, with and without stored facts."""

import logging

import numpy as np
import pytest
import torch

pytest.importorskip("faiss")

from modeling_finemoltex import FineMolTexModel, MoleculeFilter, MoleculeTextIndex
from modeling_finemoltex.data.fact_counts import FactCounts
from modeling_finemoltex.embedding import MoleculeTextEncoder
from modeling_finemoltex.retrieval import index_storage

SMILES = ["CCO", "CC(=O)C", "c1ccncc1", "Clc1ccncc1", "CC(=O)OC", "CC(=O)N", "FC(F)F", "OCCO", "CCCC", "c1ccccc1O"]


@pytest.fixture(scope="module")
def encoder(config, processor):
    torch.manual_seed(0)
    return MoleculeTextEncoder(FineMolTexModel(config), processor)


@pytest.fixture(params=[False, True], ids=["counted when asked", "stored"])
def index(request, encoder, tmp_path):
    index = MoleculeTextIndex.build(encoder, smiles=SMILES)
    if request.param:
        index.count_facts()
        index.save(tmp_path / "index")
        index = MoleculeTextIndex.load(tmp_path / "index", encoder)
    assert index.has_facts == request.param
    return index


def test_contradictions_are_marked_and_change_no_order(index):
    (marked,) = index.search(texts="a pyridine without chlorine", k=10)
    (plain,) = index.search(texts="a pyridine without chlorine", k=10, facts="off")
    assert [(hit.row, hit.score) for hit in marked] == [(hit.row, hit.score) for hit in plain]
    told = {hit.smiles: hit.contradicts for hit in marked}
    assert told["c1ccncc1"] == () and told["Clc1ccncc1"] == ("not chlorine",) and told["CCO"] == ("pyridine",)
    assert not any(hit.contradicts for hit in plain)
    assert all("contradicts" not in hit.to_dict() for hit in plain)


def test_required_facts_leave_out_contradictions_and_keep_the_order(index):
    results = index.search(texts=["a pyridine", "a diol", "a bitter taste"], k=10, facts="require")
    assert [sorted(hit.smiles for hit in hits) for hits in results[:2]] == [["Clc1ccncc1", "c1ccncc1"], ["OCCO"]]
    assert len(results[2]) == 10
    (plain,) = index.search(texts="a pyridine", k=10, facts="off")
    kept = [hit.row for hit in plain if "ncc" in hit.smiles]
    assert [hit.row for hit in results[0]] == kept and [hit.rank for hit in results[0]] == [1, 2]


def test_required_facts_go_with_filters(index):
    filters = MoleculeFilter(exclude_smarts=("Cl",))
    (hits,) = index.search(texts="a pyridine", k=5, facts="require", filters=filters)
    assert [hit.smiles for hit in hits] == ["c1ccncc1"]


def test_without_is_a_difference_of_scores(index, encoder):
    (hits,) = index.search(texts="an alcohol", without="a ring", k=10)
    query, other = encoder.encode_texts(["an alcohol", "a ring"])
    expected = encoder.encode_molecules(SMILES) @ (query - other)
    np.testing.assert_allclose([hit.score for hit in hits], sorted(expected, reverse=True), atol=1e-5)
    assert next(hit for hit in hits if hit.smiles == "c1ccncc1").contradicts == ("alcohol", "not ring")


def test_words_of_structure_elsewhere_are_taken_only_if_required(index):
    assert not any(hit.contradicts for hit in index.search(texts="a metabolite of pyridine", k=10)[0])
    (hits,) = index.search(texts="a metabolite of pyridine", k=10, facts="require")
    assert len(hits) == 2


def test_facts_follow_the_rows(index, tmp_path):
    index.remove([str(row) for row in range(3)])
    index.add(smiles=["c1ccncc1C", "CCC"])
    index.save(tmp_path / "changed")
    loaded = MoleculeTextIndex.load(tmp_path / "changed", index.encoder)
    assert loaded.has_facts == index.has_facts
    for one in (index, loaded):
        (hits,) = one.search(texts="a pyridine", k=9, facts="require")
        assert {hit.smiles for hit in hits} == {"Clc1ccncc1", "c1ccncc1C"}


def test_what_is_asked_must_fit(index, encoder):
    with pytest.raises(ValueError, match="`facts` must be one of off, mark, require: got 'maybe'"):
        index.search(texts="x", facts="maybe")
    with pytest.raises(ValueError, match="a search without texts"):
        index.search(smiles="CCO", facts="require")
    texts = MoleculeTextIndex.build(encoder, texts=["an acid", "a base"])
    with pytest.raises(ValueError, match="an index of texts"):
        texts.search(texts="an acid", k=1, facts="require")
    with pytest.raises(ValueError, match="Only molecules have structural facts"):
        texts.count_facts()
    assert len(texts.search(texts="an acid", k=2)[0]) == 2


def test_damaged_and_foreign_facts(encoder, tmp_path, monkeypatch, caplog):
    index = MoleculeTextIndex.build(encoder, smiles=SMILES)
    index.count_facts()
    index.save(tmp_path / "index")
    monkeypatch.setattr(FactCounts, "from_bytes", lambda content: None)
    with caplog.at_level(logging.WARNING):
        assert not MoleculeTextIndex.load(tmp_path / "index").has_facts
    assert "vocabulary of facts has changed" in caplog.text
    monkeypatch.undo()
    file = tmp_path / "index" / index_storage.FACTS_FILE
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match="facts.npz is damaged"):
        MoleculeTextIndex.load(tmp_path / "index")
    file.unlink()
    with pytest.raises(ValueError, match="facts.npz is damaged: .* it is missing"):
        MoleculeTextIndex.load(tmp_path / "index")
