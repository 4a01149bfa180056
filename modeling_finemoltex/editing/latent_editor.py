"""Editing by optimisation in the latent space of a generator."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rdkit import Chem
from torch import Tensor
from transformers.utils import logging

from ..data.identifiers import try_parse
from ..data.similarity import compute_similarities
from ..embedding.encoder import MoleculeTextEncoder
from ..model.editing_finemoltex import PENALTIES
from .edit_report import EditReport
from .editing_folder import EditingParts, load_editing_folder
from .edits import (
    Candidate,
    Edit,
    EditConstraints,
    EditorSettings,
    Edits,
    MoleculeEditor,
    check_num_edits,
    describe_candidates,
    describe_change,
    find_unknown_clause,
    parse_source,
)
from .latent_coder import LatentCoder, Latents
from .proposals import Proposal
from .text_guide import TextGuide

logger = logging.get_logger(__name__)

# The published penalties, one answer for each; hit ratios under one grid are not comparable with those under another.
PENALTY_GRIDS = {"finemoltex": PENALTIES, "molecule_stm": (10.0, 1.0, 0.1, 0.01, 0.001)}


@dataclass(frozen=True)
class LatentSettings:
    """How far latents are moved.

    Args:
        penalties (sequence of `float`): Weights of the squared distance from the source; one candidate for each.
        num_steps (`int`): Steps of Adam.
        learning_rate (`float`): Its rate.
    """

    penalties: Sequence[float] = PENALTIES
    num_steps: int = 100
    learning_rate: float = 0.3


class LatentEditor(MoleculeEditor):
    """What editors in latent space share: encode, move, decode, and describe what came out.

    Args:
        parts ([`EditingParts`]): Model with generator, processor and the generator's tokenizer.
        constraints (`EditConstraints`, *optional*): What every edit must keep.
        only_admissible (`bool`): Leave out what does not meet the constraints, cannot be parsed or was met before;
            otherwise that comes last, so that there is one answer for each strength, as in the published evaluation.
    """

    batch_size = 200

    def __init__(
        self, parts: EditingParts, constraints: EditConstraints | None = None, only_admissible: bool = True
    ) -> None:
        self.model = parts.model.eval()
        self.encoder = MoleculeTextEncoder(self.model, parts.processor)
        self.coder = LatentCoder(
            self.model.generator, parts.generator_tokenizer, self.model.config.editing_config.notation
        )
        self.constraints = constraints or EditConstraints()
        self.only_admissible = only_admissible

    @abstractmethod
    def move(self, latents: Latents, names: Sequence[str], prompt: str, guide: TextGuide) -> Tensor:
        """Move latents, with every strength: `(B, L, D)` -> `(W, B, L, D)`, the nearest to the source first."""

    @abstractmethod
    def describe(self, source: Chem.Mol, candidates: Sequence[Candidate], guide: TextGuide) -> list[Edit]:
        """Describe the admissible candidates of one molecule, best first."""

    def edit(self, smiles: str, prompt: str, opposite: str | None = None, num_edits: int = 10) -> Edits:
        """Edit one molecule; see `MoleculeEditor.edit`. There are at most as many edits as strengths.

        Raises:
            ValueError: Also if the generator cannot write the molecule, or makes something unlike it of it.
        """
        (edits,), problems = self._attempt([smiles], prompt, opposite, num_edits)
        if problems:
            raise ValueError(problems[0])
        return edits

    def edit_many(
        self, smiles: Sequence[str], prompt: str, opposite: str | None = None, num_edits: int = 10
    ) -> list[Edits]:
        """Edit molecules as one batch; one that the generator cannot write has no edits, and a warning says why."""
        edits, problems = self._attempt(smiles, prompt, opposite, num_edits)
        for problem in problems.values():
            logger.warning(problem)
        return edits

    def _attempt(
        self, smiles: Sequence[str], prompt: str, opposite: str | None, num_edits: int
    ) -> tuple[list[Edits], dict[int, str]]:
        """Edit what the generator can write; tell the place of every other molecule, and why."""
        check_num_edits(num_edits)
        sources = [parse_source(source) for source in smiles]
        guide = TextGuide(self.encoder, prompt, opposite)
        unknown = find_unknown_clause(self.encoder, guide.clauses)
        if unknown is not None:
            return [Edits((), EditReport(note=unknown)) for _ in sources], {}
        tokens, problems = {}, {}
        for place, source in enumerate(sources):
            try:
                tokens[place] = self.coder.tokenize(Chem.MolToSmiles(source))
            except ValueError as error:
                problems[place] = str(error)
        edits = [Edits((), EditReport(note=problems.get(place, ""))) for place in range(len(sources))]
        answers = self._answer([sources[place] for place in tokens], list(tokens.values()), prompt, guide)
        for place, (reconstruction, *written) in zip(tokens, answers, strict=True):
            problem = self._check_reconstruction(sources[place], reconstruction)
            if problem is None:
                edits[place] = self._select(sources[place], written, guide)
                del edits[place][num_edits:]
            else:
                problems[place] = edits[place].report.note = problem
        return edits, problems

    def _answer(
        self, sources: Sequence[Chem.Mol], tokens: Sequence[list[int]], prompt: str, guide: TextGuide
    ) -> list[tuple[str, ...]]:
        """Decode the latent of every molecule, as it is and moved with every strength."""
        if not sources:
            return []
        latents = self.coder.encode(tokens)
        moved = self.move(latents, list(map(Chem.MolToSmiles, sources)), prompt, guide)  # (W, B, L, D)
        every = torch.cat([latents.states[None], moved])  # (1 + W, B, L, D)
        mask = latents.attention_mask.repeat(len(every), 1)  # ((1 + W) * B, L)
        written = self.coder.decode(Latents(every.flatten(0, 1), mask))
        strengths = [written[start : start + len(sources)] for start in range(0, len(written), len(sources))]
        return list(zip(*strengths, strict=True))

    def _check_reconstruction(self, source: Chem.Mol, reconstruction: str) -> str | None:
        """Say what is wrong if the generator makes something of a molecule that could not even be an edit of it."""
        molecule, name = try_parse(reconstruction), Chem.MolToSmiles(source)
        similarity = 0.0 if molecule is None else compute_similarities(source, [molecule])[0]
        if reconstruction == name or similarity > self.constraints.min_similarity:
            return None
        return (
            f"The generator cannot reconstruct {name!r:.80}: unmoved, it becomes {reconstruction!r:.80}. Train the "
            "generator for longer, or on molecules more like this one."
        )

    def _select(self, source: Chem.Mol, written: Sequence[str], guide: TextGuide) -> Edits:
        """Describe the admissible edits, and, where asked for, what else was written after them."""
        most = self.encoder.processor.feature_extractor.max_atoms
        report = EditReport()
        admitted = self.constraints.admit(source, map(Proposal, dict.fromkeys(written)), report)
        small = [candidate for candidate in admitted if candidate.molecule.GetNumAtoms() <= most]
        edits = self.describe(source, small, guide)
        report.not_nearer = len(small) - len(edits)
        rest = [] if self.only_admissible else list(written)
        for edit in edits if rest else ():
            rest.remove(edit.smiles)
        return Edits([*edits, *(_describe_failure(source, text) for text in rest)], report)


class LatentOptimizationEditor(LatentEditor):
    """Moves the latent of a molecule towards a text, against a penalty on the distance, and decodes it.

    The method of MoleculeSTM and FineMolTex: one candidate for each penalty of a grid. The prompt is embedded once,
    all penalties and molecules are optimised as one batch, and decoded as one. The text guides as in `SearchEditor`:
    by the direction from its opposite, or from what any sentence says, averaged over its clauses.

    Args:
        parts, constraints, only_admissible: As of `LatentEditor`.
        settings (`LatentSettings`, *optional*): Penalties, steps and rate.
        only_nearer (`bool`): Leave out what is not nearer to every clause of the prompt than the source.

    Example:
    >>> editor = LatentOptimizationEditor.from_pretrained(editing_folder)
    >>> [edit.smiles for edit in editor.edit("Cc1ccc(O)cc1", "This molecule is an alcohol.")]
    ['Cc1ccc(F)cc1']
    """

    def __init__(
        self,
        parts: EditingParts,
        constraints: EditConstraints | None = None,
        settings: LatentSettings | None = None,
        only_admissible: bool = True,
        only_nearer: bool = True,
    ) -> None:
        super().__init__(parts, constraints, only_admissible)
        self.settings, self.only_nearer = settings or LatentSettings(), only_nearer

    @classmethod
    def from_pretrained(cls, name_or_path: str, device: Any = None, **kwargs: Any) -> "LatentOptimizationEditor":
        """Load a folder that `examples/train_editing_alignment.py` wrote; `kwargs` go to the constructor.

        Raises:
            ValueError: If there is no such folder, or it holds no model with a generator.
        """
        return cls(load_editing_folder(name_or_path, device), **kwargs)

    @classmethod
    def from_model(cls, name_or_path: str, settings: EditorSettings) -> "LatentOptimizationEditor":
        """Load a model with a generator; see `MoleculeEditor.from_model`."""
        return cls.from_pretrained(name_or_path, constraints=settings.constraints)

    def move(self, latents: Latents, names: Sequence[str], prompt: str, guide: TextGuide) -> Tensor:
        """Optimise latents `(B, L, D)` -> `(W, B, L, D)`; see `FineMolTexForMoleculeEditing.optimize`."""
        direction = torch.from_numpy(guide.directions.mean(axis=0)).to(latents.states.device)  # (P,)
        settings = self.settings
        return self.model.optimize(*latents, direction, settings.penalties, settings.num_steps, settings.learning_rate)

    def describe(self, source: Chem.Mol, candidates: Sequence[Candidate], guide: TextGuide) -> list[Edit]:
        """Score by the text what the candidates really are, not where their latents lay."""
        if not candidates:
            return []
        names = [Chem.MolToSmiles(source), *(candidate.smiles for candidate in candidates)]
        embeds = self.encoder.encode_molecules(names, progress_bar=False)
        origin, scores = guide.score(embeds[:1])[0], guide.score(embeds[1:])  # (C,), (R, C)
        gains = (scores - origin).min(axis=1)  # all clauses must hold
        order = [
            place for place in np.argsort(-gains, kind="stable").tolist() if gains[place] > 0 or not self.only_nearer
        ]
        means = [float(scores[place].mean()) for place in order]
        chosen = [candidates[place] for place in order]
        return describe_candidates(chosen, source, " ".join(guide.clauses), float(origin.mean()), means)


def _describe_failure(source: Chem.Mol, written: str) -> Edit:
    molecule = try_parse(written)
    if molecule is None:
        return Edit(written, None, None)
    similarity = compute_similarities(source, [molecule])[0]
    return Edit(written, similarity, None, describe_change(molecule, source))
