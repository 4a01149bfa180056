"""What is a molecule, and what is said of all else."""

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from modeling_finemoltex.processors.smiles_finemoltex import parse_molecule, spell_molecule, try_parse

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.mark.parametrize("text", ["  c1ccccc1", "c1ccccc1\t\r\n", "\u00a0c1ccccc1 ", np.str_("c1ccccc1")])
def test_blanks_around_are_fine(text):
    assert try_parse(text).GetNumAtoms() == 6 and spell_molecule(text) == "c1ccccc1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NCCO colamine", "'NCCO colamine' at index 4 is followed by 'colamine'"),
        ("NCCO |$;;;R2$|", r"is followed by '\|\$;;;R2\$\|'"),
        ("NCCO\tCCS", "is followed by 'CCS'"),
        ("NCCO\r\nCCS", "is followed by 'CCS'"),
        ("NCCO\u2003CCS", "is followed by 'CCS'"),
        ("NC\x00CO", r"holds the character U\+0000 \(a control character\) at position 2"),
        ("NCCO\u200b", r"U\+200B \(ZERO WIDTH SPACE\) at position 4"),
        ("\ufeffNCCO", r"U\+FEFF .* at position 0"),
        ("NCCO\u0394", r"U\+0394 \(GREEK CAPITAL LETTER DELTA\)"),
        ("NC\udcffO", r"U\+DCFF"),
    ],
)
def test_anything_else_beside_a_smiles_is_an_error_with_its_index(text, message):
    assert try_parse(text) is None
    with pytest.raises(ValueError, match=message):
        parse_molecule(text, index=4)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "must not be blank, got '' at index 2"),
        ("  ", "must not be blank"),
        (None, "must be a string, got NoneType None at index 2. InChI strings and RDKit molecules are taken too"),
        (b"CC", "must be a string, got bytes"),
        ("c1cccc1C", "cannot parse the SMILES 'c1cccc1C' at index 2: Can't kekulize"),
        ("InChI=1S/xyz", "cannot parse the InChI 'InChI=1S/xyz' at index 2"),
        ("[Th]" + "(N)" * 140, "at index 2: .*Correct it or leave it out"),
        (Chem.Mol(), "The RDKit molecule at index 2 has no atoms"),
    ],
)
def test_what_is_no_molecule(value, message, capfd):
    assert try_parse(value) is None
    with pytest.raises(ValueError, match=message):
        parse_molecule(value, 2)
    assert capfd.readouterr().err == ""


def test_inchi_and_rdkit_molecules_are_their_smiles():
    molecule = Chem.MolFromSmiles("C[C@@H](N)/C=C/F")
    expected = Chem.MolToSmiles(molecule)
    for other in (Chem.MolToInchi(molecule), molecule, Chem.AddHs(molecule)):
        assert Chem.MolToSmiles(try_parse(other)) == spell_molecule(other) == expected


def test_atoms_of_an_rdkit_molecule_keep_their_numbers():
    molecule = Chem.MolFromSmiles(ASPIRIN)
    order = list(reversed(range(molecule.GetNumAtoms())))
    shuffled = Chem.RenumberAtoms(molecule, order)
    parsed = parse_molecule(shuffled)
    assert [a.GetSymbol() for a in parsed.GetAtoms()] == [a.GetSymbol() for a in shuffled.GetAtoms()]
    assert Chem.MolToSmiles(parsed) == Chem.MolToSmiles(molecule)
    labelled = parse_molecule(Chem.MolFromSmiles("F[C@H](Cl)Br"))
    assert labelled.GetAtomWithIdx(1).GetProp("_CIPCode") in "RS"


def test_a_molecule_that_was_never_sanitised_is_read_anew():
    raw = Chem.MolFromSmiles("c1ccccc1O", sanitize=False)
    assert Chem.MolToSmiles(try_parse(raw)) == "Oc1ccccc1"
    embedded = Chem.AddHs(Chem.MolFromSmiles("CO"))
    AllChem.EmbedMolecule(embedded, randomSeed=1)
    assert try_parse(embedded).GetNumAtoms() == 2
