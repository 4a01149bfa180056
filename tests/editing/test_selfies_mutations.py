"""Analogues by random changes of a SELFIES string."""

import random

import pytest
from rdkit import Chem

pytest.importorskip("selfies")

from modeling_finemoltex.editing import SelfiesMutations


def propose(smiles: str, number: int = 60) -> list[str]:
    return [one.smiles for one in SelfiesMutations().propose(Chem.MolFromSmiles(smiles), number, random.Random(0))]


@pytest.mark.parametrize("smiles", ["CC(=O)Oc1ccccc1C(=O)O", "C"])
def test_mutations_are_molecules(smiles, check_proposals):
    proposals = propose(smiles)
    check_proposals(proposals, smiles)
    assert len(proposals) > 20 and propose(smiles) == proposals


def test_nothing_is_proposed_for_more_bonds_than_selfies_allows():
    assert propose("O=I(=O)c1ccccc1") == []
