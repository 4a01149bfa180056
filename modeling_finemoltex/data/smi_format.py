"""Lines that begin with a SMILES: smi and cxsmiles files."""

import csv
import re
from collections.abc import Iterator

from rdkit import Chem

from ..processors.smiles_finemoltex import MAX_CHARACTERS, SHOWN_CHARACTERS
from .columns import USUAL_NAMES
from .identifiers import attempt, try_parse, write_smiles
from .table import Broken, Request, Table, TableRow
from .text_lines import TextLines, escape

HEADER = ["smiles", "id"]
# SMILES, CXSMILES extension between bars, separator, the rest: none of `,;|` and no blank can be part of a SMILES, but
# commas and semicolons of an InChI.
_LINE = re.compile(
    r"\s*(?P<smiles>InChI=\S+|[^\s,;|]+)(?P<extension>\s+\|.*?\|(?=[\s,;]|$))?"
    r"(?P<separator> *[\t,;] *|\s+|$)(?P<rest>.*)"
)
_HEADINGS = {*USUAL_NAMES["smiles"], "structure"}
COMMENT = "#"  # above the first molecule; no SMILES begins with it
QUOTE = '"'


def read_smi(lines: TextLines, request: Request) -> Table:
    """Open a file with one molecule a line: SMILES, maybe a CXSMILES extension, id, further columns.

    The id is the first field after the SMILES: up to a tab, comma or semicolon, where these separate the fields, else
    up to a blank. A first line that names its columns is left out, and so are lines above it that begin with `#`.

    Args:
        lines (`TextLines`): The file.
        request (`Request`): Not used.

    Returns:
        `Table`: Columns `smiles` and `id`.
    """
    return Table(HEADER, lambda _: _read_rows(lines))


def molecule_of_cxsmiles(value: str) -> str | Chem.Mol:
    """Read a CXSMILES; a SMILES stays as it is.

    Args:
        value (`str`): A SMILES, with or without an extension such as `|&1:1|`.

    Returns:
        `str` or `rdkit.Chem.Mol`: SMILES, or the molecule if it has enhanced stereo, which a SMILES cannot say.
        Coordinates and labels of atoms are lost.

    Raises:
        ValueError: If RDKit cannot read the extension.

    Example:
    >>> molecule_of_cxsmiles("OCC"), molecule_of_cxsmiles("CC |^1:1|")
    ('OCC', '[CH2]C')
    >>> len(molecule_of_cxsmiles("C[C@H](N)O |&1:1|").GetStereoGroups())
    1
    """
    if "|" not in value:
        return value
    options = Chem.SmilesParserParams()
    options.allowCXSMILES, options.strictCXSMILES, options.parseName = True, True, False
    molecule = attempt(Chem.MolFromSmiles, value, options) if len(value) <= MAX_CHARACTERS else None
    found = None if molecule is None else write_smiles(molecule)
    if found is None:
        raise ValueError(f"RDKit cannot parse the CXSMILES {value[:200]!r}.")
    return found


def _read_rows(lines: TextLines) -> Iterator[TableRow]:
    is_first = True
    for chunk in lines.chunks():
        is_simple = chunk.is_plain and not any(mark in chunk.text for mark in "\t,;|")
        for number, line in enumerate(chunk.lines, start=chunk.first):
            if is_simple and not is_first:
                smiles, *rest = line.split(None, 2) or [""]
                if smiles:
                    yield (smiles, rest[0] if rest else None), number, None
            elif line.strip():
                is_header = is_first and _is_header(line)
                if is_first and not is_header and line.lstrip().startswith(COMMENT):
                    continue
                if not is_header:
                    yield _read_line(line, number, lines.find_problem(line))
                is_first = False


def _is_header(line: str) -> bool:
    """Tell whether a line names the columns.

    Raises:
        OSError: If it names another column before that of the molecules.
    """
    names = [name.strip("\"'#\ufeff") for name in re.split(r"[\s,;]+", line.strip(" \t"))]
    found = [name.lower() in _HEADINGS or "smiles" in name.lower() for name in names]  # neither m nor l is an atom
    if any(found) and not found[0] and not line.startswith(COMMENT) and try_parse(names[0]) is None:
        raise OSError(
            f"its first line {line.strip()[:SHOWN_CHARACTERS]!r} names the molecules as column "
            f"{found.index(True) + 1}, and a smi file has them first. Rename it to .txt: there the order is free"
        )
    return found[0]


def _read_line(line: str, number: int, problem: str | None) -> TableRow:
    """Cut a line into SMILES and id."""
    if line.startswith(QUOTE):  # written by a program for tables
        cells = csv.reader([line.replace("\0", "\ufffd")], delimiter="\t" if "\t" in line else ",")
        line = "\t".join(next(cells, [""]))
    found = _LINE.match(line)
    if found is None:
        return ("", ""), number, Broken(problem or "it does not begin with a SMILES", escape(line.strip()))
    smiles, extension, separator, rest = found.groups()
    mark = separator.strip(" ")[:1]
    if mark in ("\t", ",", ";"):
        name = rest.split(mark, 1)[0].strip()
    else:
        name = (rest.split(maxsplit=1) or [""])[0]
    value = smiles if extension is None else f"{smiles} {extension.strip()}"
    if problem is None:
        return (value, name or None), number, None
    return (escape(value), escape(name) or None), number, Broken(problem)
