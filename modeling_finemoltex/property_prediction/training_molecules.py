"""The training molecules of a model with their labels, to show those that are nearest to a prediction."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rdkit import DataStructs

from ..data.atomic_files import open_atomically
from ..data.identifiers import try_parse
from ..data.property_tables import PropertyTable
from .fingerprints import make_generator

FILE = "training_molecules.csv"


class TrainingNeighbour(NamedTuple):
    """A training molecule that is near to another one."""

    smiles: str
    labels: dict[str, str]  # task -> label as written, without the missing ones
    tanimoto: float


class TrainingMolecules:
    """Finds the training molecules nearest to another one, by the Tanimoto similarity of ECFP4.

    Args:
        smiles (sequence of `str`): `R` training rows; what cannot be parsed is left out.
        labels (sequence of sequences of `str`): `R` rows of `K` labels, empty where missing.
        tasks (sequence of `str`): `K` names.

    Raises:
        ValueError: If there are not as many labels as molecules and tasks.

    Example:
    >>> training = TrainingMolecules(["CCO", "c1ccccc1"], [["1"], ["0"]], ["soluble"])
    >>> training.find_nearest("OCC", 1)
    [TrainingNeighbour(smiles='CCO', labels={'soluble': '1'}, tanimoto=1.0)]
    """

    def __init__(self, smiles: Sequence[str], labels: Sequence[Sequence[str]], tasks: Sequence[str]) -> None:
        if len(labels) != len(smiles) or any(len(row) != len(tasks) for row in labels):
            raise ValueError(
                f"Give a row of {len(tasks)} labels for each of {len(smiles)} molecules: got {len(labels)} rows."
            )
        self.smiles, self.labels, self.tasks = list(smiles), [list(row) for row in labels], list(tasks)
        self._generator = make_generator()
        molecules = [try_parse(one) for one in self.smiles]
        self._places = [place for place, molecule in enumerate(molecules) if molecule is not None]
        self._fingerprints = [self._generator.GetFingerprint(molecules[place]) for place in self._places]

    @classmethod
    def from_table(cls, table: PropertyTable) -> "TrainingMolecules":
        """Take the rows of a table, classes by their names."""
        return cls(table.smiles, [[_write(label, table) for label in row] for row in table.labels], table.tasks)

    @classmethod
    def load(cls, folder: str | Path) -> "TrainingMolecules | None":
        """Read them from a model folder; `None` if it has none.

        Raises:
            ValueError: If the file is not one that `save` wrote.
        """
        file = Path(folder) / FILE
        if not file.is_file():
            return None
        with file.open(encoding="utf-8", newline="") as stream:
            header, *rows = list(csv.reader(stream)) or [[]]
        if len(header) < 2 or any(len(row) != len(header) for row in rows):
            raise ValueError(f"{file} is no table of a molecule and its labels in each row. Remove it.")
        return cls([row[0] for row in rows], [row[1:] for row in rows], header[1:])

    def save(self, folder: str | Path) -> None:
        """Write them into a model folder, as csv."""
        with open_atomically(Path(folder) / FILE, newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["smiles", *self.tasks])
            writer.writerows([one, *row] for one, row in zip(self.smiles, self.labels, strict=True))

    def find_nearest(self, smiles: str, number: int) -> list[TrainingNeighbour]:
        """List the nearest training rows, the nearest first, equally near ones in the order of the table.

        Args:
            smiles (`str`): A molecule.
            number (`int`): Most rows to list.

        Returns:
            `list` of [`TrainingNeighbour`]; empty if the molecule cannot be parsed.
        """
        molecule = try_parse(smiles)
        if molecule is None or not self._fingerprints:
            return []
        fingerprint = self._generator.GetFingerprint(molecule)
        similarities = np.array(DataStructs.BulkTanimotoSimilarity(fingerprint, self._fingerprints))  # (R,)
        nearest = np.argsort(-similarities, kind="stable")[:number]
        return [self._describe(int(place), similarities) for place in nearest]

    def _describe(self, place: int, similarities: np.ndarray) -> TrainingNeighbour:
        row = self._places[place]
        labels = {task: label for task, label in zip(self.tasks, self.labels[row], strict=True) if label}
        return TrainingNeighbour(self.smiles[row], labels, float(similarities[place]))


def _write(label: float, table: PropertyTable) -> str:
    if np.isnan(label):
        return ""
    return table.classes[int(label)] if table.task_type == "multiclass" else f"{label:.9g}"
