"""Editing by search: propose analogues, keep those that the text likes best, and go on from them."""

import itertools
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from rdkit import Chem, DataStructs

from ..data.similarity import compute_fingerprint
from ..runtime.opening import open_encoder
from .crem_mutations import CremMutations
from .edit_report import EditReport
from .edits import (
    MIN_GAIN,
    Candidate,
    EditConstraints,
    EditorSettings,
    Edits,
    MoleculeEditor,
    Verdicts,
    check_num_edits,
    describe_candidates,
    find_unknown_clause,
    parse_source,
)
from .motif_swaps import MotifSwaps
from .named_changes import NamedChange, read_named_change
from .proposals import Proposal, Proposer, Rule
from .proposers import make_proposers, propose_analogues
from .score_forecast import foretell_scores
from .text_guide import TextGuide

MAX_CACHED = 200_000  # embeddings kept between calls: 200 MB at a width of 256
# Generated molecules more alike than this are variants of one idea.
MAX_GENERATED_SIMILARITY = 0.6
# A generation of which less than this share is new and similar enough goes on proposing, twice as wide each time.
ENOUGH = 0.25
MAX_TURNS = 3


@dataclass(frozen=True)
class SearchSettings:
    """How far and wide a search goes.

    Args:
        num_candidates (`int`): Analogues of the source proposed in the first generation.
        num_further (`int`, *optional*): Analogues proposed in each later generation, which goes on from the best; as
            many as in the first, if absent.
        num_scored (`int`): Of these, how many are scored: those that the scores of before promise most of, see
            `foretell_scores`.
        num_generations (`int`): Times that the search goes on from the best found so far.
        num_parents (`int`): How many of the best it goes on from.
        seed (`int`): Equal seeds give equal edits.
        judge_all (`bool`): Ask the judge about every analogue and not about the best alone, until there are enough.
            The edits are the same and take longer; the report counts all that the judge refuses.
        min_gain (`float`): What an answer after the first must gain in every clause of the text, as a difference of
            cosines. A gain near nothing is wrong about as often as right: the best answer is worth a look all the
            same, the tenth is not.

    Raises:
        ValueError: If a number is not positive, or `min_gain` is negative.
    """

    num_candidates: int = 300
    num_generations: int = 2
    num_parents: int = 10
    seed: int = 0
    judge_all: bool = False
    num_further: int | None = None
    num_scored: int = 100
    min_gain: float = MIN_GAIN

    def __post_init__(self) -> None:
        if self.num_further is None:
            object.__setattr__(self, "num_further", self.num_candidates)
        for name in ("num_candidates", "num_generations", "num_parents", "num_further", "num_scored"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1, got {getattr(self, name)}.")
        if not self.min_gain >= 0:
            raise ValueError(f"`min_gain` must be 0 or more, got {self.min_gain}.")


class _Start(NamedTuple):
    """The first generation of a source: how its analogues came about, which may be answers, and the judge."""

    source: str
    steps: dict[str, tuple[Rule, ...]]
    candidates: list[Candidate]
    report: EditReport
    verdicts: Verdicts


@dataclass
class _Pool:
    """Every candidate met in one search, with its scores: one column for each clause, and one for the oracle.

    The judge is slow, so it is asked when a candidate is to be taken, the best first.
    """

    origin: np.ndarray | None  # (C,), scores of the source
    verdicts: Verdicts
    candidates: list[Candidate] = field(default_factory=list)
    scores: list[np.ndarray] = field(default_factory=list)
    spread: np.ndarray | None = None  # (C,)
    report: EditReport = field(default_factory=EditReport)
    steps: dict[str, tuple[Rule, ...]] = field(default_factory=dict)  # of every proposal, from the source on
    judged: dict[int, bool] = field(default_factory=dict)  # place of a candidate -> whether it was accepted
    num_left: int = 0  # proposals that were not scored
    min_gain: float = 0.0  # in each of the clauses, for answers after the first
    num_clauses: int = 0

    def add(self, candidates: Sequence[Candidate], scores: np.ndarray) -> None:
        """Keep candidates `(S,)` with their scores `(S, C)`, as differences from the source."""
        self.candidates += candidates
        self.scores += list(scores if self.origin is None else scores - self.origin)
        if self.spread is None and len(self.scores) > 1:
            self.spread = np.std(self.scores, axis=0) + 1e-9  # columns where nothing differs do not count

    def rank(self) -> list[int]:
        """Order candidates by the column in which each is weakest, in units of the spread of the first generation."""
        if not self.candidates:
            return []
        scaled = np.stack(self.scores) / (1.0 if self.spread is None else self.spread)  # (R, C)
        if self.origin is None and len(scaled) > 1:
            scaled = scaled - scaled.mean(axis=0)  # without a source columns are comparable only around their mean
        return np.argsort(-scaled.min(axis=1), kind="stable").tolist()

    def choose_promising(self, candidates: list[Candidate], number: int) -> list[Candidate]:
        """Choose those that the scores so far promise most of; the others are counted as not looked at."""
        if len(candidates) <= number:
            return candidates
        known = [candidate.molecule for candidate in self.candidates]
        promised = foretell_scores(known, np.stack(self.scores), [one.molecule for one in candidates])  # (S, C)
        if self.origin is None:
            promised = promised - np.mean(self.scores, axis=0)  # as in `rank`
        self.num_left += len(candidates) - number
        spread = 1.0 if self.spread is None else self.spread
        order = np.argsort(-(promised / spread).min(axis=1), kind="stable")
        return [candidates[place] for place in order[:number]]

    def accept(self, place: int) -> bool:
        """Ask the judge, who counts what he refuses once."""
        if place not in self.judged:
            self.judged[place] = self.verdicts.accept(self.candidates[place], self.report)
        return self.judged[place]

    def take(self, order: Iterable[int], number: int) -> list[int]:
        """Take the first that the judge accepts."""
        return list(itertools.islice(filter(self.accept, order), number))

    def answer(self, number: int, judge_all: bool) -> list[int]:
        """Take the best that are better than the source in every column, and count what is left."""
        order = self.rank()
        if judge_all:
            self.take(order, len(order))
        nearer = [place for place in order if (self.scores[place] > 0).all()]
        taken = self.take(nearer, 1)
        clear = [place for place in nearer if place not in taken and self._find_gain(place) >= self.min_gain]
        taken += self.take(clear, number - 1)
        self.report.not_judged = self.num_left + sum(place not in self.judged for place in clear)
        self._reject_small_gains(set(nearer).difference(clear, taken))
        left = set(order).difference(nearer)
        self.report.not_nearer = sum(self.judged.get(place, True) for place in left)
        return taken

    def _find_gain(self, place: int) -> float:
        """Find the gain in the clause that gains least."""
        return float(self.scores[place][: self.num_clauses].min())

    def _reject_small_gains(self, places: Iterable[int]) -> None:
        """Count what gains too little, but for what the judge refused already."""
        for place in sorted(places, key=self._find_gain, reverse=True):
            if self.judged.get(place, True):
                gain = self._find_gain(place)
                reason = f"gains {gain:.4f} in a clause, and after the first an edit must gain {self.min_gain:g}"
                self.report.reject("gain", self.candidates[place].smiles, reason)


class SearchEditor(MoleculeEditor):
    """Finds analogues that a text describes better than it describes the source.

    Proposers make many cheap analogues; those that meet the constraints are embedded in batches and scored by the
    text; the next generation starts from the best. The model alone guides the search, unless an oracle is given. An
    answer is nearer to every clause of the text than the source, and better for the oracle. A text that names a group
    to add, remove or replace ([`read_named_change`]) is taken at its word.

    Args:
        encoder (`MoleculeTextEncoder` or `OnnxMoleculeTextEncoder`): Embeds molecules and texts.
        proposers (sequence of `Proposer`, *optional*): Share the candidates among them; `CremMutations` alone, if
            absent.
        constraints (`EditConstraints`, *optional*): What every edit must keep.
        settings (`SearchSettings`, *optional*): How far and wide to search.
        oracle (callable, *optional*): A property of a molecule, more is better: must rise beside the text score.

    Example:
    >>> editor = SearchEditor(encoder, settings=SearchSettings(num_candidates=30, num_generations=1))
    >>> edits = editor.edit("CC(=O)Oc1ccccc1C(=O)O", "This molecule is an alcohol.", num_edits=3)
    >>> all(edit.similarity >= 0.4 and edit.text_score > 0 for edit in edits)
    True
    """

    def __init__(
        self,
        encoder: Any,
        proposers: Sequence[Proposer] | None = None,
        constraints: EditConstraints | None = None,
        settings: SearchSettings | None = None,
        oracle: Callable[[Chem.Mol], float] | None = None,
    ) -> None:
        self.encoder = encoder
        self.proposers = list(proposers or [CremMutations()])
        self.constraints = constraints or EditConstraints()
        self.settings = settings or SearchSettings()
        self.oracle = oracle
        self._embeddings: dict[str, np.ndarray] = {}
        self._started: _Start | None = None
        self._guides: dict[tuple[str, str | None], TextGuide] = {}

    @classmethod
    def from_model(cls, name_or_path: str, settings: EditorSettings) -> "SearchEditor":
        """Load any model that embeds molecules and texts, or its export; see `MoleculeEditor.from_model`."""
        encoder = open_encoder(name_or_path)
        proposers = make_proposers(
            encoder.processor.feature_extractor, settings.fragments, settings.use_selfies, settings.use_motifs
        )
        width = SearchSettings(
            settings.num_candidates,
            settings.num_generations,
            seed=settings.seed,
            judge_all=settings.judge_all,
            min_gain=settings.min_gain,
        )
        return cls(encoder, proposers, settings.constraints, width, settings.oracle)

    def edit(self, smiles: str, prompt: str, opposite: str | None = None, num_edits: int = 10) -> Edits:
        """Edit one molecule; see `MoleculeEditor.edit`."""
        check_num_edits(num_edits)
        source = parse_source(smiles)
        guide, change = self._guide(prompt, opposite), read_named_change(prompt)
        problem = self._find_problem(guide) if change is None else None
        if problem is not None:
            return Edits((), EditReport(note=problem))
        (origin,) = self._score([Candidate(Chem.MolToSmiles(source), source, 1.0)], guide)
        if change is None:
            started = self._start(source)
            pool = _Pool(origin, started.verdicts, min_gain=self.settings.min_gain, num_clauses=len(guide.clauses))
            places = self._search([source], source, guide, pool, started).answer(num_edits, self.settings.judge_all)
        else:
            pool = _Pool(origin, Verdicts(self.constraints, source))
            places = self._make_change(change, source, guide, pool, num_edits)
        return self._describe(pool, places, source, guide, prompt)

    def generate(
        self, prompt: str, opposite: str | None = None, num_molecules: int = 10, seeds: Sequence[str] | None = None
    ) -> Edits:
        """Find molecules that a text describes, without a source; no two are alike.

        Args:
            prompt (`str`): What the molecules are to be.
            opposite (`str`, *optional*): What they are not to be, in words of its own.
            num_molecules (`int`): Most molecules to give.
            seeds (sequence of `str`, *optional*): Molecules to start from; the motifs of the vocabulary, if absent.

        Returns:
            [`Edits`]: Distinct molecules, best first, with the values of the properties.

        Raises:
            ValueError: If a sentence is blank, `num_molecules` is not positive, or no seed is admissible.
        """
        check_num_edits(num_molecules)
        guide = self._guide(prompt, opposite)
        if seeds is None:
            seeds = MotifSwaps(self.encoder.processor.feature_extractor).labels
        pool = _Pool(None, Verdicts(self.constraints, None))
        started = self._screen(None, list(map(Proposal, seeds)), pool.report)
        if started:
            pool.add(started, self._score(started, guide))
        parents = [pool.candidates[place].molecule for place in _choose_diverse(pool, self.settings.num_parents)]
        if not parents:
            raise ValueError(
                f"None of the {len(seeds)} seeds is an admissible molecule: give others, or relax the condition."
            )
        pool.steps |= dict.fromkeys(seeds, ())
        pool = self._search(parents, None, guide, pool)
        return self._describe(pool, _choose_diverse(pool, num_molecules), None, guide, prompt)

    def _guide(self, prompt: str, opposite: str | None) -> TextGuide:
        """Embed each prompt once."""
        key = (prompt, opposite)
        if key not in self._guides:
            self._guides[key] = TextGuide(self.encoder, prompt, opposite)
        return self._guides[key]

    def _find_problem(self, guide: TextGuide) -> str | None:
        """Say why a prompt cannot guide; `None` if it can."""
        return find_unknown_clause(self.encoder, guide.clauses)

    def _make_change(
        self, change: NamedChange, source: Chem.Mol, guide: TextGuide, pool: _Pool, num_edits: int
    ) -> list[int]:
        """Make a change that the prompt names at every place; it is right whatever the text score says."""
        proposals = change.propose(source)
        pool.steps |= {proposal.smiles: _list_rules(proposal) for proposal in proposals}
        candidates = self._screen(source, proposals, pool.report)
        if candidates:
            pool.add(candidates, self._score(candidates, guide))
        taken = pool.take(range(len(candidates)), num_edits)
        pool.report.not_judged = len(candidates) - len(pool.judged)
        return taken

    def _search(
        self,
        parents: Sequence[Chem.Mol],
        source: Chem.Mol | None,
        guide: TextGuide,
        pool: _Pool,
        started: _Start | None = None,
    ) -> _Pool:
        """Run the generations, each from the best of all before it."""
        for generation in range(self.settings.num_generations):
            if started is not None and not generation:
                pool.steps |= started.steps
                pool.report.add(started.report)
                candidates = started.candidates
            else:
                generator = random.Random(self.settings.seed + generation)
                number = self.settings.num_further if generation else self.settings.num_candidates
                candidates = self._collect(number, parents, source, pool.steps, generator, pool.report)
                if generation:
                    candidates = pool.choose_promising(candidates, self.settings.num_scored)
            if candidates:
                pool.add(candidates, self._score(candidates, guide))
            if generation + 1 < self.settings.num_generations:
                taken = pool.take(pool.rank(), self.settings.num_parents)
                parents = [pool.candidates[place].molecule for place in taken]
            if not parents:
                break
        return pool

    def _start(self, source: Chem.Mol) -> _Start:
        """Propose the first generation, which is the same for every prompt and kept for the next one."""
        name = Chem.MolToSmiles(source)
        if self._started is None or self._started.source != name:
            report, steps = EditReport(), {}
            number, generator = self.settings.num_candidates, random.Random(self.settings.seed)
            candidates = self._collect(number, [source], source, steps, generator, report)
            self._started = _Start(name, steps, candidates, report, Verdicts(self.constraints, source))
        return self._started

    def _collect(
        self,
        number: int,
        parents: Sequence[Chem.Mol],
        source: Chem.Mol | None,
        steps: dict[str, tuple[Rule, ...]],
        generator: random.Random,
        report: EditReport,
    ) -> list[Candidate]:
        """Propose what was not met yet, from every parent its share; more of it where too little is similar enough."""
        candidates: list[Candidate] = []
        for turn in range(MAX_TURNS):
            share, new = -(-number * 2**turn // len(parents)), []  # rounded up
            for parent in parents:
                before = steps.get(Chem.MolToSmiles(parent), ())
                for proposal in propose_analogues(self.proposers, [parent], share, generator):
                    if proposal.smiles not in steps:
                        steps[proposal.smiles] = before + _list_rules(proposal)
                        new.append(proposal)
            candidates += self._screen(source, new, report)
            if not new or len(candidates) >= number * ENOUGH:
                break
        return candidates

    def _screen(self, source: Chem.Mol | None, proposals: Sequence[Proposal], report: EditReport) -> list[Candidate]:
        """Apply the constraints but for the judge, and the limit of the model."""
        most = self.encoder.processor.feature_extractor.max_atoms
        screened = []
        for candidate in self.constraints.screen(source, proposals, report):
            size = candidate.molecule.GetNumAtoms()
            if size <= most:
                screened.append(candidate)
            else:
                report.reject("size", candidate.smiles, f"has {size} atoms, and the model takes {most}")
        return screened

    def _score(self, candidates: Sequence[Candidate], guide: TextGuide) -> np.ndarray:
        """Score candidates by every clause and by the oracle: (R, C)."""
        if len(self._embeddings) > MAX_CACHED:
            self._embeddings.clear()
        missing = list(
            dict.fromkeys(candidate.smiles for candidate in candidates if candidate.smiles not in self._embeddings)
        )
        self._embeddings.update(zip(missing, self.encoder.encode_molecules(missing, progress_bar=False), strict=True))
        scores = guide.score(np.stack([self._embeddings[candidate.smiles] for candidate in candidates]))
        if self.oracle is None:
            return scores
        values = np.array([[float(self.oracle(candidate.molecule))] for candidate in candidates])
        return np.concatenate([scores, values], axis=1)

    def _describe(
        self, pool: _Pool, places: Sequence[int], source: Chem.Mol | None, guide: TextGuide, prompt: str
    ) -> Edits:
        """Describe candidates, by the mean of their clauses."""
        num_clauses = len(guide.clauses)
        before = 0.0 if pool.origin is None else float(pool.origin[:num_clauses].mean())
        scores = [before + float(pool.scores[place][:num_clauses].mean()) for place in places]
        chosen = [pool.candidates[place] for place in places]
        edits = describe_candidates(chosen, source, prompt, None if source is None else before, scores)
        return Edits((replace(edit, rules=pool.steps.get(edit.smiles, ())) for edit in edits), pool.report)


def _list_rules(proposal: Proposal) -> tuple[Rule, ...]:
    return () if proposal.rule is None else (proposal.rule,)


def _choose_diverse(pool: _Pool, number: int) -> list[int]:
    """Take the best that are not much like one taken before."""
    chosen: list[int] = []
    fingerprints: list[Any] = []
    for place in pool.rank():
        fingerprint = compute_fingerprint(pool.candidates[place].molecule)
        similarities = DataStructs.BulkTanimotoSimilarity(fingerprint, fingerprints)
        if max(similarities, default=0.0) <= MAX_GENERATED_SIMILARITY and pool.accept(place):
            chosen.append(place)
            fingerprints.append(fingerprint)
        if len(chosen) == number:
            break
    return chosen
