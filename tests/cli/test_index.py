"""`finemoltex index`: embeddings to an index, replaced on demand only."""

import json
import shutil

import pytest
from rdkit import Chem
from rdkit.Chem import Descriptors

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


def test_an_index_on_lancedb_is_searched_by_its_columns(index_folder, model_folder, tmp_path, run):
    pytest.importorskip("lancedb")
    embeddings, output = index_folder.parent / "embeddings", tmp_path / "library.lance"
    assert "10 molecules, method lance, width 32" in run("index", embeddings, output, "--descriptor", "MolWt").stderr
    assert "exists: give another folder, or --force" in run("index", embeddings, output, code=1).stderr
    assert "--facts is for an index in a folder" in run("index", embeddings, output, "--facts", code=1).stderr
    run("index", embeddings, output, "--descriptor", "MolWt", "--force")
    words = ("search", output, "CCO", "--smiles", "-k", 10, "--json", "--model", model_folder)
    (every,) = json.loads(run(*words).stdout)
    (light,) = json.loads(run(*words, "--where", "MolWt < 100").stdout)
    weights = {hit["id"]: Descriptors.MolWt(Chem.MolFromSmiles(hit["smiles"])) for hit in every["hits"]}
    assert [hit["id"] for hit in light["hits"]] == [name for name in weights if weights[name] < 100]
    assert 0 < len(light["hits"]) < len(every["hits"]) == 10
    refused = run("search", index_folder, "CCO", "--smiles", "--where", "MolWt < 100", code=1).stderr
    assert "index the embeddings at a location that ends in .lance" in refused


def test_a_damaged_shard_is_named(index_folder, tmp_path, run):
    shutil.copytree(index_folder.parent / "embeddings", tmp_path / "embeddings")
    shard = tmp_path / "embeddings" / "shard-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:-20])
    assert "shard-00000.parquet" in run("index", tmp_path / "embeddings", tmp_path / "x", code=1).stderr
