"""Describe every molecule of a file: a caption, or a reason why there is none, and a job that goes on."""

import csv
import logging
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..data.atomic_files import open_atomically
from ..data.caption_statements import FALSE
from ..data.molecule_files import MoleculeFile, digest_file
from ..data.row_jobs import Entry, NumberedRows, read_entries, read_smiles, reason_of, work_through
from .captioner import BATCH, Caption, Captioner

logger = logging.getLogger(__name__)

HEADER = ("row", "id", "smiles", "caption")
CHECKED = ("num_statements", "num_false", "false_statements")
QUOTED = ("quoted_from", "similarity")


def caption_file(
    source: str | Path | MoleculeFile,
    output: str | Path,
    captioner: Captioner,
    model: str,
    batch_size: int = BATCH,
    progress_bar: bool | None = None,
) -> dict[str, int]:
    """Describe the molecules of a file and write a csv file.

    Each molecule is a row: number, id, SMILES and caption; of checked captions the number of statements that a
    structure can decide, how many are false, and these with their characters, such as `a ketone [24:32]`; of quoted
    ones the molecule that has the caption, and how similar it is. A molecule without a caption says why under `error`.
    What is done is kept in `OUTPUT.part`; called again, an interrupted job goes on. The file appears when it is
    complete.

    Args:
        source (`str`, `Path` or [`MoleculeFile`]): The file.
        output (`str` or `Path`): A `.csv` file.
        captioner ([`Captioner`]): Writes the captions.
        model (`str`): What tells the model from others, such as its folder: another model is another job.
        batch_size (`int`): Molecules that the model takes at once.
        progress_bar (`bool`, *optional*): Shown on a terminal, if absent.

    Returns:
        `dict`: The counts `num_rows`, `num_errors`, and of checked captions `num_statements` and `num_false`.

    Raises:
        ValueError: If `output` is no csv file, its `.part` belongs to another job, or `batch_size` is below 1.
    """
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1: got {batch_size}.")
    source, output = source if isinstance(source, MoleculeFile) else MoleculeFile(source), Path(output)
    identity = {"input": digest_file(source.path), "model": model, "check": captioner.checks}
    identity |= asdict(captioner.settings)

    def answer(rows: NumberedRows) -> Iterator[Entry]:
        """Describe the molecules of some rows."""
        return _describe(rows, source, captioner)

    part = work_through(source, output, identity, answer, progress_bar, batch_size)
    counts = _write_table(part, output, captioner.checks, captioner.settings.quotes)
    part.unlink()
    return counts


def _describe(rows: NumberedRows, source: MoleculeFile, captioner: Captioner) -> Iterator[Entry]:
    """Describe some molecules, as one batch if all can be read."""
    entries, usable = {}, {}
    for number, row in rows:
        entries[number] = {"row": number, "id": row.id or "", "smiles": source.show(row.value) or "", "error": ""}
        try:
            smiles = read_smiles(row, source)
            captioner.check(smiles)
            usable[number] = smiles
        except ValueError as error:
            reason = reason_of(row, error)
            logger.warning("row %d: %s", number, reason)
            entries[number]["error"] = f"row {number}: {reason}"
    captions = captioner.write(list(usable.values())) if usable else []
    for number, caption in zip(usable, captions, strict=True):
        entries[number] |= _list_fields(caption)
    yield from entries.values()


def _list_fields(caption: Caption) -> dict[str, Any]:
    """List what an entry says of a caption."""
    fields: dict[str, Any] = {"smiles": caption.smiles, "caption": caption.text}
    if caption.statements is not None:
        wrong = [one for one in caption.statements if one.verdict == FALSE]
        fields["num_statements"] = caption.num_checked
        fields["num_false"] = len(wrong)
        fields["false_statements"] = "; ".join(f"{one.text} [{one.start}:{one.end}]" for one in wrong)
    if caption.source is not None:
        fields |= {"quoted_from": caption.source.smiles, "similarity": round(caption.source.similarity, 4)}
    return fields


def _write_table(part: Path, output: Path, is_checked: bool, is_quoted: bool) -> dict[str, int]:
    """Make the table of all that is done."""
    header = [*HEADER, *(QUOTED if is_quoted else ()), *(CHECKED if is_checked else ()), "error"]
    counts = dict.fromkeys(("num_rows", "num_errors", *(CHECKED[:2] if is_checked else ())), 0)
    with open_atomically(output, newline="") as file:
        writer = csv.DictWriter(file, header, restval="")
        writer.writeheader()
        for entry in read_entries(part):
            writer.writerow(entry)
            counts["num_rows"] += 1
            counts["num_errors"] += bool(entry["error"])
            for name in counts.keys() & set(CHECKED):
                counts[name] += entry.get(name, 0)
    return counts
