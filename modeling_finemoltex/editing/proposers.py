"""What proposes analogues, and how several share the work."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from rdkit import Chem

from .motif_swaps import MotifSwaps


class Proposer(Protocol):
    """Proposes analogues of a molecule, whatever the prompt."""

    def propose(self, molecule: Chem.Mol, number: int, generator: random.Random) -> Iterator[str]:
        """Give up to `number` distinct canonical SMILES other than that of the molecule."""


def make_proposers(
    feature_extractor: Any, fragments: str | Path | None = None, use_selfies: bool = False
) -> list[Proposer]:
    """Build the proposers: motif swaps, plus CReM and SELFIES if requested.

    Args:
        feature_extractor (`FineMolTexFeatureExtractor`): Owns the motif vocabulary.
        fragments (`str` or `Path`, *optional*): Fragment database for `CremMutations`.
        use_selfies (`bool`): Add `SelfiesMutations`.

    Raises:
        ImportError: If a library is missing.
        ValueError: If there is no such database.
    """
    proposers: list[Proposer] = [MotifSwaps(feature_extractor)]
    if fragments is not None:
        from .crem_mutations import CremMutations

        proposers.append(CremMutations(fragments))
    if use_selfies:
        from .selfies_mutations import SelfiesMutations

        proposers.append(SelfiesMutations())
    return proposers


def propose_analogues(
    proposers: Sequence[Proposer], parents: Sequence[Chem.Mol], number: int, generator: random.Random
) -> list[str]:
    """Ask every proposer for its share of `number` distinct analogues of every parent."""
    share = -(-number // (len(parents) * len(proposers)))  # rounded up
    proposals = (
        smiles for parent in parents for proposer in proposers for smiles in proposer.propose(parent, share, generator)
    )
    return list(dict.fromkeys(proposals))
