"""The paths view: how many bonds lie between two atoms, and which, for encoders that compare all pairs of atoms."""

from collections.abc import Mapping, Sequence

import numpy as np
from rdkit import Chem

from .atom_features_finemoltex import BOND_FEATURE_SIZES, bond_feature_matrix, record_of
from .motif_vocabulary_finemoltex import MotifVocabulary
from .views_finemoltex import Column

MOST_PAIRED_ATOMS = 512  # the number of pairs grows with the square
MOST_PATH_BONDS = 5  # of a path that are told apart (Yu et al. 2024)
APART = 255  # length of the path between atoms of different fragments
LONGEST = 254  # longer paths count as this long
NO_BOND = 0  # code of a position at which a path has no bond
_BITS = 8  # of the code of a bond
_SHIFTS = np.arange(MOST_PATH_BONDS - 1, -1, -1, dtype=np.int64) * _BITS


class PathsView:
    """Shortest paths between all pairs of atoms.

    A bond is one number, its features as digits, from 1 on. Of several shortest paths the one counts whose numbers
    come first, so that the choice does not depend on the order of the atoms.

    Args:
        vocabulary (`MotifVocabulary`): As every view; not used.

    Example:
    >>> row = PathsView(MotifVocabulary()).featurize(Chem.MolFromSmiles("CC=O"))
    >>> row["path_lengths"].reshape(3, 3).tolist()
    [[0, 1, 2], [1, 0, 1], [2, 1, 0]]
    >>> row["path_bonds"].reshape(3, 3, 5)[0, 2].tolist()
    [1, 33, 0, 0, 0]
    """

    name = "paths"
    model_input_names = ("path_lengths", "path_bonds")
    columns = {  # of a molecule with `n` atoms
        "path_lengths": Column("uint8"),  # (n * n,)
        "path_bonds": Column("uint8", MOST_PATH_BONDS),  # (n * n, 5)
    }

    def __init__(self, vocabulary: MotifVocabulary) -> None:
        del vocabulary

    def featurize(self, molecule: Chem.Mol) -> dict[str, np.ndarray]:
        """Make the arrays of one molecule.

        Args:
            molecule (`rdkit.Chem.Mol`): From `parse_molecule`.

        Returns:
            `dict[str, np.ndarray]`: `path_lengths` (n * n,), 0 of an atom with itself and `APART` between fragments,
            and `path_bonds` (n * n, 5), the bonds of each path from its first atom on, 0 where there are none.

        Raises:
            ValueError: If there are more than `MOST_PAIRED_ATOMS` atoms.
        """
        num_atoms = molecule.GetNumAtoms()
        if num_atoms > MOST_PAIRED_ATOMS:
            raise ValueError(
                f"the molecule has {num_atoms} atoms, and its pairs are compared for at most {MOST_PAIRED_ATOMS}. "
                "Leave it out, or use an encoder that reads the graph alone, such as 'gin'"
            )
        exact = Chem.GetDistanceMatrix(molecule)  # (n, n), a large number between fragments
        lengths = np.where(exact >= num_atoms, APART, np.minimum(exact, LONGEST)).astype(np.uint8)  # (n, n)
        record = record_of(molecule)
        ends = np.array((record.begins, record.ends), dtype=np.int64).reshape(2, -1)  # (2, b)
        bonds = find_path_bonds(exact, ends, code_bonds(bond_feature_matrix(record)))
        return {
            "path_lengths": lengths.reshape(-1),
            "path_bonds": np.where(lengths[..., None] == APART, NO_BOND, bonds).reshape(-1, MOST_PATH_BONDS),
        }

    def collate(self, rows: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Pad the pairs of `B` molecules to those of the largest, of `A` atoms.

        Args:
            rows (sequence of mappings): What `featurize` returned, at least one.

        Returns:
            `dict[str, np.ndarray]`: `path_lengths` (B, A, A), `APART` on padding, and `path_bonds` (B, A, A, 5), 0 on
            padding; of 8 bits, as there are many.
        """
        counts = [round(len(row["path_lengths"]) ** 0.5) for row in rows]
        most = max(counts)
        lengths = np.full((len(rows), most, most), APART, dtype=np.uint8)
        bonds = np.full((len(rows), most, most, MOST_PATH_BONDS), NO_BOND, dtype=np.uint8)
        for place, (row, count) in enumerate(zip(rows, counts, strict=True)):
            lengths[place, :count, :count] = row["path_lengths"].reshape(count, count)
            bonds[place, :count, :count] = row["path_bonds"].reshape(count, count, MOST_PATH_BONDS)
        return {"path_lengths": lengths, "path_bonds": bonds}


def code_bonds(features: np.ndarray) -> np.ndarray:
    """Number bonds by their features, from 1 on.

    Args:
        features (`np.ndarray` of shape `(b, 3)`): From `bond_feature_matrix`.

    Returns:
        `np.ndarray` of shape `(b,)`, 64-bit integers.
    """
    codes = np.zeros(len(features), dtype=np.int64)
    for column, size in enumerate(BOND_FEATURE_SIZES):
        codes = codes * size + features[:, column]
    return codes + 1


def find_path_bonds(lengths: np.ndarray, ends: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Find the first bonds of the shortest path between all pairs, of several paths those of the smallest numbers.

    Args:
        lengths (`np.ndarray` of shape `(n, n)`): Lengths of the paths.
        ends (`np.ndarray` of shape `(2, b)`): Atoms of each bond.
        codes (`np.ndarray` of shape `(b,)`): From `code_bonds`.

    Returns:
        `np.ndarray` of shape `(n, n, 5)`, uint8; 0 where a path has no bond.
    """
    num_atoms = len(lengths)
    sources, targets = np.concatenate((ends, ends[::-1]), axis=1)  # (2b,), (2b,)
    order = np.argsort(sources, kind="stable")
    sources, targets, codes = sources[order], targets[order], np.concatenate((codes, codes))[order]
    keys = np.zeros((num_atoms, num_atoms), dtype=np.int64)
    if len(sources):
        starts = np.flatnonzero(np.r_[True, sources[1:] != sources[:-1]])  # first bond of each atom that has one
        leads = lengths[sources] == lengths[targets] + 1  # (2b, n): the bond is the first of a shortest path
        for position in range(MOST_PATH_BONDS):
            found = (codes[:, None] << (_BITS * position)) | keys[targets]  # (2b, n)
            found = np.where(leads, found, np.iinfo(np.int64).max)
            least = np.minimum.reduceat(found, starts)  # (atoms with bonds, n)
            keys[sources[starts]] = np.where(least == np.iinfo(np.int64).max, 0, least)
    return (keys[..., None] >> _SHIFTS & ((1 << _BITS) - 1)).astype(np.uint8)


__all__ = ["APART", "MOST_PAIRED_ATOMS", "MOST_PATH_BONDS", "PathsView"]
