"""A judge of plausibility: which edits a chemist would not make, and why."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rdkit import Chem
from rdkit.Chem import rdqueries
from rdkit.Contrib.SA_Score import sascorer

from .kept_stereo import KeptStereo
from .reactive_groups import count_reactive, reactive_patterns
from .structural_alerts import find_alerts, find_new_alert

MAX_SA_SCORE = 4.5  # most molecules sold score less
MAX_SA_RISE = 0.5
EASY_SA_SCORE = 2.5  # up to which a rise does not matter: three in ten molecules of ZINC score less
_RADICAL = rdqueries.NumRadicalElectronsGreaterQueryAtom(0)
_CHARGED = Chem.MolFromSmarts("[!+0]").GetAtomWithIdx(0)


class JudgedSource:
    """A source, with what the rules compare edits with, each computed once when a rule first asks.

    Args:
        molecule (`rdkit.Chem.Mol`, *optional*): The molecule that is edited; without one an edit is judged alone.
        judge (`PlausibilityJudge`): Has the limits.
    """

    def __init__(self, molecule: Chem.Mol | None, judge: "PlausibilityJudge") -> None:
        self.molecule, self.judge = molecule, judge

    @cached_property
    def reactive(self) -> list[int]:
        """Places of each reactive pattern."""
        return [0] * len(reactive_patterns()) if self.molecule is None else count_reactive(self.molecule)

    @cached_property
    def alerts(self) -> frozenset[str]:
        """Structural alerts."""
        return frozenset(() if self.molecule is None else find_alerts(self.molecule))

    @cached_property
    def charges(self) -> tuple[int, int] | None:
        """Net charge and separated charges; `None` without a source."""
        return None if self.molecule is None else _count_charges(self.molecule)

    @cached_property
    def sa_score(self) -> float | None:
        """Synthetic accessibility; `None` without a source."""
        return None if self.molecule is None else sascorer.calculateScore(self.molecule)

    @cached_property
    def stereo(self) -> KeptStereo | None:
        """Stereocentres and double bonds; `None` without a source."""
        return None if self.molecule is None else KeptStereo(self.molecule)


def _judge_pieces(source: JudgedSource, edit: Chem.Mol) -> str | None:
    count = len(Chem.GetMolFrags(edit))
    return f"falls into {count} pieces" if count > 1 else None


def _judge_radicals(source: JudgedSource, edit: Chem.Mol) -> str | None:
    return "has an unpaired electron" if len(edit.GetAtomsMatchingQuery(_RADICAL)) else None


def _judge_charge(source: JudgedSource, edit: Chem.Mol) -> str | None:
    if source.charges is None:
        return None
    (net, separated), (net_after, separated_after) = source.charges, _count_charges(edit)
    if net != net_after:
        return f"changes the charge from {net:+d} to {net_after:+d}"
    if separated != separated_after:
        return f"changes the number of separated charges from {separated} to {separated_after}"
    return None


def _judge_reactive(source: JudgedSource, edit: Chem.Mol) -> str | None:
    for (name, pattern), most in zip(reactive_patterns(), source.reactive, strict=True):
        if edit.HasSubstructMatch(pattern) and (not most or len(edit.GetSubstructMatches(pattern)) > most):
            return f"gains {_article(name)} {name}"
    return None


def _judge_stereo(source: JudgedSource, edit: Chem.Mol) -> str | None:
    return None if source.stereo is None else source.stereo.find_change(edit)


def _judge_synthesis(source: JudgedSource, edit: Chem.Mol) -> str | None:
    score, judge = sascorer.calculateScore(edit), source.judge
    most = max(judge.max_sa_score, source.sa_score or 0.0)
    if score > most:
        return f"is hard to make: an SA score of {score:.1f}, above {most:.1f}"
    if source.sa_score is not None and score > max(source.sa_score + judge.max_sa_rise, EASY_SA_SCORE):
        return f"is harder to make: the SA score rises by {score - source.sa_score:.1f}, above {judge.max_sa_rise:.1f}"
    return None


def _judge_alerts(source: JudgedSource, edit: Chem.Mol) -> str | None:
    name = find_new_alert(edit, source.alerts)
    return None if name is None else f"gains the alert {name}"


# In the order in which they are asked: what is quick first.
RULES: Mapping[str, Callable[[JudgedSource, Chem.Mol], str | None]] = {
    "pieces": _judge_pieces,
    "radicals": _judge_radicals,
    "charge": _judge_charge,
    "reactive": _judge_reactive,
    "synthesis": _judge_synthesis,
    "stereo": _judge_stereo,
    "alerts": _judge_alerts,
}


@dataclass(frozen=True)
class PlausibilityJudge:
    """Refuses edits that a chemist would not make. To add a rule, write a function and its line in `RULES`.

    | rule | refuses an edit that |
    |---|---|
    | `pieces` | falls into pieces |
    | `radicals` | has an unpaired electron |
    | `charge` | changes the net charge, or makes or ends a zwitterion |
    | `reactive` | gains a group that falls apart or reacts with everything, see `REACTIVE_GROUPS` |
    | `synthesis` | is hard to make, or much harder than the source |
    | `stereo` | changes a stereocentre or a double bond whose atoms stay as they were |
    | `alerts` | gains a structural alert (BRENK, PAINS, NIH) that the source does not have |

    Args:
        allowed (collection of `str`): Rules that are not asked.
        max_sa_score (`float`): Most synthetic accessibility score, from 1 (easy to make) to 10; edits of a source that
            scores more may score as much as it.
        max_sa_rise (`float`): Most by which that score may be above the score of the source; up to `EASY_SA_SCORE`
            it may rise freely.

    Raises:
        ValueError: If a rule is unknown.

    Example:
    >>> judge = PlausibilityJudge()
    >>> judge.find_reason(Chem.MolFromSmiles("CCO"), Chem.MolFromSmiles("CCON"))
    ('reactive', 'gains an N-O chain')
    """

    allowed: Collection[str] = ()
    max_sa_score: float = MAX_SA_SCORE
    max_sa_rise: float = MAX_SA_RISE

    def __post_init__(self) -> None:
        if isinstance(self.allowed, str):
            raise ValueError(f"`allowed` must be a collection of rules, got the string {self.allowed!r}.")
        object.__setattr__(self, "allowed", frozenset(self.allowed))
        unknown = sorted(set(self.allowed) - set(RULES))
        if unknown:
            raise ValueError(f"There is no rule {unknown[0]!r} to allow: the rules are {', '.join(RULES)}.")

    def prepare(self, source: Chem.Mol | None) -> JudgedSource:
        """Remember what depends on the source alone, for many edits of it."""
        return JudgedSource(source, self)

    def find_reason(self, source: Any, edit: Chem.Mol) -> tuple[str, str] | None:
        """Find the first rule that refuses an edit.

        Args:
            source (`JudgedSource` or `rdkit.Chem.Mol`, *optional*): What is edited, best as `prepare` gives it.
            edit (`rdkit.Chem.Mol`): What it became.

        Returns:
            `tuple[str, str]`: The rule, and what is wrong; `None` if the edit is plausible.
        """
        source = source if isinstance(source, JudgedSource) else self.prepare(source)
        for rule, judge in RULES.items():
            if rule not in self.allowed:
                reason = judge(source, edit)
                if reason is not None:
                    return rule, reason
        return None


def _count_charges(molecule: Chem.Mol) -> tuple[int, int]:
    """Net charge, and how many charged atoms have no neighbour of the opposite charge, as in a nitro group."""
    charged = list(molecule.GetAtomsMatchingQuery(_CHARGED))
    separated = [
        atom
        for atom in charged
        if not any(atom.GetFormalCharge() * near.GetFormalCharge() < 0 for near in atom.GetNeighbors())
    ]
    return sum(atom.GetFormalCharge() for atom in charged), len(separated)


def _article(name: str) -> str:
    return "an" if name[0] in "aeioNO" or name.startswith("SA") else "a"
