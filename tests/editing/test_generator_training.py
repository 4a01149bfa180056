"""The generator is trained step by step, tells how well it does, and goes on where it stopped."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from rdkit import Chem
from transformers import TrainingArguments

selfies = pytest.importorskip("selfies")

from modeling_finemoltex.editing import GeneratorArguments, LatentCoder, load_generator, train_generator  # noqa: E402
from modeling_finemoltex.editing.generator_training import (  # noqa: E402
    GeneratorTrainer,
    build_selfies_tokenizer,
    split_molecules,
)
from modeling_finemoltex.editing.molecule_notation import write_molecule  # noqa: E402

SIZES = {"hidden_size": 48, "num_layers": 1, "intermediate_size": 96, "num_heads": 4, "max_length": 32}


@pytest.fixture(scope="module")
def run(tmp_path_factory, arenes):
    """A run of four steps: its arguments and its report."""
    folder = tmp_path_factory.mktemp("generator")
    file = folder / "arenes.smi"
    file.write_text("".join(f"{smiles}\n" for smiles in arenes), encoding="utf-8")
    schedule = {"num_latents": 12, "batch_size": 32, "max_steps": 4, "save_steps": 2, "num_held_out": 4}
    arguments = GeneratorArguments(str(file), str(folder / "run"), **SIZES, **schedule)
    return arguments, train_generator(arguments)


@pytest.fixture
def trainer(run, tmp_path):
    """The generator of that run in a trainer that adds a lot of noise."""
    arguments = TrainingArguments(str(tmp_path), report_to="none", use_cpu=True, seed=3)
    return GeneratorTrainer(model=load_generator(run[0].output_dir)[0], args=arguments, noise=2.0)


def test_tokens_are_symbols_and_come_back():
    text = selfies.encoder("C[C@H](N)c1ccc(Cl)cc1.[Na+]")
    tokenizer = build_selfies_tokenizer([text], 32, 2)
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["<latent>", "<latent>", *selfies.split_selfies(text), "</s>"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    assert tokenizer.unk_token_id in tokenizer("[Fe+2]")["input_ids"]
    with pytest.raises(ValueError, match="without a symbol"):
        build_selfies_tokenizer([], 32, 2)


def test_the_report_says_what_was_done(run, arenes):
    arguments, report = run
    stored = json.loads((Path(arguments.output_dir) / "generator_report.json").read_text(encoding="utf-8"))
    distinct = {Chem.CanonSmiles(smiles) for smiles in arenes}
    assert stored == report and report["num_molecules"] == 4 and report["num_steps"] == 4
    assert report["num_trained_on"] == len(distinct) - 4 and report["num_rows"] == len(arenes)
    assert set(report) > {"reconstruction", "validity", "similarity", "num_unwritable", "num_parameters"}
    generator, tokenizer = load_generator(arguments.output_dir)
    assert generator.config.num_latents == 12 and tokenizer.model_max_length == 32


def test_the_loss_of_a_fixed_batch_falls(run, trainer, arenes):
    generator, tokenizer = load_generator(run[0].output_dir)
    texts = [write_molecule(smiles, "selfies") for smiles in arenes]
    inputs = LatentCoder(generator, tokenizer).batch(tokenizer(texts)["input_ids"])
    labels = inputs["input_ids"][:, 12:]
    batch = {**inputs, "labels": labels.masked_fill(labels == tokenizer.pad_token_id, -100)}
    optimizer = torch.optim.Adam(generator.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = trainer.compute_loss(generator.eval(), batch)  # without noise: every step sees the same
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_noise_disturbs_the_latents_in_training_alone(run, trainer):
    generator, tokenizer = trainer.model, load_generator(run[0].output_dir)[1]
    batch = LatentCoder(generator, tokenizer).batch([tokenizer("[C][C][O]")["input_ids"]])
    batch["labels"] = batch["input_ids"][:, 12:]
    with torch.no_grad():
        quiet = [trainer.compute_loss(generator.eval(), batch).item() for _ in range(2)]
        noisy = [trainer.compute_loss(generator.train(), batch).item() for _ in range(2)]
    assert quiet[0] == quiet[1] and noisy[0] != noisy[1]


def test_a_run_goes_on_where_it_stopped(run, tmp_path):
    arguments, _ = run
    whole = dataclasses.replace(arguments, output_dir=str(tmp_path / "whole"), max_steps=4, save_steps=2)
    train_generator(whole)
    train_generator(dataclasses.replace(whole, output_dir=str(tmp_path / "again")))
    again = tmp_path / "again"
    for name in ("checkpoint-4/trainer_state.json", "model.safetensors"):  # killed after step 2
        (again / name).unlink()
    train_generator(dataclasses.replace(whole, output_dir=str(again)))
    first, second = (load_generator(str(tmp_path / name))[0].state_dict() for name in ("whole", "again"))
    assert all(torch.allclose(tensor, second[name], atol=1e-6) for name, tensor in first.items())
    longer = train_generator(dataclasses.replace(whole, output_dir=str(again), max_steps=5))
    assert longer["num_steps"] == 5
    with pytest.raises(ValueError, match="`num_latents` must be at least 1, .*: got 0"):
        train_generator(dataclasses.replace(whole, num_latents=0))
    with pytest.raises(ValueError, match="holds a run with other values of learning_rate, noise"):
        train_generator(dataclasses.replace(whole, noise=0.0, learning_rate=1.0))


def test_molecules_are_split_and_excluded(tmp_path):
    file, exclude = tmp_path / "library.csv", tmp_path / "exclude.smi"
    file.write_text("smiles\nCCO\nOCC\nC1CC\nCCN\nCCC\n", encoding="utf-8")
    exclude.write_text("NCC\n", encoding="utf-8")
    arguments = GeneratorArguments(str(file), "", exclude=str(exclude), num_held_out=1)
    train, held_out, counts = split_molecules(arguments)
    assert sorted(train + held_out) == ["CCC", "CCO"] and len(held_out) == 1
    assert counts == {"num_rows": 5, "num_unparsable": 1, "num_excluded": 1}
    with pytest.raises(ValueError, match="3 distinct molecules to use: with `num_held_out` 9, 0 are left"):
        split_molecules(GeneratorArguments(str(file), "", num_held_out=9))


def test_a_loss_that_is_not_finite_stops_training(trainer):
    with torch.no_grad():
        next(trainer.model.parameters()).fill_(float("nan"))
    ids = torch.ones(2, 4, dtype=torch.long)
    batch = {"input_ids": ids, "attention_mask": ids, "labels": ids, "pair_ids": torch.tensor([5, 9])}
    trainer.create_optimizer()
    trainer.current_gradient_accumulation_steps = 1
    with pytest.raises(ValueError, match="step 1: the loss is nan.*rows 5, 9 of"):
        trainer.training_step(trainer.model, batch)
