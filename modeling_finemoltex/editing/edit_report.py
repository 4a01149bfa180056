"""What became of the analogues that were proposed: how many were rejected, by what, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Rejection(NamedTuple):
    """Rejections of one kind: how many, the first SMILES of them, and what was wrong with it."""

    count: int
    example: str
    reason: str


@dataclass
class EditReport:
    """What an editor did with the analogues of one molecule.

    Args:
        proposed (`int`): Distinct analogues that were looked at.
        rejected (`dict[str, Rejection]`): Rule -> what it rejected: those of `PlausibilityJudge`, and `"similarity"`,
            `"condition"` and `"size"`.
        not_nearer (`int`): Analogues, not rejected, that are not nearer to the prompt than the source.
        not_judged (`int`): Analogues that nobody had to look at, since better ones were enough.
        note (`str`): Why nothing was tried at all; empty if something was.
    """

    proposed: int = 0
    rejected: dict[str, Rejection] = field(default_factory=dict)
    not_nearer: int = 0
    not_judged: int = 0
    note: str = ""

    def reject(self, rule: str, smiles: str, reason: str, count: int = 1) -> None:
        """Count a rejection; the first example of a rule stays."""
        known = self.rejected.get(rule, Rejection(0, smiles, reason))
        self.rejected[rule] = known._replace(count=known.count + count)

    def add(self, other: "EditReport") -> None:
        """Add what another report counted."""
        self.proposed += other.proposed
        self.not_nearer += other.not_nearer
        self.not_judged += other.not_judged
        for rule, rejection in other.rejected.items():
            self.reject(rule, rejection.example, rejection.reason, rejection.count)

    def rows(self) -> list[tuple[str, Rejection]]:
        """List the rules, the one that rejected most first."""
        return sorted(self.rejected.items(), key=lambda entry: -entry[1].count)

    def explain(self, found: int, wanted: int) -> str:
        """Say in one sentence how `found` of `wanted` edits came about.

        Example:
        >>> report = EditReport(proposed=20, not_nearer=5)
        >>> report.reject("reactive", "CON", "gains an N-O chain", 12)
        >>> report.explain(3, 10)
        '3 of 10 edits: of 20 analogues, 12 were rejected (reactive 12) and 5 are not nearer to the prompt.'
        """
        start = f"{found} of {wanted} edits" if found else "No edit"
        if self.note:
            return f"{start}: {self.note}"
        if not self.proposed:
            return f"{start}: no analogue could be proposed."
        counts = ", ".join(f"{rule} {rejection.count}" for rule, rejection in self.rows())
        rejected = sum(rejection.count for rejection in self.rejected.values())
        parts = [f"{rejected} were rejected ({counts})"] if rejected else []
        parts += [f"{self.not_nearer} are not nearer to the prompt"] if self.not_nearer else []
        parts += [f"{self.not_judged} were not looked at"] if self.not_judged else []
        return f"{start}: of {self.proposed} analogues, {_join(parts) or 'all are shown'}."

    def to_dict(self) -> dict[str, Any]:
        """Give the fields, ready for JSON."""
        rejected = {rule: rejection._asdict() for rule, rejection in self.rows()}
        counts = {name: getattr(self, name) for name in ("proposed", "not_nearer", "not_judged", "note")}
        return counts | {"rejected": rejected}


def _join(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
