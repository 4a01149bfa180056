"""The vocabulary of structure queries: every pattern means something, and counts do not depend on the spelling."""

import pytest
from rdkit import Chem

from modeling_finemoltex.data.structural_facts import (
    add_article,
    count_facts,
    make_plural,
    nouns_of,
    structural_facts,
)


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
