"""Stereo of untouched atoms is kept: changes are found wherever they are, and nothing else is taken for one."""

import pytest
from rdkit import Chem

from modeling_finemoltex.editing.kept_stereo import CENTRES, CIS, TRANS, KeptStereo

RICH = (
    "O=C(NC[C@H]1CCCO1)c1ccccc1N1CCCC1=O",
    "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O",
    "C[C@]12CC[C@@H]3c4ccc(O)cc4CC[C@H]3[C@@H]1CC[C@@H]2O",
    "N[C@@H](C)C(=O)N[C@@H](CO)C(=O)O",
    "C/C=C/[C@H](N)C(=O)O",
    "C/C(=N\\O)c1ccc(/C=C/C(=O)O)cc1",
)


def change(before: str, after: str) -> str | None:
    return KeptStereo(Chem.MolFromSmiles(before)).find_change(Chem.MolFromSmiles(after))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("C[C@H](N)CCO", "C[C@H](N)CCS", None),
        ("C[C@H](N)CCO", "C[C@@H](N)CCS", "inverts the stereocentre C1"),
        ("C[C@H](N)CCO", "CC(N)CCS", "loses the stereocentre C1"),
        ("C[C@H](N)CCO", "C[C@](N)(F)CCO", None),  # a hydrogen of the centre was exchanged
        ("C[C@H](N)CCO", "CC(C)CCO", None),  # none any more
        ("C[C@H](N)CCO", "CCCO", None),  # gone
        ("CC(N)CCO", "C[C@H](N)CCS", None),  # nothing was said about it
        ("C/C=C/CO", "C/C=C/CS", None),
        ("C/C=C/CO", "C/C=C\\CS", "turns the double bond C1=C2"),
        ("C/C=C/CO", "CC=CCS", "loses the geometry of the double bond C1=C2"),
        ("C/C=C/CO", "CCCCO", None),
        ("C/C=C/CO", "C=CCO", None),
        ("O=C(NC[C@H]1CCCO1)c1ccccc1", "Fc1ccccc1C(=O)NC[C@H]1CCCO1", None),
        ("O=C(NC[C@H]1CCCO1)c1ccccc1", "Fc1ccccc1C(=O)NC[C@@H]1CCCO1", "inverts the stereocentre C4"),
        ("N[C@@H](C)C(=O)N[C@@H](C)C(=O)O", "N[C@@H](C)C(=O)NC(C)C(N)=O", "loses the stereocentre C6"),
        ("N[C@@H](C)C(=O)N[C@@H](C)C(=O)O", "N[C@@H](C)C(=O)O", None),  # the other one was cut away
        ("C[C@H]1CC[C@H](O)CC1", "C[C@H]1CC[C@H](N)CC1", None),
    ],
)
def test_changes_of_untouched_atoms_are_found(before, after, expected):
    assert change(before, after) == expected


@pytest.mark.parametrize("smiles", RICH)
def test_another_order_of_the_atoms_is_no_change(smiles):
    source = Chem.MolFromSmiles(smiles)
    kept = KeptStereo(source)
    for seed in range(20):
        (written,) = Chem.MolToRandomSmilesVect(source, 1, seed)
        assert kept.find_change(Chem.MolFromSmiles(written)) is None


@pytest.mark.parametrize("smiles", RICH)
def test_every_inverted_lost_or_turned_element_is_found(smiles):
    source = Chem.MolFromSmiles(smiles)
    kept, changed = KeptStereo(source), []
    for atom in source.GetAtoms():
        if atom.GetChiralTag() in CENTRES:
            for tag in (Chem.ChiralType.CHI_UNSPECIFIED, *(tag for tag in CENTRES if tag != atom.GetChiralTag())):
                other = Chem.RWMol(source)
                other.GetAtomWithIdx(atom.GetIdx()).SetChiralTag(tag)
                changed.append(other)
    for bond in source.GetBonds():
        if bond.GetStereo() in (*CIS, *TRANS):
            for stereo in (Chem.BondStereo.STEREONONE, TRANS[0] if bond.GetStereo() in CIS else CIS[0]):
                other = Chem.RWMol(source)
                other.GetBondWithIdx(bond.GetIdx()).SetStereo(stereo)
                changed.append(other)
    assert changed
    for other in changed:
        written = Chem.MolFromSmiles(Chem.MolToSmiles(other))
        assert kept.find_change(written) is not None, Chem.MolToSmiles(written)
