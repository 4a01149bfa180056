"""Tables of molecules with measured properties: the MoleculeNet sets by name, and any table with label columns."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from datasets import Dataset

from .columns import choose_column, list_columns
from .identifiers import explain_refusal, map_unique, try_parse
from .labels import InexactLabels, read_labels
from .molecule_files import MoleculeFile
from .rejection import join_reasons, refuse_all
from .tables import load_table

logger = logging.getLogger(__name__)

PROBLEM_TYPES = {
    "binary": "multi_label_classification",
    "multiclass": "single_label_classification",
    "regression": "regression",
}


class _Set(NamedTuple):
    labels: tuple[str, ...] = ()  # columns; none: all but `others`
    others: tuple[str, ...] = ("smiles", "mol_id")
    task_type: str = "binary"
    stem: str = ""  # of the published file, if it has another name


# The sets of the published tables, with the columns of the DeepChem distribution.
MOLECULENET = {
    "bbbp": _Set(("p_np",)),
    "tox21": _Set(),
    "toxcast": _Set(),
    "sider": _Set(),
    "clintox": _Set(),
    "muv": _Set(),
    "hiv": _Set(("HIV_active",)),
    "bace": _Set(("Class",)),
    "esol": _Set(("measured log solubility in mols per litre",), task_type="regression", stem="delaney-processed"),
    "freesolv": _Set(("expt",), task_type="regression", stem="sampl"),
    "lipophilicity": _Set(("exp",), task_type="regression"),
}
# Names of columns that hold the labels if nobody says which do.
PUBLISHED_LABELS = tuple(column for known in MOLECULENET.values() for column in known.labels)
USUAL_LABELS = ("label", "labels", "target", "y", "class", "activity", "active")
# Names of columns that are never taken for the labels because they are the only ones left.
NO_LABELS = {"", "id", "mol_id", "cid", "name", "num", "index", "unnamed: 0", "inchi", "inchikey", "split", "fold"}
_EXACT = InexactLabels()


@dataclass(frozen=True)
class PropertyTable:
    """Molecules with labels: the usable rows of a table, beside all rows as they were.

    Args:
        name (`str`): Of the set or file.
        rows (`datasets.Dataset`): All `A` rows with all columns, as read.
        row_numbers (`np.ndarray` of shape `(R,)`): Place in `rows` of each usable row.
        smiles (`list[str]`): `R` molecules.
        labels (`np.ndarray` of shape `(R, K)`): Float64; NaN where missing. For `multiclass`, `(R, 1)` class numbers.
        tasks (`list[str]`): `K` label columns.
        task_type (`str`): `"binary"`, `"multiclass"` or `"regression"`.
        classes (`list[str]`): Names of the classes, for `multiclass`.
        unparseable (`dict[int, str]`): Row of the table -> SMILES that RDKit cannot parse.
        texts (`list[str]`, *optional*): `R` texts beside the molecules.
    """

    name: str
    rows: Dataset
    row_numbers: np.ndarray
    smiles: list[str]
    labels: np.ndarray
    tasks: list[str]
    task_type: str
    classes: list[str]
    unparseable: dict[int, str]
    texts: list[str] | None = None

    @property
    def problem_type(self) -> str:
        """Name of the task type in Transformers."""
        return PROBLEM_TYPES[self.task_type]

    @property
    def label_names(self) -> list[str]:
        """What each output of a model stands for: classes or tasks."""
        return self.classes if self.task_type == "multiclass" else self.tasks

    def select(self, places: np.ndarray) -> "PropertyTable":
        """Keep some of the usable rows, by their place among these."""
        return replace(
            self,
            row_numbers=self.row_numbers[places],
            smiles=[self.smiles[place] for place in places],
            labels=self.labels[places],
            texts=None if self.texts is None else [self.texts[place] for place in places],
        )


def load_property_table(
    source: str | MoleculeFile,
    label_columns: Sequence[str] | None = None,
    task_type: str = "binary",
    smiles_column: str | None = None,
    text_column: str | None = None,
    data_dir: str | Path | None = None,
    num_proc: int | None = None,
    inexact: InexactLabels = _EXACT,
) -> PropertyTable:
    """Load molecules with labels. Columns that were guessed are logged.

    Args:
        source (`str` or `MoleculeFile`): A MoleculeNet name (a key of `MOLECULENET`: `bbbp`, `tox21`, ...) with
            `data_dir`, or a file of any format.
        label_columns (sequence of `str`, *optional*): Columns of the labels; the set's own for a MoleculeNet name.
            If absent, the one with a published name (`p_np`, `Class`, ...) or else a usual one (`USUAL_LABELS`).
        task_type (`str`): `"binary"` (each column 0 or 1, or words such as yes, no, true, active, negative),
            `"multiclass"` (one column of class names) or `"regression"`; a MoleculeNet set has its own.
        smiles_column (`str`, *optional*): Column of the molecules; without it, the usual names are tried.
        text_column (`str`, *optional*): Column of texts that the model reads beside the molecules.
        data_dir (`str` or `Path`, *optional*): Folder of the MoleculeNet files, such as `bbbp.csv` or `hiv.csv.gz`.
        num_proc (`int`, *optional*): Processes that parse SMILES.
        inexact ([`InexactLabels`]): What becomes of `>10` and `1-3` in a regression; an error, if nothing is said.

    Returns:
        [`PropertyTable`]. Rows that RDKit cannot parse are left out, logged and listed. Empty cells are no labels.

    Raises:
        ValueError: If a column is not there or ambiguous, or a cell is no label; names row (from 0) and column.
    """
    if task_type not in PROBLEM_TYPES:
        raise ValueError(f"`task_type` must be one of {', '.join(PROBLEM_TYPES)}: got {task_type!r}.")
    name = source.lower() if isinstance(source, str) else ""
    known = MOLECULENET.get(name)
    if isinstance(source, MoleculeFile):
        smiles_column = smiles_column or source.columns["smiles"]
    if known is not None:
        source = str(find_moleculenet_file(name, data_dir))
        task_type = task_type if label_columns else known.task_type
    path = str(source.path if isinstance(source, MoleculeFile) else source)
    named = [one for one in (smiles_column, text_column, *(label_columns or ())) if one is not None]
    rows = load_table(source, columns=named, on_broken="empty")  # a broken row is one that cannot be parsed
    smiles_column, chosen = _choose_columns(rows.column_names, path, known, smiles_column, text_column, label_columns)
    _check_labels(chosen, rows.column_names, task_type, path)
    smiles = _read_column(rows, smiles_column)
    kept, unparseable = _sort_out(smiles, num_proc, path)
    labels, classes = read_labels([_read_column(rows, one) for one in chosen], chosen, task_type, path, inexact)
    return PropertyTable(
        name=Path(path).name.partition(".")[0] if known is None else name,
        rows=rows,
        row_numbers=kept,
        smiles=[smiles[row] for row in kept],
        labels=labels[kept],
        tasks=chosen,
        task_type=task_type,
        classes=classes,
        unparseable=unparseable,
        texts=_read_texts(rows, text_column, kept, path) if text_column else None,
    )


def find_moleculenet_file(name: str, data_dir: str | Path | None) -> Path:
    """Find the file of a MoleculeNet set, `name.csv`, `name.csv.gz` or `name.parquet` in any case, or as published.

    Args:
        name (`str`): One of `MOLECULENET`.
        data_dir (`str` or `Path`, *optional*): The folder.

    Raises:
        ValueError: If no folder is given, or the file is not in it.
    """
    if data_dir is None:
        raise ValueError(f"{name!r} is a MoleculeNet set: name the folder of its file with `data_dir`.")
    folder = Path(data_dir)
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    # `toxcast_data.csv.gz` is the name under which DeepChem serves it.
    stems = (name, f"{name}_data", MOLECULENET[name].stem or name)
    wanted = {f"{stem}{suffix}" for stem in stems for suffix in (".csv", ".csv.gz", ".parquet")}
    found = next((file for file in there if file.name.lower() in wanted), None)
    if found is None:
        listing = list_columns([file.name for file in there]) if there else "no files"
        raise ValueError(f"{folder} holds no {name}.csv, {name}.csv.gz or {name}.parquet: there are {listing}.")
    return found


def _choose_columns(
    names: list[str],
    path: str,
    known: _Set | None,
    smiles_column: str | None,
    text_column: str | None,
    label_columns: Sequence[str] | None,
) -> tuple[str, list[str]]:
    """Decide which columns hold the molecules and the labels."""
    smiles = choose_column(names, path, "smiles", smiles_column)
    free = [name for name in names if name not in (smiles, text_column)]
    if known is not None:
        listed = known.labels or [name for name in free if name not in known.others]
        return smiles, list(label_columns or listed)
    labels = list(label_columns or _guess_labels(free, path))
    guesses = [] if smiles_column else [f"{smiles!r} for the molecules (`smiles_column`)"]
    guesses += [] if label_columns else [f"{column!r} for the labels (`label_columns`)" for column in labels]
    if guesses:
        logger.info("%s: guessed the column %s.", path, " and ".join(guesses))
    return smiles, labels


def _check_labels(chosen: list[str], names: list[str], task_type: str, path: str) -> None:
    for column in chosen:
        _check_column(column, names, path)
    if not chosen or (task_type == "multiclass" and len(chosen) > 1):
        raise ValueError(
            f"Name {'one column' if task_type == 'multiclass' else 'the columns'} of the labels with `label_columns`: "
            f"got {chosen}; {path} has {list_columns(names)}."
        )


def _guess_labels(names: list[str], path: str) -> list[str]:
    """Find the one column that must hold the labels; none, if no name tells.

    Raises:
        ValueError: If several columns may be meant.
    """
    published = [name for name in names if name in PUBLISHED_LABELS]
    usual = [name for name in names if name.lower() in USUAL_LABELS]
    left = [name for name in names if name.lower() not in NO_LABELS]
    found = published or usual or (left if len(left) == 1 else [])
    if len(found) > 1:
        raise ValueError(f"{path}: any of {list_columns(found)} may hold the labels. Name them with `label_columns`.")
    return found


def _check_column(column: str, names: list[str], path: str) -> None:
    if column not in names:
        raise ValueError(f"{path} has no column {column!r}; it has {list_columns(names)}. Name one of these.")


def _sort_out(smiles: list[Any], num_proc: int | None, path: str) -> tuple[np.ndarray, dict[int, Any]]:
    """Tell the rows that are molecules, `(R,)`, from the others."""
    parses = map_unique(_can_parse, smiles, num_proc, "Parsing").astype(bool)
    unparseable = {int(row): smiles[row] for row in np.flatnonzero(~parses)}
    _report(path, len(smiles), unparseable)
    return np.flatnonzero(parses).astype(np.int64), unparseable


def _can_parse(smiles: Any) -> bool:
    return try_parse(smiles) is not None


def _report(path: str, num_rows: int, unparseable: dict[int, str]) -> None:
    if not unparseable:
        return
    reasons = (f"row {row}: {explain_refusal(smiles)}" for row, smiles in unparseable.items())
    if len(unparseable) == num_rows:
        raise refuse_all(path, num_rows, reasons, "Is it the right column? Name one with `smiles_column`.")
    shown = join_reasons(reasons, len(unparseable))
    logger.warning("%s: left out %d of %d rows that are no molecules (%s).", path, len(unparseable), num_rows, shown)


def _read_column(rows: Dataset, column: str) -> list[Any]:
    """Read all cells of one column from the Arrow table, which for 617 columns saves seconds."""
    return rows.data.column(column).to_pylist()


def _read_texts(rows: Dataset, column: str, kept: np.ndarray, path: str) -> list[str]:
    _check_column(column, list(rows.column_names), path)
    cells = _read_column(rows, column)
    for row in kept:
        if not isinstance(cells[row], str) or not cells[row].strip():
            raise ValueError(f"{path}, row {row}, column {column!r} has no text: {cells[row]!r}. Fill or remove it.")
    return [cells[row] for row in kept]
