"""The index finds what brute force finds, keeps what it is told, and says clearly what it cannot do."""

import decimal
import json
import re
import shutil

import numpy as np
import pytest
import torch

pytest.importorskip("faiss")

from modeling_finemoltex import FineMolTexModel, MoleculeFilter, MoleculeTextIndex
from modeling_finemoltex.data.identifiers import try_parse
from modeling_finemoltex.embedding import MoleculeTextEncoder
from modeling_finemoltex.retrieval.backends import BACKENDS

WIDTH, NUM_ROWS = 16, max(backend.min_rows for backend in BACKENDS.values())
FINGERPRINT = {"name_or_path": "runs/a", "revision": "main", "weights": "aa", "motif_vocab": "bb", "tokenizer": "cc"}


def clustered(num_rows: int, seed: int = 0) -> np.ndarray:
    """Unit vectors in clusters, as those of molecules are."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(64, WIDTH))
    vectors = centres[random.integers(64, size=num_rows)] + 0.5 * random.normal(size=(num_rows, WIDTH))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


VECTORS, QUERIES = clustered(NUM_ROWS), clustered(20, seed=1)
SCORES = QUERIES @ VECTORS.T
ALKANES = ["C" * (number % 40 + 1) for number in range(NUM_ROWS)]


@pytest.fixture(scope="module")
def encoder(config, processor):
    torch.manual_seed(0)
    return MoleculeTextEncoder(FineMolTexModel(config), processor)


@pytest.fixture(scope="module")
def built(encoder, molecules):
    return MoleculeTextIndex.build(encoder, smiles=list(molecules), ids=[f"m{i}" for i in range(len(molecules))])


@pytest.fixture
def index(built, encoder, tmp_path):
    """Ten molecules, fresh for each test."""
    built.save(tmp_path / "fixture")
    return MoleculeTextIndex.load(tmp_path / "fixture", encoder)


@pytest.fixture(scope="module", params=BACKENDS)
def large(request):
    return MoleculeTextIndex.from_arrays(VECTORS, smiles=ALKANES, model=FINGERPRINT, method=request.param)


def rows_of(results) -> list[list[int]]:
    return [[hit.row for hit in hits] for hits in results]


def recall(results, scores, k=10) -> float:
    best = np.argsort(-scores, axis=1)[:, :k]
    return float(
        np.mean([len(set(found) & set(true)) / k for found, true in zip(rows_of(results), best, strict=True)])
    )


def test_search_agrees_with_brute_force(large):
    results = large.search(embeddings=QUERIES, k=10)
    assert recall(results, SCORES) == 1 if large.method == "flat" else recall(results, SCORES) >= 0.95
    for query, hits in zip(SCORES, results, strict=True):
        assert [hit.rank for hit in hits] == list(range(1, 11))
        assert [hit.score for hit in hits] == pytest.approx([query[hit.row] for hit in hits], abs=1e-5)
        assert sorted((hit.score for hit in hits), reverse=True) == [hit.score for hit in hits]


def test_all_rows_are_found_if_asked_for(large):
    """The lists or the neighbourhood that an approximate search looks at do not hold them all."""
    (hits,) = large.search(embeddings=QUERIES[0], k=NUM_ROWS)
    assert {hit.row for hit in hits} == set(range(NUM_ROWS))


def test_filtered_search_is_exact_for_every_method(large):
    lengths = np.asarray(list(map(len, ALKANES)))
    condition = MoleculeFilter(smarts=("CCC",), ranges={"HeavyAtomCount": (None, 5)})
    passing = np.where((lengths >= 3) & (lengths <= 5), SCORES, -np.inf)
    expected = np.argsort(-passing, axis=1)[:, :25]
    assert rows_of(large.search(embeddings=QUERIES, k=25, filters=condition)) == expected.tolist()


def test_filter_that_few_or_none_pass(index, molecules):
    rings = MoleculeFilter(smarts=("[r]",))
    expected = {smiles for smiles in molecules if rings.accepts(try_parse(smiles))}
    (hits,) = index.search(texts="a ring", k=len(index), filters=rings)
    assert {hit.smiles for hit in hits} == expected
    assert index.search(texts="gold", k=3, filters=MoleculeFilter(smarts=("[Au]",))) == [[]]


def test_removed_rows_are_not_found(large, tmp_path):
    large.save(tmp_path / "index")
    index = MoleculeTextIndex.load(tmp_path / "index")
    gone = np.unique(np.argsort(-SCORES, axis=1)[:, :5])
    index.remove([str(row) for row in gone])
    left = SCORES.copy()
    left[:, gone] = -np.inf
    assert len(index) == NUM_ROWS - len(gone)
    assert recall(index.search(embeddings=QUERIES, k=10), left) >= (1 if index.method == "flat" else 0.95)
    index.save(tmp_path / "index")
    again = MoleculeTextIndex.load(tmp_path / "index")
    assert len(again) == len(index)
    assert again.search(embeddings=QUERIES) == index.search(embeddings=QUERIES)


def test_saving_drops_many_removed_rows(large, tmp_path):
    large.save(tmp_path / "index")
    index = MoleculeTextIndex.load(tmp_path / "index")
    index.remove([str(row) for row in range(0, NUM_ROWS, 2)])
    before = index.search(embeddings=VECTORS[1::1000], k=3)
    index.save(tmp_path / "half")
    again = MoleculeTextIndex.load(tmp_path / "half")
    sizes = [(tmp_path / name / "vectors.npy").stat().st_size for name in ("half", "index")]
    assert sizes[0] < 0.6 * sizes[1]
    assert again.search(embeddings=VECTORS[1::1000], k=1) == [hits[:1] for hits in before]
    assert all(hit.row % 2 for hits in again.search(embeddings=QUERIES, k=50) for hit in hits)


def test_molecules_are_found_by_molecule_and_by_text(index, encoder, molecules):
    smiles = list(molecules)
    vectors = encoder.encode_molecules(smiles)
    queries = {
        "smiles": (smiles, vectors),
        "texts": (list(molecules.values()), encoder.encode_texts(molecules.values())),
    }
    for name, (asked, embeddings) in queries.items():
        scores = embeddings @ vectors.T
        for one, hits in zip(scores, index.search(**{name: asked}, k=4), strict=True):
            assert [hit.score for hit in hits] == pytest.approx(sorted(one, reverse=True)[:4], abs=1e-5)
            for hit in hits:
                assert (hit.id, hit.smiles) == (f"m{hit.row}", smiles[hit.row])
                assert hit.score == pytest.approx(one[hit.row], abs=1e-5)
    assert index.search(texts="an acid", k=3) == index.search(texts=["an acid"], k=3)


def test_texts_are_indexed_too(encoder, molecules):
    texts = list(molecules.values())
    index = MoleculeTextIndex.build(encoder, texts=texts)
    (hits,) = index.search(texts=texts[3], k=2)
    assert hits[0].to_dict() == {"rank": 1, "score": pytest.approx(1), "id": "3", "row": 3, "text": texts[3]}
    assert "10 texts, flat" in repr(index)
    with pytest.raises(ValueError, match="Filters are for molecules: this is an index of texts"):
        index.search(texts="x", k=1, filters=MoleculeFilter(smarts=("C",)))
    with pytest.raises(ValueError, match="index of texts: give `texts`, not `smiles`"):
        index.add(smiles=["CCO"])


def test_added_rows_are_found_and_kept(index, encoder, tmp_path):
    index.add(smiles=["CCCCO", "c1ccncc1"], ids=["butanol", "pyridine"])
    index.add(smiles=["CCCCCO"])
    index.save(tmp_path / "index")
    again = MoleculeTextIndex.load(tmp_path / "index", encoder)
    assert len(again) == 13
    for query, *name in (("CCCCO", "butanol", 10), ("c1ccncc1", "pyridine", 11), ("CCCCCO", "12", 12)):
        (hits,) = again.search(smiles=query, k=13)
        (hit,) = (hit for hit in hits if hit.smiles == query)
        assert [hit.id, hit.row] == name and hit.score == pytest.approx(1)
    with pytest.raises(ValueError, match=r"1 id is \('m1'\) in the index already"):
        again.add(smiles=["CCCC"], ids=["m1"])
    with pytest.raises(ValueError, match="as many of each: got 1 smiles, 2 ids"):
        again.add(smiles=["CCCC"], ids=["x", "y"])
    again.remove("m1")
    again.add(smiles=["CCO"], ids=["m1"])
    (hits,) = again.search(smiles="CCO", k=13)
    assert [hit.row for hit in hits if hit.id == "m1"] == [13]


def test_unknown_ids_cannot_be_removed(index):
    with pytest.raises(ValueError, match=r"2 ids are \('no', 'nor'\) not in the index. Nothing was removed"):
        index.remove(["m1", "nor", "no"])
    assert len(index) == 10
    index.remove("m1")
    with pytest.raises(ValueError, match="'m1'"):
        index.remove(["m1"])


def test_requests_that_cannot_be_met(index, encoder):
    for k in (0, -1, 2.0, True):
        with pytest.raises(ValueError, match=re.escape(f"`k` must be a whole number from 1 on, got {k!r}")):
            index.search(texts="x", k=k)
    for nothing in ({"texts": []}, {"smiles": []}, {"embeddings": np.empty((0, index.embedding_size))}):
        with pytest.raises(ValueError, match="There is no query"):
            index.search(**nothing, k=1)
    with pytest.raises(ValueError, match="Text at index 1"):
        index.search(texts=["an acid", " "], k=1)
    with pytest.raises(ValueError, match="got neither"):
        index.search(k=1)
    with pytest.raises(ValueError, match="got smiles and texts"):
        index.search(texts="x", smiles="C", k=1)
    with pytest.raises(ValueError, match="not several"):
        index.search(texts="x", embeddings=np.ones(index.embedding_size), k=1)
    with pytest.raises(ValueError, match=r"\(queries, 16\), got \(1, 3\)"):
        MoleculeTextIndex.from_arrays(VECTORS[:5], smiles=ALKANES[:5]).search(embeddings=np.ones(3), k=1)
    with pytest.raises(ValueError, match="Molecule at index 1 cannot be embedded"):
        index.search(smiles=["CCO", "CCQ"], k=1)
    with pytest.raises(ValueError, match="Query 0 has a vector of length nan"):
        index.search(embeddings=np.full(index.embedding_size, np.nan), k=1)


def test_empty_indices(encoder, index):
    for nothing in ({"smiles": []}, {"texts": []}):
        with pytest.raises(ValueError, match="no (molecules|texts) to index"):
            MoleculeTextIndex.build(encoder, **nothing)
    with pytest.raises(ValueError, match="There must be as many of each: got 2 smiles, 1 ids"):
        MoleculeTextIndex.build(encoder, smiles=["C", "CC"], ids=["a"])
    with pytest.raises(ValueError, match="Row 1 has a vector of length 0.0"):
        MoleculeTextIndex.from_arrays(np.eye(2) * [[1], [0]], smiles=["C", "CC"])
    index.remove([f"m{i}" for i in range(10)])
    with pytest.raises(ValueError, match="index is empty: add rows first"):
        index.search(texts="x", k=1)
    index.add(smiles=["CCO"])
    assert [hit.smiles for hit in index.search(texts="x", k=1)[0]] == ["CCO"]


def test_another_model_is_refused(index, encoder, config, processor, tmp_path):
    folder = tmp_path / "fixture"
    torch.manual_seed(1)
    other = MoleculeTextEncoder(FineMolTexModel(config), processor)
    with pytest.raises(ValueError, match="differ in weights") as error:
        MoleculeTextIndex.load(folder, other)
    assert index.model["weights"] in str(error.value) and other.fingerprint["weights"] in str(error.value)
    with pytest.raises(ValueError, match="differ in weights"):
        index.encoder = other
    moved = MoleculeTextEncoder(encoder.model, processor)
    moved.fingerprint = {**encoder.fingerprint, "name_or_path": "elsewhere"}
    assert len(MoleculeTextIndex.load(folder, moved)) == 10
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["model"] == encoder.fingerprint
    assert (metadata["kind"], metadata["method"], metadata["size"]) == ("molecules", "flat", 10)


def test_an_index_without_encoder_searches_vectors_only(tmp_path, index, encoder):
    loaded = MoleculeTextIndex.load(tmp_path / "fixture")
    assert loaded.search(embeddings=encoder.encode_texts(["x"]), k=2) == index.search(texts="x", k=2)
    with pytest.raises(ValueError, match="no encoder to embed with. Set `index.encoder"):
        loaded.search(texts="x", k=1)
    nameless = MoleculeTextIndex.from_arrays(VECTORS[:5], smiles=ALKANES[:5])
    with pytest.raises(ValueError, match="does not name its model"):
        nameless.encoder = encoder


@pytest.mark.parametrize("name", ["rows.arrow", "index.faiss", "vectors.npy"])
def test_damaged_files_are_named(index, tmp_path, name):
    folder, file = tmp_path / "fixture", tmp_path / "fixture" / name
    content = file.read_bytes()
    damages = [content[: len(content) // 2], b"\0" * len(content)]
    if name != "vectors.npy":  # whose header and size are checked, not every number
        middle = len(content) // 2
        damages.append(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    for damaged in damages:
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"{name} is damaged: .* Build the index again"):
            MoleculeTextIndex.load(folder)
    file.unlink()
    with pytest.raises(ValueError, match=rf"{name} is damaged: .* it is missing"):
        MoleculeTextIndex.load(folder)


def test_files_of_two_indices_do_not_mix(index, tmp_path):
    index.save(tmp_path / "ten")
    index.add(smiles=["CCCCO"])
    index.save(tmp_path / "eleven")
    for name in ("rows.arrow", "index.faiss", "vectors.npy"):
        shutil.copytree(tmp_path / "eleven", tmp_path / "mixed", dirs_exist_ok=True)
        shutil.copy(tmp_path / "ten" / name, tmp_path / "mixed" / name)
        with pytest.raises(ValueError, match=f"{name} is damaged"):
            MoleculeTextIndex.load(tmp_path / "mixed")


def test_folders_that_are_no_index(index, tmp_path):
    with pytest.raises(ValueError, match="nowhere is not an index: it has no metadata.json"):
        MoleculeTextIndex.load(tmp_path / "nowhere")
    (tmp_path / "fixture" / "metadata.json").write_text("{")
    with pytest.raises(ValueError, match="metadata.json is damaged"):
        MoleculeTextIndex.load(tmp_path / "fixture")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").touch()
    with pytest.raises(ValueError, match=r"thesis is not an index \(chapter.tex\)"):
        index.save(tmp_path / "thesis")
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter.tex"]


def test_a_later_format_is_refused(index, tmp_path):
    file = tmp_path / "fixture" / "metadata.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": 2}))
    with pytest.raises(ValueError, match="format 2; this version reads 1"):
        MoleculeTextIndex.load(tmp_path / "fixture")


def test_saving_over_an_index_leaves_nothing_beside_it(index, tmp_path):
    index.remove("m0")
    index.save(tmp_path / "fixture")
    assert [path.name for path in tmp_path.iterdir()] == ["fixture"]
    assert len(MoleculeTextIndex.load(tmp_path / "fixture")) == 9


def test_more_hits_than_rows_are_all_rows_once(index, encoder, molecules, caplog):
    for library in (index, MoleculeTextIndex.build(encoder, texts=list(molecules.values()))):
        (hits,) = library.search(texts="an acid", k=1_000)
        assert sorted(hit.row for hit in hits) == list(range(10))
        assert "all of them are given, not 1000" in caplog.text
        caplog.clear()
    rings = MoleculeFilter(smarts=("[r]",))
    assert index.search(texts="a ring", k=500, filters=rings) == index.search(texts="a ring", k=10, filters=rings)
    index.remove(["m1", "m2"])
    assert len(index.search(texts="an acid", k=10)[0]) == 8


def test_ids_are_written_as_a_person_would(encoder):
    ids = [7, 8.0, np.int32(9), np.float64(10), decimal.Decimal("11.0"), "CID 12", None, 0.5]
    index = MoleculeTextIndex.from_arrays(np.eye(8), smiles=["C"] * 8, ids=ids)
    hits = sorted(index.search(embeddings=np.ones(8), k=8)[0], key=lambda hit: hit.row)
    assert [hit.id for hit in hits] == ["7", "8", "9", "10", "11", "CID 12", "6", "0.5"]
    index.remove([7.0, np.int64(8)])
    index.remove(9)
    index.remove("10")
    assert len(index) == 4
    with pytest.raises(ValueError, match="'7'"):
        index.remove([7])


def test_an_interrupted_addition_changes_nothing(index, monkeypatch):
    before = index.search(texts="an acid", k=10)

    def interrupted(add):
        def stop(self, vectors):
            add(self, vectors)
            raise KeyboardInterrupt

        return stop

    for kind in BACKENDS.values():
        monkeypatch.setattr(kind, "add", interrupted(kind.add))
    with pytest.raises(KeyboardInterrupt):
        index.add(smiles=["CCCCO"], ids=["new"])
    monkeypatch.undo()
    assert len(index) == 10 and index.search(texts="an acid", k=10) == before
    index.add(smiles=["CCCCO"], ids=["new"])
    assert "new" in {hit.id for hit in index.search(smiles="CCCCO", k=11)[0]}
