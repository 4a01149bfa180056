"""Alerts are those of RDKit's catalogue, found faster."""

import pytest
from rdkit import Chem
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

from modeling_finemoltex.editing import find_alerts
from modeling_finemoltex.editing.structural_alerts import ALERT_SETS, _name, find_new_alert

TROUBLE = """
O=[N+]([O-])c1ccccc1 CC(=O)Oc1ccccc1C(=O)O O=Cc1ccccc1O CCCCCCCC O=C1C=CC(=O)C=C1 CC(=O)C(C)=O N#CC(=Cc1ccccc1)C#N
O=C1NC(=S)SC1=Cc1ccccc1 CN(C)c1ccc(N=Nc2ccccc2)cc1 Oc1ccccc1O C[N+](C)(C)C CCI ClCCCl c1ccc2c(c1)ccc1ccccc12
CN1C=NC2=C1C(=O)N(C(=O)N2C)C COc1ccc(C=CC(=O)c2ccccc2)cc1 CSSC OB(O)c1ccccc1 C[Si](C)(C)C NNc1ccccc1 C1CC1
O=C1c2ccccc2C(=O)c2ccccc21 CC(C)(C)c1cc(C=C2SC(=S)N(C)C2=O)cc(C(C)(C)C)c1O [Fe+2] C
""".split()


@pytest.mark.parametrize("smiles", TROUBLE)
def test_alerts_are_those_of_the_whole_catalogue(smiles):
    molecule, settings = Chem.MolFromSmiles(smiles), FilterCatalogParams()
    for name in ALERT_SETS:
        settings.AddCatalog(getattr(FilterCatalogParams.FilterCatalogs, name))
    expected = {_name(entry) for entry in FilterCatalog(settings).GetMatches(molecule)}
    assert set(find_alerts(molecule)) == expected


def test_an_alert_is_new_by_its_name():
    aldehyde = Chem.MolFromSmiles("O=Cc1ccccc1")
    known = frozenset(find_alerts(aldehyde))
    assert {"BRENK aldehyde", "NIH aldehyde"} <= known
    assert find_new_alert(Chem.MolFromSmiles("O=Cc1ccc(C=O)cc1"), known) is None
    assert find_new_alert(Chem.MolFromSmiles("O=Cc1ccc([N+](=O)[O-])cc1"), known) == "BRENK nitro group"
