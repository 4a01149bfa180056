"""Labels dealt out at random: the same labels, other molecules; and runs that must be at chance."""

import numpy as np
import pytest
from datasets import Dataset

pytest.importorskip("sklearn")

from modeling_finemoltex.data.property_tables import PropertyTable
from modeling_finemoltex.property_prediction import check_scrambled, scramble_labels


def test_whole_rows_move():
    labels = np.stack([np.arange(50.0), -np.arange(50.0)], axis=1)
    smiles = ["C" * size for size in range(1, 51)]
    rows = Dataset.from_dict({"smiles": smiles})
    table = PropertyTable("t", rows, np.arange(50), smiles, labels, ["a", "b"], "regression", [], {})
    scrambled = scramble_labels(table, 0)
    assert scrambled.smiles == smiles and (table.labels == labels).all()
    assert (scrambled.labels[:, 0] == -scrambled.labels[:, 1]).all()
    assert sorted(scrambled.labels[:, 0]) == list(range(50)) and (scrambled.labels != labels).mean() > 0.8
    assert (scramble_labels(table, 0).labels == scrambled.labels).all()
    assert (scramble_labels(table, 1).labels != scrambled.labels).mean() > 0.8


def runs(**figures):
    return {"runs": [{"method": name, "test": {"roc_auc": one}} for name, some in figures.items() for one in some]}


def test_what_is_chance():
    assert (
        check_scrambled(runs(probe=[0.45, 0.55], lora=[0.52]))
        == "probe: 50.0 ± 5.0 over 2 runs\nlora: 52.0 over 1 runs"
    )
    with pytest.raises(ValueError, match=r"50 ± 3, but got probe: 56.0 ± 1.0 over 2 runs\. If the spread"):
        check_scrambled(runs(probe=[0.55, 0.57], lora=[0.5]))
    with pytest.raises(ValueError, match="but got probe: 40.0"):
        check_scrambled(runs(probe=[0.4]))
    with pytest.raises(ValueError, match="give a set of classes"):
        check_scrambled({"runs": [{"method": "probe", "test": {"rmse": 1.0}}]})
