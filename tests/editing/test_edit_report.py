"""Rejections are counted and said in one sentence."""

import json

from modeling_finemoltex.editing import EditReport, Rejection


def make_report() -> EditReport:
    report = EditReport(proposed=30, not_nearer=5)
    report.reject("alerts", "CC=O", "gains the alert BRENK aldehyde")
    report.reject("reactive", "CON", "gains an N-O chain", 12)
    report.reject("alerts", "C=O", "gains another", 2)
    return report


def test_the_first_example_of_a_rule_stays_and_the_most_frequent_comes_first():
    report = make_report()
    assert report.rejected["alerts"] == Rejection(3, "CC=O", "gains the alert BRENK aldehyde")
    assert [rule for rule, _ in report.rows()] == ["reactive", "alerts"]
    assert list(json.loads(json.dumps(report.to_dict()))["rejected"]) == ["reactive", "alerts"]


def test_reports_add_up():
    report = make_report()
    report.add(make_report())
    assert (report.proposed, report.not_nearer, report.rejected["reactive"].count) == (60, 10, 24)


def test_one_sentence_says_why_there_are_no_more():
    sentence = make_report().explain(3, 10)
    assert sentence == (
        "3 of 10 edits: of 30 analogues, 15 were rejected (reactive 12, alerts 3) and 5 are not nearer to the prompt."
    )
    assert make_report().explain(0, 10).startswith("No edit: of 30 analogues")
    assert EditReport(proposed=3).explain(3, 10) == "3 of 10 edits: of 3 analogues, all are shown."
    assert EditReport(note="it is blue.").explain(0, 1) == "No edit: it is blue."
