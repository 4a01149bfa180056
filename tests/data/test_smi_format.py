"""smi files as people write them."""

import re

import pytest
from rdkit import Chem

from modeling_finemoltex.data.molecule_files import MoleculeFile
from modeling_finemoltex.data.smi_format import molecule_of_cxsmiles
from modeling_finemoltex.data.table import warn_of_loss


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


def test_cxsmiles_become_smiles_or_molecules():
    grouped = molecule_of_cxsmiles("N[C@@H](C)O |o1:1|")
    assert Chem.MolToCXSmiles(grouped) == Chem.MolToCXSmiles(Chem.MolFromSmiles("N[C@@H](C)O |o1:1|"))
    assert molecule_of_cxsmiles("CCC |^1:0|") == "[CH2]CC"  # what it says of the molecule stays
    for broken in ("C(C |$;a$|", "CCC |nonsense"):
        with pytest.raises(ValueError, match="cannot parse the CXSMILES"):
            molecule_of_cxsmiles(broken)


def test_a_smiles_that_says_less_is_not_written_in_silence(tmp_path, caplog):
    file = tmp_path / "a.smi"
    for line, said in (("C[C@H](N)O a", False), ("C[C@H](N)O |&1:1| b", True)):
        warn_of_loss.cache_clear()
        file.write_text(f"{line}\n" * 2)
        assert list(MoleculeFile(file).smiles()) == ["C[C@H](N)O"] * 2
        assert caplog.text.count("A molecule has enhanced stereo") == said


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


@pytest.mark.parametrize("top", ["# made by hand\n", "#\n# NCC\n\n# CCO is left out\n"])
@pytest.mark.parametrize("header", ["", "SMILES name\n", "#smiles name\n"])
def test_lines_of_comment_above_the_first_molecule(tmp_path, top, header):
    rows = read(tmp_path / "a.smi", f"{top}{header}NCC x7\n#CC x8\n")
    assert [(row.value, row.id) for row in rows] == [("NCC", "x7"), ("#CC", "x8")]


@pytest.mark.parametrize("header", ["id smiles", "ID\tSMILES\tweight", "name,Canonical_Smiles", "zinc_id smi"])
def test_a_header_with_the_molecules_elsewhere_is_refused(tmp_path, header):
    mark = next(one for one in "\t, " if one in header)
    with pytest.raises(ValueError, match=re.escape(f"{header!r} names the molecules as column 2, and")):
        read(tmp_path / "a.smi", f"{header}\nx7{mark}NCC\n")
    rows = read(tmp_path / "a.txt", f"{header}\nx7{mark}NCC{mark if 'weight' in header else ''}\n")
    assert [row.value for row in rows] == ["NCC"]
    assert [row.value for row in read(tmp_path / "b.smi", f"CCO{mark}smiles\nNCC\n")] == ["CCO", "NCC"]
