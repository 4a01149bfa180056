"""smi files as people write them."""

import pytest
from rdkit import Chem

from modeling_finemoltex.data.molecule_files import MoleculeFile
from modeling_finemoltex.data.smi_format import smiles_of_cxsmiles


def read(path, text):
    path.write_text(text, encoding="utf-8")
    return list(MoleculeFile(path))


@pytest.mark.parametrize(
    "line, value, name",
    [
        ("NCC", "NCC", None),
        ("  NCC  ", "NCC", None),
        ("NCC x7 45.1 note", "NCC", "x7"),
        ("NCC\tethyl amine\t45.1", "NCC", "ethyl amine"),
        ("NCC \t ethyl amine \t45.1", "NCC", "ethyl amine"),
        ("NCC\t\t45.1", "NCC", None),
        ("NCC,x7,45.1", "NCC", "x7"),
        ("NCC, ethyl amine", "NCC", "ethyl amine"),
        ("NCC;x7", "NCC", "x7"),
        ("N[C@@H](C)O |o1:1| x7", "N[C@@H](C)O |o1:1|", "x7"),
        ("N[C@@H](C)O |o1:1|", "N[C@@H](C)O |o1:1|", None),
        ("N[C@@H](C)O |o1:1|\tethyl amine\t1", "N[C@@H](C)O |o1:1|", "ethyl amine"),
        ("N[C@@H](C)O\t|o1:1|\tethyl amine", "N[C@@H](C)O |o1:1|", "ethyl amine"),
        ("*CC |$R group;;$| x7", "*CC |$R group;;$|", "x7"),
    ],
)
def test_lines(tmp_path, line, value, name):
    for text in (line, f"NO first\n\n{line}\nNO last\n"):
        (row,) = [row for row in read(tmp_path / "a.smi", text) if not row.value.startswith("NO")]
        assert (row.value, row.id, row.problem) == (value, name, None)


@pytest.mark.parametrize(
    "header", ["smiles name", "SMILES\tID\tweight", "#SMILES id", '"Canonical_Smiles",id', "smi;id"]
)
def test_a_header_is_no_molecule(tmp_path, header):
    rows = read(tmp_path / "a.cxsmiles", f"\n{header}\nNCC\tx7\n")
    assert [(row.value, row.id, row.line) for row in rows] == [("NCC", "x7", 3)]


def test_lines_without_a_smiles_are_broken(tmp_path):
    rows = read(tmp_path / "a.smi", "NCC a\n,b\nNO c\n")
    assert [row.problem for row in rows] == [None, "it does not begin with a SMILES", None]
    rows = list(MoleculeFile(tmp_path / "a.smi", keep_cells=True))
    assert [row.cells for row in rows] == [("NCC", "a"), (",b", None), ("NO", "c")]


def test_cxsmiles_become_smiles():
    assert smiles_of_cxsmiles("N[C@@H](C)O |o1:1|") == Chem.CanonSmiles("N[C@@H](C)O")
    assert smiles_of_cxsmiles("CCC |^1:0|") == "[CH2]CC"  # what it says of the molecule stays
    for broken in ("C(C |$;a$|", "CCC |nonsense"):
        with pytest.raises(ValueError, match="cannot parse the CXSMILES"):
            smiles_of_cxsmiles(broken)


def test_headers_inchi_and_quotation_marks(tmp_path):
    path = tmp_path / "a.smi"
    path.write_text(
        '#isomeric_smiles_string\tkey\n"NCC","amine, small"\n'
        "InChI=1S/C2H4O2/c1-2(3)4/h1H3,(H,3,4) acetic acid\nNO\tb c\td\n"
    )
    assert [(row.value, row.id) for row in MoleculeFile(path)] == [
        ("NCC", "amine, small"),
        ("InChI=1S/C2H4O2/c1-2(3)4/h1H3,(H,3,4)", "acetic"),
        ("NO", "b c"),
    ]
