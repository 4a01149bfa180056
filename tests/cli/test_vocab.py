"""`finemoltex vocab`: train a vocabulary, or show one."""

import json

import pytest

from modeling_finemoltex import FineMolTexFeatureExtractor


@pytest.fixture
def library(tmp_path, molecules):
    file = tmp_path / "library.csv"
    file.write_text("\n".join(["smiles", *molecules, *molecules, "no molecule"]), encoding="utf-8")
    return file


def test_it_trains_and_shows(library, tmp_path, model_folder, processor, run):
    made = tmp_path / "vocab.json"
    trained = run("vocab", library, "--output", made, "--min_count", 2, "--json")
    facts = json.loads(trained.stdout)
    assert facts["molecules"] == 20 and facts["coverage"] == 1
    assert trained.stderr == f"{made}: {facts['motifs']} motifs\n"
    vocab = json.loads(made.read_text(encoding="utf-8"))
    assert FineMolTexFeatureExtractor(vocab).motif_vocab_size == facts["motifs"] + 2
    assert json.loads(run("vocab", made, "--json").stdout) == facts
    shown = json.loads(run("vocab", model_folder, "--json").stdout)
    assert shown["motifs"] == processor.feature_extractor.motif_vocab_size - 2
    assert "coverage" in run("vocab", made).stdout


def test_options_reach_the_training(library, run):
    facts = json.loads(run("vocab", library, "--max_size", 3, "--fragmentation", "paper", "--json").stdout)
    assert facts["motifs"] == len(facts["most_frequent"]) == 3 and facts["fragmentation"] == "paper"


def test_mistakes_end_with_a_sentence(tmp_path, library, run):
    (tmp_path / "bad.json").write_text('{"motifs": 3}')
    for words, message in (
        ([tmp_path / "none.csv"], "is no file"),
        ([library, "--fragmentation", "luck"], "--fragmentation must be one of"),
        ([library, "--smiles_column", "x"], "Name one with --smiles_column."),
        ([tmp_path / "bad.json"], "must be a dictionary made by"),
    ):
        done = run("vocab", *words, code=1)
        assert done.stderr.startswith("Error: ") and message in done.stderr and not done.stdout
