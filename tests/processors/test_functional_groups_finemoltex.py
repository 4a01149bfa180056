import pytest
from rdkit import Chem

from modeling_finemoltex.processors import functional_groups_finemoltex as groups
from modeling_finemoltex.processors.atom_features_finemoltex import record_of
from modeling_finemoltex.processors.functional_groups_finemoltex import (
    FUNCTIONAL_GROUPS,
    assign_groups,
    list_chain_bonds,
    match_groups,
)
from modeling_finemoltex.processors.smiles_finemoltex import try_parse

EXAMPLES = {
    "phosphate": "CCOP(=O)(O)O",
    "sulfonamide": "CS(=O)(=O)NC",
    "sulfone": "CS(=O)(=O)C",
    "urea": "CNC(=O)NC",
    "carbamate": "CNC(=O)OC",
    "carboxyl": "CC(=O)O",
    "amide": "CC(=O)NC",
    "carbonyl": "CC(C)=O",
    "guanidine": "CNC(=N)N",
    "nitro": "C[N+](=O)[O-]",
    "nitrile": "CC#N",
    "azide": "CN=[N+]=[N-]",
    "trihalomethyl": "CC(F)(F)F",
    "halomethyl": "CCCl",
}


def test_names_are_unique_and_patterns_valid():
    assert len({group.name for group in FUNCTIONAL_GROUPS}) == len(FUNCTIONAL_GROUPS)
    assert all(group.pattern is not None for group in FUNCTIONAL_GROUPS)


@pytest.mark.parametrize(("name", "smiles"), EXAMPLES.items())
def test_the_first_match_has_the_expected_name(name, smiles):
    molecule = try_parse(smiles)
    assert next(group.name for group in FUNCTIONAL_GROUPS if molecule.HasSubstructMatch(group.pattern)) == name


HIDDEN = [
    "NS(=O)(=O)OCC(=O)OC(=O)C",
    "CC(=NO)SSC",
    "OB(O)CC=C",
    "C[Si](C)(C)C#CC",
    "C1CC1CC(F)(Cl)Br",
    "CC(I)c1ccccc1F",
]


@pytest.mark.parametrize("smiles", [*EXAMPLES.values(), *HIDDEN])
def test_the_prefilter_never_hides_a_chain_group(smiles):
    molecule = try_parse(smiles)
    record = record_of(molecule)
    bonds = list_chain_bonds(record)
    for group in FUNCTIONAL_GROUPS:
        matches = molecule.GetSubstructMatches(group.pattern)
        in_chain = any(not any(record.in_ring[atom] for atom in match) for match in matches)
        assert not in_chain or group.bonds <= bonds


def test_bonds_at_rings_are_left_out_and_halogens_count_as_one():
    assert list_chain_bonds(record_of(try_parse("C1CC1OF"))) == {(0, 8, 1, 1)}
    assert list_chain_bonds(record_of(try_parse("ClC(F)=C"))) == {(0, 6, 1, 1), (0, 6, 1, 2), (6, 6, 2, 1)}


def as_sets(group):
    return {frozenset(atom for atom, one in enumerate(group) if one == number) for number in set(group) - {0}}


@pytest.mark.parametrize(
    "smiles", [*EXAMPLES.values(), *HIDDEN, ".".join([*EXAMPLES.values(), *HIDDEN]), "CCO", "[H]OC=O"]
)
def test_groups_of_a_cluster_that_is_remembered_are_those_of_matching(smiles, monkeypatch):
    monkeypatch.setattr(groups, "_clusters", {})
    molecule = try_parse(smiles)
    record, ranks = record_of(molecule), list(Chem.CanonicalRankAtoms(molecule))
    matched = as_sets(match_groups(molecule, record, ranks))
    assert as_sets(assign_groups(molecule, record, ranks)) == matched
    assert as_sets(assign_groups(molecule, record, ranks)) == matched  # now remembered


def test_clusters_that_are_remembered_are_bounded(monkeypatch):
    monkeypatch.setattr(groups, "_clusters", {})
    monkeypatch.setattr(groups, "_MOST_CLUSTERS", 4)
    for smiles in (*EXAMPLES.values(), *HIDDEN):
        molecule = try_parse(smiles)
        record, ranks = record_of(molecule), list(Chem.CanonicalRankAtoms(molecule))
        assert as_sets(assign_groups(molecule, record, ranks)) == as_sets(match_groups(molecule, record, ranks))
        assert len(groups._clusters) <= 4
