"""Mol blocks with properties: sdf, sd and mol files, cut into records as RDKit's own reader cuts them."""

import itertools
from collections import deque
from collections.abc import Collection, Iterator

from rdkit import Chem, rdBase

from .table import Broken, Request, Table, TableRow
from .text_lines import TextLines, escape

HEADER = ["smiles", "id"]
SEPARATOR, BLOCK_END = "$$$$", "M  END"
MAX_RECORD_CHARACTERS = 1 << 24  # a 2,000-atom record has 0.2 M; more means that the separators are missing
LOOK_AHEAD = 1_000  # lines after a separator that may belong to a value


def read_sdf(lines: TextLines, request: Request) -> Table:
    """Open a file of mol blocks, V2000 or V3000, each with properties or without.

    A line that begins with `$$$$` ends a record unless it stands in the value of a property, which ends at a blank
    line.

    Args:
        lines (`TextLines`): The file.
        request (`Request`): Properties that are named, or every one of them.

    Returns:
        `Table`: `smiles` holds the mol block, `id` its first line or, if it is asked for, the property of that name;
        then the properties.
    """
    names = _list_properties(lines) if request.every_column else list(dict.fromkeys(request.named))
    properties = [name for name in names if name not in HEADER]
    return Table([*HEADER, *properties], lambda _: _read_rows(lines, properties, "id" in request.named))


def smiles_of_record(record: str) -> str:
    """Convert a mol block to SMILES.

    Args:
        record (`str`): Its lines, with or without properties.

    Returns:
        `str`: Canonical SMILES with stereo.

    Raises:
        ValueError: If RDKit cannot read the record, or it has no atoms.

    Example:
    >>> smiles_of_record(Chem.MolToMolBlock(Chem.MolFromSmiles("OCC")))
    'CCO'
    """
    with rdBase.BlockLogs():
        molecule = Chem.MolFromMolBlock(record)
        if molecule is None:
            raw = Chem.MolFromMolBlock(record, sanitize=False)
            problems = [] if raw is None else Chem.DetectChemistryProblems(raw)
            reason = problems[0].Message() if problems else "it is not a valid mol block"
            raise ValueError(f"RDKit cannot read the SDF record: {reason}.")
    if not molecule.GetNumAtoms():
        raise ValueError("The SDF record has no atoms.")
    return Chem.MolToSmiles(molecule)


def _read_rows(lines: TextLines, properties: Collection[str], has_id: bool) -> Iterator[TableRow]:
    """Yield the records; properties are looked up only if they are wanted."""
    for first, record, problems in _split_records(lines):
        end = next((place + 1 for place, line in enumerate(record) if line.startswith(BLOCK_END)), len(record))
        found = _read_properties(record[end:]) if properties or has_id else {}
        title = found.get("id") if has_id else record[0].strip()
        cells = ("\n".join(record[:end]), title or None, *map(found.get, properties))
        # Bytes of another encoding in a title or a property do no harm to the molecule.
        problem = next((text for place, text in problems.items() if 0 < place < end), None)
        broken = None if problem is None else Broken(problem)
        yield (tuple(cell and escape(cell) for cell in cells) if problems else cells), first, broken


def _split_records(lines: TextLines) -> Iterator[tuple[int, list[str], dict[int, str]]]:
    """Yield records: number of the first line, lines, and what is wrong with which; the last may lack its end."""
    queue = _Lookahead(lines)
    record: list[str] = []
    problems: dict[int, str] = {}
    first, size, in_block, in_value = 1, 0, True, False
    for number, line, problem in queue:
        if line.startswith(SEPARATOR) and not (in_value and queue.continues_value()):
            if record:
                yield first, record, problems
            record, problems, first, size, in_block, in_value = [], {}, number + 1, 0, True, False
            continue
        if problem is not None:
            problems[len(record)] = problem
        record.append(line)
        size += len(line)
        if size > MAX_RECORD_CHARACTERS:
            raise OSError(f"the record in line {first} does not end within {MAX_RECORD_CHARACTERS} characters")
        if in_block:
            in_block = not line.startswith(BLOCK_END)
        elif in_value:
            in_value = not _ends_value(line)
        else:
            in_value = line.startswith(">")
    if any(line.strip() for line in record):
        yield first, record, problems


class _Lookahead:
    """Numbered lines of which some can be seen before their turn."""

    def __init__(self, lines: TextLines) -> None:
        self._lines, self._seen = iter(lines), deque[tuple[int, str, str | None]]()

    def __iter__(self) -> Iterator[tuple[int, str, str | None]]:
        while self._seen or (more := next(self._lines, None)) is not None:
            yield self._seen.popleft() if self._seen else more

    def continues_value(self) -> bool:
        """Tell whether a line that looks like a separator is part of a value.

        A value goes on to a blank line, after which the next property or the true separator comes. Files that leave
        the blank line out have the title of the next molecule there.
        """
        ended = False
        for place in range(LOOK_AHEAD):
            if place == len(self._seen):
                more = next(self._lines, None)
                if more is None:
                    return ended
                self._seen.append(more)
            line = self._seen[place][1]
            if ended and line.strip():
                return line.startswith((">", SEPARATOR))
            ended = ended or _ends_value(line)
        return False


def _ends_value(line: str) -> bool:
    """Tell whether a line ends the value of a property; one of blanks does not."""
    return not line


def _read_properties(lines: list[str]) -> dict[str, str]:
    """Read the properties below a mol block: the name stands between the first `<` and the last `>` of its line."""
    found: dict[str, str] = {}
    rest = iter(lines)
    for line in rest:
        if line.startswith(">"):
            value = "\n".join(itertools.takewhile(lambda one: not _ends_value(one), rest))
            start, end = line.find("<"), line.rfind(">")
            if 0 < start < end - 1:
                found[line[start + 1 : end]] = value
    return found


def _list_properties(lines: TextLines) -> list[str]:
    """List the properties of all records, in order of appearance."""
    names: dict[str, None] = {}
    with TextLines(lines.path) as again:
        for _, record, _ in _split_records(again):
            end = next((place + 1 for place, line in enumerate(record) if line.startswith(BLOCK_END)), len(record))
            names |= dict.fromkeys(_read_properties(record[end:]))
    return list(names)
