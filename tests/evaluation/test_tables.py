"""Figures as plain text."""

from modeling_finemoltex.evaluation import format_retrieval_table, format_systems_table
from modeling_finemoltex.evaluation.tables import align_columns, format_cell

METRICS = {
    "toy/t2m_hits@1": 0.5,
    "toy/t2m_hits@1_low": 0.4,
    "toy/t2m_hits@1_high": 0.6,
    "toy/m2t_hits@1": 1.0,
    "toy/chance_t2m_hits@1": 0.1,
    "toy/chance_m2t_hits@1": 0.2,
    "toy/t2m_mean_rank": 3.25,
    "toy/t2m_mrr": 0.123456,
}


def test_both_directions_stand_side_by_side():
    header, hits, rank, mrr = format_retrieval_table(METRICS | {"epoch": 3.0}).splitlines()
    assert header.split() == ["protocol", "metric", *"text to molecule".split(), *"molecule to text".split(), "chance"]
    assert hits.split("  ")[-1] == "10.00 % / 20.00 %" and "50.00 % [40.00, 60.00]" in hits and "100.00 %" in hits
    assert rank.split() == ["toy", "mean_rank", "3.2", "-", "-"] and mrr.split()[2] == "0.1235"


def test_systems_stand_below_each_other():
    table = format_systems_table({"one": METRICS, "other": {"toy/t2m_hits@1": 0.25}}, ["hits@1"])
    first, second = table.split("\n\n")
    assert first.splitlines()[0] == "toy: text to molecule" and "25.00 %" in first.splitlines()[-1]
    assert second.splitlines()[0] == "toy: molecule to text" and second.splitlines()[-1].split() == ["other", "-"]


def test_cells_and_columns():
    assert format_cell({"similarity": 0.567}, "similarity") == "0.57" and format_cell({}, "mrr") == "-"
    same = {"mrr": 1.0, "mrr_low": 1.0, "mrr_high": 1.0}
    assert format_cell(same, "mrr") == "1.0000"  # an interval without width says nothing
    assert align_columns([("name", "1"), ("n", "200")], 1) == "name    1\nn     200"
