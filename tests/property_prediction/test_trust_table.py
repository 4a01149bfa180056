"""The table of trust: means over seeds, and how much coverage a split loses."""

import pytest

pytest.importorskip("sklearn")

from modeling_finemoltex.property_prediction import format_trust_table


def run(covered, brier=0.2, **coverage):
    facts = {"level": 0.9, "coverage": covered, **coverage}
    return {"set": "bbbp", "method": "probe", "test": {"roc_auc": 0.7, "brier": brier, "ece": 0.05}, "coverage": facts}


def test_both_splits_and_the_loss():
    table = format_trust_table(
        {
            "random": {"runs": [run(0.89, 0.1, decided=0.8), run(0.91, 0.3, decided=0.8)]},
            "scaffold": {"runs": [run(0.8, decided=0.6)]},
        }
    )
    lines = table.splitlines()
    assert lines[0] == "| set | method | split | ROC-AUC | Brier | ECE | covered % | one class % |"
    assert lines[2] == (
        "| bbbp | pre-trained, linear probe | random | 70.0 ± 0.0 | 0.200 ± 0.141 | 0.050 ± 0.000 | 90.0 ± 1.4 | "
        "80.0 ± 0.0 |"
    )
    assert lines[3].endswith("| scaffold | 70.0 | 0.200 | 0.050 | 80.0 | 60.0 |")
    assert "promise 90 %" in lines[5]
    assert lines[6] == (
        "bbbp, pre-trained, linear probe: scaffold covers +10.0 points less than random, -10.0 from the level."
    )


def test_one_split_and_results_of_before():
    table = format_trust_table({"scaffold": {"runs": [run(0.8)]}})
    assert "points less" not in table and "width" not in table
    old = {"set": "t", "method": "probe", "test": {"rmse": 1.5}}
    number = {**old, "coverage": {"level": 0.8, "coverage": 0.8, "width": 4.0}}
    table = format_trust_table({"random": {"runs": [old, number]}})
    assert "| t | pre-trained, linear probe | random | 1.500 ± 0.000 | 80.0 | 4.000 |" in table
    assert format_trust_table({"random": {"runs": [old]}}).startswith("| set | method | split | RMSE |\n")
