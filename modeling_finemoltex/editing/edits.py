"""What an editor takes and gives, and which edits are admissible."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from rdkit import Chem

from ..data.identifiers import try_parse
from ..data.molecule_filters import DESCRIPTORS, MoleculeFilter
from ..data.similarity import compute_similarities
from .edit_report import EditReport
from .plausibility import PlausibilityJudge
from .prompt_words import find_named_properties, has_known_word
from .proposals import Proposal, Rule
from .structural_alerts import find_alerts

# What a chemist looks at first; names of `rdkit.Chem.Descriptors`.
REPORTED = ("MolLogP", "TPSA", "qed", "NumHAcceptors", "NumHDonors", "MolWt")
# Of ten answers to each of 14 prompts for 20 molecules, those after the first with a smaller gain were right in 47 %.
MIN_GAIN = 0.025


@dataclass(frozen=True)
class Edit:
    """An edited molecule.

    Args:
        smiles (`str`): Canonical SMILES. May be invalid if the editor keeps inadmissible answers.
        similarity (`float`, *optional*): Tanimoto similarity to the source; `None` without a source.
        text_score (`float`, *optional*): How much nearer to the prompt than the source, as a difference of cosines;
            without a source, how near. `None` from an editor that does not read the prompt.
        property_changes (`dict[str, float]`): Descriptor -> its value minus that of the source (without a source its
            value); those that the prompt names come first.
        source_score (`float`, *optional*): How near the source is to the prompt, on the same scale.
        score (`float`, *optional*): How near the edit is: `source_score + text_score`.
        alerts (`tuple[str, ...]`): Structural alerts that it has.
        new_alerts (`tuple[str, ...]`): Those that the source does not have.
        rules (`tuple[Rule, ...]`): What was exchanged to make it, one step after the other.
    """

    smiles: str
    similarity: float | None
    text_score: float | None
    property_changes: dict[str, float] = field(default_factory=dict)
    source_score: float | None = None
    score: float | None = None
    alerts: tuple[str, ...] = ()
    new_alerts: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give the fields, ready for JSON."""
        return asdict(self) | {"rules": [rule._asdict() for rule in self.rules]}


class Edits(list[Edit]):
    """The edits of one molecule, best first: a list that also knows what was rejected.

    Args:
        edits (iterable of [`Edit`]): The edits.
        report ([`EditReport`], *optional*): What became of the other analogues.
    """

    def __init__(self, edits: Iterable[Edit] = (), report: EditReport | None = None) -> None:
        super().__init__(edits)
        self.report = report or EditReport()


class MoleculeEditor(ABC):
    """Edits molecules as a sentence asks. To add one, write the class and its line in `EDITORS`.

    Attributes:
        batch_size (`int`): Molecules that `edit_many` is best given at once.
    """

    batch_size: int = 1

    @classmethod
    def from_model(cls, name_or_path: str, settings: "EditorSettings") -> "MoleculeEditor":
        """Load a model into an editor.

        Args:
            name_or_path (`str`): Folder or Hub id of a model with its processor.
            settings ([`EditorSettings`]): An editor reads those that concern it.

        Raises:
            TypeError: If this kind of editor needs more than a model and settings.
            ValueError: If there is no such model, or it lacks what the editor needs.
        """
        raise TypeError(f"A {cls.__name__} needs more than a model and settings: build it from its parts.")

    @abstractmethod
    def edit(self, smiles: str, prompt: str, opposite: str | None = None, num_edits: int = 10) -> Edits:
        """Edit one molecule.

        Args:
            smiles (`str`): The source, in one piece.
            prompt (`str`): What the edit is to be, such as "This molecule is more soluble in water.".
            opposite (`str`, *optional*): What it is not to be, in words of its own.
            num_edits (`int`): Most edits to give.

        Returns:
            [`Edits`]: Distinct edits, best first, with a report; fewer than asked for, or none, if no more are
            admissible and nearer to the prompt than the source.

        Raises:
            ValueError: If `smiles` is no molecule or has several components, a sentence is blank, or `num_edits` is
                not positive.
        """

    def edit_many(
        self, smiles: Sequence[str], prompt: str, opposite: str | None = None, num_edits: int = 10
    ) -> list[Edits]:
        """Edit several molecules, one list each; one after the other, unless the editor knows better."""
        return [self.edit(source, prompt, opposite, num_edits) for source in smiles]


class Candidate(NamedTuple):
    """An admissible analogue: canonical SMILES, molecule, similarity to the source, rule that made it."""

    smiles: str
    molecule: Chem.Mol
    similarity: float
    rule: Rule | None = None


@dataclass(frozen=True)
class EditConstraints:
    """What an edit must keep, whatever the prompt says.

    Args:
        min_similarity (`float`): Least Tanimoto similarity to the source, between 0 and 1.
        condition (`MoleculeFilter`, *optional*): Substructures and descriptor ranges that it must have.
        judge ([`PlausibilityJudge`], *optional*): Refuses what a chemist would not make; `None` takes everything.

    Raises:
        ValueError: If `min_similarity` is out of range.
    """

    min_similarity: float = 0.4
    condition: MoleculeFilter | None = None
    judge: PlausibilityJudge | None = field(default_factory=PlausibilityJudge)

    def __post_init__(self) -> None:
        if not 0 <= self.min_similarity <= 1:
            raise ValueError(f"`min_similarity` must be between 0 and 1, got {self.min_similarity}.")

    def admit(
        self, source: Chem.Mol | None, proposals: Iterable[Proposal], report: EditReport | None = None
    ) -> list[Candidate]:
        """Keep the molecules, other than the source, that meet the constraints.

        Args:
            source (`rdkit.Chem.Mol`, *optional*): The molecule to edit; without one nothing need be similar.
            proposals (iterable of [`Proposal`]): What the proposers gave.
            report ([`EditReport`], *optional*): Counts the proposals, and what was rejected.

        Returns:
            `list[Candidate]`: In the order of the proposals; the similarity is 1 without a source.
        """
        report = EditReport() if report is None else report
        verdicts = Verdicts(self, source)
        return [one for one in self.screen(source, proposals, report) if verdicts.accept(one, report)]

    def screen(self, source: Chem.Mol | None, proposals: Iterable[Proposal], report: EditReport) -> list[Candidate]:
        """Keep the molecules, other than the source, that meet the constraints but for the judge, who takes longer.

        Takes and gives what `admit` does.
        """
        name = None if source is None else Chem.MolToSmiles(source)
        parsed = [
            Candidate(smiles, molecule, 1.0, rule)
            for smiles, rule in proposals
            if smiles != name and (molecule := try_parse(smiles)) is not None
        ]
        if source is not None:
            similarities = compute_similarities(source, [candidate.molecule for candidate in parsed])
            parsed = [one._replace(similarity=near) for one, near in zip(parsed, similarities, strict=True)]
        report.proposed += len(parsed)
        screened = []
        for candidate in parsed:
            refusal = self._refuse(candidate)
            if refusal is None:
                screened.append(candidate)
            else:
                report.reject(refusal[0], candidate.smiles, refusal[1])
        return screened

    def _refuse(self, candidate: Candidate) -> tuple[str, str] | None:
        """Name the first constraint that a candidate violates, and say how; `None` if it meets them all."""
        if candidate.similarity < self.min_similarity:
            return "similarity", f"is similar by {candidate.similarity:.2f}, below {self.min_similarity:g}"
        if self.condition is not None and not self.condition.accepts(candidate.molecule):
            return "condition", "lacks a substructure that must be kept, or is out of a range"
        return None


class Verdicts:
    """What the judge says of the analogues of one source, each of which it is asked once.

    Args:
        constraints ([`EditConstraints`]): Have the judge; without one everything is accepted.
        source (`rdkit.Chem.Mol`, *optional*): The molecule that is edited.
    """

    def __init__(self, constraints: EditConstraints, source: Chem.Mol | None) -> None:
        self._judged = None if constraints.judge is None else constraints.judge.prepare(source)
        self._known: dict[str, tuple[str, str] | None] = {}

    def accept(self, candidate: Candidate, report: EditReport) -> bool:
        """Ask the judge; what it refuses is counted."""
        if self._judged is None:
            return True
        if candidate.smiles not in self._known:
            self._known[candidate.smiles] = self._judged.judge.find_reason(self._judged, candidate.molecule)
        refusal = self._known[candidate.smiles]
        if refusal is not None:
            report.reject(refusal[0], candidate.smiles, refusal[1])
        return refusal is None


@dataclass(frozen=True)
class EditorSettings:
    """What any editor can be told; see `EDITORS`.

    Args:
        constraints ([`EditConstraints`], *optional*): What every edit must keep.
        num_candidates (`int`): Analogues proposed in each generation.
        num_generations (`int`): Generations of a search.
        seed (`int`): Equal seeds give equal edits.
        fragments (`str` or `Path`, *optional*): Fragment database that analogues are proposed from; that of the
            package, if absent.
        use_selfies (`bool`): Propose random SELFIES mutations too.
        use_motifs (`bool`): Propose exchanges of motifs too, whatever their surroundings.
        oracle (callable, *optional*): A property of a molecule that is to rise beside the text score of a search.
        judge_all (`bool`): A search asks the judge about every analogue, so that all that he refuses is counted.
        min_gain (`float`): What an answer of a search must gain in every clause of the text, after the first.
    """

    constraints: EditConstraints | None = None
    num_candidates: int = 300
    num_generations: int = 2
    seed: int = 0
    fragments: str | Path | None = None
    use_selfies: bool = False
    use_motifs: bool = False
    oracle: Callable[[Chem.Mol], float] | None = None
    judge_all: bool = False
    min_gain: float = MIN_GAIN


def parse_source(smiles: str) -> Chem.Mol:
    """Parse the molecule to edit.

    Raises:
        ValueError: If it is no molecule, or has several components.
    """
    molecule = try_parse(smiles)
    if molecule is None:
        raise ValueError(f"{smiles!r:.80} is no molecule that can be edited: give a SMILES such as 'CCO'.")
    components = Chem.GetMolFrags(molecule, asMols=True)
    if len(components) > 1:
        largest = max(components, key=Chem.Mol.GetNumHeavyAtoms)
        raise ValueError(
            f"{smiles!r:.80} has {len(components)} components, and one molecule can be edited at a time: give one, "
            f"such as the largest, {Chem.MolToSmiles(largest)!r}."
        )
    return molecule


def check_num_edits(num_edits: int) -> None:
    """Refuse a number of edits below one."""
    if num_edits < 1:
        raise ValueError(f"The number of edits must be at least 1, got {num_edits}.")


def list_properties(prompt: str = "") -> list[str]:
    """List the descriptors that an edit reports: first those that a prompt names, then the rest of `REPORTED`."""
    return list(dict.fromkeys((*find_named_properties(prompt), *REPORTED)))


def describe_change(molecule: Chem.Mol, source: Chem.Mol | None, prompt: str = "") -> dict[str, float]:
    """Compute by how much properties differ from the source, first those that a prompt names, then `REPORTED`.

    Without a source, the values.
    """
    names = list_properties(prompt)
    return _subtract(_compute(molecule, names), {} if source is None else _compute(source, names))


def _compute(molecule: Chem.Mol, names: Sequence[str]) -> dict[str, float]:
    return {name: DESCRIPTORS[name](molecule) for name in names}


def _subtract(values: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    return {name: round(value - before.get(name, 0.0), 4) for name, value in values.items()}


def describe_candidates(
    candidates: Sequence[Candidate],
    source: Chem.Mol | None,
    prompt: str,
    source_score: float | None = None,
    scores: Sequence[float] | None = None,
) -> list[Edit]:
    """Describe candidates.

    Args:
        candidates (sequence of [`Candidate`]): `R` edited molecules.
        source (`rdkit.Chem.Mol`, *optional*): What they were.
        prompt (`str`): What they were to become.
        source_score (`float`, *optional*): How near the source is to the prompt.
        scores (sequence of `float`, *optional*): How near each candidate is, `(R,)`; from an editor that reads it.
    """
    known = frozenset(() if source is None else find_alerts(source))
    names = list_properties(prompt)
    before = {} if source is None else _compute(source, names)
    edits = []
    for candidate, score in zip(candidates, scores or [None] * len(candidates), strict=True):
        alerts = find_alerts(candidate.molecule)
        edits.append(
            Edit(
                candidate.smiles,
                None if source is None else candidate.similarity,
                None if score is None else score - (source_score or 0.0),
                _subtract(_compute(candidate.molecule, names), before),
                source_score,
                score,
                alerts,
                tuple(name for name in alerts if name not in known),
                () if candidate.rule is None else (candidate.rule,),
            )
        )
    return edits


def find_unknown_clause(encoder: Any, clauses: Sequence[str]) -> str | None:
    """Say which clause of a prompt means nothing to a model; `None` if each has a word that it knows."""
    for clause in clauses:
        if not has_known_word(encoder.processor.tokenizer, clause):
            return (
                f"the model knows no word of {clause!r:.80} that says something about a molecule; use other words, "
                "such as 'This molecule is soluble in water.'."
            )
    return None
