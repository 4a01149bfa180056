"""The vocabulary of structure queries: numbers that stay, patterns, counts that screening does not change."""

import hashlib

import numpy as np
import pytest
from rdkit import Chem

from modeling_finemoltex.data.structural_facts import count_fact, count_facts, structural_facts

MOLECULES = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "Clc1ccnc(N)c1",
    "CS(=O)(=O)Nc1ccc(F)cc1",
    "OB(O)c1ccccc1",
    "C",
    "[Na+].[Cl-]",
    "C[Si](C)(C)OP(=O)(O)O",
]
FIRST, FIRST_DIGEST = 767, "c05dc0d15885e1d1"


def test_the_numbers_of_facts_stay():
    """Data sets of queries store them: new facts go to the end."""
    names = "\n".join(fact.name for fact in structural_facts()[:FIRST])
    assert hashlib.sha256(names.encode()).hexdigest()[:16] == FIRST_DIGEST


def test_every_pattern_is_one():
    for fact in structural_facts():
        assert Chem.MolFromSmarts(fact.smarts) is not None, fact.name


@pytest.mark.parametrize("smiles", MOLECULES)
def test_counts_are_those_of_the_patterns(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    expected = [
        count_fact(molecule, number) if all(count_fact(molecule, one) for one in fact.needs) else 0
        for number, fact in enumerate(structural_facts())
    ]
    np.testing.assert_array_equal(count_facts(molecule), expected)


@pytest.mark.parametrize(
    ("smiles", "name", "count"),
    [
        ("c1ccc2ccccc2c1", "aromatic ring", 2),
        ("c1ccc2ncccc2c1", "heteroaromatic ring", 1),
        ("C1CCC2(CC1)OCCO2", "aliphatic ring", 2),
        ("C1CCC2(CC1)OCCO2", "heterocycle", 1),
        ("[Na+].[Cl-]", "positive charge", 1),
        ("CCO", "ring", 0),
    ],
)
def test_rings_of_a_class_are_counted(smiles, name, count):
    number = next(number for number, fact in enumerate(structural_facts()) if fact.name == name)
    assert count_fact(Chem.MolFromSmiles(smiles), number) == count
