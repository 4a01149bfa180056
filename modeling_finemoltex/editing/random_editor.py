"""Editors that do not read the prompt: what chance alone achieves with the same proposals."""

import random
from collections.abc import Sequence

from rdkit import Chem

from ..data.identifiers import stable_hash
from ..data.similarity import compute_similarities
from ..runtime.opening import open_encoder
from .edit_report import EditReport
from .edits import (
    Candidate,
    EditConstraints,
    EditorSettings,
    Edits,
    MoleculeEditor,
    check_num_edits,
    describe_candidates,
    parse_source,
)
from .proposers import Proposer, make_proposers, propose_analogues
from .text_guide import split_clauses


class RandomEditor(MoleculeEditor):
    """Draws edits at random, from the proposals that `SearchEditor` would choose among in its first generation.

    Args:
        proposers (sequence of `Proposer`): Make the proposals.
        constraints (`EditConstraints`, *optional*): With them a random valid analogue, without them a random
            perturbation, whatever it leads to.
        num_candidates (`int`): Proposals to draw from.
        seed (`int`): Equal seeds give equal edits for the same molecule and prompt.
    """

    def __init__(
        self,
        proposers: Sequence[Proposer],
        constraints: EditConstraints | None = None,
        num_candidates: int = 300,
        seed: int = 0,
    ) -> None:
        self.proposers = list(proposers)
        self.constraints = constraints
        self.num_candidates = num_candidates
        self.seed = seed
        self._collected: tuple[str, list[Candidate], EditReport] | None = None

    @classmethod
    def from_model(cls, name_or_path: str, settings: EditorSettings) -> "RandomEditor":
        """Take the motif vocabulary of any model, or of its export; see `MoleculeEditor.from_model`."""
        extractor = open_encoder(name_or_path).processor.feature_extractor
        proposers = make_proposers(extractor, settings.fragments, settings.use_selfies, settings.use_motifs)
        return cls(proposers, settings.constraints or EditConstraints(), settings.num_candidates, settings.seed)

    def edit(self, smiles: str, prompt: str, opposite: str | None = None, num_edits: int = 10) -> Edits:
        """Draw edits of one molecule; see `MoleculeEditor.edit`. The text scores are `None`."""
        check_num_edits(num_edits)
        split_clauses(prompt, "prompt")  # refuses what every editor refuses
        source = parse_source(smiles)
        collected, report = self._collect(source)
        candidates = list(collected)
        random.Random(self.seed ^ stable_hash(f"{Chem.MolToSmiles(source)} {prompt}")).shuffle(candidates)
        return Edits(describe_candidates(candidates[:num_edits], source, prompt), report)

    def _collect(self, source: Chem.Mol) -> tuple[list[Candidate], EditReport]:
        """Collect what may be drawn, which is the same for every prompt and kept for the next one."""
        name = Chem.MolToSmiles(source)
        if self._collected is None or self._collected[0] != name:
            proposals = propose_analogues(self.proposers, [source], self.num_candidates, random.Random(self.seed))
            report = EditReport()
            if self.constraints is None:
                molecules = [Chem.MolFromSmiles(proposal.smiles) for proposal in proposals]
                similarities = compute_similarities(source, molecules)
                candidates = [
                    Candidate(smiles, molecule, similarity, rule)
                    for (smiles, rule), molecule, similarity in zip(proposals, molecules, similarities, strict=True)
                ]
                report.proposed = len(candidates)
            else:
                candidates = self.constraints.admit(source, proposals, report)
            self._collected = (name, candidates, report)
        return self._collected[1:]
