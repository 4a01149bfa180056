"""The conformer view: where the atoms of a molecule lie in one of its low-energy shapes."""

from collections.abc import Mapping, Sequence

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom

from .motif_vocabulary_finemoltex import MotifVocabulary
from .smiles_finemoltex import RDKIT_ERRORS, try_parse
from .views_finemoltex import Column

CONFORMER = "conformer"  # name of the view
SEED = 20240613  # of the embedding: the same molecule has the same conformer everywhere
MOST_PLACED_ATOMS = 128  # beyond, an attempt takes seconds by itself, and most fail
MOST_ATTEMPTS = 20
MOST_SECONDS = 5  # for each fragment and way to start; beyond, the molecule is read without a conformer
UNITS_PER_ANGSTROM = 1000  # positions are integers
NOWHERE = np.iinfo(np.int32).min  # position of the atoms of a molecule without a conformer


class ConformerView:
    """Positions of the atoms in one conformer (ETKDGv3, Wang et al. 2020), without its hydrogens.

    The conformer is that of the canonical SMILES, so that the order of the atoms does not change it. A molecule
    for which RDKit finds none, or of more than `MOST_PLACED_ATOMS` atoms, has no positions, and models read it by its
    graph.

    Args:
        vocabulary (`MotifVocabulary`): As every view; not used.

    Example:
    >>> row = ConformerView(MotifVocabulary()).featurize(Chem.MolFromSmiles("CO"))
    >>> first, second = row["atom_positions"] / UNITS_PER_ANGSTROM
    >>> round(float(np.linalg.norm(first - second)), 1)
    1.4
    """

    name = CONFORMER
    model_input_names = ("atom_positions", "has_conformer")
    columns = {"atom_positions": Column("int32", 3)}  # (n, 3) in thousandths of an angstrom

    def __init__(self, vocabulary: MotifVocabulary) -> None:
        del vocabulary

    def featurize(self, molecule: Chem.Mol) -> dict[str, np.ndarray]:
        """Make the array of one molecule.

        Args:
            molecule (`rdkit.Chem.Mol`): From `parse_molecule`.

        Returns:
            `dict[str, np.ndarray]`: `atom_positions` (n, 3) around their centre, `NOWHERE` without a conformer.
        """
        positions = embed_atoms(molecule)
        if positions is None:
            return {"atom_positions": np.full((molecule.GetNumAtoms(), 3), NOWHERE, dtype=np.int32)}
        centred = positions - positions.mean(0)  # (n, 3)
        return {"atom_positions": np.rint(centred * UNITS_PER_ANGSTROM).astype(np.int32)}

    def collate(self, rows: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Concatenate molecules.

        Args:
            rows (sequence of mappings): What `featurize` returned, at least one.

        Returns:
            `dict[str, np.ndarray]`: `atom_positions` (N, 3), zeros without a conformer, and `has_conformer` (B,), of
            64-bit integers.
        """
        positions = np.concatenate([row["atom_positions"] for row in rows]).astype(np.int64)  # (N, 3)
        return {
            "atom_positions": np.where(positions == NOWHERE, 0, positions),
            "has_conformer": np.array([int(has_conformer(row["atom_positions"])) for row in rows]),
        }


def has_conformer(positions: np.ndarray) -> bool:
    """Tell whether a molecule has positions.

    Args:
        positions (`np.ndarray` of shape `(n, 3)` or `(3 * n,)`): Of one molecule.
    """
    return bool(positions.reshape(-1)[0] != NOWHERE)


def embed_atoms(molecule: Chem.Mol) -> np.ndarray | None:
    """Place the atoms of a molecule in space, by seed.

    Args:
        molecule (`rdkit.Chem.Mol`): Of `n` atoms, without explicit hydrogens.

    Returns:
        `np.ndarray` of shape `(n, 3)`, in angstroms; `None` if RDKit finds no conformer within `MOST_ATTEMPTS` and
        `MOST_SECONDS`, neither from distances nor from random coordinates, or `n` is above `MOST_PLACED_ATOMS`.
    """
    if molecule.GetNumAtoms() > MOST_PLACED_ATOMS:
        return None
    try:
        canonical = try_parse(Chem.MolToSmiles(molecule))
        if canonical is None or canonical.GetNumAtoms() != molecule.GetNumAtoms():
            return None
        order = list(molecule.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"])
        with rdBase.BlockLogs():
            full = Chem.AddHs(canonical)
            for starts_at_random in (False, True):
                parameters = rdDistGeom.ETKDGv3()
                parameters.randomSeed, parameters.maxIterations = SEED, MOST_ATTEMPTS
                parameters.timeout, parameters.useRandomCoords = MOST_SECONDS, starts_at_random
                if rdDistGeom.EmbedMolecule(full, parameters) >= 0:
                    positions = np.empty((len(order), 3))
                    positions[order] = full.GetConformer().GetPositions()[: len(order)]
                    return positions if np.isfinite(positions).all() else None
    except RDKIT_ERRORS:  # such as an element without parameters
        pass
    return None


__all__ = ["CONFORMER", "NOWHERE", "UNITS_PER_ANGSTROM", "ConformerView", "has_conformer"]
