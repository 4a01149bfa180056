"""The folder of an index: what was saved before is still read."""

import json
import zlib

import numpy as np
import pyarrow as pa
import pytest

faiss = pytest.importorskip("faiss")

from modeling_finemoltex import MoleculeTextIndex  # noqa: E402
from modeling_finemoltex.embedding.fingerprint import check_same_model  # noqa: E402
from modeling_finemoltex.retrieval import index_storage  # noqa: E402
from modeling_finemoltex.retrieval.index_storage import read_backend, read_index_metadata  # noqa: E402

MODEL = {"name_or_path": "runs/a", "weights": "aa"}


@pytest.fixture
def folder(tmp_path):
    """An index of format 1, written file by file."""
    structure = faiss.IndexFlatIP(3)
    structure.add(np.eye(3, dtype=np.float32))
    faiss.write_index(structure, str(tmp_path / "index.faiss"))
    np.save(tmp_path / "vectors.npy", np.eye(3, dtype=np.float32))
    table = pa.table(
        {"id": list("abc"), "row": [0, 1, 2], "smiles": ["C", "CC", "CCC"], "removed": [False, True, False]}
    )
    with pa.OSFile(str(tmp_path / "rows.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    files = ("rows.arrow", "vectors.npy", "index.faiss")
    metadata = {"format": 1, "kind": "molecules", "method": "flat", "size": 2, "embedding_size": 3, "model": MODEL}
    metadata["bytes"] = {name: (tmp_path / name).stat().st_size for name in files}
    metadata["crc32"] = {name: zlib.crc32((tmp_path / name).read_bytes()) for name in files if name != "vectors.npy"}
    (tmp_path / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    return tmp_path


def test_an_index_of_format_1_is_read(folder):
    index = MoleculeTextIndex.load(folder)
    assert len(index) == 2 and index.model == MODEL and (index.kind, index.method) == ("molecules", "flat")
    (hits,) = index.search(embeddings=[0.1, 1.0, 0.5], k=2)
    assert [hit.smiles for hit in hits] == ["CCC", "C"]
    index.save(folder)
    assert set(read_index_metadata(folder)) == {
        *("format", "kind", "method", "size", "embedding_size", "model", "files", "bytes", "crc32")
    }


def test_an_unknown_method_and_another_size_are_refused(folder):
    with pytest.raises(ValueError, match="made with the method 'lsh'; this version knows flat"):
        read_backend(folder, read_index_metadata(folder) | {"method": "lsh"}, (3, 3))
    with pytest.raises(ValueError, match=r"index.faiss is damaged: it holds \(3, 3\) numbers, not \(4, 3\)"):
        read_backend(folder, read_index_metadata(folder), (4, 3))


def test_a_large_structure_is_opened_unread_and_its_numbers_are_checked(folder, monkeypatch):
    monkeypatch.setattr(index_storage, "CHECKSUM_UP_TO", 1)
    vectors = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    MoleculeTextIndex.from_arrays(vectors, smiles=["C"] * 60, method="hnsw").save(folder / "large")
    metadata = read_index_metadata(folder / "large")
    file = folder / "large" / metadata["files"]["index.faiss"]
    assert set(metadata["crc32"]) == {metadata["files"]["rows.arrow"]}
    (hits,) = MoleculeTextIndex.load(folder / "large").search(embeddings=vectors[7], k=1)
    assert hits[0].row == 7

    content = bytearray(file.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    file.write_bytes(content)
    with pytest.raises(ValueError, match="index.faiss is damaged"):
        MoleculeTextIndex.load(folder / "large")


def test_a_moved_model_is_the_same_and_another_one_is_not():
    check_same_model(MODEL, MODEL | {"name_or_path": "elsewhere"})
    with pytest.raises(ValueError, match="they differ in weights"):
        check_same_model(MODEL, MODEL | {"weights": "bb"})
