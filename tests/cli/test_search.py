"""`finemoltex search`: hits as a table, JSON and a page, and what it does not load."""

import json
from pathlib import Path

import pytest
import torch

pytest.importorskip("faiss")

from modeling_finemoltex import FineMolTexModel, MoleculeTextIndex
from modeling_finemoltex.embedding import MoleculeTextEncoder
from modeling_finemoltex.retrieval import cached_index

ROOT = Path(__file__).resolve().parents[2]
# Each takes a tenth of a second to a second to import.
NOT_NEEDED = ("datasets", "pandas", "sklearn", "matplotlib", "evaluate", "torch_geometric", "rdkit.Chem.Descriptors")


@pytest.fixture
def library(molecules, tmp_path, monkeypatch):
    """A file that nobody has searched yet."""
    monkeypatch.setattr(cached_index, "CACHE_FOLDER", tmp_path / "cache")
    rows = [f"{smiles};m{number};{text}" for number, (smiles, text) in enumerate(molecules.items())]
    file = tmp_path / "library.csv"
    file.write_text("\n".join(["structure;name;said", *rows, "C1CC;broken;x"]), encoding="utf-8")
    return file


def test_a_file_is_embedded_and_indexed_by_its_first_search(index_folder, model_folder, library, tmp_path, run):
    words = ("an alcohol", "-k", 3, "--json", "--model", model_folder)
    (expected,) = json.loads(run("search", index_folder, *words).stdout)
    columns = ("--smiles_column", "structure", "--separator", ";", "--id_column", "name")
    for said in ("embedded and indexed, once, into", "its index is in"):
        done = run("search", library, *words, *columns)
        (entry,) = (tmp_path / "cache").iterdir()
        assert f"{library}: {said} {entry}\n" in done.stderr
        assert f"{library}: some rows cannot be searched, see {entry / 'rejected.csv'}\n" in done.stderr
        (found,) = json.loads(done.stdout)
        named = [(f"m{hit['row']}", hit["smiles"]) for hit in expected["hits"]]
        assert [(hit["id"], hit["smiles"]) for hit in found["hits"]] == named
    assert "broken" in (entry / "rejected.csv").read_text(encoding="utf-8")


def test_without_a_name_the_shipped_model_searches(tmp_path, monkeypatch, run):
    monkeypatch.setattr(cached_index, "CACHE_FOLDER", tmp_path / "cache")
    file = tmp_path / "library.smi"
    file.write_text("c1ccncc1 pyridine\nClc1ccncc1 chloropyridine\nClc1ccccc1 chlorobenzene\n", encoding="utf-8")
    (found,) = json.loads(run("search", file, "a chlorinated pyridine", "-k", 1, "--json").stdout)
    assert [hit["id"] for hit in found["hits"]] == ["chloropyridine"]


def test_texts_of_a_file_are_searched_with_a_molecule(model_folder, library, run):
    words = ("--smiles", "--text_column", "said", "-k", 11, "--json", "--model", model_folder)
    (found,) = json.loads(run("search", library, "CCO", *words).stdout)
    assert len(found["hits"]) == 11 and "aspirin an ester" in str(found["hits"])


def test_what_cannot_be_searched_is_refused(index_folder, library, tmp_path, run):
    (tmp_path / "notes.pdf").write_text("x")
    for words, message in (
        ((library,), "it has ['structure', 'name', 'said']. Name one with --smiles_column."),
        ((library, "--smiles_column", "smiles"), "has no column 'smiles'"),
        ((tmp_path / "absent.csv",), "absent.csv is no file. Give one of the formats .csv"),
        ((tmp_path / "absent",), "absent is not there. Give a file of molecules (.csv, .tsv"),
        ((tmp_path / "notes.pdf",), "notes.pdf has an unknown suffix: known are .csv"),
        ((tmp_path,), "is not an index"),
        ((index_folder.parent / "embeddings",), "holds embeddings. `finemoltex index` makes an index of them."),
        ((index_folder, "--id_column", "name"), f"--id_column is for a file: {index_folder} is a folder"),
    ):
        done = run("search", words[0], "an alcohol", *words[1:], code=1)
        assert done.stderr.startswith("Error: ") and message in done.stderr and not done.stdout
    assert not (tmp_path / "cache").exists()


def test_search_prints_a_table_per_query(index_folder, run):
    first, second = run("search", index_folder, "an alcohol", "a salt", "-k", 3).stdout.strip().split("\n\n")
    assert [table.splitlines()[0] for table in (first, second)] == ["an alcohol", "a salt"]
    understood, header, *rows = first.splitlines()[1:]
    assert understood == "understood: alcohol"
    assert header.split() == ["rank", "score", "id", "SMILES"]
    assert [row.split()[0] for row in rows] == ["1", "2", "3"]


def test_json_tells_what_the_index_finds(index_folder, model_folder, molecules, run):
    done = run("search", index_folder, *molecules, "--smiles", "-k", 2, "--json")
    encoder = MoleculeTextEncoder.from_pretrained(str(model_folder))
    expected = MoleculeTextIndex.load(index_folder, encoder).search(smiles=list(molecules), k=2)
    assert json.loads(done.stdout) == [
        {"query": query, "hits": [hit.to_dict() for hit in hits]}
        for query, hits in zip(molecules, expected, strict=True)
    ]


def test_it_tells_what_it_understands_and_what_contradicts(index_folder, run):
    words = ("search", index_folder, "a bitter ketone without zxqv or esters", "-k", 10)
    (found,) = json.loads(run(*words, "--json").stdout)
    assert found["understood"] == "ketone \u00b7 not ester"
    assert found["not read as structure"] == ["bitter", "zxqv"] and "zxqv" in found["unknown to the model"]
    told = {hit["smiles"]: hit.get("contradicts", []) for hit in found["hits"]}
    assert told["CC(=O)Oc1ccccc1C(=O)O"] == ["ketone", "not ester"] and told["O=C1CCCCCCCCCCCCCC1"] == []
    table = run(*words).stdout
    assert "CC(=O)Oc1ccccc1C(=O)O  (contradicts: ketone, not ester)" in table
    assert "understood" not in run(*words, "--facts", "off").stdout


def test_required_facts_and_unwanted_texts(index_folder, run):
    done = run("search", index_folder, "a ring", "--without", "an aromatic ring", "--facts", "require", "-k", 5)
    assert "understood: ring \u00b7 not aromatic ring" in done.stdout
    assert [line.split()[-1] for line in done.stdout.splitlines()[3:]] == ["O=C1CCCCCCCCCCCCCC1"]
    assert "Fewer than 5 hits: no more of the 10 molecules are as the query requires." in done.stderr
    done = run("search", index_folder, "a metabolite of benzene", "--facts", "require", "-k", 1)
    assert "understood, since facts are required: benzene" in done.stdout


def test_conditions_narrow_the_hits(index_folder, run):
    done = run(
        *("search", index_folder, "a ring", "-k", 5, "--json", "--smarts", "[r]"),
        *("--exclude_smarts", "c", "--range", "MolWt::300"),
    )
    assert [hit["smiles"] for hit in json.loads(done.stdout)[0]["hits"]] == ["O=C1CCCCCCCCCCCCCC1"]
    assert "Fewer than 5 hits: no more of the 10 molecules pass the filter." in done.stderr
    assert "no hits" in run("search", index_folder, "gold", "-k", 1, "--smarts", "[Au]").stdout


def test_html_is_written_beside_the_table(index_folder, tmp_path, run):
    done = run("search", index_folder, "an <acid>", "-k", 4, "--html", tmp_path / "hits.html")
    page = (tmp_path / "hits.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 4 and "<h2>an &lt;acid&gt;</h2>" in page and "4 best of 10 molecules" in page
    assert "an <acid>" in done.stdout and "4 hits drawn" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-k", "0"], "-k must be a whole number from 1 on, got 0"),
        (["--smarts", "c1cc"], "'c1cc' is not a SMARTS pattern"),
        (["--range", "Weight:1:2"], "Unknown descriptor 'Weight'; near are"),
        (["--range", "MolWt"], "A range is NAME:LOW:HIGH"),
        (["--smiles"], "Molecule at index 0 cannot be embedded"),
        (["--model", "nowhere"], "'nowhere' cannot be loaded"),
    ],
)
def test_mistakes_end_with_a_sentence(index_folder, words, message, run):
    done = run("search", index_folder, "an alcohol", *words, code=1)
    assert done.stderr.startswith("Error: ") and message in done.stderr and not done.stdout


def test_another_model_is_refused(index_folder, tmp_path, config, processor, run):
    torch.manual_seed(1)  # every test starts from seed 0, as the model of the index may have done
    FineMolTexModel(config).save_pretrained(tmp_path / "other")
    processor.save_pretrained(tmp_path / "other")
    done = run("search", index_folder, "x", "-k", 1, "--model", tmp_path / "other", code=1)
    assert "made with another model" in done.stderr and "differ in weights" in done.stderr


def test_a_search_loads_what_it_needs_only(index_folder, model_folder, library, forked_python, tmp_path, run):
    words = (library, "an alcohol", "-k", 1, "--smiles_column", "structure", "--model", model_folder)
    run("search", *words)
    code = (
        "import sys; from modeling_finemoltex.cli.main import app;"
        "from modeling_finemoltex.retrieval import cached_index;"
        f"cached_index.CACHE_FOLDER = {str(tmp_path / 'cache')!r};"
        "app(sys.argv[1:], standalone_mode=False);"
        f"print([name for name in {NOT_NEEDED} if name in sys.modules])"
    )
    for others, said in (((index_folder, "an alcohol", "-k", 1), []), (words, ["its index is in", "some rows"])):
        done = forked_python.run(code, "search", *others, cwd=tmp_path, path=[ROOT])
        assert done.stdout.splitlines()[-1] == "[]", done.stderr
        lines = done.stderr.splitlines()
        assert len(lines) == len(said) and all(f": {start}" in line for start, line in zip(said, lines, strict=True))
