"""What proposes analogues, and how several share the work."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rdkit import Chem

from .crem_mutations import CremMutations
from .motif_swaps import MotifSwaps
from .proposals import Proposal, Proposer, Rule

__all__ = ["Proposal", "Proposer", "Rule", "make_proposers", "propose_analogues"]


def make_proposers(
    feature_extractor: Any,
    fragments: str | Path | None = None,
    use_selfies: bool = False,
    use_motifs: bool = False,
) -> list[Proposer]:
    """Build the proposers: exchange of fragments, plus SELFIES and motif swaps if requested.

    Args:
        feature_extractor (`FineMolTexFeatureExtractor`): Owns the motif vocabulary.
        fragments (`str` or `Path`, *optional*): Fragment database for `CremMutations`; that of the package, if absent.
        use_selfies (`bool`): Add `SelfiesMutations`.
        use_motifs (`bool`): Add `MotifSwaps`.

    Raises:
        ImportError: If a library is missing.
        ValueError: If there is no such database, or it is damaged.
    """
    proposers: list[Proposer] = [CremMutations(fragments)]
    if use_motifs:
        proposers.append(MotifSwaps(feature_extractor))
    if use_selfies:
        from .selfies_mutations import SelfiesMutations

        proposers.append(SelfiesMutations())
    return proposers


def propose_analogues(
    proposers: Sequence[Proposer], parents: Sequence[Chem.Mol], number: int, generator: random.Random
) -> list[Proposal]:
    """Ask every proposer for its share of `number` distinct analogues of every parent; the first rule stays."""
    share = -(-number // (len(parents) * len(proposers)))  # rounded up
    distinct: dict[str, Proposal] = {}
    for parent in parents:
        for proposer in proposers:
            for proposal in proposer.propose(parent, share, generator):
                distinct.setdefault(proposal.smiles, proposal)
    return list(distinct.values())
