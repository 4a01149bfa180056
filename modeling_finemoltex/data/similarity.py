"""How alike two molecules are: Tanimoto similarity of Morgan fingerprints."""

from collections.abc import Sequence

from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

RADIUS = 2  # bonds, as in ECFP4
NUM_BITS = 2048

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
