"""Analogues by exchanging fragments that occur in the same surroundings in a library of yours (CReM)."""

import random
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rdkit import Chem, rdBase

from ..data.identifiers import canonical_smiles
from .proposals import Proposal, Rule

# Bonds around a cut that must agree. 2 keeps what a medicinal chemist would; 3 needs libraries of millions.
RADIUS = 2
HYDROGEN = "[H][*:1]"
MAX_FRAGMENT = 10  # heavy atoms of a fragment that is exchanged


class CremMutations:
    """Proposes analogues whose every new surrounding occurs in the library that the database was built from.

    Needs the library `crem`, and a database: `build_fragment_database` makes one of a file of SMILES.

    Args:
        database (`str` or `Path`): The file.
        radius (`int`): Bonds around a cut that must agree; the database must have this radius.

    Raises:
        ImportError: If `crem` is not installed.
        ValueError: If there is no such database.
    """

    def __init__(self, database: str | Path, radius: int = RADIUS) -> None:
        self._mutate = _import_crem().mutate_mol
        self.database, self.radius = Path(database), radius
        if not self.database.is_file():
            raise ValueError(
                f"{database} is no fragment database: `build_fragment_database` makes one of your SMILES."
            )

    def propose(self, molecule: Chem.Mol, number: int, generator: random.Random) -> Iterator[Proposal]:
        """Give up to `number` distinct analogues."""
        name = Chem.MolToSmiles(molecule)
        known: set[str | None] = {None, name}
        with rdBase.BlockLogs():
            mutants = list(self._exchange(molecule, number, generator))
        for mutant, reaction, seen in mutants:
            smiles = canonical_smiles(mutant)
            if smiles not in known:
                known.add(smiles)
                removed, added = ("" if side == HYDROGEN else side for side in reaction.split(">>"))
                yield Proposal(smiles, Rule("fragment", removed, added, self.radius, seen, self.database.name))

    def _exchange(self, molecule: Chem.Mol, number: int, generator: random.Random) -> Iterator[tuple[str, str, int]]:
        """Exchange fragments; hydrogens too, so that molecules grow."""
        return self._mutate(
            Chem.AddHs(molecule),
            str(self.database),
            radius=self.radius,
            max_size=MAX_FRAGMENT,
            min_inc=-MAX_FRAGMENT,
            max_inc=MAX_FRAGMENT,
            max_replacements=number,
            return_rxn_freq=True,
            return_rxn=True,
            seed=generator.randrange(2**31),
        )


def build_fragment_database(
    smiles: Iterable[str], database: str | Path, radius: int = RADIUS, num_processes: int = 1
) -> int:
    """Cut molecules into fragments and store which occur in which surroundings.

    Args:
        smiles (iterable of `str`): The molecules; those that cannot be parsed are left out.
        database (`str` or `Path`): File to write; one that is there is not touched.
        radius (`int`): Bonds of the surroundings.
        num_processes (`int`): Processes that cut.

    Returns:
        `int`: The number of molecules read.

    Raises:
        ImportError: If `crem` is not installed.
        ValueError: If the file exists, or no molecule could be read.
    """
    _import_crem()
    from crem.scripts import cremdb_create

    target = Path(database)
    if target.exists():
        raise ValueError(f"{database} exists: delete it, or give another name.")
    names = [name for name in map(canonical_smiles, smiles) if name is not None]
    if not names:
        raise ValueError("No molecule could be read: give SMILES strings such as 'CCO'.")
    with tempfile.TemporaryDirectory(dir=target.absolute().parent) as folder:
        library, unfinished = Path(folder, "library.smi"), Path(folder, "fragments.db")
        library.write_text("".join(f"{name}\t{row}\n" for row, name in enumerate(names)), encoding="utf-8")
        cremdb_create.run(
            str(library),
            str(unfinished),
            ["library"],
            radii=(radius,),
            max_heavy_atoms=MAX_FRAGMENT,
            ncpu=num_processes,
            verbose=False,
            frag_mode="acyclic",
        )
        unfinished.replace(target)  # only a finished database gets the name
    return len(names)


def _import_crem() -> Any:
    try:
        from crem import crem
    except ImportError as error:
        raise ImportError('Fragment exchange needs `pip install "finemoltex[editing]"`.') from error
    return crem
