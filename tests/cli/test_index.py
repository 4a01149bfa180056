"""`finemoltex index`: embeddings to an index, replaced on demand only."""

import shutil

import pytest

pytest.importorskip("faiss")

from modeling_finemoltex import MoleculeTextIndex


def test_an_index_is_replaced_on_demand_only(index_folder, tmp_path, run):
    embeddings, output = index_folder.parent / "embeddings", tmp_path / "index"
    run("index", embeddings, output, "--method", "hnsw")
    assert "exists: give another folder, or --force" in run("index", embeddings, output, code=1).stderr
    run("index", embeddings, output, "--force")
    assert MoleculeTextIndex.load(output).method == "flat"
    assert "Unknown method 'lsh'" in run("index", embeddings, tmp_path / "x", "--method", "lsh", code=1).stderr
    assert "no embedding folder" in run("index", tmp_path, tmp_path / "x", code=1).stderr


def test_facts_are_stored_on_request(index_folder, tmp_path, run):
    embeddings = index_folder.parent / "embeddings"
    assert "with facts" in run("index", embeddings, tmp_path / "index", "--facts").stderr
    assert MoleculeTextIndex.load(tmp_path / "index").has_facts
    run("index", embeddings, tmp_path / "plain")
    assert not MoleculeTextIndex.load(tmp_path / "plain").has_facts


def test_a_damaged_shard_is_named(index_folder, tmp_path, run):
    shutil.copytree(index_folder.parent / "embeddings", tmp_path / "embeddings")
    shard = tmp_path / "embeddings" / "shard-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:-20])
    assert "shard-00000.parquet" in run("index", tmp_path / "embeddings", tmp_path / "x", code=1).stderr
