"""What scores of molecules promise for others: cheaper than to embed them."""

from collections.abc import Sequence

import numpy as np
from rdkit import Chem, DataStructs

from ..data.similarity import NUM_BITS, compute_fingerprint

RIDGE = 10.0  # the penalty; analogues share most of some 50 bits


def foretell_scores(known: Sequence[Chem.Mol], scores: np.ndarray, others: Sequence[Chem.Mol]) -> np.ndarray:
    """Foretell scores by ridge regression on the bits of fingerprints.

    Analogues of one molecule differ by few exchanges, whose effects nearly add up, so the regression finds which are
    worth to be embedded. It is no replacement for the scores.

    Args:
        known (sequence of `rdkit.Chem.Mol`): `R` molecules, at least one.
        scores (`np.ndarray` of shape `(R, C)`): What is known of them.
        others (sequence of `rdkit.Chem.Mol`): `S` molecules.

    Returns:
        `np.ndarray` of shape `(S, C)`.

    Example:
    >>> alcohols, alkanes = (list(map(Chem.MolFromSmiles, names)) for names in (("CO", "CCO"), ("C", "CC")))
    >>> scores = np.array([[1.0], [1.0], [0.0], [0.0]])
    >>> others = [Chem.MolFromSmiles("CCCO"), Chem.MolFromSmiles("CCC")]
    >>> one, other = foretell_scores(alcohols + alkanes, scores, others)
    >>> bool(one > other)
    True
    """
    bits = _stack_bits(known)  # (R, B)
    mean = scores.mean(axis=0)  # (C,)
    kernel = bits @ bits.T + RIDGE * np.eye(len(bits))  # (R, R)
    weights = bits.T @ np.linalg.solve(kernel, scores - mean)  # (B, C)
    return _stack_bits(others) @ weights + mean  # (S, C)


def _stack_bits(molecules: Sequence[Chem.Mol]) -> np.ndarray:
    """Compute fingerprints: (R, B)."""
    bits = np.zeros((len(molecules), NUM_BITS))
    for row, molecule in zip(bits, molecules, strict=True):
        DataStructs.ConvertToNumpyArray(compute_fingerprint(molecule), row)
    return bits
