"""Damaged and hostile embedding folders: an error that names the file, at once."""

import json
import time

import numpy as np
import pytest

from modeling_finemoltex.embedding.embedding_folder import (
    ShardFacts,
    load_embeddings,
    shard_path,
    write_metadata,
    write_rejected,
    write_shard,
)
from tests.faults import full_disk

NUM_ROWS, WIDTH = 40, 16
FACTS = {
    "format": 1,
    "kind": "molecules",
    "model": {"weights": "aa"},
    "embedding_size": WIDTH,
    "num_rows": NUM_ROWS,
    "num_rejected": 0,
    "num_shards": 1,
    "input": "library.csv",
    "complete": True,
}
COLUMNS = (list(range(NUM_ROWS)), [None] * NUM_ROWS, ["C"] * NUM_ROWS)


@pytest.fixture
def folder(tmp_path):
    write_shard(
        shard_path(tmp_path, 0), "molecules", COLUMNS, np.ones((NUM_ROWS, WIDTH), np.float32),
        ShardFacts("job", 0, NUM_ROWS, []),
    )  # fmt: skip
    write_metadata(tmp_path, FACTS)
    return tmp_path


CHANGES = {
    "shards-a-billion": {"num_shards": 10**9},
    "shards-negative": {"num_shards": -1},
    "shards-a-text": {"num_shards": "1"},
    "shards-none": {"num_shards": None},
    "shards-a-fraction": {"num_shards": 1.0},
    "rows-a-billion": {"num_rows": 10**9},
    "rows-a-list": {"num_rows": [40]},
    "rows-one-less": {"num_rows": 39},
    "width-a-billion": {"embedding_size": 10**9},
    "width-zero": {"embedding_size": 0},
    "kind-unknown": {"kind": "proteins"},
    "kind-a-list": {"kind": []},
    "model-a-text": {"model": "mine"},
    "format-later": {"format": 7},
    "not-complete": {"complete": False},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_facts_that_claim_what_is_not_there(folder, change):
    write_metadata(folder, FACTS | change)
    start = time.perf_counter()
    with pytest.raises(ValueError, match=str(folder)):
        load_embeddings(folder)
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("name", sorted(FACTS.keys() - {"input"}))
def test_facts_that_lack_a_field(folder, name):
    write_metadata(folder, {field: value for field, value in FACTS.items() if field != name})
    with pytest.raises(ValueError, match=str(folder)):
        load_embeddings(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff", b"[1]", b"7", b'"' + b"x" * (2 << 20) + b'"'])
def test_metadata_of_another_sort(folder, content):
    (folder / "metadata.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"metadata.json (is damaged|has format)"):
        load_embeddings(folder)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\xff" * 400 + b"PAR1", b"text\n" * 100])
def test_shards_of_another_sort(folder, content):
    shard_path(folder, 0).write_bytes(content.ljust(NUM_ROWS * WIDTH * 4, b"\0") if content else content)
    with pytest.raises(ValueError, match=str(folder)):
        load_embeddings(folder)


def test_a_file_is_no_folder(folder):
    with pytest.raises(ValueError, match="metadata.json is a file, not an embedding folder"):
        load_embeddings(folder / "metadata.json")


def test_a_full_disk_leaves_the_folder_as_it_was(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    many = np.ones((NUM_ROWS, WIDTH), np.float32)
    writers = (
        lambda: write_shard(shard_path(folder, 0), "molecules", COLUMNS, many, ShardFacts("other", 0, NUM_ROWS, [])),
        lambda: write_metadata(folder, FACTS | {"note": "x" * 3_000}),
        lambda: write_rejected(folder, [[1, 2, "a", "x" * 3_000, "reason"]]),
    )
    for write in writers:
        with full_disk(1_000), pytest.raises(OSError, match=f"{folder}/.* cannot be written: File too large") as error:
            write()
        assert "\n" not in str(error.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert json.loads(before["metadata.json"]) == FACTS
