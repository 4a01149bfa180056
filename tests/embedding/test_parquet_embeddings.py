"""Embeddings that an engine wrote: read from a URL, and refused by name where they cannot be."""

import json

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modeling_finemoltex.embedding.parquet_embeddings import ParquetEmbeddings

WIDTH = 4
MODEL = {"name_or_path": "here", "weights": "aa"}


@pytest.fixture
def memory():
    """A file system in memory, empty again after the test."""
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()


def write(system, name, numbers, model=MODEL, **changes):
    """Write a file of which the first row has no embedding; `None` leaves a column out."""
    vectors = [None, *np.eye(WIDTH, dtype=np.float32)[: len(numbers) - 1]]
    embedding = pa.array([one if one is None else one.tolist() for one in vectors], pa.list_(pa.float32(), WIDTH))
    columns = {"row": numbers, "id": [f"m{one}" for one in numbers], "smiles": ["C"] * len(numbers)}
    columns = {**columns, "embedding": embedding, **changes}
    columns = {key: value for key, value in columns.items() if value is not None}
    table = pa.table(columns).replace_schema_metadata({} if model is None else {"model": json.dumps(model)})
    with system.open(f"/vectors/{name}.parquet", "wb") as file:
        pq.write_table(table, file)


def test_rows_with_an_embedding_are_read_file_after_file(memory):
    write(memory, "b", [3, 4])
    write(memory, "a", [0, 1, 2], {**MODEL, "name_or_path": "there"})  # the same weights
    found = ParquetEmbeddings("memory://vectors")
    assert found.metadata["kind"] == "molecules" and found.metadata["embedding_size"] == WIDTH
    assert found.metadata["num_rows"] == 5 and found.metadata["model"]["weights"] == "aa"
    shards = list(found.shards())
    assert [shard["row"].to_pylist() for shard in shards] == [[1, 2], [4]]
    assert shards[0]["id"].to_pylist() == ["m1", "m2"]
    np.testing.assert_array_equal(shards[0]["embedding"].to_pylist(), np.eye(WIDTH)[:2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"embedding": None}, r"a.parquet lacks embedding: it holds row, id, smiles"),
        ({"smiles": None}, "lacks smiles or text"),
        ({"model": None}, "lacks the name of its model"),
        ({"embedding": [[0.5]] * 3}, "holds list<.*>, not a fixed_size_list"),
    ],
)
def test_other_files_are_refused(memory, changes, message):
    write(memory, "a", [0, 1, 2], **changes)
    with pytest.raises(ValueError, match=message):
        ParquetEmbeddings("memory://vectors")


def test_files_that_do_not_fit_are_named(memory):
    with pytest.raises(ValueError, match="memory://vectors holds no Parquet files"):
        ParquetEmbeddings("memory://vectors")
    write(memory, "a", [0, 1])
    write(memory, "b", [2, 3], {"weights": "bb"})
    with pytest.raises(ValueError, match="b.parquet is of another model than .*a.parquet"):
        list(ParquetEmbeddings("memory://vectors").shards())
    memory.pipe_file("/vectors/b.parquet", b"PAR1 half a file")
    with pytest.raises(ValueError, match="b.parquet is damaged: .* Delete it"):
        ParquetEmbeddings("memory://vectors")
