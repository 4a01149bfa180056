"""Cutting molecules: every fragment, in surroundings that are named as CReM looks them up."""

import pytest
from rdkit import Chem

pytest.importorskip("crem")

from crem.mol_context import get_std_context_core_permutations
from crem.scripts import cremdb_create

from modeling_finemoltex.editing.fragment_database import _standardize
from modeling_finemoltex.editing.fragment_mining import mine_fragments

MOLECULES = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "Cn1cnc2c1c(=O)[nH]c(=O)n2C",
    "C[NH+](C)CCc1c[nH]c2ccc(O)cc12",
    "CC1(C)SC2C(NC(=O)Cc3ccccc3)C(=O)N2C1C(=O)[O-]",
    "O=C(NC1CC1)C1CC(F)(F)C1",
    "CCOCCOCC",
    "N#CC(C#C)=CS(=O)(=O)N",
]


def cut_by_crem(smiles: str, radius: int, max_fragment: int) -> set[tuple[str, str]]:
    """Surroundings and fragments with one or two attachment points, by the tool itself."""
    molecule = Chem.MolFromSmiles(smiles)
    outlines, _ = cremdb_create._fragment_mol_acyclic(molecule, "", 0, None, max_fragment)
    rows = set()
    for core, context in outlines:
        if core.count("*") <= 2:
            surroundings, cores = get_std_context_core_permutations(context, core, radius, False)
            rows |= {(surroundings, cremdb_create._canonical_core(one)) for one in cores}
    return rows


@pytest.mark.parametrize("radius", (1, 2, 3))
@pytest.mark.parametrize("smiles", MOLECULES)
def test_fragments_and_surroundings_are_those_of_crem(smiles, radius):
    mined = mine_fragments([Chem.MolFromSmiles(smiles)], radius, 7)
    assert set(_standardize(mined, radius, 1, 1)) == cut_by_crem(smiles, radius, 7)


def test_the_order_of_atoms_and_other_components_change_nothing():
    def places(smiles):
        return mine_fragments([Chem.MolFromSmiles(smiles)], 2, 8).counts

    assert places("OCC1CC1c1ccccc1") == places("c1cccc(c1)C1C(CO)C1")
    alone, salt = places("NCCC1CC1"), places("NCCC1CC1.[Na+].[Cl-]")
    assert alone == salt
    assert set(places("NCCC1CC1.OCC1CC1")) == set(alone) | set(places("OCC1CC1"))


def test_counts_are_molecules():
    mined = mine_fragments(map(Chem.MolFromSmiles, ("Cc1ccc(C)cc1", "CCc1ccccc1", "Cc1ccccc1")), 2, 2)
    methyls = {place.surroundings: count for place, count in mined.counts.items() if place.fragment == "[*:1](C)"}
    assert 2 in methyls.values()  # para-xylene counts once
