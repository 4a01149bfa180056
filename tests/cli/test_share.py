"""`finemoltex push`, `info` and `vocab` as they are typed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modeling_finemoltex.cli.main import app

ROOT = Path(__file__).resolve().parents[2]


def run(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_info_prints_a_table_or_json(exported):
    table = run("info", exported["properties"])
    assert table.exit_code == 0, table.output
    assert "FineMolTexForPropertyPrediction" in table.stdout and "soluble" in table.stdout
    facts = json.loads(run("info", exported["properties"], "--json").stdout)
    assert facts["labels"] == ["soluble", "toxic"]


def test_push_refuses_an_incomplete_folder_in_one_sentence(tmp_path):
    done = run("push", tmp_path, "owner/name")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ") and "it has no config.json" in done.stderr
    assert "Traceback" not in done.output


def test_push_and_info_meet_on_the_hub(hub, exported, tmp_path):
    environment = {**os.environ, **hub.environment(tmp_path), "PYTHONPATH": str(ROOT)}
    found = []
    for words in (
        ["push", exported["base"], "org/typed", "--tag", "v2", "--private", "--json"],
        ["info", "org/typed", "--revision", "v2", "--json"],
    ):
        command = [sys.executable, "-m", "modeling_finemoltex.cli", *map(str, words)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        found.append(json.loads(done.stdout))
    pushed, described = found
    assert described["revision"] == pushed["commit"] == hub.repositories["models", "org/typed"].tags["v2"]
    assert described["class"] == "FineMolTexModel" and described["parameters"]


@pytest.fixture
def library(tmp_path, molecules):
    file = tmp_path / "library.csv"
    file.write_text("\n".join(["smiles", *molecules, *molecules, "no molecule"]), encoding="utf-8")
    return file


def test_vocab_trains_and_shows(library, tmp_path, exported, processor):
    made = tmp_path / "vocab.json"
    trained = run("vocab", library, "--output", made, "--min_count", 2, "--json")
    assert trained.exit_code == 0, trained.output
    facts = json.loads(trained.stdout)
    assert facts["molecules"] == 20 and facts["coverage"] == 1
    from modeling_finemoltex import FineMolTexFeatureExtractor

    vocab = json.loads(made.read_text(encoding="utf-8"))
    assert FineMolTexFeatureExtractor(vocab).motif_vocab_size == facts["motifs"] + 2
    assert json.loads(run("vocab", made, "--json").stdout) == facts
    shown = json.loads(run("vocab", exported["base"], "--json").stdout)
    assert shown["motifs"] == processor.feature_extractor.motif_vocab_size - 2
    assert "coverage" in run("vocab", made).stdout


def test_vocab_says_what_is_wrong(tmp_path):
    done = run("vocab", tmp_path / "none.csv")
    assert done.exit_code == 1 and "is no file" in done.stderr
