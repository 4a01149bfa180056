import pytest
from rdkit.Chem import BRICS

from modeling_finemoltex.processors.atom_features_finemoltex import record_of
from modeling_finemoltex.processors.brics_finemoltex import BricsRules
from modeling_finemoltex.processors.smiles_finemoltex import try_parse

# Between them these have every environment of BRICS, and its exceptions.
MOLECULES = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CCN(CC)CCOc1ccc(C(C)(C)C)cc1",
    "CCCOCCC(=O)c1ccccc1",
    "CC=CC(C)=CCC",
    "O=C1NCCC1",
    "CC1(C)CCCCC1",
    "O=C1CCCN1c1ccccc1",
    "CCn1ccnc1Cc1ncccc1-c1ccsc1",
    "CSc1ccccc1SC1CCOC1",
    "CS(=O)(=O)NCc1ccc2[nH]ccc2c1",
    "CC1OCCN1C1CCCCC1-c1ccccn1",
    "O=C(NC1CC1)N1CCN(S(=O)(=O)c2ccccc2)CC1",
    "CC(C)NCC(O)COc1cccc2ccccc12",
    "CN(C)C(=N)NC(=N)N",
    "C[n+]1ccccc1CC(=O)NO",
    "CON(C)C(=O)CC=Cc1ccco1",
    "*CC(=O)OCC(F)(F)F",
    "C1CCC(CC1)C1CCCCC1",
    "NC(Cc1c[nH]c2ccccc12)C(=O)NC(CS)C(=O)OC",
    "O=S(=O)(c1ccccc1)C1CNC1",
]


@pytest.mark.parametrize("smiles", MOLECULES)
def test_bonds_are_those_of_rdkit(smiles):
    molecule = try_parse(smiles)
    record = record_of(molecule)
    rules = BricsRules(record)
    ends = zip(record.begins, record.ends, strict=True)
    found = {tuple(sorted(pair)) for bond, pair in enumerate(ends) if rules.cleaves(bond)}
    assert found == {tuple(sorted(pair)) for pair, _ in BRICS.FindBRICSBonds(molecule)}
