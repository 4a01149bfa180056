"""`finemoltex convert`: published weights into a model folder."""

import json

import torch
from contracts.published_checkpoint import SETTINGS, TEXT_SETTINGS, make_finemoltex, make_self_loop_gin

from modeling_finemoltex import FineMolTexForPreTraining


def write_run(folder):
    folder.mkdir()
    for part, state in make_finemoltex().items():
        torch.save(state, folder / f"{part}_model_10.pth")
    (folder / "config.json").write_text(json.dumps(SETTINGS))
    (folder / "text.json").write_text(json.dumps(TEXT_SETTINGS))
    return folder


def test_it_writes_a_folder_and_says_what_was_left_out(tmp_path, tokenizer, run):
    source, target = write_run(tmp_path / "run"), tmp_path / "model"
    tokenizer.save_pretrained(tmp_path / "words")
    options = ["--config", source / "config.json", "--text_config", source / "text.json"]
    done = run("convert", source, target, *options, "--tokenizer", tmp_path / "words", "--json")
    facts = json.loads(done.stdout)
    assert facts["class"] == "FineMolTexForPreTraining" and facts["weights"] > 100 and not facts["untrained"]
    assert "multi: bert.t_pooler.dense.weight" in facts["left_out"] and not done.stderr
    assert FineMolTexForPreTraining.from_pretrained(target).num_parameters() <= facts["parameters"]
    assert json.loads(run("info", target, "--json").stdout)["motifs"] == 11


def test_a_molecule_encoder_needs_no_options(tmp_path, run):
    torch.save(make_self_loop_gin(), tmp_path / "contextpred.pth")
    done = run("convert", tmp_path / "contextpred.pth", tmp_path / "gin")
    assert "FineMolTexModel" in done.stdout and "embeds molecules, not texts" in done.stderr


def test_mistakes_end_with_a_sentence(tmp_path, run):
    source = write_run(tmp_path / "run")
    torch.save(torch.nn.Linear(1, 1), tmp_path / "whole.pth")
    torch.save({"conv1.weight": torch.ones(1)}, tmp_path / "other.pth")
    for words, message in (
        ([tmp_path / "whole.pth"], "nothing of it was executed"),
        ([tmp_path / "other.pth"], "no molecule checkpoint of FineMolTex, MoleculeSTM or a GIN"),
        ([source], "give --config with `t_biattention_id`"),
        ([source, "--checkpoint", "11"], "there is no '11'"),
        ([tmp_path], "holds no complete checkpoint"),
    ):
        done = run("convert", words[0], tmp_path / "out", *words[1:], code=1)
        assert done.stderr.startswith("Error: ") and message in done.stderr and "Traceback" not in done.output
    assert not (tmp_path / "out").exists()
