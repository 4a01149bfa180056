"""Labels as people write them."""

import decimal
import logging

import numpy as np
import pytest

from modeling_finemoltex.data import load_property_table
from modeling_finemoltex.data.labels import InexactLabels, read_labels

NAN, EXACT = np.nan, InexactLabels()


def read(cells, task_type="binary", inexact=EXACT):
    labels, classes = read_labels([cells], ["y"], task_type, "t.csv", inexact)
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
        ("~5", "regression", "is a bound or an estimate, of which the column has 1 in 2 rows"),
        ("\u22655.0", "regression", "with `qualified`: 'drop' (a missing label) or 'value'"),
        ("1-3", "regression", "with `ranges`: 'drop' (a missing label) or 'middle'"),
        ("3-1", "regression", "the lower end of a range first"),
        ("1-3-5", "regression", "Write a number"),
        ("< LOD", "regression", "Write a number"),
        (">", "regression", "Write a number"),
        (">1e999", "regression", "Write a number"),
        ("45,5 %", "regression", "a point before the decimals"),
        ("%", "regression", "Write a number"),
        (">10", "binary", "of numbers with regression"),
        ("45 %", "binary", "of numbers with regression"),
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


QUALIFIED = ["2", ">10", "<= 0.5", "~3", "\u2265-1e2", "=>4.", "ca. 7", "> 10"]
RANGES = ["2", "1-3", "1 to 3", "-3 - -1", "-3\u20131", "0.5 .. 1.5", "1e-3-3e-3", "5-5"]


@pytest.mark.parametrize(
    "cells, inexact, values",
    [
        (QUALIFIED, InexactLabels(qualified="value"), [2, 10, 0.5, 3, -100, 4, 7, 10]),
        (QUALIFIED, InexactLabels(qualified="drop"), [2, *[NAN] * 7]),
        (RANGES, InexactLabels(ranges="middle"), [2, 2, 2, -2, -1, 1, 2e-3, 5]),
        (RANGES, InexactLabels(ranges="drop"), [2, *[NAN] * 7]),
        (["-3", "1e-3", "=2", "= -.5"], EXACT, [-3, 1e-3, 2, -0.5]),
    ],
)
def test_bounds_and_ranges_are_worth_what_the_caller_chose(cells, inexact, values, caplog):
    np.testing.assert_allclose(read(cells, "regression", inexact)[0], values)
    assert ("which the column has 7 in 8 rows" in caplog.text) == (inexact != EXACT)


def test_nobody_chose_what_bounds_are_worth():
    with pytest.raises(ValueError, match=r"row 1, column 'y': '>10' is a bound .* has 7 in 8 rows.*`qualified`"):
        read(QUALIFIED, "regression", InexactLabels(ranges="middle"))
    with pytest.raises(ValueError, match=r"row 1, column 'y': '1-3' is a range, of which the column has 7 in 8 rows"):
        read(RANGES, "regression", InexactLabels(qualified="value"))
    with pytest.raises(ValueError, match="`qualified` must be 'error', 'drop' or 'value': got 'keep'"):
        InexactLabels(qualified="keep")
    with pytest.raises(ValueError, match="`ranges` must be 'error', 'drop' or 'middle': got 'value'"):
        InexactLabels(ranges="value")


def test_percentages_are_one_unit_or_an_error(caplog):
    caplog.set_level(logging.INFO)
    cells = ["45 %", "0.5%", None, ">99 %", "10%-20 %"]
    inexact = InexactLabels("value", "middle")
    np.testing.assert_allclose(read(cells, "regression", inexact)[0], [45, 0.5, NAN, 99, 15])
    assert "all labels are percentages and read as such, 45 % as 45" in caplog.text
    with pytest.raises(ValueError, match=r"2 cells are percentages \(row 0: '45 %'\) and 1 are not \(row 2: '0.45'\)"):
        read(["45 %", "7 %", "0.45"], "regression")


def test_cells_of_several_types_stay_apart():
    """To Python, `True == 1`."""
    np.testing.assert_array_equal(read([True, 1, 0.0, "no"])[0], [1, 1, 0, 0])
    for cells in ([1, True], [True, 1], [2.5, [1.0]]):
        with pytest.raises(ValueError, match="is no label. Write a number"):
            read(cells, "regression")


def test_what_was_understood_is_logged(caplog):
    caplog.set_level(logging.INFO)
    read(["active", "Inactive", "not tested", "1"])
    assert "labels read 'Inactive' as 0; 'active' as 1; 'not tested' as a missing label" in caplog.text
    read(["NA", "Active", "active"], "multiclass")
    assert "'NA' as a missing label" in caplog.text
    assert "differ in case alone: ['Active', 'active']" in caplog.text


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
