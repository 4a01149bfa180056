"""Edit every molecule of a file: a row for each edit, a reason where there is none, and a job that goes on."""

import csv
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..data.atomic_files import open_atomically
from ..data.molecule_files import MoleculeFile, Row, digest_file
from ..data.row_jobs import Entry, NumberedRows, read_entries, reason_of, work_through
from .edit_report import EditReport
from .edit_words import describe_alerts, describe_rules
from .edits import Edit, MoleculeEditor, list_properties

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
    editor: MoleculeEditor,
    job: Job,
    progress_bar: bool | None = None,
) -> tuple[dict[str, int], EditReport]:
    """Edit the molecules of a file and write a csv file.

    Each edit is a row: number, id and SMILES of the molecule, rank and SMILES of the edit, scores, similarity, changes
    of properties, alerts and what changed. A molecule with fewer edits than asked for says why under `note`. What is
    done is kept in `OUTPUT.part`; called again, an interrupted job goes on. The file appears when it is complete.

    Args:
        source (`str`, `Path` or [`MoleculeFile`]): The file.
        output (`str` or `Path`): A `.csv` file.
        editor ([`MoleculeEditor`]): Edits one molecule after the other.
        job ([`Job`]): What is asked.
        progress_bar (`bool`, *optional*): Shown on a terminal, if absent.

    Returns:
        The counts `num_rows`, `num_edits` and `num_errors`, and what was rejected in this call.

    Raises:
        ValueError: If `output` is no csv file, or its `.part` belongs to another job.
    """
    source, output = source if isinstance(source, MoleculeFile) else MoleculeFile(source), Path(output)
    report = EditReport()

    def answer(rows: NumberedRows) -> Iterator[Entry]:
        """Edit the molecules of some rows."""
        return (_edit_row(number, row, source, editor, job, report) for number, row in rows)

    part = work_through(source, output, _identify(source, job), answer, progress_bar)
    counts = _write_table(part, output, list_properties(job.prompt))
    part.unlink()
    return counts, report


def _identify(source: MoleculeFile, job: Job) -> dict[str, Any]:
    """Say what makes two jobs the same."""
    return {"input": digest_file(source.path), **asdict(job)}


def _edit_row(
    number: int, row: Row, source: MoleculeFile, editor: MoleculeEditor, job: Job, report: EditReport
) -> dict[str, Any]:
    """Edit one molecule: an entry of the file with what is done."""
    entry = {"row": number, "id": row.id or "", "source": source.show(row.value) or "", "edits": [], "note": ""}
    try:
        if row.problem is not None or row.value is None:
            raise ValueError(row.problem or "there is no molecule")
        smiles = row.value if source.to_smiles is None else source.to_smiles(row.value)
        edits = editor.edit(smiles, job.prompt, job.opposite, job.num_edits)
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
