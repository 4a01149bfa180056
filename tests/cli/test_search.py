"""`finemoltex index` and `finemoltex search`, from an embedding folder to a table, JSON and a page."""

import json
import shutil

import pytest
import torch
from typer.testing import CliRunner

pytest.importorskip("faiss")

from modeling_finemoltex import FineMolTexModel, MoleculeTextIndex
from modeling_finemoltex.cli.main import app
from modeling_finemoltex.embedding import MoleculeTextEncoder


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory, config, processor):
    folder = tmp_path_factory.mktemp("runs") / "model"
    FineMolTexModel(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def index_folder(tmp_path_factory, model_folder, molecules):
    """Embedded and indexed as a chemist would do it."""
    folder = tmp_path_factory.mktemp("library")
    lines = [f"{smiles},m{number}" for number, smiles in enumerate(molecules)]
    (folder / "library.csv").write_text("\n".join(["smiles,id", *lines]))
    run("embed", folder / "library.csv", folder / "embeddings", "--model", model_folder)
    done = run("index", folder / "embeddings", folder / "index")
    assert "10 molecules, method flat, width 32" in done.stderr
    return folder / "index"


def run(*words, code: int = 0):
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, done.output + done.stderr
    return done


def test_search_prints_a_table_per_query(index_folder):
    first, second = run("search", index_folder, "an alcohol", "a salt", "-k", 3).stdout.strip().split("\n\n")
    assert [table.splitlines()[0] for table in (first, second)] == ["an alcohol", "a salt"]
    header, *rows = first.splitlines()[1:]
    assert header.split() == ["rank", "score", "id", "SMILES"]
    assert [row.split()[0] for row in rows] == ["1", "2", "3"]


def test_json_tells_what_the_index_finds(index_folder, model_folder, molecules):
    done = run("search", index_folder, *molecules, "--smiles", "-k", 2, "--json")
    encoder = MoleculeTextEncoder.from_pretrained(str(model_folder))
    expected = MoleculeTextIndex.load(index_folder, encoder).search(smiles=list(molecules), k=2)
    assert json.loads(done.stdout) == [
        {"query": query, "hits": [hit.to_dict() for hit in hits]}
        for query, hits in zip(molecules, expected, strict=True)
    ]


def test_conditions_narrow_the_hits(index_folder):
    done = run(
        *("search", index_folder, "a ring", "-k", 5, "--json", "--smarts", "[r]"),
        *("--exclude_smarts", "c", "--range", "MolWt::300"),
    )
    assert [hit["smiles"] for hit in json.loads(done.stdout)[0]["hits"]] == ["O=C1CCCCCCCCCCCCCC1"]
    assert "Fewer than 5 hits: no more of the 10 molecules pass the filter." in done.stderr
    assert "no hits" in run("search", index_folder, "gold", "-k", 1, "--smarts", "[Au]").stdout


def test_html_is_written_beside_the_table(index_folder, tmp_path):
    done = run("search", index_folder, "an <acid>", "-k", 4, "--html", tmp_path / "hits.html")
    page = (tmp_path / "hits.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 4 and "<h2>an &lt;acid&gt;</h2>" in page and "4 best of 10 molecules" in page
    assert "an <acid>" in done.stdout and "4 hits drawn" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-k", "11"], "k is 11, and this index allows 1 to 10, its size"),
        (["--smarts", "c1cc"], "'c1cc' is not a SMARTS pattern"),
        (["--range", "Weight:1:2"], "Unknown descriptor 'Weight'; near are"),
        (["--range", "MolWt"], "A range is NAME:LOW:HIGH"),
        (["--smiles"], "Molecule at index 0 cannot be embedded"),
        (["--model", "nowhere"], "'nowhere' cannot be loaded"),
    ],
)
def test_mistakes_end_with_a_sentence(index_folder, words, message):
    done = run("search", index_folder, "an alcohol", *words, code=1)
    assert done.stderr.startswith("Error: ") and message in done.stderr and not done.stdout


def test_another_model_is_refused(index_folder, tmp_path, config, processor):
    torch.manual_seed(1)  # every test starts from seed 0, as the model of the index may have done
    FineMolTexModel(config).save_pretrained(tmp_path / "other")
    processor.save_pretrained(tmp_path / "other")
    done = run("search", index_folder, "x", "-k", 1, "--model", tmp_path / "other", code=1)
    assert "made with another model" in done.stderr and "differ in weights" in done.stderr


def test_an_index_is_replaced_on_demand_only(index_folder, tmp_path):
    embeddings, output = index_folder.parent / "embeddings", tmp_path / "index"
    run("index", embeddings, output, "--method", "hnsw")
    assert "exists: give another folder, or --force" in run("index", embeddings, output, code=1).stderr
    run("index", embeddings, output, "--force")
    assert MoleculeTextIndex.load(output).method == "flat"
    assert "Unknown method 'lsh'" in run("index", embeddings, tmp_path / "x", "--method", "lsh", code=1).stderr
    assert "no embedding folder" in run("index", tmp_path, tmp_path / "x", code=1).stderr


def test_a_damaged_shard_is_named(index_folder, tmp_path):
    shutil.copytree(index_folder.parent / "embeddings", tmp_path / "embeddings")
    shard = tmp_path / "embeddings" / "shard-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:-20])
    assert "shard-00000.parquet" in run("index", tmp_path / "embeddings", tmp_path / "x", code=1).stderr
