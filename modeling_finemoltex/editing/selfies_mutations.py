"""Analogues by random changes of a SELFIES string, each of which is a molecule."""

import random
from collections.abc import Iterator

from rdkit import Chem

from ..data.identifiers import canonical_smiles
from .molecule_notation import import_selfies
from .proposals import Proposal, Rule

PATIENCE = 4  # attempts per wanted proposal: some changes leave the molecule as it was


class SelfiesMutations:
    """Proposes analogues that differ by one or two symbols of SELFIES: replaced, inserted or left out.

    Needs the library `selfies`.

    Raises:
        ImportError: If `selfies` is not installed.
    """

    def __init__(self) -> None:
        self._selfies = import_selfies()
        self._alphabet = sorted(self._selfies.get_semantic_robust_alphabet())

    def propose(self, molecule: Chem.Mol, number: int, generator: random.Random) -> Iterator[Proposal]:
        """Give up to `number` distinct analogues, none for what SELFIES cannot write."""
        name = Chem.MolToSmiles(molecule)
        try:
            symbols = list(self._selfies.split_selfies(self._selfies.encoder(name)))
        except self._selfies.EncoderError:
            return
        known = {name}
        for _ in range(number * PATIENCE):
            if len(known) > number:
                return
            changed = list(symbols)
            changes = [self._change(changed, generator) for _ in range(generator.choice((1, 1, 2)))]
            proposal = canonical_smiles(self._selfies.decoder("".join(changed)))
            if proposal is not None and proposal not in known:
                known.add(proposal)
                removed, added = map("".join, zip(*changes, strict=True))
                yield Proposal(proposal, Rule("selfies", removed, added))

    def _change(self, symbols: list[str], generator: random.Random) -> tuple[str, str]:
        """Change one symbol in place; give what left and what came."""
        kind = generator.choice(("replace", "insert", "leave out")) if symbols else "insert"
        place = generator.randrange(len(symbols) + (kind == "insert"))
        new = [] if kind == "leave out" else [generator.choice(self._alphabet)]
        old = symbols[place : place + (kind != "insert")]
        symbols[place : place + (kind != "insert")] = new
        return "".join(old), "".join(new)
