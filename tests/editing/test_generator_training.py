"""The generator learns its molecules, tells how well, and goes on where it stopped."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

selfies = pytest.importorskip("selfies")

from modeling_finemoltex.editing import (  # noqa: E402
    AlignmentSettings,
    EditingParts,
    GeneratorArguments,
    LatentCoder,
    load_generator,
    measure_reconstruction,
    train_alignment,
    train_generator,
)
from modeling_finemoltex.editing.generator_training import build_selfies_tokenizer, split_molecules  # noqa: E402
from modeling_finemoltex.editing.molecule_notation import read_molecule, write_molecule  # noqa: E402


def test_tokens_are_symbols_and_come_back():
    text = selfies.encoder("C[C@H](N)c1ccc(Cl)cc1.[Na+]")
    tokenizer = build_selfies_tokenizer([text], 32, 2)
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["<latent>", "<latent>", *selfies.split_selfies(text), "</s>"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    assert tokenizer.unk_token_id in tokenizer("[Fe+2]")["input_ids"]
    with pytest.raises(ValueError, match="without a symbol"):
        build_selfies_tokenizer([], 32, 2)


def test_notations_read_what_they_write():
    for notation in ("selfies", "smiles"):
        assert read_molecule(write_molecule("OC(C)=O", notation), notation) == "CC(=O)O"
        assert read_molecule("", notation) is None
    assert read_molecule("[C][Qq9]", "selfies") is None and read_molecule("C (", "smiles") is None
    with pytest.raises(ValueError, match="'C1CC' is no molecule"):
        write_molecule("C1CC", "selfies")
    with pytest.raises(ValueError, match="SELFIES cannot write 'O=I\\(=O\\)c1ccccc1'"):  # more bonds than it allows
        write_molecule("O=I(=O)c1ccccc1", "selfies")


def test_a_few_seconds_teach_the_molecules(generator_run, arenes):
    arguments, report, _ = generator_run
    stored = json.loads((Path(arguments.output_dir) / "generator_report.json").read_text(encoding="utf-8"))
    assert stored == report and report["num_molecules"] == 4 and report["num_trained_on"] == len(arenes_of(arenes)) - 4
    generator, tokenizer = load_generator(arguments.output_dir)
    figures = measure_reconstruction(LatentCoder(generator, tokenizer), [*arenes, "[Fe+2]"])
    assert figures["reconstruction"] > 0.8 and figures["validity"] > 0.9 and figures["num_unwritable"] == 1
    with pytest.raises(ValueError, match="got 1, of which 1 are none"):
        measure_reconstruction(LatentCoder(generator, tokenizer), ["C1CC"])


def arenes_of(smiles):
    from rdkit import Chem

    return {Chem.CanonSmiles(one) for one in smiles}


def test_a_run_goes_on_where_it_stopped(generator_run, tmp_path):
    arguments, _, file = generator_run
    whole = dataclasses.replace(arguments, output_dir=str(tmp_path / "whole"), max_steps=6, save_steps=3)
    train_generator(whole)
    train_generator(dataclasses.replace(whole, output_dir=str(tmp_path / "again")))
    again = tmp_path / "again"
    for name in ("checkpoint-6/trainer_state.json", "model.safetensors"):  # killed after step 3
        (again / name).unlink()
    train_generator(dataclasses.replace(whole, output_dir=str(again)))
    first, second = (load_generator(str(tmp_path / name))[0].state_dict() for name in ("whole", "again"))
    assert all(torch.allclose(tensor, second[name], atol=1e-6) for name, tensor in first.items())
    longer = train_generator(dataclasses.replace(whole, output_dir=str(again), max_steps=8))
    assert longer["num_steps"] == 8
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


def test_alignment_places_latents_near_their_molecules(parts, encoder, arenes):
    fresh = type(parts.model).from_parts(encoder.model, parts.model.generator)
    made = EditingParts(fresh, *parts[1:])
    figures = train_alignment(made, [*arenes, "[Fe+2]"], AlignmentSettings(num_epochs=40, batch_size=16, held_out=0.2))
    assert figures["num_left_out"] == 1 and figures["cosine"] > 0.5
    assert all(weight.grad is None for weight in fresh.generator.parameters())
    with pytest.raises(ValueError, match="at least two molecules to learn from and two held out: got 2 of 2"):
        train_alignment(made, ["Cc1ccc(O)cc1", "Nc1ccc(O)cc1"])
