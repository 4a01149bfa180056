"""Fitting: the loss falls on states that stand still, nothing but the detectors moves, and a seed repeats it."""

import copy

import numpy as np
import pytest
import torch
from datasets import Dataset

from modeling_finemoltex import FineMolTexForPreTraining
from modeling_finemoltex.data.identifiers import try_parse
from modeling_finemoltex.data.structural_facts import count_facts, structural_facts
from modeling_finemoltex.processors import FineMolTexDataCollator
from modeling_finemoltex.training.concept_fitting import fit_concepts

SMILES = ["CCO", "Clc1ccncc1", "CC(=O)Nc1ccccc1", "CS(C)=O", "OCCO", "C1CCNC1", "c1ccccc1", "CC(=O)O", "CCN", "C"]


@pytest.fixture
def model(change_config):
    torch.manual_seed(0)
    sizes = {"size": 8, "num_concepts": len(structural_facts()), "num_text_layers": 1, "levels": "none"}
    objectives = {"grounding": {}, "contrastive": None, "masked_modelling": None}
    return FineMolTexForPreTraining(change_config(objectives=objectives, token_config=sizes))


@pytest.fixture(scope="module")
def rows():
    counts = [count_facts(try_parse(smiles)) for smiles in SMILES]
    facts = [np.stack([np.flatnonzero(row), row[row > 0]], axis=1).reshape(-1).tolist() for row in counts]
    return Dataset.from_dict(
        {
            "smiles": [*SMILES, "CCC"],
            "text": ["a compound"] * (len(SMILES) + 1),
            "facts": [*facts, None],
            "molecule_ids": list(range(len(SMILES) + 1)),
        }
    )


def test_the_loss_falls_and_only_the_detectors_move(model, rows, processor):
    before, collate = copy.deepcopy(model.state_dict()), FineMolTexDataCollator(processor)
    early = fit_concepts(copy.deepcopy(model), rows, collate, num_epochs=1)
    late = fit_concepts(model, rows, collate, num_epochs=60)
    assert late < 0.8 * early
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {f"finemoltex.molecule_tokens.concepts.detectors.{name}" for name in ("weight", "bias")}
    assert model.training


def test_a_seed_repeats_it(model, rows, processor):
    collate, other = FineMolTexDataCollator(processor), copy.deepcopy(model)
    first, second = (fit_concepts(one, rows, collate, 2, seed=5) for one in (model, other))
    assert first == second
    weights = (one.finemoltex.molecule_tokens.concepts.detectors.weight for one in (model, other))
    assert torch.equal(*weights)


def test_rows_without_facts_are_refused(model, rows, processor):
    with pytest.raises(ValueError, match="No training row has structural facts"):
        fit_concepts(model, rows.select([len(SMILES)]), FineMolTexDataCollator(processor), 1)


def test_fewer_concepts_than_facts_and_no_epoch_are_refused(model, rows, processor, change_config):
    collate = FineMolTexDataCollator(processor)
    with pytest.raises(ValueError, match="got 0 epochs"):
        fit_concepts(model, rows, collate, 0)
    with pytest.raises(ValueError, match="a model of 0 concepts"):
        fit_concepts(FineMolTexForPreTraining(change_config()), rows, collate, 1)


def test_frozen_detectors_are_refused(model, rows, processor):
    model.freeze("molecule_concepts")
    with pytest.raises(ValueError, match="`molecule_concepts` is frozen, so its detectors cannot be fitted"):
        fit_concepts(model, rows, FineMolTexDataCollator(processor), 1)
