"""`finemoltex embed`: the columns and options arrive, and what a user can mend is one message without a trace."""

import pytest
import torch
from typer.testing import CliRunner

from modeling_finemoltex import FineMolTexModel
from modeling_finemoltex.cli.main import app
from modeling_finemoltex.embedding.embedding_folder import load_embeddings


@pytest.fixture(scope="module")
def model_folder(config, processor, tmp_path_factory) -> str:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    FineMolTexModel(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return str(folder)


@pytest.fixture
def library(tmp_path):
    file = tmp_path / "library.csv"
    file.write_text("cid,structure,caption\n1,CCO,an alcohol\n2,C1CC,broken\n3,c1ccccc1,a ring\n")
    return file


def embed(*arguments):
    return CliRunner().invoke(app, ["embed", *map(str, arguments)])


def test_molecules_of_a_table(model_folder, library, tmp_path):
    options = ["--smiles_column", "structure", "--id_column", "cid", "--num_workers", 0, "--device", "cpu"]
    result = embed(library, tmp_path / "out", "--model", model_folder, *options, "--dtype", "bfloat16")
    assert result.exit_code == 0, result.output
    assert "2 rows embedded in 1 shards" in result.output and "1 rows rejected" in result.output
    dataset, metadata = load_embeddings(tmp_path / "out")
    assert dataset.to_table()["id"].to_pylist() == ["1", "3"]
    assert metadata["settings"]["compute_dtype"] == "bfloat16"


def test_texts_of_a_table(model_folder, library, tmp_path):
    result = embed(library, tmp_path / "out", "--model", model_folder, "--text_column", "caption")
    assert result.exit_code == 0, result.output
    dataset, metadata = load_embeddings(tmp_path / "out")
    assert metadata["kind"] == "texts"
    assert dataset.to_table()["text"].to_pylist() == ["an alcohol", "broken", "a ring"]


def test_mistakes_end_with_one_message(model_folder, library, tmp_path):
    out = tmp_path / "out"
    result = embed(library, out, "--model", model_folder)
    assert result.exit_code == 1
    assert "Error: " in result.output and "it has ['cid', 'structure', 'caption']" in result.output
    assert not out.exists()
    result = embed(library, out, "--model", tmp_path, "--smiles_column", "structure")
    assert result.exit_code == 1 and "cannot be loaded as a model with its processor" in result.output
    result = embed(tmp_path / "absent.csv", out, "--model", model_folder)
    assert result.exit_code == 1 and "is no file" in result.output
    assert not isinstance(result.exception, ValueError)
