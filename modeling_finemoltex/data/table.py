"""What every file format gives: a header, and rows of cells that come one by one."""

import functools
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from rdkit import Chem

from ..processors.smiles_finemoltex import spell_molecule

logger = logging.getLogger(__name__)


class Broken(NamedTuple):
    """Why a row cannot be used."""

    problem: str
    raw: str | None = None  # the row as it stands in the file; `None` where its cells are known


# Cells under the header, the line where the row begins (from 1; `None` in files without lines), what is wrong with it.
TableRow = tuple[Sequence[Any], int | None, Broken | None]


class Table(NamedTuple):
    """An open file as a table.

    Args:
        header (`list[str]`): Names of the columns; empty if the file has none.
        rows (callable): Reads the rows once and in order. It takes the names of the columns that are wanted, or `None`
            for all of them; cells of the others may be `None`.
        kinds (`Mapping[str, str]`): Types of the columns, where the file itself says them.
        progress (callable, *optional*): Tells which share of the rows has been read; absent for text, whose bytes
            tell it.
    """

    header: list[str]
    rows: Callable[[Collection[str] | None], Iterator[TableRow]]
    kinds: Mapping[str, str] = MappingProxyType({})
    progress: Callable[[], float] | None = None


class Layout(NamedTuple):
    """What a table of text does not say itself.

    Args:
        separator (`str`, *optional*): Between the cells; recognised if absent.
        column_names (`tuple[str, ...]`): Names of the columns of a file without a header; with them, the first line is
            a row.
    """

    separator: str | None = None
    column_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """What a caller wants to know of a file.

    Args:
        named (`tuple[str, ...]`): Columns that the caller named.
        every_column (`bool`): The header must list all columns, also where that takes reading the whole file.
        fits (callable): Tells whether a header has the columns that the caller needs; a separator that gives such a
            header is the right one.
        layout (`Layout`): Of a text file.
    """

    named: tuple[str, ...] = ()
    every_column: bool = False
    fits: Callable[[list[str]], bool] = bool
    layout: Layout = Layout()


@dataclass(frozen=True)
class Format:
    """How files of one suffix are read.

    Args:
        read (callable): Gets a `TextLines` (or, if not `is_text`, a `Path`) and a `Request`, and returns a `Table`.
        is_text (`bool`): Lines of text, which may be compressed and in any Unicode encoding.
        has_columns (`bool`): A header names the columns; otherwise they are `smiles`, `id`, and what the rows name.
        to_molecule (callable, *optional*): Makes a SMILES of a cell of `smiles`, or a molecule of RDKit if a SMILES
            cannot say all of it, or raises a `ValueError`.
        is_record (`bool`): A cell of `smiles` has many lines, of which the first is a title.
        cells_are_text (`bool`): All cells are strings, in every row.
    """

    read: Callable[[Any, Request], Table]
    is_text: bool = True
    has_columns: bool = True
    to_molecule: Callable[[str], str | Chem.Mol] | None = None
    is_record: bool = False
    cells_are_text: bool = True

    @property
    def to_smiles(self) -> Callable[[str], str] | None:
        """What makes a SMILES of a cell of `smiles`, without what it cannot say; `None` where cells are SMILES."""
        return None if self.to_molecule is None else self._spell

    def _spell(self, cell: str) -> str:
        molecule = self.to_molecule(cell)
        if not isinstance(molecule, str):
            warn_of_loss()
        return spell_molecule(molecule)


@functools.cache
def warn_of_loss() -> None:
    """Warn, once in a process, that a SMILES says less than the file."""
    logger.warning(
        "A molecule has enhanced stereo or hindered rotation, which the SMILES written here does not say: it stands "
        "as drawn. There may be more such molecules."
    )
