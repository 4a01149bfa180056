"""Remove training rows whose molecule is in an evaluation set."""

import logging
from collections.abc import Sequence
from typing import Any

import datasets
import numpy as np

from .identifiers import inchikey, inchikey14, map_unique, molecule_key, skeletons

logger = logging.getLogger(__name__)

# Stereoisomers, isotopologues, protonation states, salts and solvates count as the same molecule.
SKELETON = "skeleton"
IDENTIFIERS = {
    SKELETON: skeletons,
    "inchikey14": inchikey14,
    "inchikey": inchikey,
    "canonical_smiles": molecule_key,
}
BLOCKS = {SKELETON: 14, "inchikey14": 14, "inchikey": 27}  # letters of a ready InChIKey that are compared
NUM_EXAMPLES = 3  # removed rows that the log and the report show


def deduplicate_against(
    dataset: datasets.Dataset,
    eval_sets: Sequence[datasets.Dataset | Sequence[str]],
    by: str = SKELETON,
    num_proc: int | None = None,
) -> tuple[datasets.Dataset, dict[str, Any]]:
    """Remove the rows whose molecule is in an evaluation set, and say what was removed.

    Rows whose SMILES has no identifier (it cannot be parsed, or InChI refuses it) cannot be compared: they stay in the
    dataset and are listed in the report and the log, for the featurisation to refuse or skip. Identifiers are not
    computed where they are ready: in a column `skeletons`, as `data.skeletons` writes them, or `inchikey`, which does
    for molecules in one piece.

    Args:
        dataset (`datasets.Dataset`): Training rows, with a column `smiles` (and optionally a ready one).
        eval_sets (sequence of `datasets.Dataset` or of SMILES sequences): Molecules that must not be trained on.
        by (`str`): `"skeleton"` (the default, and the strictest) compares the skeletons of molecules and of their main
            fragments: a row leaks if it shares one with an evaluation set, so a hydrochloride goes with its base.
            `"inchikey14"` compares skeletons of whole molecules alone, `"inchikey"` whole molecules with stereo,
            `"canonical_smiles"` RDKit's canonical SMILES.
        num_proc (`int`, *optional*): Worker processes for the identifiers.

    Returns:
        The dataset without the removed rows, and a JSON-able report: `by`, `num_rows`, `num_removed`, `num_kept`,
        `invalid_rows` (rows of `dataset` without an identifier) and `eval_sets`, one entry each with `num_molecules`
        (distinct), `invalid_rows`, `num_removed` (rows; one may be counted in several), `num_molecules_removed`
        (distinct molecules of these rows) and `examples` (row and SMILES).

    Raises:
        ValueError: If `by` is unknown, a column is missing, or something is not a dataset or a list of SMILES.
    """
    if by not in IDENTIFIERS:
        raise ValueError(f"`by` must be one of {', '.join(IDENTIFIERS)}: got {by!r}.")
    keys = _identify(dataset, by, num_proc, "dataset")
    smiles = list(dataset["smiles"])
    leaked = np.zeros(len(dataset), dtype=bool)
    report: dict[str, Any] = {"by": by, "num_rows": len(dataset), "eval_sets": []}
    for number, eval_set in enumerate(eval_sets):
        eval_keys = _identify(eval_set, by, num_proc, f"evaluation set {number}")
        hits = _find_shared(keys, eval_keys, by)
        leaked |= hits
        report["eval_sets"].append(_report_hits(np.flatnonzero(hits), keys, eval_keys, smiles))
        _log_hits(number, report["eval_sets"][-1], by, len(dataset))
    report.update(num_removed=int(leaked.sum()), num_kept=int((~leaked).sum()), invalid_rows=_missing(keys))
    if report["invalid_rows"]:
        logger.warning(
            "%d of %d rows have no %s, cannot be compared and were kept (first: row %d, %r).",
            len(report["invalid_rows"]), len(dataset), by, report["invalid_rows"][0],
            smiles[report["invalid_rows"][0]],
        )  # fmt: skip
    return dataset.select(np.flatnonzero(~leaked)), report


def _report_hits(rows: np.ndarray, keys: np.ndarray, eval_keys: np.ndarray, smiles: list[str]) -> dict[str, Any]:
    """Describe the rows, `(n,)`, that leak from an evaluation set."""
    return {
        "num_molecules": len(set(eval_keys) - {None}),
        "invalid_rows": _missing(eval_keys),
        "num_removed": len(rows),
        "num_molecules_removed": len(set(keys[rows])),
        "examples": [{"row": int(row), "smiles": smiles[row]} for row in rows[:NUM_EXAMPLES]],
    }


def _log_hits(number: int, entry: dict[str, Any], by: str, num_rows: int) -> None:
    shown = ", ".join(f"row {example['row']} {example['smiles']}" for example in entry["examples"])
    logger.info(
        "Evaluation set %d (%d molecules by %s, %d rows without one): removed %d of %d rows, %d molecules%s.",
        number, entry["num_molecules"], by, len(entry["invalid_rows"]), entry["num_removed"], num_rows,
        entry["num_molecules_removed"], f" ({shown}, ...)" if shown else "",
    )  # fmt: skip


def _identify(rows: datasets.Dataset | Sequence[str], by: str, num_proc: int | None, name: str) -> np.ndarray:
    """Compute the identifier of each row, or read a ready column: (R,) object."""
    if not isinstance(rows, datasets.Dataset):
        if isinstance(rows, str) or not isinstance(rows, Sequence | np.ndarray):
            raise ValueError(f"The {name} must be a dataset or a list of SMILES: got {type(rows).__name__}.")
        return map_unique(IDENTIFIERS[by], list(rows), num_proc, f"Identifiers of {name}")
    names = rows.column_names
    if by == SKELETON and "skeletons" in names:
        return np.asarray(rows["skeletons"][:], dtype=object)
    if by in BLOCKS and "inchikey" in names:
        return _read_inchikeys(rows, by, num_proc, name)
    if "smiles" not in names:
        raise ValueError(f"The {name} has no column 'smiles'; it has {names}.")
    return map_unique(IDENTIFIERS[by], list(rows["smiles"]), num_proc, f"Identifiers of {name}")


def _read_inchikeys(rows: datasets.Dataset, by: str, num_proc: int | None, name: str) -> np.ndarray:
    """Read ready InChIKeys, and compute the skeletons of molecules in several pieces: (R,) object."""
    keys = np.asarray([key[: BLOCKS[by]] if key else None for key in rows["inchikey"]], dtype=object)
    if by == SKELETON and "smiles" in rows.column_names:
        smiles = rows["smiles"][:]
        places = [place for place, one in enumerate(smiles) if one is not None and "." in one]
        keys[places] = map_unique(skeletons, [smiles[place] for place in places], num_proc, f"Skeletons of {name}")
    return keys


def _find_shared(keys: np.ndarray, others: np.ndarray, by: str) -> np.ndarray:
    """Tell which molecules are among others, or share a skeleton with one: (R,), (S,) -> (R,) bool."""
    split = str.split if by == SKELETON else lambda key: (key,)
    known = {part for key in set(others) if key is not None for part in split(key)}
    shared = {key for key in set(keys) if key is not None and not known.isdisjoint(split(key))}
    return np.fromiter((key in shared for key in keys), dtype=bool, count=len(keys))


def _missing(keys: np.ndarray) -> list[int]:
    """List the rows without an identifier."""
    return [row for row, key in enumerate(keys) if key is None]
