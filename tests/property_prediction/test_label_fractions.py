"""Shares of the training labels: stratified, nested, seeded, and laid out beside each other."""

import numpy as np
import pytest

from modeling_finemoltex.data.property_tables import PropertyTable
from modeling_finemoltex.property_prediction import format_fraction_table, keep_full_runs, take_fraction
from modeling_finemoltex.property_prediction.label_fractions import check_fractions


@pytest.fixture
def make_table():
    def make(labels, task_type="binary"):
        labels = np.asarray(labels, dtype=float).reshape(len(labels), -1)
        return PropertyTable(
            name="t",
            rows=None,
            row_numbers=np.arange(len(labels)),
            smiles=[f"{'C' * (row + 1)}" for row in range(len(labels))],
            labels=labels,
            tasks=[f"y{task}" for task in range(labels.shape[1])],
            task_type=task_type,
            classes=[],
            unparseable={},
        )

    return make


def test_every_class_keeps_its_share(make_table):
    table = make_table([1.0] * 40 + [0.0] * 160)
    for fraction, rows in ((0.05, 10), (0.2, 40), (0.8, 160)):
        taken = take_fraction(table, fraction, seed=3)
        assert len(taken.smiles) == rows and taken.labels.sum() == rows / 5
    assert take_fraction(table, 1.0, seed=3) is table


def test_a_smaller_share_is_part_of_a_larger_one_and_seeds_differ(make_table):
    table = make_table([1.0] * 30 + [0.0] * 70)
    small, large, other = (
        set(take_fraction(table, share, seed).smiles) for share, seed in ((0.1, 0), (0.4, 0), (0.1, 1))
    )
    assert small < large and small != other
    assert small == set(take_fraction(table, 0.1, 0).smiles)


def test_one_row_of_a_rare_class_is_always_there(make_table):
    taken = take_fraction(make_table([1.0] + [0.0] * 199), 0.05, seed=0)
    assert taken.labels.sum() == 1 and len(taken.smiles) == 10
    classes = take_fraction(make_table([0.0] * 90 + [1.0] * 9 + [2.0], "multiclass"), 0.02, seed=0)
    assert set(classes.labels[:, 0]) == {0.0, 1.0, 2.0}


def test_several_tasks_and_missing_labels(make_table):
    labels = np.zeros((100, 2))
    labels[:20, 0], labels[10:14, 1], labels[50:, 1] = 1.0, 1.0, np.nan
    taken = take_fraction(make_table(labels), 0.25, seed=0)
    assert len(taken.smiles) == 25 and np.nansum(taken.labels[:, 1]) == 1 and 4 <= taken.labels[:, 0].sum() <= 6


def test_numbers_are_drawn_from_all_fifths(make_table):
    taken = take_fraction(make_table(np.arange(100.0), "regression"), 0.1, seed=0)
    assert np.bincount((taken.labels[:, 0] // 20).astype(int)).tolist() == [2] * 5


@pytest.mark.parametrize("share", [0.0, 1.2, -0.1])
def test_other_shares_are_refused(share):
    with pytest.raises(ValueError, match=rf"above 0 and at most 1: got {share}. 0.05 is 5 %"):
        check_fractions([0.5, share])


def test_the_table_has_a_column_for_each_share():
    runs = [
        {"set": "t", "method": method, "seed": seed, "test": {"roc_auc": value + 0.02 * seed}}
        | ({} if share == 1 else {"label_fraction": share})
        for method, values in (("ecfp_rf", (0.6, 0.7, 0.8)), ("pools_rf", (0.65, 0.7, 0.75)))
        for share, value in zip((0.05, 0.2, 1.0), values, strict=True)
        for seed in (0, 1)
    ]
    results = {"sets": {"t": {"task_type": "binary"}}, "runs": runs}
    assert format_fraction_table(results).splitlines() == [
        "| t, test roc_auc by training labels | 0.05 | 0.2 | 1 | mean |",
        "| --- | --- | --- | --- | --- |",
        "| ECFP4 + random forest | 61.0 ± 1.4 | 71.0 ± 1.4 | 81.0 ± 1.4 | 71.0 |",
        "| SMILES fingerprint (four pools) + random forest | 66.0 ± 1.4 | 71.0 ± 1.4 | 76.0 ± 1.4 | 71.0 |",
    ]
    full = keep_full_runs(results)
    assert len(full["runs"]) == 4 and format_fraction_table(full) == ""
