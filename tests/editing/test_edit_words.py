"""Edits in words."""

from modeling_finemoltex.editing import Edit, EditReport, Rule
from modeling_finemoltex.editing.edit_words import (
    describe_alerts,
    describe_rule,
    describe_rules,
    explain_rejections,
)


def test_a_rule_says_what_was_exchanged_and_how_well_that_is_known():
    rule = Rule("fragment", "Cl[*:1]", "F[*:1]", 3, 1412, "zinc")
    assert describe_rule(rule) == "Cl[*:1] → F[*:1] (seen 1,412 times in zinc, alike to 3 bonds)"
    assert describe_rule(Rule("motif", "[1*]C", "")) == "[1*]C → H"
    assert describe_rules([rule, Rule("motif", "", "[1*]C")]).endswith(", then H → [1*]C")
    assert describe_rules([]) == "not known"


def test_new_alerts_are_marked():
    edit = Edit("C", 1.0, 0.1, alerts=("BRENK a", "NIH b"), new_alerts=("NIH b",))
    assert describe_alerts(edit) == "BRENK a, NIH b (new)" and describe_alerts(Edit("C", 1.0, 0.1)) == "none"


def test_rejections_are_rows_and_the_prompt_is_the_last():
    report = EditReport(proposed=9, not_nearer=2)
    report.reject("reactive", "CON", "gains an N-O chain", 3)
    rows = explain_rejections(report)
    assert rows[0] == ("reactive", "3", "CON", "gains an N-O chain") and rows[1][:2] == ("prompt", "2")
