"""Scaffolds of large molecules are those of RDKit, in a fraction of the time."""

import time

import pytest
from rdkit import Chem
from rdkit.Chem.Scaffolds import MurckoScaffold

from modeling_finemoltex.data import scaffold_split
from modeling_finemoltex.data.scaffolds import (
    chiral_scaffold,
    functional_skeleton,
    murcko_scaffold,
    prune_to_scaffold,
    scaffold_or_groups,
)

MOLECULES = [
    "CCO",
    "Cc1ccccc1",
    "CCn1cccc1C(=O)NC1CC1",
    "O=C1CCC(CCc2ccc(C#N)cc2)N1C",
    "C[C@@]1(CC)CC[C@H](Nc2ncc[nH]2)C1",
    "C/C=C/C1CCC1=C",
    "CS(=O)(=O)c1ccc(Cc2ccc(O)cc2)cc1.CCN",
    "C[n+]1ccccc1CC2OC2C",
    "C12(C)CC(C1)C2CC3CC3(C)C",
]


@pytest.mark.parametrize("smiles", MOLECULES)
def test_pruning_gives_what_rdkit_gives(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    for with_stereo in (False, True):
        expected = MurckoScaffold.MurckoScaffoldSmiles(mol=molecule, includeChirality=with_stereo)
        assert Chem.MolToSmiles(prune_to_scaffold(molecule), isomericSmiles=with_stereo) == expected


def test_small_and_large_molecules_share_scaffolds():
    tail = "C" * 300
    assert murcko_scaffold(f"c1ccc({tail})cc1") == murcko_scaffold("c1ccc(C)cc1") == "c1ccccc1"
    assert chiral_scaffold(f"C1C[C@H](N)C1{tail}") == chiral_scaffold("C1CCC1")
    assert murcko_scaffold("no molecule") is None and murcko_scaffold(tail) == ""


def test_long_chains_between_rings_take_no_time():
    smiles = [f"C1OC1{'C' * length}C1OC1" for length in range(700, 740)] + ["Oc1ccccc1"] * 60
    start = time.process_time()
    parts = scaffold_split(smiles, valid_size=0.1, test_size=0.1)
    assert time.process_time() - start < 15 and sum(map(len, parts.values())) == 100


def test_chains_are_named_by_their_functional_groups():
    spellings = ["NCC(O)CC(=O)O", "OC(=O)CC(O)CN", "C(O)(CN)CC(O)=O"]
    assert {functional_skeleton(smiles) for smiles in spellings} == {functional_skeleton("OCCCCN.CCC(=O)O")}
    assert functional_skeleton("CCC") == "" and functional_skeleton("no molecule") is None
    assert functional_skeleton("C/C=C/C") == functional_skeleton("C/C=C\\CCCC") == "C=C"
    assert functional_skeleton("CCCl") != functional_skeleton("CCBr")


def test_rings_keep_their_scaffolds_and_chains_do_not_meet_them():
    assert scaffold_or_groups("CCc1ccccc1") == chiral_scaffold("c1ccccc1")
    assert scaffold_or_groups("C=C") == "chain C=C" and scaffold_or_groups("CC") == "chain "
    assert scaffold_or_groups("C(C") is None
