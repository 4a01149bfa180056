"""Edits in words: what changed, which alerts there are, and what was rejected."""

from collections.abc import Sequence

from .edit_report import EditReport
from .edits import Edit
from .proposals import Rule

NOTHING = "H"  # what is not written on one side of an exchange


def describe_rule(rule: Rule) -> str:
    """Say what was exchanged, and how often the library has it.

    Example:
    >>> describe_rule(Rule("fragment", "Cl[*:1]", "F[*:1]", 3, 412, "zinc"))
    'Cl[*:1] → F[*:1] (seen 412 times in zinc, alike to 3 bonds)'
    """
    exchange = f"{rule.removed or NOTHING} → {rule.added or NOTHING}"
    facts = []
    if rule.seen is not None:
        facts.append(f"seen {rule.seen:,} times in {rule.library or 'the library'}")
    if rule.radius is not None:
        facts.append(f"alike to {rule.radius} bond{'s' * (rule.radius != 1)}")
    return f"{exchange} ({', '.join(facts)})" if facts else exchange


def describe_rules(rules: Sequence[Rule]) -> str:
    """Say what was exchanged, one step after the other."""
    return ", then ".join(map(describe_rule, rules)) or "not known"


def describe_alerts(edit: Edit) -> str:
    """List the alerts of an edit, and mark those that are new."""
    return ", ".join(f"{name} (new)" if name in edit.new_alerts else name for name in edit.alerts) or "none"


def explain_rejections(report: EditReport) -> list[tuple[str, str, str, str]]:
    """Lay out what was rejected, or not needed: rule, count, the first example and what is wrong with it, as cells."""
    rows = [(rule, str(one.count), one.example, one.reason) for rule, one in report.rows()]
    if report.not_nearer:
        rows.append(("prompt", str(report.not_nearer), "", "is not nearer to the prompt than the source"))
    if report.not_judged:
        rows.append(("none", str(report.not_judged), "", "was not looked at: better ones were enough"))
    return rows
