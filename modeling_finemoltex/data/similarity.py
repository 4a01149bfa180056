"""How alike two molecules are: Tanimoto similarity of Morgan fingerprints."""

from collections.abc import Sequence

import numpy as np
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from tqdm.auto import tqdm

RADIUS = 2  # bonds, as in ECFP4
NUM_BITS = 2048
SLOW_SEARCH = 5_000  # molecules from which on a search of all by all shows a progress bar

_GENERATORS: dict[int, rdFingerprintGenerator.FingerprintGenerator64] = {}


def compute_fingerprint(molecule: Chem.Mol, num_bits: int = NUM_BITS) -> DataStructs.ExplicitBitVect:
    """Compute the Morgan fingerprint of one molecule, without stereo."""
    if num_bits not in _GENERATORS:
        _GENERATORS[num_bits] = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=num_bits)
    return _GENERATORS[num_bits].GetFingerprint(molecule)


def compute_similarities(molecule: Chem.Mol, others: Sequence[Chem.Mol], num_bits: int = NUM_BITS) -> list[float]:
    """Compute the Tanimoto similarity of one molecule to each of several.

    Args:
        molecule (`rdkit.Chem.Mol`): What is compared.
        others (sequence of `rdkit.Chem.Mol`): `R` molecules.
        num_bits (`int`): Width of the fingerprints.

    Returns:
        `list[float]` of length `R`, between 0 and 1.

    Example:
    >>> phenol, water = Chem.MolFromSmiles("Oc1ccccc1"), Chem.MolFromSmiles("O")
    >>> compute_similarities(phenol, [phenol, water])
    [1.0, 0.0]
    """
    fingerprints = [compute_fingerprint(other, num_bits) for other in others]
    return DataStructs.BulkTanimotoSimilarity(compute_fingerprint(molecule, num_bits), fingerprints)


def find_nearest(molecules: Sequence[Chem.Mol], num_neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the most similar other molecules of each molecule.

    Compares all with all, one row at a time: 10,000 molecules take less than a minute, ten times as many more than an
    hour.

    Args:
        molecules (sequence of `rdkit.Chem.Mol`): `R` different molecules.
        num_neighbours (`int`): `K`.

    Returns:
        `np.ndarray` of shape `(R, K)` twice: numbers of the neighbours, int32, the most similar first and of equals
        the first, and their similarities, float32. Molecules that share nothing are no neighbours: -1 and 0 fill up.

    Example:
    >>> names = ["CCO", "CCCO", "c1ccccc1"]
    >>> find_nearest([Chem.MolFromSmiles(name) for name in names], 2)[0].tolist()
    [[1, -1], [0, -1], [-1, -1]]
    """
    fingerprints = [compute_fingerprint(molecule) for molecule in molecules]
    neighbours = np.full((len(molecules), num_neighbours), -1, dtype=np.int32)
    similarities = np.zeros((len(molecules), num_neighbours), dtype=np.float32)
    is_quick = len(molecules) < SLOW_SEARCH
    for row, fingerprint in enumerate(tqdm(fingerprints, desc="Similar molecules", disable=is_quick)):
        found = np.array(DataStructs.BulkTanimotoSimilarity(fingerprint, fingerprints))  # (R,)
        found[row] = 0.0
        least = np.partition(found, -num_neighbours)[-num_neighbours] if num_neighbours < len(found) else 0.0
        near = np.flatnonzero((found >= least) & (found > 0))
        near = near[np.argsort(-found[near], kind="stable")][:num_neighbours]
        neighbours[row, : len(near)], similarities[row, : len(near)] = near, found[near]
    return neighbours, similarities
