"""Analogues by exchanging fragments that occur in the same surroundings in a library (CReM)."""

import contextlib
import io
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem, rdBase

from ..data.identifiers import canonical_smiles
from ..hub.shipped_model import CARD_FOLDERS
from .fragment_database import MAX_FRAGMENT, find_name, find_radii, import_crem, open_database
from .fragment_mining import HYDROGEN
from .proposals import Proposal, Rule

SHIPPED_FRAGMENTS = "fragments/fragments.db"
# Attempts per wanted proposal: some exchanges lead to the same analogue.
PATIENCE = 1.5
_KNOWN_COLUMNS = ("env_id", "core_smi_id", "core_num_atoms", "dist2", "is_ring_closure")  # the others are counts


def default_fragments() -> Path:
    """Find the fragments that come with the package.

    Raises:
        FileNotFoundError: If they are not there; says where they were looked for.

    Example:
    >>> default_fragments().name
    'fragments.db'
    """
    files = [cards / SHIPPED_FRAGMENTS for cards in CARD_FOLDERS]
    for file in files:
        if file.is_file():
            return file
    raise FileNotFoundError(
        f"The shipped fragments are none of {[str(file) for file in files]}. Reinstall with `pip install finemoltex`, "
        "or build your own with `finemoltex fragments build`."
    )


class CremMutations:
    """Proposes analogues whose every new surrounding occurs in the library that the fragments come from.

    A part of the molecule, or a hydrogen, is exchanged for a fragment that the library has in the same surroundings.
    Frequent fragments are taken more often, each as the square root of its count says, so that rare ones come too.
    Needs the library `crem`.

    Args:
        database (`str` or `Path`, *optional*): The fragments, as `build_fragment_database` or CReM itself writes them;
            those that come with the package, if absent.
        radius (`int`, *optional*): Bonds of the surroundings that must agree; the largest in the file, if absent.

    Raises:
        ImportError: If `crem` is not installed.
        ValueError: If there is no such database, it is damaged, or lacks this radius.

    Example:
    >>> mutations = CremMutations()
    >>> (one,) = mutations.propose(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"), 1, random.Random(0))
    >>> one.rule.kind, one.rule.seen > 0
    ('fragment', True)
    """

    def __init__(self, database: str | Path | None = None, radius: int | None = None) -> None:
        self._mutate = import_crem().mutate_mol
        self.database = Path(database or default_fragments())
        with closing(open_database(self.database)) as connection:
            radii = find_radii(connection)
            self.radius = radii[-1] if radius is None else radius
            if self.radius not in radii:
                raise ValueError(f"{self.database} has the radii {radii}, not {radius}.")
            self.library = find_name(connection) or self.database.stem
            self._weights = _load_weights(connection, self.radius)  # by row

    def propose(self, molecule: Chem.Mol, number: int, generator: random.Random) -> Iterator[Proposal]:
        """Give up to `number` distinct analogues, fewer where the library has no more."""
        name = Chem.MolToSmiles(molecule)
        known: set[str | None] = {None, name}
        # CReM tells there which products are no molecules.
        with rdBase.BlockLogs(), contextlib.redirect_stderr(io.StringIO()):
            mutants = list(self._exchange(Chem.MolFromSmiles(name), round(number * PATIENCE), generator))
        for mutant, reaction, seen in mutants:
            smiles = canonical_smiles(mutant)
            if smiles not in known:
                known.add(smiles)
                removed, added = ("" if side == HYDROGEN else side for side in reaction.split(">>"))
                yield Proposal(str(smiles), Rule("fragment", removed, added, self.radius, seen, self.library))
            if len(known) > number + 1:
                return

    def _exchange(self, molecule: Chem.Mol, number: int, generator: random.Random) -> Iterator[tuple[str, str, int]]:
        """Exchange fragments; hydrogens too, so that molecules grow."""
        draws = np.random.default_rng(generator.randrange(2**31))

        def sample(rows: list[int], _cursor: Any, _radius: int, size: int) -> list[int]:
            keys = draws.random(len(rows)) ** (1 / self._weights[rows])  # the largest are a sample by weight
            return [rows[place] for place in np.argsort(-keys, kind="stable")[:size]]

        return self._mutate(
            Chem.AddHs(molecule),
            str(self.database),
            radius=self.radius,
            max_size=MAX_FRAGMENT,
            min_inc=-MAX_FRAGMENT,
            max_inc=MAX_FRAGMENT,
            max_replacements=number,
            sample_func=lambda rows, *others: sample(sorted(rows), *others),
            return_rxn=True,
            discard_ring_geometry=False,  # no ring is formed
            return_rxn_freq=True,
            seed=generator.randrange(2**31),
        )


def _load_weights(connection: Any, radius: int) -> np.ndarray:
    """Load the square root of the count of every row, by its number: (R + 1,)."""
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info(radius{radius})")]
    (last,) = connection.execute(f"SELECT MAX(rowid) FROM radius{radius}").fetchone()
    counted = ["freq"] if "freq" in columns else [one for one in columns if one not in _KNOWN_COLUMNS]
    named = ", ".join(f'"{one}"' for one in counted)
    count = f"MAX({named})" if "," in named else named
    weights = np.ones(last + 1)
    rows = np.array(connection.execute(f"SELECT rowid, {count} FROM radius{radius}").fetchall(), dtype=np.int64)
    weights[rows[:, 0]] = np.sqrt(np.maximum(rows[:, 1], 1))
    return weights
