"""Splits of a list of molecules into train, validation and test rows."""

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .identifiers import map_unique, molecule_key
from .scaffolds import chiral_scaffold, murcko_scaffold, scaffold_or_groups

logger = logging.getLogger(__name__)

# A group larger than this share of the smaller held-out split goes to train: one frequent scaffold (benzene, ...)
# would otherwise be most of the evaluation.
LARGEST_GROUP_SHARE = 0.1
CHAINS = {"together": chiral_scaffold, "apart": scaffold_or_groups}  # what a group of molecules shares
SPLIT_NAMES = {
    "train": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
}


def scaffold_split(
    smiles: Sequence[str],
    valid_size: int | float,
    test_size: int | float,
    seed: int = 0,
    num_proc: int | None = None,
) -> dict[str, np.ndarray]:
    """Split molecules so that no Bemis-Murcko scaffold is in two splits.

    Groups of rows with one scaffold (stereo ignored) are shuffled by `seed` and put into validation, then test, as
    long as they fit; what is left is train. Molecules without a ring have no scaffold to hold out and always go to
    train, and so do groups larger than a tenth of the smaller held-out split. Rows of the same molecule, however its
    SMILES is written, stay together.

    Args:
        smiles (sequence of `str`, length `R`): One molecule per row.
        valid_size (`int` or `float`): Rows of the validation split, or a fraction of `R` below 1.0. The split is never
            larger; it may be smaller when the remaining groups do not fit, which is logged.
        test_size (`int` or `float`): The same for the test split.
        seed (`int`): Seed of the shuffling of groups.
        num_proc (`int`, *optional*): Worker processes for the scaffolds.

    Returns:
        `dict` with keys `"train"`, `"valid"`, `"test"`: sorted int64 row indices, together each row exactly once.

    Raises:
        ValueError: If a SMILES cannot be parsed, the sizes do not fit, or no group fits a requested split.

    Example:
    >>> parts = scaffold_split(["CCO", "c1ccccc1", "C1CCCCC1", "CC1CCCCC1", "CCCC"], valid_size=1, test_size=0)
    >>> {name: rows.tolist() for name, rows in parts.items()}
    {'train': [0, 2, 3, 4], 'valid': [1], 'test': []}
    """
    sizes = _row_counts(len(smiles), valid_size, test_size)
    groups = _group_molecules(murcko_scaffold, smiles, num_proc, "Scaffolds")
    groups.pop("", None)  # acyclic
    wanted = [size for size in sizes.values() if size]
    limit = max(1, math.ceil(LARGEST_GROUP_SHARE * min(wanted))) if wanted else 0
    names = sorted(name for name, rows in groups.items() if len(rows) <= limit)
    parts = _fill(len(smiles), [groups[name] for name in names], sizes, seed)
    for name, size in sizes.items():
        if size and not len(parts[name]):
            raise ValueError(
                f"No scaffold group fits the {name} split of {size} rows: the input of {len(smiles)} rows has "
                f"{len(groups)} scaffolds, {len(names)} of them with at most {limit} rows. Ask for other sizes or use "
                "`random_split`."
            )
        if len(parts[name]) < size:
            logger.warning(
                "The %s split holds %d rows instead of %d: no more groups fit.", name, len(parts[name]), size
            )
    return parts


def deterministic_scaffold_split(
    smiles: Sequence[str],
    valid_size: float = 0.1,
    test_size: float = 0.1,
    num_proc: int | None = None,
    chains: str = "together",
) -> dict[str, np.ndarray]:
    """Split molecules by scaffold as the published MoleculeNet tables do (Hu et al. 2020): no seed, nothing drawn.

    Groups of one Bemis-Murcko scaffold, stereo included, are taken from the largest to the smallest (among equals, the
    one whose first row comes last first): into train while it stays within its share, else into validation while train
    and validation stay within theirs, else into test. So test holds the rarest scaffolds. In the published split
    molecules without a ring are one group, which is in one part as a whole. Where there are many, give `chains`.

    Args:
        smiles (sequence of `str`, length `R`): One molecule per row.
        valid_size, test_size (`float`): Fractions of the rows, below 1.0 together.
        num_proc (`int`, *optional*): Worker processes for the scaffolds.
        chains (`str`): `"together"`, as published, or `"apart"`: molecules without a ring are groups by their
            functional groups, see `functional_skeleton`.

    Returns:
        `dict` with keys `"train"`, `"valid"`, `"test"`: sorted int64 row indices, together each row exactly once.

    Raises:
        ValueError: If a SMILES cannot be parsed, the sizes do not fit, a split that was asked for stays empty, or
            `chains` is unknown.
    """
    if chains not in CHAINS:
        raise ValueError(f"`chains` must be one of {', '.join(CHAINS)}: got {chains!r}.")
    _row_counts(len(smiles), valid_size, test_size)
    by_scaffold = _group_molecules(CHAINS[chains], smiles, num_proc, "Scaffolds")
    groups = sorted(by_scaffold.values(), key=lambda rows: (len(rows), rows[0]), reverse=True)
    train_stop, valid_stop = (1 - valid_size - test_size) * len(smiles), (1 - test_size) * len(smiles)
    parts: dict[str, list[int]] = {"train": [], "valid": [], "test": []}
    for rows in groups:
        if len(parts["train"]) + len(rows) <= train_stop:
            parts["train"] += rows
        elif len(parts["train"]) + len(parts["valid"]) + len(rows) <= valid_stop:
            parts["valid"] += rows
        else:
            parts["test"] += rows
    for name, size in (("train", 1.0), ("valid", valid_size), ("test", test_size)):
        if size and not parts[name]:
            raise ValueError(
                f"The scaffold split leaves no row for {name}: the {len(smiles)} rows have {len(groups)} scaffolds, "
                f"the most frequent one in {len(groups[0])} rows. Split at random, or by a column of your own"
                f"{_advise_chains(by_scaffold, chains)}."
            )
    return {name: np.sort(np.asarray(rows, dtype=np.int64)) for name, rows in parts.items()}


def _advise_chains(by_scaffold: dict[str, list[int]], chains: str) -> str:
    """Advise to tell molecules without rings apart, if they are the largest group."""
    largest = max(by_scaffold, key=lambda name: len(by_scaffold[name]))
    is_chains = chains == "together" and largest == ""
    return ', or give `chains="apart"`: that group is the molecules without a ring' if is_chains else ""


def column_split(values: Sequence[Any]) -> dict[str, np.ndarray]:
    """Split rows as a column of the table says.

    Args:
        values (sequence of length `R`): `train`, `valid` (also `validation`, `val`, `dev`) or `test`, in any case.

    Returns:
        `dict` with keys `"train"`, `"valid"`, `"test"`: sorted int64 row indices.

    Raises:
        ValueError: If a value is none of these (names the row), or a split has no row.
    """
    names = np.asarray([SPLIT_NAMES.get(str(value).strip().lower(), "") for value in values])
    unknown = np.flatnonzero(names == "")
    if len(unknown):
        raise ValueError(
            f"Row {unknown[0]} of the split column says {values[unknown[0]]!r}; allowed are {', '.join(SPLIT_NAMES)}."
        )
    parts = {name: np.flatnonzero(names == name).astype(np.int64) for name in ("train", "valid", "test")}
    for name, rows in parts.items():
        if not len(rows):
            raise ValueError(f"The split column has no row for {name}: each of train, valid and test needs some.")
    return parts


def random_split(
    smiles: Sequence[str],
    valid_size: int | float,
    test_size: int | float,
    seed: int = 0,
    num_proc: int | None = None,
) -> dict[str, np.ndarray]:
    """Split molecules at random; rows of the same molecule (canonical SMILES) stay together.

    Easier than `scaffold_split`: near neighbours of training molecules are in the test split.

    Args:
        smiles (sequence of `str`, length `R`): One molecule per row.
        valid_size (`int` or `float`): At most this many rows for validation, or a fraction of `R` below 1.0.
        test_size (`int` or `float`): The same for the test split.
        seed (`int`): Seed of the shuffling of molecules.
        num_proc (`int`, *optional*): Worker processes for the canonical SMILES.

    Returns:
        `dict` with keys `"train"`, `"valid"`, `"test"`: sorted int64 row indices, together each row exactly once.

    Raises:
        ValueError: If a SMILES cannot be parsed or the sizes do not fit.
    """
    sizes = _row_counts(len(smiles), valid_size, test_size)
    groups = _group_molecules(molecule_key, smiles, num_proc, "Canonical SMILES")
    return _fill(len(smiles), list(groups.values()), sizes, seed)


def _row_counts(num_rows: int, valid_size: int | float, test_size: int | float) -> dict[str, int]:
    """Turn sizes or fractions into rows."""
    counts = {}
    for name, size in (("valid", valid_size), ("test", test_size)):
        is_fraction = isinstance(size, float)
        if size < 0 or (is_fraction and size >= 1.0):
            raise ValueError(
                f"`{name}_size` must be a number of rows (int) or a fraction in [0.0, 1.0): got {size!r}."
            )
        counts[name] = round(size * num_rows) if is_fraction else int(size)
    if sum(counts.values()) >= num_rows:
        raise ValueError(
            f"`valid_size` {valid_size} and `test_size` {test_size} leave no training row of {num_rows}. Ask for less."
        )
    return counts


def _group_molecules(
    key: Callable[[str], str | None], smiles: Sequence[str], num_proc: int | None, description: str
) -> dict[str, list[int]]:
    """Collect the rows of each key, in order of first appearance; raise with the first rows that have none."""
    keys = map_unique(key, list(smiles), num_proc, description)
    bad = [row for row, found in enumerate(keys) if found is None]
    if bad:
        shown = ", ".join(f"row {row}: {smiles[row]!r:.80}" for row in bad[:5])
        raise ValueError(
            f"{len(bad)} of {len(smiles)} SMILES cannot be parsed ({shown}{', ...' if len(bad) > 5 else ''}). "
            "Remove these rows before splitting."
        )
    groups: dict[str, list[int]] = {}
    for row, found in enumerate(keys):
        groups.setdefault(found, []).append(row)
    return groups


def _fill(num_rows: int, groups: list[list[int]], sizes: dict[str, int], seed: int) -> dict[str, np.ndarray]:
    """Put each group, in random order, into the first held-out split with room for all of it, else into train."""
    parts: dict[str, list[int]] = {name: [] for name in sizes}
    for place in np.random.default_rng(seed).permutation(len(groups)):
        rows = groups[place]
        for name, size in sizes.items():
            if len(parts[name]) + len(rows) <= size:
                parts[name].extend(rows)
                break
    held_out = {name: np.sort(np.asarray(rows, dtype=np.int64)) for name, rows in parts.items()}
    taken = np.zeros(num_rows, dtype=bool)
    for held_out_rows in held_out.values():
        taken[held_out_rows] = True
    return {"train": np.flatnonzero(~taken).astype(np.int64), **held_out}
