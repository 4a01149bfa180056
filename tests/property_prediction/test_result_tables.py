"""Results as a table: means over seeds, and published rows where they compare."""

import pytest

pytest.importorskip("sklearn")

from modeling_finemoltex.property_prediction import format_property_table


def test_tables_quote_published_rows_for_the_published_split_only():
    runs = [
        {"set": name, "method": "probe", "seed": seed, "test": {"roc_auc": 0.7 + 0.02 * seed}}
        for name in ("bbbp", "bace")
        for seed in (0, 1)
    ]
    facts = {"task_type": "binary", "num_rows": 5, "unparseable": {}, "split": {"train": 3, "valid": 1, "test": 1}}
    settings = {"model": "m", "split": "scaffold"}
    results = {"settings": settings, "sets": {"bbbp": facts, "bace": facts}, "runs": runs}
    table = format_property_table(results)
    assert "| pre-trained, linear probe | 71.0 ± 1.4 | 71.0 ± 1.4 | 71.0 |" in table
    assert "| *published: FineMolTex* | 73.5 | 84.0 | 78.8 |" in table
    assert "published" not in format_property_table({**results, "settings": {"model": "m", "split": "random"}})


def test_numbers_are_not_percent_and_missing_runs_are_dashes():
    facts = {
        "task_type": "regression",
        "num_rows": 5,
        "unparseable": {3: "C("},
        "split": {"train": 3, "valid": 1, "test": 1},
    }
    runs = [{"set": "esol", "method": "probe", "seed": 0, "test": {"rmse": 0.51234}}]
    results = {"settings": {"model": "m", "split": "random"}, "sets": {"esol": facts, "lipo": facts}, "runs": runs}
    table = format_property_table(results)
    assert "| pre-trained, linear probe | 0.512 | - |\n" in table and "esol (rmse)" in table
    assert "mean |" not in table.splitlines()[0]  # of two units
    facts["tasks"], facts["chance"] = 2, {"relative_rmse": 1.02}
    table = format_property_table(results)
    assert "| *by chance: mean or shares of the training labels* | 1.020 | 1.020 | 1.020 |" in table
    assert "5 rows, 1 of them unparsable, 3 / 1 / 1" in table and "fine-tuned" not in table.split("\n\n")[0]
