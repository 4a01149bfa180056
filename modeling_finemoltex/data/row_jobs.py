"""A long job over the rows of a file, which goes on where it was interrupted."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from .atomic_files import open_atomically
from .molecule_files import MoleculeFile, Row
from .worker_processes import take_ahead

PART = ".part"  # ends the name of the file with what is done; its first line says of which job
Entry = dict[str, Any]
NumberedRows = list[tuple[int, Row]]  # from 1


def work_through(
    source: MoleculeFile,
    output: Path,
    identity: dict[str, Any],
    answer: Callable[[NumberedRows], Iterator[Entry]],
    progress_bar: bool | None = None,
    window: int = 1,
    ahead: int = 1,
) -> Path:
    """Answer every row of a file, and keep the answers beside the output as they come.

    Args:
        source ([`MoleculeFile`]): The file.
        output (`Path`): The `.csv` file that is to be made of the answers.
        identity (`dict`): What makes two jobs the same, ready for JSON.
        answer (callable): From the next rows to one entry for each, ready for JSON.
        progress_bar (`bool`, *optional*): Shown on a terminal, if absent.
        window (`int`): Rows that are answered at once.
        ahead (`int`): Windows for which `answer` is called before the entries of the first are waited for.

    Returns:
        `Path`: `OUTPUT.part` with all entries; read it with [`read_entries`], and delete it when the output is made.

    Raises:
        ValueError: If `output` is no csv file, or its `.part` belongs to another job.
    """
    if output.suffix.lower() != ".csv":
        raise ValueError(f"`output` must be a .csv file, got {output}.")
    part = output.with_name(output.name + PART)
    done, shown = _open_part(part, identity), None if progress_bar is None else not progress_bar
    output.parent.mkdir(parents=True, exist_ok=True)
    with (
        part.open("a", encoding="utf-8", buffering=1) as lines,  # by lines
        tqdm(total=1.0, disable=shown, bar_format="{l_bar}{bar}| {elapsed}") as bar,
    ):
        rows = enumerate(source, start=1)
        windows = iter(lambda: list(itertools.islice(rows, window)), [])
        begun = (
            (answer([(number, row) for number, row in at_once if number > done]), source.fraction_read)
            for at_once in windows
        )
        for entries, fraction_read in take_ahead(begun, ahead):
            for entry in entries:
                lines.write(json.dumps(entry) + "\n")
            bar.update(max(0.0, fraction_read - bar.n))
    return part


def read_entries(part: Path) -> Iterator[Entry]:
    """Read the entries of a job, in the order of the rows."""
    with part.open(encoding="utf-8") as lines:
        next(lines)
        yield from map(json.loads, lines)


def read_smiles(row: Row, source: MoleculeFile) -> str:
    """Give the SMILES of a row.

    Raises:
        ValueError: If it has none; says why.
    """
    if row.problem is not None or row.value is None:
        raise ValueError(row.problem or "there is no molecule")
    return row.value if source.to_smiles is None else source.to_smiles(row.value)


def reason_of(row: Row, error: ValueError) -> str:
    """Say in one sentence, without its end, why a row has no answer; the others advise a caller in Python."""
    return str(row.problem or error).split(". ")[0].rstrip(".")


def _open_part(part: Path, identity: dict[str, Any]) -> int:
    """Begin the file with what is done, or count its entries; a line that a kill cut off is dropped.

    Raises:
        ValueError: If it belongs to another job.
    """
    whole = part.read_text(encoding="utf-8").rpartition("\n")[0] if part.exists() else ""
    first, *rest = whole.splitlines() or [json.dumps(identity)]
    known = json.loads(first)
    changed = [name for name in identity if known.get(name) != json.loads(json.dumps(identity[name]))]
    if changed:
        raise ValueError(
            f"{part} belongs to another job: it differs in {', '.join(changed)}. Give another output, or delete the "
            "file to begin anew."
        )
    part.parent.mkdir(parents=True, exist_ok=True)
    with open_atomically(part) as file:
        file.writelines(f"{line}\n" for line in (first, *rest))
    return len(rest)
