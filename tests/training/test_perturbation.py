"""Perturbed batches: shares are kept, seeds alone decide, and what no share names stays as it is."""

import copy

import pytest
import torch

from modeling_finemoltex import FineMolTexDataCollator, featurize_pairs
from modeling_finemoltex.data import load_pairs
from modeling_finemoltex.training import build_model, build_trainer, parse_arguments, prepare_data
from modeling_finemoltex.training.perturbation import Perturbation, PerturbationShares
from modeling_finemoltex.training.trainer import make_pair_seeds


@pytest.fixture(scope="module")
def make_batch(pairs_file, processor):
    """Batches of given rows at a given step."""
    rows = featurize_pairs(load_pairs(str(pairs_file)).select(range(60)), processor, max_length=32)

    def make(places, step):
        inputs = FineMolTexDataCollator(processor)([rows[place] for place in places])
        return {**inputs, "seeds": make_pair_seeds(inputs.pop("pair_ids"), step)}

    return make


def perturb(config, batch, **shares):
    return Perturbation(PerturbationShares(**shares), config)(batch)


def test_only_what_is_named_changes(config, make_batch):
    batch = make_batch(range(40), 0)
    for share, name in (("bonds", "edge_index"), ("atoms", "atom_features"), ("words", "input_ids")):
        changed = perturb(config, batch, **{share: 0.3})
        assert [key for key in batch if not torch.equal(batch[key], changed[key])] == [name], share
        assert batch[name].shape == changed[name].shape


def test_shares_of_atoms_and_words_are_kept(config, make_batch):
    atoms, words, hidden_atoms, hidden_words = 0, 0, 0, 0
    mask_row = torch.tensor([size - 1 for size in config.graph_config.atom_feature_sizes])
    special = torch.tensor(list(config.special_token_ids))
    for step in range(20):
        batch = make_batch(range(40), step)
        changed = perturb(config, batch, atoms=0.2, words=0.3)
        is_masked = (changed["atom_features"][:, : len(mask_row)] == mask_row).all(1)
        hidden_atoms, atoms = hidden_atoms + is_masked.sum(), atoms + len(is_masked)
        is_word = ~torch.isin(batch["input_ids"], special)
        is_hidden = changed["input_ids"] == config.mask_token_id
        assert not (is_hidden & ~is_word).any()  # neither padding nor the marks at both ends
        hidden_words, words = hidden_words + is_hidden.sum(), words + is_word.sum()
    assert hidden_atoms / atoms == pytest.approx(0.2, abs=0.01)
    assert hidden_words / words == pytest.approx(0.3, abs=0.03)


def test_the_draw_follows_pair_and_step_alone(config, make_batch):
    whole, part = (perturb(config, make_batch(places, 7), words=0.5) for places in (range(12), [9, 4]))
    width = part["input_ids"].shape[1]
    assert torch.equal(part["input_ids"], whole["input_ids"][[9, 4], :width])
    other = perturb(config, make_batch(range(12), 8), words=0.5)
    assert not torch.equal(whole["input_ids"], other["input_ids"])


def test_shares_outside_are_refused():
    with pytest.raises(ValueError, match=r"share of perturbed atoms must lie in \[0, 1\): got 1.5"):
        PerturbationShares(atoms=1.5)
    with pytest.raises(ValueError, match="perturbed words"):
        parse_arguments(["--preset", "tiny", "--perturbed_words", "-0.1"])


def test_a_resumed_run_is_perturbed_in_the_same_way(command, tmp_path):
    """Four steps at once, and two and two: the same weights; without perturbation, others."""
    words = [*command, "--eval_strategy", "no", "--load_best_model_at_end", "false", "--save_steps", "2"]
    shares = ["--perturbed_bonds", "0.2", "--perturbed_atoms", "0.2", "--perturbed_words", "0.2"]

    def train(folder, *options):
        model_args, data_args, training_args = parse_arguments([*words, "--output_dir", str(folder), *options])
        prepared = prepare_data(model_args, data_args, training_args)
        trainer = build_trainer(build_model(model_args, prepared, 0), prepared, data_args, training_args)
        trainer.train(resume_from_checkpoint=training_args.resume_from_checkpoint)
        return copy.deepcopy(trainer.model.state_dict())

    whole = train(tmp_path / "whole", *shares)
    resumed = train(tmp_path / "whole", *shares, "--resume_from_checkpoint", str(tmp_path / "whole" / "checkpoint-2"))
    torch.testing.assert_close(resumed, whole)
    plain = train(tmp_path / "plain")
    assert any(not torch.equal(value, plain[name]) for name, value in whole.items())


def test_queries_with_exact_truth_are_not_perturbed(command, tmp_path):
    words = [*command, "--objective", "grounding", "--fact_molecules", "40", "--perturbed_words", "0.2"]
    model_args, data_args, training_args = parse_arguments([*words, "--output_dir", str(tmp_path / "run")])
    prepared = prepare_data(model_args, data_args, training_args)
    with pytest.raises(ValueError, match="whose truth a perturbed molecule or text has not"):
        build_trainer(build_model(model_args, prepared, 0), prepared, data_args, training_args)
