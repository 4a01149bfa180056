"""Lines that begin with a SMILES: smi and cxsmiles files."""

import re
from collections.abc import Iterator

from rdkit import Chem, rdBase

from .columns import USUAL_NAMES
from .table import Broken, Request, Table, TableRow
from .text_lines import TextLines, escape

HEADER = ["smiles", "id"]
# SMILES, CXSMILES extension between bars, separator, the rest: none of `,;|` and no blank can be part of a SMILES.
_LINE = re.compile(
    r"\s*(?P<smiles>[^\s,;|]+)(?P<extension>\s+\|.*?\|(?=[\s,;]|$))?(?P<separator>\s*[\t,;]\s*|\s+|$)(?P<rest>.*)"
)
_HEADINGS = {*USUAL_NAMES["smiles"], "structure", "smiles_string"}


def read_smi(lines: TextLines, request: Request) -> Table:
    """Open a file with one molecule a line: SMILES, maybe a CXSMILES extension, id, further columns.

    The id is the first field after the SMILES: up to a tab, comma or semicolon, where these separate the fields, else
    up to a blank. A first line that names its columns is left out.

    Args:
        lines (`TextLines`): The file.
        request (`Request`): Not used.

    Returns:
        `Table`: Columns `smiles` and `id`.
    """
    return Table(HEADER, lambda _: _read_rows(lines))


def smiles_of_cxsmiles(value: str) -> str:
    """Convert a CXSMILES to SMILES; a SMILES stays as it is.

    Args:
        value (`str`): A SMILES, with or without an extension such as `|&1:1|`.

    Returns:
        `str`: SMILES. What it cannot say, such as enhanced stereo or coordinates, is lost.

    Raises:
        ValueError: If RDKit cannot read the extension.

    Example:
    >>> smiles_of_cxsmiles("OCC"), smiles_of_cxsmiles("C[C@H](N)O |&1:1|"), smiles_of_cxsmiles("CC |^1:1|")
    ('OCC', 'C[C@H](N)O', '[CH2]C')
    """
    if "|" not in value:
        return value
    options = Chem.SmilesParserParams()
    options.allowCXSMILES, options.strictCXSMILES, options.parseName = True, True, False
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(value, options)
    if molecule is None:
        raise ValueError(f"RDKit cannot parse the CXSMILES {value[:200]!r}.")
    return Chem.MolToSmiles(molecule)


def _read_rows(lines: TextLines) -> Iterator[TableRow]:
    is_first = True
    for number, line, problem in lines:
        found = _LINE.match(line)
        if found is None:  # blank, or it begins with a separator
            if line.strip():
                yield ("", ""), number, Broken(problem or "it does not begin with a SMILES", escape(line.strip()))
            continue
        smiles, extension, separator, rest = found.groups()
        if is_first and smiles.strip("\"'#").lower() in _HEADINGS:
            is_first = False
            continue
        is_first = False
        mark = separator.strip(" ")[:1]
        name = (rest.split(mark, 1)[0] if mark else rest.split(maxsplit=1)[0] if rest else "").strip()
        value = smiles if extension is None else f"{smiles} {extension.strip()}"
        if problem is None:
            yield (value, name or None), number, None
        else:
            yield (escape(value), escape(name) or None), number, Broken(problem)
