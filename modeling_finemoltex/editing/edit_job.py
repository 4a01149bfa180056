"""Edit every molecule of a file: a row for each edit, a reason where there is none, and a job that goes on."""

import csv
import functools
import itertools
import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..data.atomic_files import open_atomically
from ..data.molecule_files import MoleculeFile, Row, digest_file
from ..data.row_jobs import Entry, NumberedRows, read_entries, read_smiles, reason_of, work_through
from ..data.worker_processes import count_cores
from .edit_report import EditReport
from .edit_words import describe_alerts, describe_rules
from .edit_workers import FEWEST_ROWS, MOST_WORKERS, EditWorkers
from .edits import Edit, Edits, MoleculeEditor, list_properties

logger = logging.getLogger(__name__)

SCORES = ("text_score", "source_score", "score", "similarity")


@dataclass(frozen=True)
class Job:
    """What is asked of every molecule.

    Args:
        prompt (`str`): What it is to become.
        opposite (`str`, *optional*): What not.
        num_edits (`int`): Most edits of each.
        settings (`dict`): What else the answers depend on, ready for JSON: another value is another job.
    """

    prompt: str
    opposite: str | None = None
    num_edits: int = 10
    settings: dict[str, Any] = field(default_factory=dict)


def edit_file(
    source: str | Path | MoleculeFile,
    output: str | Path,
    editor: MoleculeEditor | Callable[[], MoleculeEditor],
    job: Job,
    progress_bar: bool | None = None,
    num_workers: int | None = None,
) -> tuple[dict[str, int], EditReport]:
    """Edit the molecules of a file and write a csv file.

    Each edit is a row: number, id and SMILES of the molecule, rank and SMILES of the edit, scores, similarity, changes
    of properties, alerts and what changed. A molecule with fewer edits than asked for says why under `note`. What is
    done is kept in `OUTPUT.part`; called again, an interrupted job goes on. The file appears when it is complete.

    Args:
        source (`str`, `Path` or [`MoleculeFile`]): The file.
        output (`str` or `Path`): A `.csv` file.
        editor ([`MoleculeEditor`] or callable): Edits one molecule after the other. What makes one, such as
            `functools.partial(load_editor, "search", folder)`, can be sent to processes, which edit several at once.
        job ([`Job`]): What is asked.
        progress_bar (`bool`, *optional*): Shown on a terminal, if absent.
        num_workers (`int`, *optional*): Processes that edit, each with an editor of its own; with 0 this one does. By
            default one for each core, at most 8; none if `editor` is an editor, or the file has few rows.

    Returns:
        The counts `num_rows`, `num_edits` and `num_errors`, and what was rejected in this call.

    Raises:
        ValueError: If `output` is no csv file, its `.part` belongs to another job, or `num_workers` is not 0 where
            `editor` cannot be sent.
    """
    source, output = source if isinstance(source, MoleculeFile) else MoleculeFile(source), Path(output)
    num_workers = _choose_workers(num_workers, editor, source)
    report = EditReport()
    workers = EditWorkers(editor, num_workers) if num_workers else None
    if workers is None and not isinstance(editor, MoleculeEditor):
        editor = editor()

    def answer(rows: NumberedRows) -> Iterator[Entry]:
        """Begin to edit the molecules of some rows; what comes of it follows in their order."""
        begun = [(number, row, begin(row)) for number, row in rows]
        return (_make_entry(number, row, source, wait, job, report) for number, row, wait in begun)

    def begin(row: Row) -> Callable[[], Edits] | None:
        """Give a function that waits for the edits of a row; none for a row that cannot be read."""
        try:
            request = (read_smiles(row, source), job.prompt, job.opposite, job.num_edits)
        except ValueError:
            return None
        return functools.partial(editor.edit, *request) if workers is None else workers.begin(*request)

    with workers or nullcontext():
        part = work_through(source, output, _identify(source, job), answer, progress_bar, ahead=2 * num_workers or 1)
    counts = _write_table(part, output, list_properties(job.prompt))
    part.unlink()
    return counts, report


def _choose_workers(
    num_workers: int | None, editor: MoleculeEditor | Callable[[], MoleculeEditor], source: MoleculeFile
) -> int:
    """Number of processes that edit, see `edit_file`."""
    if isinstance(editor, MoleculeEditor):
        if num_workers:
            raise ValueError(
                f"`num_workers` is {num_workers}, and an editor stays in the process that made it: give "
                "what makes one, such as functools.partial(load_editor, 'search', folder)."
            )
        return 0
    if num_workers is not None:
        return num_workers
    cores = count_cores()
    has_few = sum(1 for _ in itertools.islice(source, FEWEST_ROWS)) < FEWEST_ROWS
    return 0 if cores == 1 or has_few else min(cores, MOST_WORKERS)


def _identify(source: MoleculeFile, job: Job) -> dict[str, Any]:
    """Say what makes two jobs the same."""
    return {"input": digest_file(source.path), **asdict(job)}


def _make_entry(
    number: int,
    row: Row,
    source: MoleculeFile,
    wait: Callable[[], Edits] | None,
    job: Job,
    report: EditReport,
) -> dict[str, Any]:
    """Wait for the edits of one molecule: an entry of the file with what is done."""
    entry = {"row": number, "id": row.id or "", "source": source.show(row.value) or "", "edits": [], "note": ""}
    try:
        smiles = read_smiles(row, source)
        edits = wait()
    except ValueError as error:
        reason = reason_of(row, error)
        logger.warning("row %d: %s", number, reason)
        return entry | {"note": f"row {number}: {reason}", "is_error": True}
    report.add(edits.report)
    note = edits.report.explain(len(edits), job.num_edits) if len(edits) < job.num_edits else ""
    return entry | {"source": smiles, "edits": [list(map(_cell, _list_cells(edit))) for edit in edits], "note": note}


def _list_cells(edit: Edit) -> Iterator[Any]:
    """List what a row says about an edit."""
    yield edit.smiles
    yield from (getattr(edit, name) for name in SCORES)
    yield from edit.property_changes.values()
    yield describe_alerts(edit)
    yield describe_rules(edit.rules)


def _cell(value: Any) -> str:
    """Write a value into a cell."""
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _write_table(part: Path, output: Path, properties: list[str]) -> dict[str, int]:
    """Make the table of all that is done."""
    changes = [f"change_{name}" for name in properties]
    header = ["row", "id", "source", "rank", "smiles", *SCORES, *changes, "alerts", "changed", "note"]
    counts = {"num_rows": 0, "num_edits": 0, "num_errors": 0}
    with open_atomically(output, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for entry in read_entries(part):
            counts["num_rows"] += 1
            counts["num_edits"] += len(entry["edits"])
            counts["num_errors"] += entry.get("is_error", False)
            writer.writerows(_lay_out(entry, len(header)))
    return counts


def _lay_out(entry: dict[str, Any], width: int) -> Iterator[list[Any]]:
    """Make the rows of one molecule; one that says why, if it has no edits."""
    own = [entry["row"], entry["id"], entry["source"]]
    if not entry["edits"]:
        yield [*own, *[""] * (width - len(own) - 1), entry["note"]]
    for rank, cells in enumerate(entry["edits"], start=1):
        yield [*own, rank, *cells, entry["note"]]
