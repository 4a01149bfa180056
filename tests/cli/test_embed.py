"""`finemoltex embed`: the columns and options arrive, and what a user can mend is one message without a trace."""

import pytest

from modeling_finemoltex.embedding.embedding_folder import load_embeddings


@pytest.fixture
def library(tmp_path):
    file = tmp_path / "library.csv"
    file.write_text("cid,structure,caption\n1,CCO,an alcohol\n2,C1CC,broken\n3,c1ccccc1,a ring\n")
    return file


@pytest.fixture
def embed(run):
    return lambda *words, code=0: run("embed", *words, code=code)


def test_molecules_of_a_table(model_folder, library, tmp_path, embed):
    options = ["--smiles_column", "structure", "--id_column", "cid", "--num_workers", 0, "--device", "cpu"]
    result = embed(library, tmp_path / "out", "--model", model_folder, *options, "--dtype", "bfloat16")
    assert "2 rows embedded in 1 shards" in result.output and "1 rows rejected" in result.output
    dataset, metadata = load_embeddings(tmp_path / "out")
    assert dataset.to_table()["id"].to_pylist() == ["1", "3"]
    assert metadata["settings"]["compute_dtype"] == "bfloat16"


def test_texts_of_a_table(model_folder, library, tmp_path, embed):
    embed(library, tmp_path / "out", "--model", model_folder, "--text_column", "caption")
    dataset, metadata = load_embeddings(tmp_path / "out")
    assert metadata["kind"] == "texts"
    assert dataset.to_table()["text"].to_pylist() == ["an alcohol", "broken", "a ring"]


def test_mistakes_end_with_one_sentence(model_folder, library, tmp_path, embed):
    out = tmp_path / "out"
    for words, message in (
        (
            [library, out, "--model", model_folder],
            "it has ['cid', 'structure', 'caption']. Name one with --smiles_column.",
        ),
        ([library, out, "--model", tmp_path, "--smiles_column", "structure"], "cannot be loaded as a model"),
        ([tmp_path / "absent.csv", out, "--model", model_folder], "is no file"),
        ([library, out, "--model", model_folder, "--text_column", "caption", "--shard_rows", 0], "--shard_rows must"),
        ([library, out, "--model", model_folder, "--text_column", "caption", "--device", "x"], "--device 'x' is"),
    ):
        done = embed(*words, code=1)
        assert done.stderr.startswith("Error: ") and message in done.stderr and not done.stdout
        assert not out.exists()
