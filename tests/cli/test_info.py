"""`finemoltex info`: what a model is."""

import json

from modeling_finemoltex import default_model


def test_it_prints_a_table_or_json(exported, run):
    table = run("info", exported["properties"]).stdout
    assert "FineMolTexForPropertyPrediction" in table and "soluble" in table
    facts = json.loads(run("info", exported["properties"], "--json").stdout)
    assert facts["labels"] == ["soluble", "toxic"]


def test_without_a_name_it_describes_the_shipped_model(run):
    assert json.loads(run("info", "--json").stdout)["name"] == default_model()


def test_a_folder_without_a_model_is_refused_in_one_sentence(tmp_path, run):
    done = run("info", tmp_path, code=1)
    assert done.stderr.startswith("Error: ") and str(tmp_path) in done.stderr and not done.stdout
