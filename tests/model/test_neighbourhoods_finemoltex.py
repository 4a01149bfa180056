"""Circular neighbourhoods: blind to the spelling, near RDKit's fingerprints, and exact integers."""

import numpy as np
import pytest
import torch
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from scipy.stats import spearmanr

from modeling_finemoltex import Molecules
from modeling_finemoltex.model.neighbourhoods_finemoltex import count_neighbourhoods
from modeling_finemoltex.model.soft_target_objective_finemoltex import tanimoto

DRUGS = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CC(=O)Nc1ccc(O)cc1",
    "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "COc1ccc2cc(ccc2c1)C(C)C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "Cn1c(=O)c2[nH]cnc2n(C)c1=O",
    "CN(C)CCc1c[nH]c2ccccc12",
    "NCCc1c[nH]c2ccc(O)cc12",
    "NCCc1ccc(O)c(O)c1",
    "CNC[C@H](O)c1ccc(O)c(O)c1",
    "CC12CCC3C(CCC4=CC(=O)CCC34C)C1CCC2O",
    "CC12CCC3C(CCc4cc(O)ccc34)C1CCC2O",
    "CC1(C)SC2C(NC(=O)Cc3ccccc3)C(=O)N2C1C(=O)O",
    "Clc1ccc2c(c1)C(=NCC(=O)N2)c1ccccc1",
    "CCN(CC)CCNC(=O)c1ccc(N)cc1",
    "CCN(CC)CC(=O)Nc1c(C)cccc1C",
    "CCCCCCCCCCCCCCCC(=O)O",
    "CCCCCCCC=CCCCCCCCC(=O)O",
    "OCC1OC(O)C(O)C(O)C1O",
    "OCC(O)CO",
]


def encode(processor, smiles) -> Molecules:
    return Molecules.from_tensors(**processor(smiles=list(smiles), return_tensors="pt"))


def test_the_spelling_makes_no_difference(processor, molecules):
    names = [*molecules, *DRUGS]
    counts = count_neighbourhoods(encode(processor, names))
    for seed in range(3):
        spelled = [Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(name), 1, randomSeed=seed)[0] for name in names]
        assert torch.equal(count_neighbourhoods(encode(processor, spelled)), counts)


def test_a_molecule_counts_the_same_alone_and_in_a_batch(processor):
    counts = count_neighbourhoods(encode(processor, DRUGS[:4]))
    for row, name in enumerate(DRUGS[:4]):
        assert torch.equal(count_neighbourhoods(encode(processor, [name]))[0], counts[row])


def test_every_atom_counts_once_a_round(processor):
    molecules = encode(processor, DRUGS)
    for radius in range(3):
        counts = count_neighbourhoods(molecules, radius)
        assert torch.equal(counts.sum(1), (radius + 1) * molecules.atom_counts.float())
    assert (count_neighbourhoods(encode(processor, ["CC"]), radius=1) == 2).sum() == 2  # both atoms are alike


def test_similarities_rank_as_those_of_rdkit(processor):
    counts = count_neighbourhoods(encode(processor, DRUGS))
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    prints = [generator.GetCountFingerprint(Chem.MolFromSmiles(name)) for name in DRUGS]
    expected = np.array([DataStructs.BulkTanimotoSimilarity(one, prints) for one in prints])
    others = np.triu_indices(len(DRUGS), 1)
    assert spearmanr(tanimoto(counts, counts).numpy()[others], expected[others]).statistic > 0.8


@pytest.mark.parametrize("pair", [("CCO", "CCN"), ("C=C", "CC"), ("[O-]C", "OC"), ("C1CC1", "CCC")])
def test_elements_bonds_charges_and_rings_are_told_apart(processor, pair):
    first, second = count_neighbourhoods(encode(processor, pair))
    assert not torch.equal(first, second)
