"""One column of molecules, in whichever form a user of scikit-learn has it."""

import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from rdkit import Chem

from ..data.identifiers import attempt

SHOWN_CHARACTERS = 200  # of a refused molecule in a message


class MoleculeColumn(NamedTuple):
    """The molecules of a table.

    Args:
        cells (`list`): `R` cells: SMILES, molecules of RDKit, or something that is neither.
        labels (sequence, *optional*): Labels of the rows, in a table of pandas.
        name (`str`, *optional*): Of the column, in a table.
    """

    cells: list[Any]
    labels: Sequence[Any] | None = None
    name: str | None = None

    def describe_row(self, row: int) -> str:
        """Name a row, by its label too if that says more, and show its molecule."""
        cell = self.cells[row]
        shown = attempt(Chem.MolToSmiles, cell) if isinstance(cell, Chem.Mol) else cell
        has_label = self.labels is not None and self.labels[row] != row
        label = f" (index {self.labels[row]!r})" if has_label else ""
        return f"Row {row}{label}, {shown!r:.{SHOWN_CHARACTERS}}"


def read_molecule_column(molecules: Any) -> MoleculeColumn:
    """Read molecules from a list, an array, a series, or a table with one column.

    Args:
        molecules: `R` SMILES or molecules of RDKit: a list or tuple, an array of shape `(R,)` or `(R, 1)`, a series or
            a one-column table of pandas or polars.

    Returns:
        [`MoleculeColumn`]. Whether its cells are molecules is not looked at.

    Raises:
        TypeError: If it is a single molecule, a sparse matrix, or no sequence.
        ValueError: If there are no rows, not one column, or numbers.

    Example:
    >>> read_molecule_column([["CCO"], ["c1ccccc1"]]).cells
    ['CCO', 'c1ccccc1']
    """
    if isinstance(molecules, str | bytes | Chem.Mol) or hasattr(molecules, "toarray"):
        kind = type(molecules).__name__
        raise TypeError(f"Give a list, an array, a series or a column of molecules: got a single or sparse {kind}.")
    labels = molecules.index if hasattr(molecules, "iloc") else None
    name = None
    if hasattr(molecules, "columns"):
        _check_width(len(molecules), len(molecules.columns))
        column = molecules.columns[0]
        name = column if isinstance(column, str) else None
        molecules = molecules[column]
    cells = [_take_only(cell) for cell in _list_cells(molecules)]
    if not cells:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required: there are no molecules.")
    _refuse_numbers(cells)
    return MoleculeColumn(cells, labels, name)


def _list_cells(molecules: Any) -> list[Any]:
    """List the rows of anything with one or two axes."""
    is_series = hasattr(molecules, "to_numpy")
    if hasattr(molecules, "__array__") and not is_series:
        array = np.asarray(molecules)
        if array.ndim == 2:
            _check_width(*array.shape)
            array = array[:, 0]
        if array.ndim != 1:
            raise ValueError(f"Expected molecules of shape (R,) or (R, 1): got an array of shape {array.shape}.")
        return array.tolist()
    if not (is_series or isinstance(molecules, list | tuple)):
        raise TypeError(f"Give a list, an array, a series or a column of molecules: got {type(molecules).__name__}.")
    return list(molecules)


def _check_width(num_rows: int, num_columns: int) -> None:
    if num_columns != 1:
        raise ValueError(
            f"Found array with {num_columns} feature(s) (shape={num_rows, num_columns}) while a minimum of 1 is "
            "required and at most 1 is taken: the column of the molecules. Choose it with `ColumnTransformer`."
        )


def _take_only(cell: Any) -> Any:
    """Unwrap a row of a nested list."""
    if not isinstance(cell, list | tuple | np.ndarray):
        return cell
    _check_width(1, len(cell))
    return cell[0]


def _refuse_numbers(cells: Sequence[Any]) -> None:
    """Refuse a column of numbers: as rows that are no molecules it might pass for one without any."""
    found = [cell for cell in cells if isinstance(cell, numbers.Number) and cell == cell]
    if found and not any(isinstance(cell, str | Chem.Mol) for cell in cells):
        raise ValueError(f"Expected SMILES strings or molecules of RDKit: got numbers, such as {found[0]!r}.")
