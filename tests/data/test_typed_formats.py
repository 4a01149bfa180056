"""Parquet, JSON and Excel: cells with types, ids as a person writes them."""

import decimal
import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modeling_finemoltex.data import load_table
from modeling_finemoltex.data.molecule_files import MoleculeFile, Row


def lines(path, *objects):
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in objects))
    return path


@pytest.mark.parametrize(
    "ids, expected",
    [
        ([41, 42], ["41", "42"]),
        ([41.0, None], ["41", None]),
        ([41.5, float("nan")], ["41.5", None]),
        ([decimal.Decimal("41.00"), decimal.Decimal("42.50")], ["41", "42.5"]),
        ([b"x41", b"x42"], ["x41", "x42"]),
        ([True, False], ["True", "False"]),
    ],
)
def test_parquet_ids_of_any_type(tmp_path, ids, expected):
    pq.write_table(pa.table({"key": ids, "smiles": ["NCC", "NO"], "unused": [1, 2]}), tmp_path / "a.parquet")
    file = MoleculeFile(tmp_path / "a.parquet", id_column="key")
    assert list(file) == [Row("NCC", expected[0]), Row("NO", expected[1])] and file.fraction_read == 1.0
    kept = list(MoleculeFile(tmp_path / "a.parquet", keep_cells=True))
    assert [row.cells[1:] for row in kept] == [("NCC", 1), ("NO", 2)]


def test_json_lines(tmp_path):
    path = lines(
        tmp_path / "a.jsonl",
        {"SMILES": "NCC", "key": 41.0},
        "",
        {"key": 42, "SMILES": "NO", "more": [1]},
        "{broken",
        "[1, 2]",
        {"key": "x"},
        {"SMILES": 5, "key": 43},
    )
    rows = list(MoleculeFile(path, id_column="key"))
    assert [(row.value, row.id, row.line) for row in rows[:2]] == [("NCC", "41", 1), ("NO", "42", 3)]
    assert [row.line for row in rows] == [1, 3, 4, 5, 6, 7]
    assert rows[2].problem.startswith("it is not valid JSON") and rows[2].value == "{broken"
    assert rows[3].problem == "it is no JSON object but list"
    assert rows[4] == Row(None, "x", 6)
    assert rows[5].problem == "column 'SMILES' must hold strings, not int"
    assert [row.cells for row in MoleculeFile(path, keep_cells=True)][:2] == [("NCC", 41.0), ("NO", 42)]


def test_a_json_array(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"smiles": "NCC"}, {"smiles": "NO"}, 3], indent=1))
    assert [(row.value, row.problem) for row in MoleculeFile(path)] == [
        ("NCC", None),
        ("NO", None),
        ("3", "it is no JSON object but int"),
    ]
    path.write_text("[{")
    with pytest.raises(ValueError, match="a.json cannot be read as json: it is neither one JSON object a line nor"):
        MoleculeFile(path)


def test_a_json_array_is_read_piece_by_piece(tmp_path):
    """Entries that end anywhere relative to the blocks, in one line, after a byte-order mark."""
    names = [f"name {'x' * (7 * number % 501)} \u00e9" for number in range(900)]
    text = json.dumps([{"smiles": "NCC", "key": name} for name in names] + [{"smiles": "NO", "key": "y" * 200_000}])
    path = tmp_path / "a.json"
    path.write_text(f" {text}", encoding="utf-8-sig")
    rows = list(MoleculeFile(path, id_column="key"))
    assert [row.id for row in rows] == [*names, "y" * 200_000] and not any(row.problem for row in rows)
    path.write_text(text[:-1])
    with pytest.raises(ValueError, match=r"entry 901, from 0, is not valid, does not end"):
        list(MoleculeFile(path))


def test_a_file_without_any_object_says_why(tmp_path):
    (tmp_path / "a.jsonl").write_text("smiles,name\nNCC,x\n")
    with pytest.raises(ValueError, match=r"none of its first 2 entries is a JSON object \(it is not valid JSON"):
        MoleculeFile(tmp_path / "a.jsonl")


def test_json_that_cannot_be_written_down(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"smiles": "NCC", "key": "\\ud800"}\n{"smiles": ' + "9" * 5000 + '}\n{"smiles": "CO"}\n')
    problems = [row.problem for row in MoleculeFile(path)]
    assert "half a surrogate pair" in problems[0] and "not valid JSON" in problems[1] and problems[2] is None


def test_the_table_of_json_has_the_columns_of_all_objects(tmp_path):
    path = lines(tmp_path / "a.jsonl", {"smiles": "NCC", "y": 1}, {"smiles": "NO", "note": "x", "y": 0.5})
    table = load_table(str(path))
    assert table.column_names == ["smiles", "y", "note"]
    assert table[:] == {"smiles": ["NCC", "NO"], "y": [1.0, 0.5], "note": [None, "x"]}
    with pytest.raises(ValueError, match="column 'y' holds values of several types"):
        load_table(str(lines(tmp_path / "b.jsonl", {"smiles": "NCC", "y": 1}, {"smiles": "NO", "y": "high"})))


def test_excel(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    workbook = openpyxl.Workbook()
    for cells in ([None, None], ["CID", "Smiles", None], [702, "NCC", True], [None, None], [703.0, "NO", "x"], [704]):
        workbook.active.append(cells)
    workbook.save(tmp_path / "a.xlsx")
    rows = list(MoleculeFile(tmp_path / "a.xlsx", id_column="CID"))
    assert rows == [Row("NCC", "702", 3), Row("NO", "703", 5), Row("", "704", 6)]
    assert load_table(str(tmp_path / "a.xlsx"))[0] == {"CID": "702", "Smiles": "NCC", "Unnamed: 2": "True"}
    (tmp_path / "b.xlsx").write_text("no workbook")
    with pytest.raises(ValueError, match="b.xlsx cannot be read as xlsx: it is no Excel workbook"):
        MoleculeFile(tmp_path / "b.xlsx")


def test_excel_without_its_package_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(ImportError, match="pip install openpyxl"):
        MoleculeFile(tmp_path / "a.xlsx")
