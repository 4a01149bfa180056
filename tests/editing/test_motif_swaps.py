"""Analogues that differ by one motif."""

import random

import pytest
from rdkit import Chem

from modeling_finemoltex.editing import MotifSwaps

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.fixture(scope="module")
def swaps(processor):
    return MotifSwaps(processor.feature_extractor)


def propose(proposer, smiles: str, number: int = 60, seed: int = 0) -> list[str]:
    return [one.smiles for one in proposer.propose(Chem.MolFromSmiles(smiles), number, random.Random(seed))]


@pytest.mark.parametrize("smiles", [ASPIRIN, "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "C", "C/C=C/[C@H](N)C(=O)O"])
def test_motif_swaps_give_molecules(swaps, smiles, check_proposals):
    proposals = propose(swaps, smiles)
    check_proposals(proposals, smiles)
    assert len(proposals) == 60 and all("." not in proposal for proposal in proposals)


def test_motif_swaps_do_what_their_name_says(swaps):
    proposals = set(propose(swaps, ASPIRIN, 600))
    assert {"CC(=O)Oc1ccccc1", "O=C(O)c1ccccc1O", "CC(=O)Oc1cccc(Cl)c1C(=O)O"} & proposals
    assert "CC(=O)Oc1ccccc1" in proposals  # the acid left out
    ends = Chem.MolFromSmarts("[CH3]C(=O)O[!$(*1aaaaa1)]"), Chem.MolFromSmarts("[#6]C(=O)[OH]")
    assert any(all(map(Chem.MolFromSmiles(one).HasSubstructMatch, ends)) for one in proposals)  # the ring exchanged
    assert any(Chem.MolFromSmiles(one).GetNumHeavyAtoms() > 13 for one in proposals)


def test_untouched_stereocentres_stay(swaps):
    molecule = "N[C@@H](Cc1ccccc1)C(=O)O"
    pattern = Chem.MolFromSmiles("N[C@@H](C)C(=O)O")
    other = Chem.MolFromSmiles("N[C@H](C)C(=O)O")
    # Amine, acid and centre untouched: only the ring changed, so the centre must be the one it was.
    kept = [Chem.MolFromSmiles(one) for one in propose(swaps, molecule, 200)]
    assert any(one.HasSubstructMatch(pattern, useChirality=True) for one in kept)
    assert not any(one.HasSubstructMatch(other, useChirality=True) for one in kept)


def test_nothing_is_proposed_for_bare_ions(swaps):
    assert propose(swaps, "[Fe+2]") == propose(swaps, "[Na+].[Cl-]") == []


def test_equal_seeds_give_equal_proposals(swaps):
    assert propose(swaps, ASPIRIN, seed=3) == propose(swaps, ASPIRIN, seed=3) != propose(swaps, ASPIRIN, seed=4)
