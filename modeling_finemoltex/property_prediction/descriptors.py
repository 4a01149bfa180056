"""Descriptors of RDKit for many molecules: what has no value is missing, never an error and never infinite."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..data.identifiers import attempt, try_parse
from ..data.molecule_filters import DESCRIPTORS

MOST = 1e12  # a descriptor beyond has no meaning: some of RDKit's grow without bound


def compute_descriptors(molecules: Iterable[Any], names: Sequence[str] = tuple(DESCRIPTORS)) -> np.ndarray:
    """Compute the descriptors of molecules.

    Args:
        molecules (iterable of `str` or `rdkit.Chem.Mol`): `R` molecules.
        names (sequence of `str`): `D` of `rdkit.Chem.Descriptors.descList`; all of them, if absent.

    Returns:
        `np.ndarray` of shape `(R, D)`, float64: NaN where a descriptor is not defined or infinite, as partial charges
        of some metals, and in the whole row of what is no molecule.

    Raises:
        ValueError: If this release of RDKit has no such descriptor.

    Example:
    >>> compute_descriptors(["CCO", "no molecule"], ["NumHDonors", "HeavyAtomCount"]).tolist()
    [[1.0, 3.0], [nan, nan]]
    """
    unknown = [name for name in names if name not in DESCRIPTORS]
    if unknown:
        raise ValueError(f"This release of RDKit has no descriptor {unknown[0]!r}; it has {len(DESCRIPTORS)} others.")
    functions = [DESCRIPTORS[name] for name in names]
    parsed = [try_parse(molecule) for molecule in molecules]
    rows = [[None if one is None else attempt(compute, one) for compute in functions] for one in parsed]
    values = np.array(rows, float).reshape(len(rows), len(functions))
    values[~np.isfinite(values)] = np.nan
    return values
