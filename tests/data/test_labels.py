"""Labels as people write them."""

import decimal

import numpy as np
import pytest

from modeling_finemoltex.data import load_property_table
from modeling_finemoltex.data.labels import read_labels

NAN = np.nan


def read(cells, task_type="binary"):
    labels, classes = read_labels([cells], ["y"], task_type, "t.csv")
    return labels[:, 0], classes


@pytest.mark.parametrize(
    "cells, values",
    [
        (["Y", "n", "YES", "No"], [1, 0, 1, 0]),
        ([True, False, None], [1, 0, NAN]),
        ([np.True_, np.False_, np.float32(1)], [1, 0, 1]),
        (["positive", "NEG", "not tested", "Inconclusive"], [1, 0, NAN, NAN]),
        ([" 1 ", "0.00", "1e0", decimal.Decimal("0")], [1, 0, 1, 0]),
        (["+", "f", "N/A", "#N/A"], [1, 0, NAN, NAN]),
    ],
)
def test_yes_or_no(cells, values):
    np.testing.assert_array_equal(read(cells)[0], values)


@pytest.mark.parametrize(
    "cells, values",
    [
        (["1.5", "\u22121.5", "-", "\u2014", "1E-3"], [1.5, -1.5, NAN, NAN, 0.001]),
        ([decimal.Decimal("2.50"), np.int8(3), float("nan")], [2.5, 3, NAN]),
        (["#DIV/0!", "n.d.", "0"], [NAN, NAN, 0]),
    ],
)
def test_numbers(cells, values):
    np.testing.assert_array_equal(read(cells, "regression")[0], values)


@pytest.mark.parametrize(
    "cell, task_type, advice",
    [
        ("-", "binary", "Write 0 or 1"),
        ("-1", "binary", "with task type multiclass, of numbers with regression"),
        ("~5", "regression", "decide what a bound is worth"),
        ("\u22655.0", "regression", "decide what a bound is worth"),
        ("3,14", "regression", "a point before the decimals"),
        ("5 nM", "regression", "Write a number"),
        ("1_000", "regression", "Write a number"),
        ("inf", "regression", "Write a number"),
        ("high", "regression", "task type multiclass"),
    ],
)
def test_no_label_names_row_and_value(cell, task_type, advice):
    with pytest.raises(ValueError, match="t.csv, row 1, column 'y'") as caught:
        read(["1", cell], task_type)
    assert repr(cell) in str(caught.value) and advice in str(caught.value)


def test_class_names_keep_their_spelling_but_one_number_is_one_class():
    labels, classes = read(["unknown", "B", None, "b"], "multiclass")
    assert classes == ["B", "b", "unknown"] and labels.tolist()[:2] == [2, 0]
    labels, classes = read(["1", "2.0", 1.0, "2"], "multiclass")
    assert classes == ["1", "2"] and labels.tolist() == [0, 1, 0, 1]


def test_published_sets_of_numbers_as_they_are_served(tmp_path):
    column = "measured log solubility in mols per litre"
    (tmp_path / "delaney-processed.csv").write_text(
        f"Compound ID,ESOL predicted log solubility in mols per litre,{column},smiles\n"
        '"4,4\'-thing",-0.9,-0.77,OCCN\nBenzene,-2.4,-1.64,c1ccccc1\n'
    )
    (tmp_path / "SAMPL.csv").write_text("iupac,smiles,expt,calc\nmethane,C,2.0,2.4\n")
    (tmp_path / "Lipophilicity.csv").write_text("CMPD_CHEMBLID,exp,smiles\nCHEMBL1,3.5,CCN\n")
    esol = load_property_table("ESOL", data_dir=tmp_path)
    assert (esol.name, esol.task_type, esol.tasks) == ("esol", "regression", [column])
    assert esol.labels.ravel().tolist() == [-0.77, -1.64]
    assert load_property_table("freesolv", data_dir=tmp_path).labels.tolist() == [[2.0]]
    assert load_property_table("lipophilicity", data_dir=tmp_path).labels.tolist() == [[3.5]]
