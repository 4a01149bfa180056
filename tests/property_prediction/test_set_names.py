"""Sets whose files have one name, and files that change between two calls."""

import pytest

pytest.importorskip("sklearn")

from modeling_finemoltex.data import load_property_table
from modeling_finemoltex.property_prediction.experiment import _describe, _name_set


@pytest.fixture
def write(tmp_path):
    def call(name, content):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content)
        return str(file), load_property_table(str(file), ["y"], "regression")

    return call


def test_one_file_name_in_two_folders_is_two_sets(write):
    first, one = write("a/t.csv", "smiles,y\nC,1\nCC,2\n")
    second, other = write("b/t.csv", "smiles,y\nC,1\nCC,3\n")
    known = {}
    for source, table in ((first, one), (second, other), (first, one)):
        name = _name_set(table, source, known)
        known[name] = _describe(table, source, {"train": table, "test": table})
    assert list(known) == ["t", "b_t"]
    assert known["t"]["chance"] == {"rmse": 0.5, "mae": 0.5, "relative_rmse": 1.0}


def test_a_changed_file_is_an_error(write):
    source, table = write("a/t.csv", "smiles,y\nC,1\nCC,2\n")
    known = {"t": _describe(table, source, {"train": table, "test": table})}
    source, changed = write("a/t.csv", "smiles,y\nC,1\nCC,4\n")
    with pytest.raises(ValueError, match="t.csv has changed since the runs of 't'"):
        _name_set(changed, source, known)
