"""What a proposer gives: an analogue, and the rule that made it."""

import random
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from rdkit import Chem


class Rule(NamedTuple):
    """What was exchanged to make an analogue, and how well that is known.

    Args:
        kind (`str`): `"fragment"`, `"motif"`, `"selfies"` or `"group"`.
        removed (`str`): What left the molecule: SMILES with attachment points, empty for a hydrogen or a bond; symbols
            of SELFIES for `"selfies"`.
        added (`str`): What came in its place, written the same way.
        radius (`int`, *optional*): Bonds of the surroundings that agree with the library.
        seen (`int`, *optional*): How often the library has the added fragment in these surroundings.
        library (`str`, *optional*): Name of the library.
    """

    kind: str
    removed: str
    added: str
    radius: int | None = None
    seen: int | None = None
    library: str | None = None


class Proposal(NamedTuple):
    """An analogue: canonical SMILES, and the rule that made it, if one is known."""

    smiles: str
    rule: Rule | None = None


class Proposer(Protocol):
    """Proposes analogues of a molecule, whatever the prompt."""

    def propose(self, molecule: Chem.Mol, number: int, generator: random.Random) -> Iterator[Proposal]:
        """Give up to `number` distinct analogues other than the molecule."""
