"""Whole tables from files of every format, through one cache."""

import bz2
import json

import datasets
import pytest
from rdkit import Chem

from modeling_finemoltex.data import load_pairs, load_property_table, load_table
from modeling_finemoltex.data.tables import load_files


def sdf(*molecules):
    text = ""
    for smiles, properties in molecules:
        text += Chem.MolToMolBlock(Chem.MolFromSmiles(smiles))
        text += "".join(f"> <{name}>\n{value}\n\n" for name, value in properties.items()) + "$$$$\n"
    return text


def write(path, text):
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def test_tables_of_text_hold_strings(tmp_path):
    table = load_table(write(tmp_path / "a.csv", "id;Smiles;y\n007;NCC;1.0\n8;NO;\n"))
    assert table[:] == {"id": ["007", "8"], "Smiles": ["NCC", "NO"], "y": ["1.0", ""]}
    named = load_table(write(tmp_path / "b.csv", "drug|y\nNCC|1\n"), columns=["drug"])
    assert named[:] == {"drug": ["NCC"], "y": ["1"]}
    assert load_table(write(tmp_path / "c.tsv.bz2", bz2.compress(b"smiles\tsmiles\t\nNCC\tx\t1\n")))[0] == {
        "smiles": "NCC",
        "smiles.1": "x",
        "Unnamed: 2": "1",
    }


def test_properties_of_records_are_columns(tmp_path):
    path = write(tmp_path / "a.sdf", sdf(("NCC", {"pKa": "10.6"}), ("NO", {"note": "an oxime", "pKa": "6"})))
    table = load_table(path)
    assert table.column_names == ["smiles", "id", "pKa", "note"]
    assert table["smiles"][:] == ["CCN", "NO"] and table["note"][:] == [None, "an oxime"]
    found = load_property_table(path, ["pKa"], task_type="regression")
    assert found.labels.tolist() == [[10.6], [6.0]]


@pytest.mark.parametrize("streaming", [False, True])
def test_pairs_of_records_and_of_smi_files(tmp_path, streaming):
    path = write(tmp_path / "a.sdf", sdf(("NCC", {"about": "an amine"}), ("NO", {"about": "small"})))
    pairs = load_pairs(path, text_column="about", streaming=streaming)
    assert [(row["smiles"], row["text"], row["row"]) for row in pairs] == [("CCN", "an amine", 0), ("NO", "small", 1)]
    pairs = load_pairs(write(tmp_path / "a.smi", "NCC |^1:0| x7\n"), text_column="id", streaming=streaming)
    assert [(row["smiles"], row["text"]) for row in pairs] == [("CC[NH]", "x7")]


def test_broken_rows_stop_or_stay_empty(tmp_path, caplog):
    text = "smiles,y\nNCC,1\nNO,2,3\nNS,0\n" + 'NCl,"open\n'
    path = write(tmp_path / "a.csv", text)
    with pytest.raises(ValueError, match="a.csv cannot be read as csv: line 3: it has 3 cells, the header has 2"):
        load_table(path)
    table = load_table(path, on_broken="empty")
    assert table["smiles"][:] == ["NCC", None, "NS", None] and table["y"][:] == ["1", None, "0", None]
    assert "line 3: it has 3 cells" in caplog.text and "2 rows are broken" in caplog.text
    found = load_property_table(path, ["y"])
    assert found.smiles == ["NCC", "NS"] and list(found.unparseable) == [1, 3]
    with pytest.raises(ValueError, match="`on_broken` must be 'raise' or 'empty'"):
        load_table(path, on_broken="skip")
    broken = sdf(("NCC", {})) + "nothing\n\n\nno counts\nM  END\n$$$$\n"
    with pytest.raises(ValueError, match="b.sdf cannot be read as sdf: line 12: RDKit cannot read the SDF record"):
        load_table(write(tmp_path / "b.sdf", broken))


def test_the_cache_knows_the_contents(tmp_path):
    path = write(tmp_path / "a.csv", "smiles,y\nNCC,1\n")
    first, copy = load_table(path), load_table(write(tmp_path / "b.csv", "smiles,y\nNCC,1\n"))
    assert first.cache_files == copy.cache_files and first._fingerprint == copy._fingerprint
    write(tmp_path / "a.csv", "smiles,y\nNCC,2\n")
    assert load_table(path)["y"][:] == ["2"] and first["y"][:] == ["1"]
    assert not [file for file in tmp_path.iterdir() if "unfinished" in file.name]


def test_files_are_joined_by_the_names_of_their_columns(tmp_path):
    one, two = write(tmp_path / "1.csv", "smiles,y\nNCC,1\n"), write(tmp_path / "2.tsv", "y\tsmiles\n2\tNO\n")
    table = load_files([one, two], "train")
    assert table[:] == {"smiles": ["NCC", "NO"], "y": ["1", "2"]} and table.split == "train"
    assert load_files([one, two], "train[1:]")[:] == {"smiles": ["NO"], "y": ["2"]}
    assert len(load_files([one, two], "train[:50%]")) == 1
    with pytest.raises(ValueError, match=r"3.csv has other columns than .*1.csv: \['smiles'\] and \['smiles', 'y'\]"):
        load_files([one, write(tmp_path / "3.csv", "smiles\nNCC\n")])


def test_large_tables_keep_their_order(tmp_path):
    count = 10_000
    text = "".join(f'"{"C" * (1 + n % 9)}N",{n}\n' for n in range(count))
    table = load_table(write(tmp_path / "a.csv", "smiles,n\n" + text))
    assert table["n"][:] == list(map(str, range(count)))
    streamed = load_files([str(tmp_path / "a.csv")], streaming=True)
    assert isinstance(streamed, datasets.IterableDataset)
    assert [row["n"] for row in streamed.take(3)] == ["0", "1", "2"]


def test_texts_of_pubchem_may_be_lists_or_strings(tmp_path):
    (tmp_path / "CID2text.json").write_text(json.dumps({"1": "one text", "2": ["two", "three"], "3": "absent"}))
    (tmp_path / "molecules.sdf").write_text(
        sdf(("NCC", {"PUBCHEM_COMPOUND_CID": "1"}), ("NO", {"PUBCHEM_COMPOUND_CID": "2"}), ("NS", {}))
        + "broken\n\n\nno counts\nM  END\n> <PUBCHEM_COMPOUND_CID>\n4\n\n$$$$\n"
    )
    expected = [("CCN", "one text"), ("NO", "two"), ("NO", "three")]
    for table in (load_pairs(str(tmp_path)), load_table(str(tmp_path))):
        assert [(row["smiles"], row["text"]) for row in table] == expected
    (tmp_path / "CID2SMILES.csv").write_text("CID;SMILES\n1;CCS\n")
    assert load_pairs(str(tmp_path))["smiles"][:] == ["CCS"]
