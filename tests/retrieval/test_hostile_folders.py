"""Damaged and hostile index folders: an error that names the file, at once; never a crash, never a lot of memory."""

import json
import struct
import time
import zlib

import numpy as np
import pyarrow as pa
import pytest

faiss = pytest.importorskip("faiss")

from modeling_finemoltex import MoleculeTextIndex  # noqa: E402
from modeling_finemoltex.retrieval.backends import BACKENDS  # noqa: E402

WIDTH, NUM_ROWS = 8, 60
HEADER = struct.calcsize("<4siqqq?i")  # what every structure of faiss begins with


@pytest.fixture
def folder(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(NUM_ROWS, WIDTH))
    MoleculeTextIndex.from_arrays(vectors, smiles=["C"] * NUM_ROWS, method="flat").save(tmp_path / "index")
    return tmp_path / "index"


def refuse(folder, name, *words):
    """Loading names the file, within a second."""
    start = time.perf_counter()
    with pytest.raises(ValueError, match=name) as error:
        MoleculeTextIndex.load(folder)
    assert time.perf_counter() - start < 1
    assert all(word in str(error.value) for word in words), error.value


def seal(folder):
    """Let the metadata vouch for the files as they are."""
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["bytes"] = {name: (folder / name).stat().st_size for name in metadata["bytes"]}
    metadata["crc32"] = {name: zlib.crc32((folder / name).read_bytes()) for name in metadata["crc32"]}
    (folder / "metadata.json").write_text(json.dumps(metadata))


METADATA = {
    "no-object": "[1, 2]",
    "a-number": "7",
    "no-json": "{",
    "deeply-nested": "[" * 200_000,
    "not-utf-8": b"\xff\xfe{}",
    "empty": "",
    "a-long-string": json.dumps({"format": 1, "kind": "x" * (2 << 20)}),
    "format-alone": '{"format": 1}',
}
CHANGES = {
    "kind-unknown": {"kind": "proteins"},
    "kind-a-list": {"kind": ["molecules"]},
    "method-a-number": {"method": 3},
    "size-negative": {"size": -1},
    "size-huge": {"size": 10**18},
    "size-a-text": {"size": "many"},
    "width-huge": {"embedding_size": 10**12},
    "width-zero": {"embedding_size": 0},
    "width-a-truth": {"embedding_size": True},
    "model-a-list": {"model": [1]},
    "bytes-a-list": {"bytes": [1, 2]},
    "bytes-absent": {"bytes": {}},
    "checksum-a-text": {"crc32": {"rows.arrow": "x"}},
    "files-outside": {"files": {"rows.arrow": "../../secret.arrow", "vectors.npy": "v.npy", "index.faiss": "i"}},
    "files-a-text": {"files": "rows.arrow"},
    "files-of-another-sort": {
        "files": {"rows.arrow": "vectors.npy", "vectors.npy": "vectors.npy", "index.faiss": "index.faiss"}
    },
}


@pytest.mark.parametrize("content", METADATA.values(), ids=METADATA)
def test_metadata_of_another_sort(folder, content):
    (folder / "metadata.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    refuse(folder, "metadata.json", "damaged")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_metadata_that_claims_what_is_not_there(folder, change):
    metadata = json.loads((folder / "metadata.json").read_text())
    (folder / "metadata.json").write_text(json.dumps(metadata | change))
    refuse(folder, "index", "damaged")


def place(offset, layout, *values):
    """Overwrite numbers at an offset."""

    def change(content):
        struct.pack_into(layout, content, offset, *values)
        return content

    return change


STRUCTURES = {
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "text": lambda content: b"not an index\n" * 40,
    "cut": lambda content: content[: len(content) // 3],
    "longer": lambda content: content + b"rest",
    "another-structure": lambda content: b"IxMp" + content[4:],
    "width-huge": place(4, "<i", 2**31 - 1),
    "width-negative": place(4, "<i", -8),
    "rows-huge": place(8, "<q", 10**15),
    "rows-negative": place(8, "<q", -1),
    "untrained": place(32, "<?", False),
    "other-metric": place(33, "<i", 1),
    "sequence-huge": place(HEADER, "<Q", 2**61),
    "not-finite": place(HEADER + 8, "<f", float("nan")),
}


@pytest.mark.parametrize("change", STRUCTURES.values(), ids=STRUCTURES)
def test_a_structure_that_faiss_must_not_read(folder, change):
    file = folder / "index.faiss"
    file.write_bytes(change(bytearray(file.read_bytes())))
    seal(folder)
    refuse(folder, "index.faiss", "damaged", "Build the index again")


@pytest.mark.parametrize("method", BACKENDS)
def test_no_changed_number_makes_faiss_crash(method, tmp_path):
    """Whatever passes the check can be loaded, searched and added to."""
    vectors = np.random.default_rng(0).normal(size=(400, WIDTH)).astype(np.float32)
    backend, file, random = BACKENDS[method](), tmp_path / "x.faiss", np.random.default_rng(1)
    backend.build(vectors)
    backend.save(file)
    content, refused = file.read_bytes(), 0
    for _ in range(60):
        changed = bytearray(content)
        start = int(random.integers(min(len(changed), 2_000) - 8))
        changed[start : start + 8] = random.bytes(8) if random.random() < 0.5 else b"\xff" * 8
        file.write_bytes(changed)
        try:
            loaded = BACKENDS[method].load(file)
        except (ValueError, RuntimeError):  # the latter by faiss itself
            refused += 1
        else:
            loaded.search(vectors[:3], 5)
            loaded.add(vectors[:3])
    assert refused


def test_a_graph_that_leads_nowhere(tmp_path):
    """Neighbours are followed without a check by faiss, so each must be a row of that level."""
    vectors = np.random.default_rng(0).normal(size=(2_000, WIDTH)).astype(np.float32)
    backend, file = BACKENDS["hnsw"](), tmp_path / "x.faiss"
    backend.build(vectors)
    backend.save(file)
    content = file.read_bytes()
    neighbours = faiss.vector_to_array(backend._structure.hnsw.neighbors).astype("<i4").tobytes()
    start = content.index(neighbours)
    for number in (2_000, 10**9, -2):
        changed = bytearray(content)
        struct.pack_into("<i", changed, start + 40, number)
        file.write_bytes(changed)
        with pytest.raises(ValueError, match="a neighbour is no row"):
            BACKENDS["hnsw"].load(file)


def test_rows_of_another_sort(folder):
    tables = {
        "other-columns": pa.table({"id": ["a"], "smiles": ["C"]}),
        "numbers": pa.table({"id": [1], "row": [0], "smiles": ["C"], "removed": [False]}),
        "holes": pa.table({"id": ["a", None], "row": [0, 1], "smiles": ["C", "C"], "removed": [False, False]}),
    }
    for table in tables.values():
        with pa.OSFile(str(folder / "rows.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        seal(folder)
        refuse(folder, "rows.arrow", "damaged")


def test_vectors_of_another_sort(folder):
    file, vectors = folder / "vectors.npy", np.load(folder / "vectors.npy")
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)  # would be unpickled
    seal(folder)
    refuse(folder, "vectors.npy", "damaged")
    np.save(file, vectors[:5])
    seal(folder)
    refuse(folder, "vectors.npy", "float32")
    content = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 8), }"
    file.write_bytes(content.ljust(127) + b"\n" + bytes(320))
    seal(folder)
    refuse(folder, "vectors.npy", "damaged")
