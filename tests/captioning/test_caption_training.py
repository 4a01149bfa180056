"""A captioner is trained, goes on where it stopped, and ends as a folder that loads."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import T5Config, T5ForConditionalGeneration

from modeling_finemoltex.captioning import (
    load_captioning_folder,
    make_parts,
    read_captioning_arguments,
    train_captioner,
)
from modeling_finemoltex.captioning.caption_rows import TOWER_FILE, CaptionCollator, add_tower_states, make_rows
from modeling_finemoltex.captioning.caption_training import read_caption_pairs


def test_the_folder_holds_model_memory_and_report(captioner_folder):
    parts = load_captioning_folder(captioner_folder)
    assert len(parts.memory) == 8 and parts.model.config.captioning_config.num_examples == 2
    report = json.loads(Path(captioner_folder, "captioning_report.json").read_text(encoding="utf-8"))
    assert report["num_held_out"] == 2 and report["num_steps"] == 2
    assert parts.model.writer.config.vocab_size == len(parts.processor.tokenizer)
    assert all(one.requires_grad for one in parts.model.writer.parameters())


def test_an_interrupted_run_ends_like_one_that_was_not(caption_arguments, captioner_folder, tmp_path):
    again = tmp_path / "again"
    shutil.copytree(captioner_folder, again)
    shutil.rmtree(again / "checkpoint-2")  # killed after the first step
    (again / "model.safetensors").unlink()
    train_captioner(dataclasses.replace(caption_arguments, output_dir=str(again)))
    expected, found = (load_file(f"{folder}/model.safetensors") for folder in (captioner_folder, again))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_other_settings_do_not_go_on(caption_arguments, captioner_folder):
    with pytest.raises(ValueError, match="holds a run with other values of learning_rate"):
        train_captioner(dataclasses.replace(caption_arguments, learning_rate=1.0))


def test_the_tower_is_frozen_and_its_states_are_computed_once(caption_arguments, molecules, tmp_path, monkeypatch):
    smiles, captions = list(molecules), list(molecules.values())
    parts = make_parts(caption_arguments, smiles, captions)
    rows = make_rows(parts, smiles, captions)
    collate = CaptionCollator(parts)
    with torch.no_grad():
        expected = parts.model(**{name: one for name, one in collate(rows).items() if name != "pair_ids"}).loss
        add_tower_states(rows, parts, tmp_path)
        batch = collate(rows)
        assert "atom_features" not in batch and set(batch["tower_states"]) == {"molecule", "motifs"}
        del batch["pair_ids"]
        torch.testing.assert_close(parts.model(**batch).loss, expected, atol=2e-3, rtol=1e-3)  # kept as float16
    monkeypatch.setattr(type(parts.model), "read_tower", None)  # not called again
    more = make_rows(parts, smiles, captions)
    add_tower_states(more, parts, tmp_path)
    assert (tmp_path / TOWER_FILE).is_file()
    assert all(
        torch.equal(one["tower"]["motifs"], other["tower"]["motifs"]) for one, other in zip(rows, more, strict=True)
    )


def test_prompts_never_quote_the_molecule_itself(caption_arguments, molecules):
    smiles, captions = list(molecules), [f"{text} {number}" for number, text in enumerate(molecules.values())]
    parts = make_parts(caption_arguments, smiles, captions)
    for row, caption in zip(make_rows(parts, smiles, captions), captions, strict=True):
        assert caption not in parts.tokenizer.decode(row["prompt_ids"])


def test_a_tuned_tower_changes(caption_arguments, captioner_folder, plain_folder, tmp_path):
    train_captioner(dataclasses.replace(caption_arguments, tune_tower=True, output_dir=str(tmp_path / "tuned")))
    plain, frozen, tuned = (
        load_file(f"{folder}/model.safetensors") for folder in (plain_folder, captioner_folder, tmp_path / "tuned")
    )
    name = next(name for name in frozen if "graph_encoder.layers" in name and frozen[name].ndim == 2)
    base = plain[name.removeprefix("finemoltex.")]
    assert torch.equal(frozen[name], base) and not torch.equal(tuned[name], base)


def test_a_t5_from_a_folder_goes_on(caption_arguments, tokenizer, tmp_path):
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2, "decoder_start_token_id": 0}
    t5 = T5ForConditionalGeneration(T5Config(vocab_size=len(tokenizer), eos_token_id=3, **sizes))
    t5.save_pretrained(tmp_path / "t5")
    tokenizer.save_pretrained(tmp_path / "t5")
    changes = {"writer": str(tmp_path / "t5"), "prompt": "smiles", "copies": False, "join": "output"}
    folder = str(tmp_path / "run")
    train_captioner(dataclasses.replace(caption_arguments, output_dir=folder, **changes))
    parts = load_captioning_folder(folder)
    assert (tmp_path / "run" / "generator_tokenizer").is_dir() and parts.memory is None
    assert parts.model.config.captioning_config.join == "output"


def test_without_a_file_the_default_corpus_is_described(caption_arguments, molecules, monkeypatch):
    monkeypatch.setattr(  # reading the real one takes half a minute
        "modeling_finemoltex.captioning.caption_training.load_chemicals_pairs",
        lambda synonyms_per_molecule: {"smiles": [*molecules, *molecules]},
    )
    smiles, captions = read_caption_pairs(dataclasses.replace(caption_arguments, file=None, max_pairs=4))
    assert len(smiles) == len(captions) == 4 and all(text.endswith(".") for text in captions)


def test_captions_are_chosen_by_a_pattern(caption_arguments):
    smiles, captions = read_caption_pairs(dataclasses.replace(caption_arguments, pattern="(alcohol|musk)[.]$"))
    assert (smiles[0], captions[0]) == ("CCO", "It is ethanol a small alcohol.") and len(smiles) == 2


def test_too_few_pairs_and_a_folder_that_is_no_model_are_said(caption_arguments, tmp_path):
    with pytest.raises(ValueError, match="has 0 pairs to use: give a file with more, or another `pattern`"):
        read_caption_pairs(dataclasses.replace(caption_arguments, pattern="never written"))
    with pytest.raises(ValueError, match="nowhere' cannot be loaded"):
        make_parts(dataclasses.replace(caption_arguments, model=str(tmp_path / "nowhere")), ["C", "CC"], ["a", "b"])


def test_a_recipe_is_overridden_by_words(tmp_path):
    recipe = tmp_path / "captioning.yaml"
    recipe.write_text("batch_size: 3\nstates: [molecule]\nseed: 5\n", encoding="utf-8")
    found = read_captioning_arguments([str(recipe), "--seed", "7", "--output_dir", "run"])
    assert (found.batch_size, found.states, found.seed) == (3, ["molecule"], 7)
