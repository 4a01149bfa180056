"""Random spellings of a batch: by seed, of the same atoms, and the batch taken apart and joined."""

import re

import pytest
import torch

from modeling_finemoltex import FineMolTexFeatureExtractor
from modeling_finemoltex.processors.smiles_tokens_finemoltex import write_smiles
from modeling_finemoltex.processors.smiles_view_finemoltex import SmilesView
from modeling_finemoltex.training.respelling import Respelling, split_rows

SMILES = ["CC(=O)Oc1ccccc1C(=O)O", "C", "[13CH3]C(=O)[O-].[K+]", "C/C=C/[C@H](N)C(=O)O"]


@pytest.fixture
def inputs():
    batch = FineMolTexFeatureExtractor(views=["graph", "smiles"])(SMILES)
    return {**batch, "seeds": 977 * torch.arange(len(SMILES)) + 5}


def test_a_batch_is_taken_apart_and_joined(inputs):
    names = SmilesView.model_input_names
    joined = SmilesView().collate(split_rows(*(inputs[name] for name in names)))
    assert all(torch.equal(torch.from_numpy(joined[name]), inputs[name]) for name in names)


def test_spellings_follow_the_seeds_of_their_rows(inputs):
    respell = Respelling(with_target=True)
    first, again = respell(inputs), respell(inputs)
    assert all(torch.equal(first[name], again[name]) for name in first)
    other = respell({**inputs, "seeds": inputs["seeds"] + 1})
    assert not torch.equal(first["other_smiles_ids"], other["other_smiles_ids"])
    alone = FineMolTexFeatureExtractor(views=["graph", "smiles"])(SMILES[3:])
    last = respell({**alone, "seeds": inputs["seeds"][3:]})
    written = [write_smiles(one["other_smiles_ids"][-1].tolist()) for one in (first, last)]
    assert written[0] == written[1]
    targets = write_smiles(first["target_smiles_ids"][0].tolist())
    assert targets not in (SMILES[0], write_smiles(first["other_smiles_ids"][0].tolist()))


def test_every_atom_keeps_its_element(inputs):
    drawn = Respelling()(inputs)

    def name(prefix):
        """Name the element of each atom by its token."""
        ids = drawn[f"{prefix}smiles_ids"].flatten()[drawn[f"{prefix}smiles_places"]].tolist()
        return [re.sub(r"[^A-Z]|H", "", write_smiles([one]).upper()) for one in ids]

    assert name("other_") == name("")
    assert len(name("")) == len(inputs["atom_features"])


def test_nothing_else_changes(inputs):
    drawn = Respelling()(inputs)
    assert all(drawn[name] is inputs[name] for name in inputs)
    assert set(drawn) - set(inputs) == {"other_smiles_ids", "other_smiles_ends", "other_smiles_places"}
