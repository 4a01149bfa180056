"""Remove training rows whose molecule is in an evaluation set."""

import logging
from collections.abc import Sequence
from typing import Any

import datasets
import numpy as np

from .identifiers import inchikey, inchikey14, map_unique, molecule_key

logger = logging.getLogger(__name__)

# "inchikey14" is the skeleton: stereoisomers, isotopologues and protonation states count as the same molecule.
IDENTIFIERS = {"inchikey14": inchikey14, "inchikey": inchikey, "canonical_smiles": molecule_key}
NUM_EXAMPLES = 3  # removed rows that the log and the report show


def deduplicate_against(
    dataset: datasets.Dataset,
    eval_sets: Sequence[datasets.Dataset | Sequence[str]],
    by: str = "inchikey14",
    num_proc: int | None = None,
) -> tuple[datasets.Dataset, dict[str, Any]]:
    """Remove the rows whose molecule is in an evaluation set, and say what was removed.

    Rows whose SMILES has no identifier (it cannot be parsed, or InChI refuses it) cannot be compared: they stay in the
    dataset and are listed in the report and the log, for the featurisation to refuse or skip. An `inchikey` column is
    used as it is instead of computing the keys again.

    Args:
        dataset (`datasets.Dataset`): Training rows, with a column `smiles` (and optionally `inchikey`).
        eval_sets (sequence of `datasets.Dataset` or of SMILES sequences): Molecules that must not be trained on.
        by (`str`): `"inchikey14"` compares skeletons (the default, and the strictest), `"inchikey"` whole molecules
            with stereo, `"canonical_smiles"` RDKit's canonical SMILES.
        num_proc (`int`, *optional*): Worker processes for the identifiers.

    Returns:
        The dataset without the removed rows, and a JSON-able report: `by`, `num_rows`, `num_removed`, `num_kept`,
        `invalid_rows` (rows of `dataset` without an identifier) and `eval_sets`, one entry each with `num_molecules`
        (distinct), `invalid_rows`, `num_removed` (a row may be counted in several) and `examples` (row and SMILES).

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
        held_out = {key for key in eval_keys if key is not None}
        hits = np.fromiter((key in held_out for key in keys), dtype=bool, count=len(keys))
        leaked |= hits
        examples = [{"row": int(row), "smiles": smiles[row]} for row in np.flatnonzero(hits)[:NUM_EXAMPLES]]
        entry: dict[str, Any] = {
            "num_molecules": len(held_out),
            "invalid_rows": _missing(eval_keys),
            "num_removed": int(hits.sum()),
            "examples": examples,
        }
        report["eval_sets"].append(entry)
        shown = ", ".join(f"row {example['row']} {example['smiles']}" for example in examples)
        logger.info(
            "Evaluation set %d (%d molecules by %s, %d rows without one): removed %d of %d rows%s.",
            number, len(held_out), by, len(entry["invalid_rows"]), entry["num_removed"], len(dataset),
            f" ({shown}, ...)" if shown else "",
        )  # fmt: skip
    report.update(num_removed=int(leaked.sum()), num_kept=int((~leaked).sum()), invalid_rows=_missing(keys))
    if report["invalid_rows"]:
        logger.warning(
            "%d of %d rows have no %s, cannot be compared and were kept (first: row %d, %r).",
            len(report["invalid_rows"]), len(dataset), by, report["invalid_rows"][0],
            smiles[report["invalid_rows"][0]],
        )  # fmt: skip
    return dataset.select(np.flatnonzero(~leaked)), report


def _identify(rows: datasets.Dataset | Sequence[str], by: str, num_proc: int | None, name: str) -> np.ndarray:
    """Compute the identifier of each row, reading ready InChIKeys where there are some: (R,) object."""
    if not isinstance(rows, datasets.Dataset):
        if isinstance(rows, str) or not isinstance(rows, Sequence | np.ndarray):
            raise ValueError(f"The {name} must be a dataset or a list of SMILES: got {type(rows).__name__}.")
        return map_unique(IDENTIFIERS[by], list(rows), num_proc, f"Identifiers of {name}")
    if by.startswith("inchikey") and "inchikey" in rows.column_names:
        length = 14 if by == "inchikey14" else 27
        return np.asarray([key[:length] if key else None for key in rows["inchikey"]], dtype=object)
    if "smiles" not in rows.column_names:
        raise ValueError(f"The {name} has no column 'smiles'; it has {rows.column_names}.")
    return map_unique(IDENTIFIERS[by], list(rows["smiles"]), num_proc, f"Identifiers of {name}")


def _missing(keys: np.ndarray) -> list[int]:
    """List the rows without an identifier."""
    return [row for row, key in enumerate(keys) if key is None]
