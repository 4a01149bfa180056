"""Mol blocks with properties: sdf, sd and mol files, cut into records as RDKit's own reader cuts them."""

import itertools
from collections.abc import Collection, Iterator

from rdkit import Chem

from .identifiers import MAX_ATOMS, attempt, write_smiles
from .table import Broken, Request, Table, TableRow
from .text_lines import CutLine, TextLines, escape

HEADER = ["smiles", "id"]
SEPARATOR, BLOCK_END = "$$$$", "M  END"
MAX_RECORD_CHARACTERS = 1 << 24  # a 2,000-atom record has 0.2 M; more means that the separators are missing
NO_ATOMS = "The SDF record has no atoms."
SHOWN_CHARACTERS = 200  # of a record that is too long
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


def molecule_of_record(record: str) -> str | Chem.Mol:
    """Read a mol block.

    Args:
        record (`str`): Its lines, with or without properties.

    Returns:
        `str` or `rdkit.Chem.Mol`: Canonical SMILES with stereo, or the molecule if it has what a SMILES cannot say:
        hindered rotation or enhanced stereo.

    Raises:
        ValueError: If RDKit cannot read the record, or it has no atoms.

    Example:
    >>> molecule_of_record(Chem.MolToMolBlock(Chem.MolFromSmiles("OCC")))
    'CCO'
    """
    molecule = attempt(Chem.MolFromMolBlock, record)
    if molecule is None:
        raw = attempt(Chem.MolFromMolBlock, record, False)
        problems = None if raw is None else attempt(Chem.DetectChemistryProblems, raw)
        reason = problems[0].Message() if problems else "it is not a valid mol block"
        raise ValueError(f"RDKit cannot read the SDF record: {reason}.")
    if not 0 < molecule.GetNumAtoms() <= MAX_ATOMS:
        count = molecule.GetNumAtoms()
        raise ValueError(f"The SDF record has {count} atoms, at most {MAX_ATOMS} are read." if count else NO_ATOMS)
    found = write_smiles(molecule)
    if found is None:
        raise ValueError("RDKit cannot write the molecule of the SDF record as a SMILES.")
    return found


def _read_rows(lines: TextLines, properties: Collection[str], has_id: bool) -> Iterator[TableRow]:
    """Yield the records; properties are looked up only if they are wanted."""
    for first, record, is_plain in _Records(lines):
        block, rest = _cut_block(record)
        title = block.partition("\n")[0].strip()
        found = _read_properties(rest) if properties or has_id else {}
        cells = (block, (found.get("id") if has_id else title) or None, *map(found.get, properties))
        if is_plain:
            yield cells, first, None
        else:
            # Bytes of another encoding in a title or a property do no harm to the molecule.
            cut = next((line for line in record if isinstance(line, CutLine)), block.partition("\n")[2])
            problem = lines.find_problem(cut)
            escaped = tuple(cell and escape(cell) for cell in cells)
            yield escaped, first, None if problem is None else Broken(problem)


class _Records:
    """Records of a file: number of the first line, lines, whether nothing is wrong with any of them.

    The last record may lack its end. Of a record that is too long, one `CutLine` stays.
    """

    def __init__(self, lines: TextLines) -> None:
        self._chunks = lines.chunks()
        self._lines: list[str] = []  # from the beginning of the record on
        self._size = 0  # of these lines, in characters
        self._is_plain = True

    def __iter__(self) -> Iterator[tuple[int, list[str], bool]]:
        first, place, dropped, lines = 1, 0, 0, self._lines
        while True:
            if place == len(lines):
                if self._size > MAX_RECORD_CHARACTERS:
                    dropped += place - 1
                    lines[:] = [CutLine(lines[0][:SHOWN_CHARACTERS])]
                    place, self._size, self._is_plain = 1, len(lines[0]), False
                if not self._fill():
                    break
            if lines[place].startswith(SEPARATOR) and not (self._is_in_value(place) and self._continues(place)):
                if place:
                    yield first, lines[: 1 if dropped else place], self._is_plain
                del lines[: place + 1]
                first, place, dropped = first + dropped + place + 1, 0, 0
                self._size = sum(map(len, lines))
            else:
                place += 1
        if any(line.strip() for line in lines):
            yield first, lines[:1] if dropped else lines, self._is_plain

    def _fill(self) -> bool:
        """Read more lines; tell whether there were any."""
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        self._is_plain = chunk.is_plain and (self._is_plain or not self._lines)
        self._lines.extend(chunk.lines)
        self._size += sum(map(len, chunk.lines))
        return True

    def _is_in_value(self, place: int) -> bool:
        """Tell whether a line stands in the value of a property: no empty line since the name."""
        for line in itertools.islice(reversed(self._lines), len(self._lines) - place, None):
            if not line or line.startswith(BLOCK_END):
                return False
            if line.startswith(">"):
                return True
        return False

    def _continues(self, place: int) -> bool:
        """Tell whether a value goes on at a line that looks like a separator.

        A value goes on to a blank line, after which the next property or the true separator comes. Files that leave
        the blank line out have the title of the next molecule there.
        """
        has_ended = False
        for ahead in range(place + 1, place + LOOK_AHEAD):
            if ahead == len(self._lines) and not self._fill():
                return has_ended
            line = self._lines[ahead]
            if has_ended and line.strip():
                return line.startswith((">", SEPARATOR))
            has_ended = has_ended or not line
        return False


def _cut_block(record: list[str]) -> tuple[str, list[str]]:
    """Divide a record into its mol block and the lines below."""
    text = "\n".join(record)
    end = text.find("\n" + BLOCK_END) + 1
    if not end:
        return text, []
    end = text.find("\n", end)
    return (text, []) if end < 0 else (text[:end], text[end + 1 :].split("\n"))


def _read_properties(lines: list[str]) -> dict[str, str]:
    """Read the properties below a mol block: the name stands between the first `<` and the last `>` of its line."""
    found: dict[str, str] = {}
    rest = iter(lines)
    for line in rest:
        if line.startswith(">"):
            value = "\n".join(itertools.takewhile(bool, rest))
            start, end = line.find("<"), line.rfind(">")
            if 0 < start < end - 1:
                found[line[start + 1 : end]] = value
    return found


def _list_properties(lines: TextLines) -> list[str]:
    """List the properties of all records, in order of appearance."""
    names: dict[str, None] = {}
    with TextLines(lines.path) as again:
        for _, record, _ in _Records(again):
            names |= dict.fromkeys(_read_properties(_cut_block(record)[1]))
    return list(names)
