"""Tables with labels: what is read, what is missing, and errors that name row and column."""

import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modeling_finemoltex.data import MOLECULENET, InexactLabels, load_property_table

NAN = np.nan


@pytest.fixture
def write(tmp_path):
    def call(text, name="table.csv"):
        file = tmp_path / name
        file.write_text(text)
        return str(file)

    return call


def test_labels_missing_labels_and_bad_rows(write, caplog):
    path = write("id,smiles,a,b\nx,CCO,1,\ny,C(C,0,1\nz,CC,nan,0.0\nw,C,0,1\n")
    table = load_property_table(path, ["b", "a"])
    np.testing.assert_array_equal(table.labels, [[NAN, 1], [0, NAN], [1, 0]])
    assert table.tasks == table.label_names == ["b", "a"] and table.problem_type == "multi_label_classification"
    assert table.smiles == ["CCO", "CC", "C"] and table.row_numbers.tolist() == [0, 2, 3]
    assert table.unparseable == {1: "C(C"}
    assert "left out 1 of 4 rows that are no molecules (row 1: RDKit cannot parse the SMILES 'C(C'" in caplog.text
    assert table.rows["id"][:] == ["x", "y", "z", "w"]
    part = table.select(np.array([2, 0]))
    assert part.smiles == ["C", "CCO"] and part.row_numbers.tolist() == [3, 0]


def test_named_classes(write):
    path = write("smiles,kind\nC,yes\nCC,no\nCCC,\nCCCC,maybe\n")
    table = load_property_table(path, ["kind"], task_type="multiclass")
    assert table.classes == table.label_names == ["maybe", "no", "yes"]
    np.testing.assert_array_equal(table.labels, [[2], [1], [NAN], [0]])


def test_numbers_and_parquet(tmp_path):
    file = tmp_path / "table.parquet"
    pd.DataFrame({"SMILES": ["C", "CC"], "y": [1.5, None], "z": [3, 4]}).to_parquet(file)
    table = load_property_table(str(file), ["y", "z"], task_type="regression")
    np.testing.assert_array_equal(table.labels, [[1.5, 3], [NAN, 4]])


def test_a_label_that_is_none_names_row_and_column(write):
    path = write("smiles,p\nC,1\nCC,0\nCCC,maybe\n")
    with pytest.raises(
        ValueError, match=r"row 2, column 'p': 'maybe' is no label. Write 0 or 1.*task type multiclass"
    ):
        load_property_table(path, ["p"])
    with pytest.raises(ValueError, match=r"row 2, column 'p': 'maybe' is no label. Write a number"):
        load_property_table(path, ["p"], task_type="regression")
    with pytest.raises(ValueError, match=r"row 0, column 'p': '2' is no label"):
        load_property_table(write("smiles,p\nC,2\n"), ["p"])
    with pytest.raises(ValueError, match=r"row 1, column 'p': 'inf' is no label"):
        load_property_table(write("smiles,p\nC,2\nC,inf\n"), ["p"], task_type="regression")


def test_wrong_columns(write):
    path = write("smiles,p,empty\nC,1,\nCC,0,\n")
    with pytest.raises(ValueError, match=r"has no column 'q'; it has \['smiles', 'p', 'empty'\]"):
        load_property_table(path, ["q"])
    with pytest.raises(ValueError, match="Name the columns of the labels"):
        load_property_table(path)
    with pytest.raises(ValueError, match="column 'empty' holds no label at all"):
        load_property_table(path, ["p", "empty"])
    with pytest.raises(ValueError, match="Name one column of the labels"):
        load_property_table(path, ["p", "empty"], task_type="multiclass")
    with pytest.raises(ValueError, match="no column 'molecule'"):
        load_property_table(path, ["p"], smiles_column="molecule")
    with pytest.raises(ValueError, match="has 1 classes"):
        load_property_table(write("smiles,p\nC,a\nCC,a\n"), ["p"], task_type="multiclass")
    with pytest.raises(
        ValueError,
        match=r"all 2 rows were rejected \(row 0: .*x1.*Is it the right column",
    ):
        load_property_table(write("smiles,p\nx1,1\nx2,0\n"), ["p"])
    with pytest.raises(ValueError, match="`task_type` must be one of"):
        load_property_table(path, ["p"], task_type="ranking")


@pytest.mark.parametrize(
    "header, labels",
    [
        ("mol,CID,Class,Model", "Class"),
        ("smiles,activity,HIV_active", "HIV_active"),
        ("num,name,p_np,SMILES", "p_np"),
        ("id,smiles,Label", "Label"),
        ("SMILES,blood", "blood"),
        ("Name,SMILES,blood,split", "blood"),
    ],
)
def test_columns_are_guessed_where_one_can_be_meant(write, header, labels, caplog):
    caplog.set_level("INFO")
    names = header.split(",")
    smiles = next(name for name in names if name.lower() in ("smiles", "mol"))
    rows = [{**dict.fromkeys(names, "x"), smiles: "C" * size, labels: str(size % 2)} for size in (1, 2)]
    path = write("\n".join([header, *(",".join(row[name] for name in names) for row in rows)]))
    table = load_property_table(path)
    assert table.tasks == [labels] and table.smiles == ["C", "CC"] and table.labels.tolist() == [[1], [0]]
    guess = f"guessed the column '{smiles}' for the molecules (`smiles_column`) and '{labels}' for the labels"
    assert guess in caplog.text
    caplog.clear()
    load_property_table(path, [labels], smiles_column=smiles)
    assert "guessed" not in caplog.text


def test_columns_of_which_several_can_be_meant_are_an_error(write):
    with pytest.raises(ValueError, match=r"any of \['p_np', 'Class'\] may hold the labels. Name them with `label_col"):
        load_property_table(write("smiles,p_np,Class\nC,1,0\n"))
    with pytest.raises(ValueError, match=r"any of \['y', 'target'\] may hold the labels"):
        load_property_table(write("smiles,y,target\nC,1,0\n"))
    with pytest.raises(ValueError, match=r"Name the columns of the labels with `label_columns`: got \[\]"):
        load_property_table(write("smiles,id\nC,1\n"), task_type="regression")
    with pytest.raises(ValueError, match=r"has the columns \['smiles', 'SMILES'\], and any may be meant"):
        load_property_table(write("smiles,SMILES,y\nC,CC,0\n"))
    assert load_property_table(write("smiles,SMILES,y\nC,CC,0\n"), smiles_column="SMILES").smiles == ["CC"]


def test_bounds_in_a_table(write):
    path = write("smiles,ic50\nC,>10\nCC,3\nCCC,1 to 3\n")
    with pytest.raises(ValueError, match="row 0, column 'ic50': '>10' is a bound"):
        load_property_table(path, task_type="regression")
    table = load_property_table(path, task_type="regression", inexact=InexactLabels("drop", "middle"))
    np.testing.assert_array_equal(table.labels, [[NAN], [3], [2]])


def test_texts(write):
    table = load_property_table(write("smiles,p,text\nC,1,a gas\nCC,0,another\n"), ["p"], text_column="text")
    assert table.texts == ["a gas", "another"]
    with pytest.raises(ValueError, match="row 1, column 'text' has no text"):
        load_property_table(write("smiles,p,text\nC,1,a gas\nCC,0,\n"), ["p"], text_column="text")


def test_moleculenet_by_name(tmp_path):
    (tmp_path / "BBBP.csv").write_text("num,name,p_np,smiles\n1,a,1,C\n2,b,0,CC\n")
    with gzip.open(tmp_path / "toxcast_data.csv.gz", "wt") as file:
        tasks = [f"task{number}" for number in range(617)]
        file.write(",".join(["smiles", *tasks]) + "\n" + ",".join(["C", *["1", "0", ""] * 205, "1", "0"]) + "\n")
        file.write(",".join(["CC", *["0", "1", "1"] * 205, "", ""]) + "\n")
    bbbp = load_property_table("bbbp", data_dir=tmp_path)
    assert bbbp.name == "bbbp" and bbbp.tasks == ["p_np"] and bbbp.labels.tolist() == [[1.0], [0.0]]
    toxcast = load_property_table("ToxCast", data_dir=tmp_path)
    assert toxcast.labels.shape == (2, 617) and np.isnan(toxcast.labels).sum() == 207
    with pytest.raises(ValueError, match="holds no hiv.csv, hiv.csv.gz or hiv.parquet: there are .*BBBP.csv"):
        load_property_table("hiv", data_dir=tmp_path)
    with pytest.raises(ValueError, match="name the folder of its file with `data_dir`"):
        load_property_table("hiv")


PUBLISHED = {  # tasks, rows of the DeepChem files, rows that the oldest RDKit supported and the newest agree to parse
    "bbbp": (1, 2050), "tox21": (12, 7831), "sider": (27, 1427), "clintox": (2, 1484), "bace": (1, 1513)
}  # fmt: skip


@pytest.mark.skipif("FINEMOLTEX_MOLECULENET" not in os.environ, reason="FINEMOLTEX_MOLECULENET names no folder")
@pytest.mark.parametrize("name", PUBLISHED)
def test_real_sets(name):
    table = load_property_table(name, data_dir=Path(os.environ["FINEMOLTEX_MOLECULENET"]))
    tasks, rows = PUBLISHED[name]
    assert len(table.rows) == rows and table.labels.shape[1] == tasks
    assert len(table.smiles) + len(table.unparseable) == rows
    assert len(table.unparseable) < 0.01 * rows


def test_every_published_set_is_known():
    assert set(MOLECULENET) == {
        *("bbbp", "tox21", "toxcast", "sider", "clintox", "muv", "hiv", "bace", "esol", "freesolv", "lipophilicity")
    }
