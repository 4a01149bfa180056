"""Which column is which, and ids as text."""

import decimal
import fractions

import numpy as np
import pandas as pd
import pytest

from modeling_finemoltex.data.columns import choose_column, find_column, list_columns, text_of


def test_usual_names_in_any_case_the_most_specific_first():
    assert find_column(["Mol", "SMILES"], "smiles") == "SMILES"
    assert find_column(["CID", "mol", "Class"], "smiles") == "mol"
    assert find_column(["Name", "Caption"], "text") == "Caption"
    assert find_column(["a"], "smiles") is None and find_column(["a"], "id", "b") is None


def test_a_missing_column_says_what_is_there():
    with pytest.raises(ValueError, match=r"t.csv has no column 'key'; it has \['a', 'b'\]. Name one with `id_column`"):
        choose_column(["a", "b"], "t.csv", "id", "key")
    assert list_columns([str(number) for number in range(30)]).endswith("'19'] and 10 more")


@pytest.mark.parametrize(
    "value, text",
    [
        ("007", "007"),
        (np.str_("x"), "x"),
        (7, "7"),
        (np.int64(7), "7"),
        (np.float32(7), "7"),
        (np.float32(0.1), "0.1"),
        (1e20, "100000000000000000000"),
        (decimal.Decimal("7.10"), "7.1"),
        (decimal.Decimal("1E+3"), "1000"),
        (float("inf"), "inf"),
        (pd.Timestamp("2020-01-02"), "2020-01-02"),
        (pd.Timestamp("2020-01-02 03:04"), "2020-01-02 03:04:00"),
        (np.array(702.0), "702"),
        (fractions.Fraction(1, 2), "1/2"),
        (2.5e-7, "2.5e-07"),
        (1e300, "1e+300"),
        (decimal.Decimal("-0.50"), "-0.5"),
        (np.bytes_(b"CID-7"), "CID-7"),
        (True, "True"),
        (None, None),
        (pd.NA, None),
        (pd.NaT, None),
        (decimal.Decimal("sNaN"), None),
        (float("nan"), None),
        (decimal.Decimal("NaN"), None),
    ],
)
def test_ids_of_any_type(value, text):
    assert text_of(value) == text
