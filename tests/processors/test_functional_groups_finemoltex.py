import pytest

from modeling_finemoltex.processors.atom_features_finemoltex import record_of
from modeling_finemoltex.processors.functional_groups_finemoltex import FUNCTIONAL_GROUPS, chain_bond_kinds
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


def test_the_prefilter_never_hides_a_chain_group():
    for smiles in [*EXAMPLES.values(), "NS(=O)(=O)OCC(=O)OC(=O)C", "CC(=NO)SSC", "OB(O)CC=C", "C[Si](C)(C)C#CC"]:
        molecule = try_parse(smiles)
        kinds = chain_bond_kinds(record_of(molecule))
        for group in FUNCTIONAL_GROUPS:
            assert not molecule.HasSubstructMatch(group.pattern) or group.bonds <= kinds


def test_kinds_leave_ring_bonds_out():
    assert chain_bond_kinds(record_of(try_parse("C1CO1"))) == set()
    assert chain_bond_kinds(record_of(try_parse("OC=C"))) == {(6, 8, 1), (6, 6, 2)}
