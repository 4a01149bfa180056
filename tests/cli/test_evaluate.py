"""`finemoltex evaluate`: figures as a table and JSON, and mistakes in a sentence."""

import json

import pytest


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("structure")
    smiles = [f"{'C' * length}C(=O)O" for length in range(1, 13)] + ["C" * length for length in range(1, 29)]
    (folder / "pool.csv").write_text("\n".join(["smiles", *smiles, "no molecule"]), encoding="utf-8")
    queries = [
        {"text": ["a carboxylic acid"], "all": ["C(=O)[OX2H1]"], "set": "single"},
        {"text": ["gold"], "all": ["[Au]"], "set": "single"},
        {"text": ["one carboxylic acid"], "count": {"C(=O)[OX2H1]": [1, 1]}, "set": "count"},
    ]
    (folder / "queries.json").write_text(json.dumps(queries), encoding="utf-8")
    return folder / "pool.csv", folder / "queries.json"


def test_json_and_table(model_folder, files, run):
    done = run("evaluate", "structure-queries", *files, "--model", model_folder, "--json")
    figures = json.loads(done.stdout)
    assert list(figures) == ["single", "count"]
    assert set(figures["single"]) == {"P@10", "R-precision", "chance", "queries"}
    assert figures["single"]["queries"] == 1 and figures["single"]["chance"] == 0.3
    done = run("evaluate", "structure-queries", *files, "--model", model_folder)
    header, single, count = done.stdout.splitlines()
    assert header.split() == ["model", "alone", "P@10", "R-precision", "chance", "queries"]
    assert single.split()[0] == "single" and count.split()[-1] == "1"
    assert "2 of 3 queries count in 40 molecules." in done.stderr


def test_required_facts_find_all(model_folder, files, run):
    done = run("evaluate", "structure-queries", *files, "--model", model_folder, "--facts", "require", "--json")
    assert {name: values["P@10"] for name, values in json.loads(done.stdout).items()} == {"single": 1.0, "count": 1.0}
    done = run("evaluate", "structure-queries", *files, "--model", model_folder, "--facts", "require")
    assert done.stdout.startswith("facts required")


def test_mistakes_end_with_a_sentence(model_folder, files, run):
    done = run("evaluate", "structure-queries", *files, "--model", model_folder, "--facts", "some", code=1)
    assert "--facts must be one of off, mark, require: got 'some'" in done.stderr
    done = run("evaluate", "structure-queries", *files, "--model", model_folder, "--limit", 5, code=1)
    assert "No query counts in a pool of 5 molecules" in done.stderr
