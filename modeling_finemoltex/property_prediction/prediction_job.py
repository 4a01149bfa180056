"""Predict properties of every molecule of a file, in constant memory: the rows as they were, with columns added."""

import csv
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm.auto import tqdm

from ..data.atomic_files import open_atomically
from ..data.molecule_files import MoleculeFile, Row
from ..embedding.preparation import BATCHES_PER_WINDOW, MoleculePreparation, PreparedWindow, prepare_windows
from .prediction_columns import PredictionColumns, list_names
from .predictor import PropertyPredictor

if TYPE_CHECKING:
    from .property_blend import PropertyBlend  # needs scikit-learn

BATCH = 64  # molecules at a time; larger batches overflow the caches of a CPU
SIMILARITY, CLASS, ERROR = "nearest_training_tanimoto", "predicted_class", "error"


def predict_file(
    source: str | Path | MoleculeFile,
    output: str | Path,
    predictor: "PropertyPredictor | PropertyBlend",
    batch_size: int = BATCH,
    num_workers: int = 0,
    progress_bar: bool | None = None,
    columns: Sequence[PredictionColumns] = (),
) -> dict[str, int]:
    """Predict the molecules of a file and write a csv file.

    Every input row is there, in order and with its own cells, followed by `predicted_{task}` or `predicted_{class}`
    columns (and `predicted_class`), `nearest_training_tanimoto` if the model folder knows its training molecules,
    those of `columns`, and `error`, which says why a row has no prediction. The file appears under its name when it is
    complete.

    Args:
        source (`str`, `Path` or [`MoleculeFile`]): The file.
        output (`str` or `Path`): A `.csv` file.
        predictor ([`PropertyPredictor`] or [`PropertyBlend`]): The model; see [`load_predictor`].
        batch_size (`int`): Molecules that the model takes at once.
        num_workers (`int`): Processes that featurise while this one computes.
        progress_bar (`bool`, *optional*): Shown on a terminal, if absent.
        columns (sequence of [`PredictionColumns`]): What else to write beside the predictions; see
            [`choose_columns`].

    Returns:
        `dict` with `num_rows` and `num_errors`.

    Raises:
        ValueError: If `output` is no csv file, or the input has columns of the names above.
    """
    source = (source if isinstance(source, MoleculeFile) else MoleculeFile(source)).keeping_cells()
    output = Path(output)
    added = _name_columns(predictor, columns)
    _check_files(source, output, added)
    prepare = MoleculePreparation(predictor.processor.feature_extractor, batch_size, source.to_molecule)
    counts = {"num_rows": 0, "num_errors": 0}
    shown = None if progress_bar is None else not progress_bar
    with (
        open_atomically(output, newline="") as file,  # two jobs with one output do not mix: the last one stays
        tqdm(total=1.0, disable=shown, bar_format="{l_bar}{bar}| {elapsed}") as bar,
    ):
        writer = csv.writer(file)
        writer.writerow([*source.header, *added])
        windows = _cut_rows(iter(source), batch_size * BATCHES_PER_WINDOW)
        for rows, window in prepare_windows(windows, prepare, num_workers):
            for cells in _write_rows(rows, window, predictor, source, columns, counts["num_rows"]):
                writer.writerow(cells)
                counts["num_errors"] += bool(cells[-1])
            counts["num_rows"] += len(rows)
            bar.update(max(0.0, source.fraction_read - bar.n))
    return counts


def _check_files(source: MoleculeFile, output: Path, added: list[str]) -> None:
    """Check that the rows can be written with columns added."""
    if output.suffix.lower() != ".csv":
        raise ValueError(f"`output` must be a .csv file, got {output}.")
    taken = sorted(set(source.header) & set(added))
    if taken:
        raise ValueError(f"{source.path} has a column {taken[0]!r} already. Rename it: the output writes its own.")


def _name_columns(predictor: "PropertyPredictor | PropertyBlend", columns: Sequence[PredictionColumns]) -> list[str]:
    names = [f"predicted_{name}" for name in predictor.columns]
    if predictor.problem_type == "single_label_classification":
        names.append(CLASS)
    near = [SIMILARITY] if predictor.fingerprints is not None else []
    return [*names, *near, *list_names(columns), ERROR]


def _cut_rows(rows: Iterator[Row], size: int) -> Iterator[tuple[list[Row], list[Any]]]:
    """Cut rows into windows, beside the values to prepare: none where the file itself says that a row is bad."""
    while window := list(itertools.islice(rows, size)):
        yield window, [None if row.problem else row.value for row in window]


def _write_rows(
    rows: list[Row],
    window: PreparedWindow,
    predictor: "PropertyPredictor | PropertyBlend",
    source: MoleculeFile,
    columns: Sequence[PredictionColumns],
    first: int,
) -> Iterator[list[Any]]:
    """Make the output cells of one window, whose first row is row `first` of the file."""
    predictions = predictor.predict_window(window)  # (W, K)
    is_classes = predictor.problem_type == "single_label_classification"
    for place, row in enumerate(rows):
        # The sentences after the first advise a caller in Python.
        reason = row.problem or window.rejected.get(place, "").split(". ")[0].rstrip(".")
        values: list[Any] = ["" if np.isnan(value) else f"{value:.6g}" for value in predictions[place]]
        if is_classes:
            values.append("" if reason else predictor.columns[int(predictions[place].argmax())])
        if predictor.fingerprints is not None:
            near = None if reason else predictor.fingerprints.similarity(window.values[place])
            values.append("" if near is None else f"{near:.3f}")
        for one in columns:
            empty = [""] * len(one.names)
            values += empty if reason else one.write_cells(first + place, window.values[place], predictions[place])
        cells = list(row.cells)
        if source.to_smiles is not None:  # a record has many lines: the SMILES stands for it
            kept = "" if source.format.is_record else cells[0]
            cells[0] = kept if reason else window.values[place]
        yield [*cells, *values, f"{_locate(row)}{reason}" if reason else ""]


def _locate(row: Row) -> str:
    return "" if row.line is None else f"line {row.line}: "
