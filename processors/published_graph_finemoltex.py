"""Graph views of published weights: the atom and bond features that FineMolTex and MoleculeSTM were trained with.

They depend on how a SMILES is written where chirality and directions do, as those of the published systems.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from rdkit import Chem

from .graph_view_finemoltex import GraphView
from .views_finemoltex import Column

_TAGS = (Chem.ChiralType.CHI_UNSPECIFIED, Chem.ChiralType.CHI_TETRAHEDRAL_CW, Chem.ChiralType.CHI_TETRAHEDRAL_CCW)
_OTHER_TAG = 3
_TYPES = (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE, Chem.BondType.AROMATIC)
_OTHER_TYPE = 4
_DIRECTIONS = {Chem.BondDir.ENDUPRIGHT: 1, Chem.BondDir.ENDDOWNRIGHT: 2}
_STEREO = (
    *(Chem.BondStereo.STEREONONE, Chem.BondStereo.STEREOZ, Chem.BondStereo.STEREOE),
    *(Chem.BondStereo.STEREOCIS, Chem.BondStereo.STEREOTRANS, Chem.BondStereo.STEREOANY),
)
_HYBRIDIZATIONS = (
    *(Chem.HybridizationType.SP, Chem.HybridizationType.SP2, Chem.HybridizationType.SP3),
    *(Chem.HybridizationType.SP3D, Chem.HybridizationType.SP3D2),
)
_NO_ELEMENT = 118  # the row of a dummy atom, of tables that begin with hydrogen
_CHARGES, _MOST_NEIGHBOURS, _MOST_HYDROGENS, _MOST_RADICALS = tuple(range(-5, 6)), 10, 8, 4


class TwoColumnView(GraphView):
    """Element and chirality tag of atoms, type and direction of bonds: the features of FineMolTex (KDD 2025).

    Example:
    >>> row = FineMolTexFeatureExtractor(views=["graph_2"]).featurize("C=O")
    >>> row.atom_features.tolist(), row.edge_features.tolist()
    ([[5, 0], [7, 0]], [[1, 0]])
    """

    name = "graph_2"
    columns: ClassVar[Mapping[str, Column]] = {
        **GraphView.columns,
        "atom_features": Column("uint8", 2),
        "edge_features": Column("uint8", 2),
    }

    def featurize(self, molecule: Chem.Mol) -> dict[str, np.ndarray]:
        """Make the arrays of one molecule, as [`GraphView`] with other features.

        Args:
            molecule (`rdkit.Chem.Mol`): From `parse_molecule`.

        Raises:
            ValueError: If a feature has no row in the published tables.
        """
        row = super().featurize(molecule)
        atoms = [self.describe_atom(atom) for atom in molecule.GetAtoms()]
        bonds = [self.describe_bond(bond) for bond in molecule.GetBonds()]
        row["atom_features"] = _make_matrix(atoms, self.columns["atom_features"])
        row["edge_features"] = _make_matrix(bonds, self.columns["edge_features"])
        return row

    def describe_atom(self, atom: Chem.Atom) -> list[int]:
        """Number the element and the chirality tag of an atom."""
        element = atom.GetAtomicNum()
        return [element - 1 if element else _NO_ELEMENT, _find(_TAGS, atom.GetChiralTag(), _OTHER_TAG)]

    def describe_bond(self, bond: Chem.Bond) -> list[int]:
        """Number the type and the direction of a bond.

        Raises:
            ValueError: If the type has no row, as that of a dative bond.
        """
        if bond.GetBondType() not in _TYPES:
            raise ValueError(
                f"the published features know single, double, triple and aromatic bonds, no {bond.GetBondType()} one"
            )
        return [_TYPES.index(bond.GetBondType()), _DIRECTIONS.get(bond.GetBondDir(), 0)]


class NineColumnView(TwoColumnView):
    """The nine atom and three bond features of the Open Graph Benchmark (Hu et al. 2020), which MoleculeSTM reads.

    Example:
    >>> row = FineMolTexFeatureExtractor(views=["graph_9"]).featurize("C=O")
    >>> row.atom_features[0].tolist(), row.edge_features.tolist()
    ([5, 0, 3, 5, 2, 0, 1, 0, 0], [[1, 0, 0]])
    """

    name = "graph_9"
    columns: ClassVar[Mapping[str, Column]] = {
        **GraphView.columns,
        "atom_features": Column("uint8", 9),
        "edge_features": Column("uint8", 3),
    }

    def describe_atom(self, atom: Chem.Atom) -> list[int]:
        """Number element, chirality tag, degree, charge, hydrogens, radicals, hybridisation, aromaticity and ring."""
        return [
            *super().describe_atom(atom),
            min(atom.GetTotalDegree(), _MOST_NEIGHBOURS + 1),
            _find(_CHARGES, atom.GetFormalCharge(), len(_CHARGES)),
            min(atom.GetTotalNumHs(), _MOST_HYDROGENS + 1),
            min(atom.GetNumRadicalElectrons(), _MOST_RADICALS + 1),
            _find(_HYBRIDIZATIONS, atom.GetHybridization(), len(_HYBRIDIZATIONS)),
            int(atom.GetIsAromatic()),
            int(atom.IsInRing()),
        ]

    def describe_bond(self, bond: Chem.Bond) -> list[int]:
        """Number type, geometry and conjugation of a bond."""
        return [
            _find(_TYPES, bond.GetBondType(), _OTHER_TYPE),
            _find(_STEREO, bond.GetStereo(), 0),
            int(bond.GetIsConjugated()),
        ]


def _find(known: Sequence[object], value: object, otherwise: int) -> int:
    return known.index(value) if value in known else otherwise


def _make_matrix(rows: list[list[int]], column: Column) -> np.ndarray:
    """Make a matrix that has its width without rows too. -> `(L, width)`."""
    return np.array(rows, dtype=column.dtype).reshape(len(rows), column.width or 0)


__all__ = ["NineColumnView", "TwoColumnView"]
