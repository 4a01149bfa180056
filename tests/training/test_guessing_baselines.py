"""Guessing is what a constant answer reaches; a hidden side tells nothing."""

import torch

from modeling_finemoltex.training.guessing_baselines import _hide_atoms, _hide_words, _most_frequent


def test_hidden_sides_hold_nothing_of_the_pair(processor, config, molecules):
    smiles, texts = list(molecules)[1:3], ["an acid", "a gas"]
    words = _hide_words(dict(processor(smiles=smiles, text=texts)), config)
    kept = set(words["input_ids"].flatten().tolist())
    assert kept <= {config.mask_token_id, *config.special_token_ids}
    atoms = _hide_atoms(dict(processor(smiles=smiles)), config)
    for name in ("atom_features", "edge_features"):
        assert len(atoms[name].unique(dim=0)) == 1


def test_the_guess_is_the_most_frequent_label(rows):
    labels = torch.cat([torch.as_tensor(row) for row in rows.with_format("numpy")["input_ids"][:]])
    special = [0, 1, 2, 3, 4]
    counts = {int(label): int((labels == label).sum()) for label in labels.unique() if label not in special}
    assert counts[_most_frequent(rows, "input_ids", special)] == max(counts.values())
