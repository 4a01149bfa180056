"""Molecules alone: a run without texts, the accuracy that it reports, and the same folder continued on pairs."""

import json

import pytest
from transformers import AutoModel, AutoModelForPreTraining, AutoProcessor

from modeling_finemoltex.data.sources import NO_TEXT, PairSource, load_source
from modeling_finemoltex.training import parse_arguments, preparation_settings, pretrain
from modeling_finemoltex.training.pretraining import check_options

RECONSTRUCTION = "{smiles_reconstruction: {hidden_size: 16, num_layers: 1, num_attention_heads: 2}}"


def test_a_source_gives_molecules_alone(pairs_file):
    rows = load_source(PairSource(str(pairs_file), without_texts=True))
    assert set(rows["text"]) == {NO_TEXT} and len(rows) > 100


def test_texts_and_no_texts_exclude_each_other(pairs_file):
    with pytest.raises(ValueError, match="`without_texts` reads molecules alone"):
        PairSource(str(pairs_file), without_texts=True, describe=True)
    with pytest.raises(ValueError, match="the texts of `without_texts` are not read from a column"):
        PairSource(str(pairs_file), without_texts=True, text_column="text")
    with pytest.raises(ValueError, match="`without_texts` reads the molecules of `dataset`, and none is given"):
        parse_arguments(["--without_texts"])  # the bundled corpus is one of names


def test_a_preparation_knows_the_views_and_older_sources_stay_the_same(pairs_file):
    words = ["--preset", "tiny", "--dataset", str(pairs_file)]
    found = []
    for more in ([], ["--preset", "smiles"], ["--objective", "smiles_reconstruction"]):
        model_args, data_args, _ = parse_arguments([*words, *more])
        found.append(preparation_settings(model_args, data_args, 0))
    assert "views" not in found[0] and found[1]["views"] == found[2]["views"] == ["graph", "smiles"]
    assert "without_texts" not in PairSource("a.csv").rows_identity()
    assert PairSource("a.csv", without_texts=True).rows_identity()["without_texts"]


def test_new_words_are_for_an_initial_model():
    with pytest.raises(ValueError, match="`new_words` is for an `initial_model`"):
        parse_arguments(["--new_words"])


def test_objectives_that_read_texts_are_refused(pairs_file, tmp_path):
    words = [
        "--preset",
        "blend",
        "--dataset",
        str(pairs_file),
        "--without_texts",
        "--output_dir",
        str(tmp_path / "run"),
    ]
    with pytest.raises(ValueError, match="and contrastive would learn from texts.*enough for .*blend"):
        pretrain(words)
    model_args, data_args, training_args = parse_arguments([*words, "--objectives", "{blend: {}}"])
    check_options(model_args, data_args, training_args)


def test_molecules_alone_are_trained_on_and_continued_on_pairs(command, tmp_path, run_example, capsys):
    alone = [*command, "--without_texts", "--objectives", RECONSTRUCTION, "--eval_steps", "2", "--save_steps", "2"]
    run_example(alone)
    results = json.loads((tmp_path / "run" / "test_results.json").read_text())
    assert 0 <= results["pairs_random_test/smiles_token_accuracy"] <= 1
    assert not any("t2m" in name or "m2t" in name for name in results)
    assert "smiles_token_accuracy" in capsys.readouterr().out
    processor = AutoProcessor.from_pretrained(tmp_path / "run")
    assert processor.feature_extractor.views == ["graph", "smiles"]
    embeds = AutoModel.from_pretrained(tmp_path / "run")(**processor(smiles=["CCO"])).molecule_embeds
    assert embeds.isfinite().all()

    more = ["--initial_model", str(tmp_path / "run"), "--new_words", "--output_dir", str(tmp_path / "more")]
    run_example([*command, *more, "--objectives", "{contrastive: {}, smiles_reconstruction: {weight: 0.1}}"])
    before, after = (AutoProcessor.from_pretrained(tmp_path / name).tokenizer for name in ("run", "more"))
    assert "benzene" not in before.get_vocab() and len(after) > len(before)
    first, second = (AutoModelForPreTraining.from_pretrained(tmp_path / name) for name in ("run", "more"))
    assert second.config.text_config.vocab_size == len(after)
    weights = [one.finemoltex.graph_encoder.layers[0].expand.weight for one in (first, second)]
    assert (weights[0] - weights[1]).abs().max() < 0.1  # trained on, not started anew
