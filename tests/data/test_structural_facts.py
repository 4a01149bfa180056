"""The vocabulary of structure queries: numbers that stay, patterns, counts that screening does not change."""

import hashlib

import numpy as np
import pytest
from rdkit import Chem

from modeling_finemoltex.data.structural_facts import (
    add_article,
    count_fact,
    count_facts,
    make_plural,
    nouns_of,
    structural_facts,
)

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


def count(smiles: str) -> dict[str, int]:
    counts = count_facts(Chem.MolFromSmiles(smiles))
    return {fact.name: int(number) for fact, number in zip(structural_facts(), counts, strict=True) if number}


def test_every_fact_can_be_said_and_matched():
    for fact in structural_facts():
        assert Chem.MolFromSmarts(fact.smarts) is not None, fact
        assert nouns_of(fact) or fact.masses, fact
        assert fact.name


def test_words_mean_one_fact_each():
    words = [word for fact in structural_facts() for word in (*nouns_of(fact), *fact.masses)]
    assert sorted(word for word in set(words) if words.count(word) > 1) == []


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("Clc1ccncc1", {"pyridine": 1, "chlorine atom": 1, "chloropyridine": 1}),
        ("ClCc1ccncc1", {"pyridine": 1, "chlorine atom": 1, "alkyl chloride": 1}),
        ("CC(=O)OC", {"ester": 1, "methyl ester": 1, "acetate": 1}),
        ("OCC(O)CO", {"alcohol": 3, "vicinal diol": 2}),
        ("C1CCNC1", {"pyrrolidine": 1, "secondary amine": 1}),
        ("FC(F)(F)c1ccccc1", {"fluorine atom": 3, "trifluoromethyl substituent": 1, "benzene": 1}),
    ],
)
def test_facts_of_small_molecules(smiles, expected):
    found = count(smiles)
    assert {name: found.get(name) for name in expected} == expected


def test_a_substituent_elsewhere_is_not_on_the_ring():
    assert "chloropyridine" not in count("ClCc1ccncc1")


@pytest.mark.parametrize("smiles", ["CC(=O)Nc1ccc(O)cc1", "OC1CCC(C(=O)O)N1", "Clc1cc2ccccc2[nH]1"])
def test_counts_are_the_same_for_every_spelling(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    spellings = {Chem.MolToSmiles(molecule, rootedAtAtom=atom) for atom in range(molecule.GetNumAtoms())}
    assert len({tuple(count_facts(Chem.MolFromSmiles(spelling))) for spelling in spellings}) == 1


def test_english():
    assert [make_plural(word) for word in ("amide", "ring nucleus", "amino moiety", "oxo group")] == [
        *("amides", "ring nuclei", "amino moieties", "oxo groups"),
    ]
    assert [add_article(word) for word in ("imine", "urea", "N-oxide", "uracil")] == [
        *("an imine", "a urea", "an N-oxide", "a uracil"),
    ]
