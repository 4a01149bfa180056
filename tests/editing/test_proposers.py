"""Every proposal is a molecule under its canonical name, other than the one it came from."""

import random

import pytest
from rdkit import Chem

from modeling_finemoltex.editing import MotifSwaps, make_proposers
from modeling_finemoltex.editing.proposers import propose_analogues

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.fixture(scope="module")
def swaps(processor):
    return MotifSwaps(processor.feature_extractor)


def propose(proposer, smiles: str, number: int = 60, seed: int = 0) -> list[str]:
    return list(proposer.propose(Chem.MolFromSmiles(smiles), number, random.Random(seed)))


def check(proposals: list[str], smiles: str) -> None:
    assert len(set(proposals)) == len(proposals) and Chem.CanonSmiles(smiles) not in proposals
    for proposal in proposals:
        assert Chem.CanonSmiles(proposal) == proposal and "*" not in proposal


@pytest.mark.parametrize("smiles", [ASPIRIN, "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "C", "C/C=C/[C@H](N)C(=O)O"])
def test_motif_swaps_give_molecules(swaps, smiles):
    proposals = propose(swaps, smiles)
    check(proposals, smiles)
    assert len(proposals) == 60 and all("." not in proposal for proposal in proposals)


def test_motif_swaps_do_what_their_name_says(swaps):
    proposals = set(propose(swaps, ASPIRIN, 2000))
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


def test_selfies_mutations_give_molecules(processor):
    pytest.importorskip("selfies")
    _, selfies = make_proposers(processor.feature_extractor, use_selfies=True)
    for smiles in (ASPIRIN, "C"):
        proposals = propose(selfies, smiles)
        check(proposals, smiles)
        assert len(proposals) > 20
    assert propose(selfies, "O=I(=O)c1ccccc1") == []  # more bonds than SELFIES allows


def test_crem_exchanges_fragments_of_the_library(processor, tmp_path):
    pytest.importorskip("crem")
    from modeling_finemoltex.editing import build_fragment_database

    database = tmp_path / "fragments.db"
    library = ["CCc1ccccc1", "CCCc1ccccc1", "OCc1ccccc1", "NCc1ccccc1", "ClCc1ccccc1", "no molecule"]
    assert build_fragment_database(library, database) == 5
    _, crem = make_proposers(processor.feature_extractor, database)
    proposals = propose(crem, "CCc1ccccc1")
    check(proposals, "CCc1ccccc1")
    assert {"OCc1ccccc1", "NCc1ccccc1"} <= set(proposals)
    with pytest.raises(ValueError, match="exists: delete it"):
        build_fragment_database(library, database)
    with pytest.raises(ValueError, match="No molecule could be read"):
        build_fragment_database(["nothing"], tmp_path / "other.db")
    with pytest.raises(ValueError, match="is no fragment database"):
        make_proposers(processor.feature_extractor, tmp_path / "missing.db")


def test_proposers_share_the_work(swaps):
    class Echo:
        def propose(self, molecule, number, generator):
            return (f"{number}" for _ in range(3))

    parents = [Chem.MolFromSmiles("CCO"), Chem.MolFromSmiles("CCN")]
    assert propose_analogues([Echo(), Echo()], parents, 10, random.Random(0)) == ["3"]
