"""Guessing is what a constant answer reaches; a hidden side tells nothing."""

import functools

import datasets
import torch

from modeling_finemoltex import FineMolTexFeatureExtractor
from modeling_finemoltex.data import featurize_pairs
from modeling_finemoltex.model.molecules_finemoltex import Molecules
from modeling_finemoltex.model.spellings_finemoltex import FIRST_ID, MASK_ID, PAD_ID
from modeling_finemoltex.training import evaluate_against_guessing
from modeling_finemoltex.training.guessing_baselines import (
    _exchange_texts,
    _hide_atoms,
    _hide_words,
    _most_frequent,
    _NeighbourhoodHead,
    _surroundings,
)
from modeling_finemoltex.training.pretraining import compute_metrics


def test_hidden_sides_hold_nothing_of_the_pair(processor, config, molecules):
    smiles, texts = list(molecules)[1:3], ["an acid", "a gas"]
    words = _hide_words(dict(processor(smiles=smiles, text=texts)), config)
    kept = set(words["input_ids"].flatten().tolist())
    assert kept <= {config.mask_token_id, *config.special_token_ids}
    atoms = _hide_atoms(dict(processor(smiles=smiles)), config)
    for name in ("atom_features", "edge_features"):
        assert len(atoms[name].unique(dim=0)) == 1


def test_hidden_molecules_hide_their_smiles(config, molecules):
    batch = FineMolTexFeatureExtractor(views=["graph", "smiles"])(list(molecules)[1:3])
    hidden = _hide_atoms(dict(batch), config)["smiles_ids"]
    assert set(hidden.unique().tolist()) == {PAD_ID, FIRST_ID, MASK_ID}
    assert torch.equal(hidden == PAD_ID, batch["smiles_ids"] == PAD_ID)


def test_other_texts_are_those_of_the_batch(processor, molecules):
    batch = dict(processor(smiles=list(molecules)[1:4], text=["an acid", "a gas", "a long name"], padding=True))
    other = _exchange_texts(batch)
    assert torch.equal(other["input_ids"][1:], batch["input_ids"][:-1])
    assert torch.equal(other["attention_mask"][0], batch["attention_mask"][-1])
    assert other["atom_features"] is batch["atom_features"]


def test_the_guess_is_the_most_frequent_label(rows):
    labels = torch.cat([torch.as_tensor(row) for row in rows.with_format("numpy")["input_ids"][:]])
    special = [0, 1, 2, 3, 4]
    counts = {int(label): int((labels == label).sum()) for label in labels.unique() if label not in special}
    assert counts[_most_frequent(rows, "input_ids", special)] == max(counts.values())


def read_molecules(processor, smiles):
    return Molecules.from_tensors(**processor.feature_extractor(smiles, return_tensors="pt"))


def test_a_motif_is_known_by_its_size_and_the_elements_around_it(processor, model):
    molecules = read_molecules(processor, ["O=S(=O)(c1ccccc1)c1ccccc1"])
    sulfone, ring = (3, (6, 6)), (6, (16,))
    seen = _surroundings(molecules)
    assert sorted(seen) == [sulfone, ring, ring]
    is_hidden = torch.arange(3) == seen.index(sulfone)
    assert sorted(_surroundings(molecules, is_hidden)) == [sulfone, (6, (-1,)), (6, (-1,))]

    rings = ["O=S(=O)(c1ccccc1)c1ccccc1", "C1CCCCC1C(=O)O", "C1CCCCC1C#N", "C1CCCCC1C#N"]
    labels = {one: read_molecules(processor, [one]) for one in rings}
    head = _NeighbourhoodHead(model.objectives["masked_modelling"], labels.values(), 10)
    benzene, cyclohexane = (
        one.motif_ids[[size for size, _ in _surroundings(one)].index(6)].item() for one in list(labels.values())[:2]
    )
    assert head.answers[ring] == benzene and head.answers[6, (6,)] == cyclohexane
    assert (6, (7,)) not in head.answers and head.answers[6] in (benzene, cyclohexane)


def test_the_neighbourhood_is_that_of_the_hidden_motifs(processor, make_trainer):
    """Every motif has a size of its own here: who looks at the hidden ones is always right."""
    smiles = ["OC(=O)c1ccccc1", "OC(=O)c1ccc2ccccc2c1", "N#Cc1ccccc1", "N#Cc1ccc2ccccc2c1", "OC(=O)CC#N"] * 3
    pairs = datasets.Dataset.from_dict({"smiles": smiles, "text": [f"number {place}" for place in range(len(smiles))]})
    rows = featurize_pairs(pairs, processor, max_length=32)
    trainer = make_trainer()
    trainer.eval_dataset, trainer.compute_metrics = rows, functools.partial(compute_metrics, protocol="validation")
    found = evaluate_against_guessing(trainer, rows)
    assert found["motif_neighbourhood"] == 1 > found["motif_majority"]
