"""A search that reads RDKit's figures instead of the text: the most that the same proposals can achieve."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..evaluation.edit_scores import measure_quantity
from ..evaluation.editing_prompts import PROMPTS, Check
from .edits import Candidate
from .search import SearchEditor


@dataclass(frozen=True)
class FigureGuide:
    """Stands in for a text: the figures that must change, `(C,)`.

    Args:
        clauses (`tuple[Check, ...]`): Each with its direction.
    """

    clauses: tuple[Check, ...]


class FigureEditor(SearchEditor):
    """Searches as `SearchEditor` does, and takes what changes RDKit's figures of a published prompt the most.

    An upper bound for a search that reads the text: same proposals, constraints and generations. Takes the arguments
    of `SearchEditor`; of the encoder only the largest molecule matters.

    Example:
    >>> editor = FigureEditor(encoder, settings=SearchSettings(num_candidates=30, num_generations=1))
    >>> edits = editor.edit("CC(=O)Oc1ccccc1C(=O)O", "This molecule is soluble in water.", num_edits=3)
    >>> all(edit.property_changes["MolLogP"] < 0 for edit in edits)
    True
    """

    def _guide(self, prompt: str, opposite: str | None) -> Any:
        """Find the figures of a prompt.

        Raises:
            ValueError: If it is none of the published ones.
        """
        for known in PROMPTS.values():
            if known.text == prompt:
                return FigureGuide(known.checks)
        raise ValueError(f"{prompt!r:.80} is none of the published prompts, so no figure belongs to it.")

    def _find_problem(self, guide: Any) -> str | None:
        return None

    def _score(self, candidates: Sequence[Candidate], guide: Any) -> np.ndarray:
        """Compute the figures, each with its sign changed where it is to fall: (R, C)."""
        return np.array(
            [
                [check.direction * measure_quantity(check.quantity, one.smiles) for check in guide.clauses]
                for one in candidates
            ]
        )
