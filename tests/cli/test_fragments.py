"""`finemoltex fragments`: build a database of fragments, and show one."""

import json

import pytest

from modeling_finemoltex.editing import default_fragments

LIBRARY = ("smiles", "CCc1ccccc1", "CCCc1ccccc1", "OCc1ccccc1", "NCc1ccccc1", "ClCc1ccccc1", "no molecule")


@pytest.fixture
def library(tmp_path):
    file = tmp_path / "library.csv"
    file.write_text("\n".join(LIBRARY), encoding="utf-8")
    return file


def test_it_builds_and_shows(library, tmp_path, run):
    made = tmp_path / "fragments.db"
    built = run("fragments", "build", library, made, "--min_count", 1, "--radius", 3, "--name", "benzyl", "--jobs", 2)
    assert f"{made}: " in built.stderr and "of 5 molecules" in built.stderr
    facts = json.loads(run("fragments", "info", made, "--json").stdout)
    assert (facts["name"], facts["radius"], facts["molecules"], facts["min_count"]) == ("benzyl", 3, 5, 1)
    before = made.read_bytes()
    refused = run("fragments", "build", library, made, code=1)
    assert "exists: give another name, or --force" in refused.stderr and made.read_bytes() == before
    run("fragments", "build", library, made, "--max_fragment", 1, "--min_count", 1, "--force")
    assert json.loads(run("fragments", "info", made, "--json").stdout)["max_fragment"] == 1


def test_the_shipped_fragments_are_shown_by_default(run):
    facts = json.loads(run("fragments", "info", "--json").stdout)
    assert facts == json.loads(run("fragments", "info", default_fragments(), "--json").stdout)
    assert facts["pairs"] > 50_000 and "ZINC" in run("fragments", "info").stdout


def test_mistakes_end_with_a_sentence(library, tmp_path, run):
    (tmp_path / "damaged.db").write_bytes(default_fragments().read_bytes()[:50_000])
    (tmp_path / "bad.csv").write_text("smiles\nno molecule\n")
    for words, message in (
        (["build", tmp_path / "none.csv", tmp_path / "out.db"], "none.csv"),
        (["build", tmp_path / "bad.csv", tmp_path / "out.db"], "molecule 1: "),
        (["build", library, tmp_path / "out.db", "--min_count", "9"], "lower --min_count"),
        (["build", library, tmp_path / "out.db", "--radius", "0"], "--radius must be at least 1"),
        (["info", tmp_path / "damaged.db"], "or a damaged one"),
    ):
        assert message in run("fragments", *words, code=1).stderr
    assert not (tmp_path / "out.db").exists()
