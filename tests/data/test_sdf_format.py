"""Records are cut as RDKit's own supplier cuts them; files that it cannot read are read where they can be."""

import io

import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from modeling_finemoltex.data import sdf_format
from modeling_finemoltex.data.molecule_files import MoleculeFile
from modeling_finemoltex.data.sdf_format import molecule_of_record


def block(smiles, name="", v3000=False):
    molecule = Chem.MolFromSmiles(smiles)
    AllChem.Compute2DCoords(molecule)
    molecule.SetProp("_Name", name)
    return Chem.MolToMolBlock(molecule, forceV3000=v3000)


FILES = {
    "plain": block("NCC", "a") + "$$$$\n" + block("NCS", "b") + "$$$$\n",
    "bracket in a name": block("NCC") + "> <Ki <uM>> (7)\n5.5\n\n$$$$\n" + block("NCS") + "$$$$\n",
    "separator in a value": block("NCC") + "> <cost>\n$$$$ or more\n\n$$$$\n" + block("NCS") + "$$$$\n",
    "separator as a value": block("NCC") + "> <cost>\n$$$$\n\n> <n>\n1\n\n$$$$\n" + block("NCS") + "$$$$\n",
    "separator at the end": block("NCC") + "$$$$\n" + block("NCS") + "> <cost>\n$$$$\n\n$$$$\n",
    "several lines": block("NCC") + ">  <note>  (x)\none\n \ntwo\n\n> 3 <n> \n1\n\n$$$$\n" + block("NCS") + "$$$$\n",
    "empty value": block("NCC") + "> <a>\n\n> <b>\n2\n\n$$$$\n" + block("NCS") + "$$$$\n",
    "name with a sign": block("NCC") + "> <a>b>\n> 5\n\n$$$$\n" + block("NCS") + "$$$$\n",
    "V3000": block("NCC", v3000=True) + "> <a>\n1\n\n$$$$\n" + block("NCS", v3000=True) + "$$$$\n",
    "text after the separator": block("NCC") + "$$$$ end\n" + block("NCS") + "$$$$\n\n",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_records_and_properties_are_those_of_the_supplier(tmp_path, name, end):
    content = FILES[name].replace("\n", end).encode()
    supplier = [one for one in Chem.ForwardSDMolSupplier(io.BytesIO(content)) if one is not None]
    path = tmp_path / "a.sdf"
    path.write_bytes(content)
    file = MoleculeFile(path)
    rows = list(file)
    assert [file.to_smiles(row.value) for row in rows] == list(map(Chem.MolToSmiles, supplier)) and len(rows) == 2
    assert [row.id or "" for row in rows] == [one.GetProp("_Name") for one in supplier]
    for key in {key for one in supplier for key in one.GetPropNames()}:
        values = [row.value for row in MoleculeFile(path, text_column=key)]
        assert values == [one.GetProp(key) if one.HasProp(key) else None for one in supplier], key


def test_a_missing_blank_line_costs_no_record(tmp_path):
    """RDKit takes the next molecule for a part of the value."""
    for title in ("", "b"):
        text = block("NCC", "a") + "> <n>\n5\n$$$$\n" + block("NCS", title) + "> <n>\n6\n$$$$\n" + block("NO")
        (tmp_path / "a.sdf").write_text(text)
        file = MoleculeFile(tmp_path / "a.sdf", text_column="n")
        assert [row.value for row in file] == ["5", "6", None]
        assert [row.problem for row in file] == [None, None, "the record has no property 'n'"]
    long = block("NCC", "a") + "> <n>\n$$$$ x\n" + "more\n" * 2000 + "\n$$$$\n"
    (tmp_path / "a.sdf").write_text(long)
    assert len(list(MoleculeFile(tmp_path / "a.sdf"))) >= 1


@pytest.mark.parametrize("suffix", [".sdf", ".sd", ".mol", ".SDF"])
def test_suffixes_and_a_last_record_without_end(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text(block("NCC", "x7"))
    file = MoleculeFile(path)
    assert [(file.to_smiles(row.value), row.id, row.line) for row in file] == [("CCN", "x7", 1)]
    assert file.show(next(iter(file)).value) == "x7"


def test_ids_may_be_a_property_of_any_name(tmp_path):
    path = tmp_path / "a.sdf"
    path.write_text(block("NCC", "title") + "> <id>\n7\n\n> <Ki <uM>>\nx\n\n$$$$\n" + block("NCS", "other") + "$$$$\n")
    assert [row.id for row in MoleculeFile(path)] == ["title", "other"]
    assert [row.id for row in MoleculeFile(path, id_column="id")] == ["7", None]
    assert [row.id for row in MoleculeFile(path, id_column="Ki <uM>")] == ["x", None]


def test_bytes_of_another_encoding_harm_the_molecule_alone(tmp_path):
    good = block("NCC", "caf\u00e9").encode("latin-1") + b"> <note>\nna\xefve\n\n$$$$\n"
    (tmp_path / "a.sdf").write_bytes(good + block("NCS").encode().replace(b" S ", b" S\xff") + b"$$$$\n")
    rows = list(MoleculeFile(tmp_path / "a.sdf"))
    assert [row.problem for row in rows] == [None, "it is not valid UTF-8"] and rows[0].id == "caf\\xe9"


def test_hydrogens_of_ligands_stay(tmp_path):
    smiles = "[NH3]->[Co+3](<-[NH3])(<-[NH3])<-[NH2]CC"
    (tmp_path / "a.sdf").write_text(block(smiles) + "$$$$\n")
    file = MoleculeFile(tmp_path / "a.sdf")
    found = Chem.MolFromSmiles(file.to_smiles(next(iter(file)).value))
    assert sorted(atom.GetTotalNumHs() for atom in found.GetAtoms() if atom.GetSymbol() == "N") == [2, 3, 3, 3]


def test_broken_records_are_rows_and_do_not_hide_their_neighbours(tmp_path):
    text = block("NCC") + "$$$$\n" + "broken\n\n\n no counts\nM  END\n$$$$\n$$$$\n" + block("NCS") + "$$$$\n"
    (tmp_path / "a.sdf").write_text(text)
    file = MoleculeFile(tmp_path / "a.sdf")
    assert list(file.smiles()) == ["CCN", "NCS"]
    assert [row.value.partition("\n")[0] for row in file][1] == "broken"


def test_a_record_that_is_too_long_is_one_rejected_row(tmp_path, monkeypatch):
    monkeypatch.setattr(sdf_format, "MAX_RECORD_CHARACTERS", 10_000)
    long = "a title\n" + "no separator\n" * 20_000
    (tmp_path / "a.sdf").write_text(f"{block('NCC')}$$$$\n{long}$$$$\n{block('NO')}$$$$\n{long}")
    rows = list(MoleculeFile(tmp_path / "a.sdf"))
    assert [row.problem is None for row in rows] == [True, False, True, False]
    assert rows[1].value == "a title" and "longer than" in rows[1].problem
    first = block("NCC").count("\n") + 2
    assert [row.line for row in rows[:3]] == [1, first, first + 20_002]
    assert molecule_of_record(rows[2].value) == "NO"


def test_records_that_are_no_molecule():
    with pytest.raises(ValueError, match="not a valid mol block"):
        molecule_of_record("title\n\n\nnonsense")
