"""What a view of a molecule is: arrays that one kind of encoder reads, made for one molecule and joined for a batch.

A new view is a class in a file of its own and a line in `VIEWS` of `featurization_finemoltex.py`. Which views a
processor makes stands in its JSON under `views`.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from rdkit import Chem


class Column(NamedTuple):
    """How one array of a molecule is stored: row by row in one flat list, which the collator gives back its width."""

    dtype: str
    width: int | None = None  # of a matrix; `None` for a vector


class View(Protocol):
    """One way to turn a molecule into arrays.

    Attributes:
        name (`str`): Key in `VIEWS` and in the processor's JSON.
        model_input_names (`tuple[str, ...]`): Tensors of a batch, as the model's `forward` calls them.
        columns (`Mapping[str, Column]`): Arrays of one molecule. Their names are among `model_input_names`, because
            `transformers.Trainer` drops the other columns of a dataset.
    """

    name: str
    model_input_names: tuple[str, ...]
    columns: Mapping[str, Column]

    def featurize(self, molecule: Chem.Mol) -> dict[str, np.ndarray]:
        """Make the arrays of one molecule.

        Args:
            molecule (`rdkit.Chem.Mol`): From `parse_molecule`.

        Returns:
            `dict[str, np.ndarray]`: One array for each of `columns`.
        """
        ...

    def collate(self, rows: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Join the arrays of `B` molecules.

        Args:
            rows (sequence of mappings): What `featurize` returned, at least one.

        Returns:
            `dict[str, np.ndarray]`: One array of integers for each of `model_input_names`, of 64 bits unless there is
            one for each pair of atoms.
        """
        ...


class MoleculeFeatures(dict[str, np.ndarray]):
    """The arrays of one molecule by name; each is an attribute too, as in a `BatchFeature`."""

    def __getattr__(self, name: str) -> np.ndarray:
        """Give the array of that name."""
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"The molecule has no array {name!r}; it has {', '.join(self)}.") from None
