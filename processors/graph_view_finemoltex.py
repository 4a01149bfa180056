"""The graph view: atoms, bonds and motifs of a molecule, which the encoder `gin` reads."""

from collections.abc import Mapping, Sequence

import numpy as np
from rdkit import Chem

from .atom_features_finemoltex import (
    BOND_FEATURE_SIZES,
    NUM_ATOM_FEATURES,
    atom_feature_matrix,
    bond_feature_matrix,
    record_of,
)
from .motif_vocabulary_finemoltex import MotifVocabulary
from .motifs_finemoltex import UNKNOWN_MOTIF_ID, partition_molecule
from .views_finemoltex import Column


class GraphView:
    """Atoms, bonds and motifs.

    The tensors of a batch are concatenated over molecules: `B` molecules, `N` atoms, `E` directed bonds, `M` motifs.

    Args:
        vocabulary (`MotifVocabulary`): Fragmentation, and ids of the motifs.

    Example:
    >>> view = GraphView(MotifVocabulary(fragmentation="functional"))
    >>> row = view.featurize(Chem.MolFromSmiles("CC(=O)Oc1ccccc1"))
    >>> row["atom_features"].shape, row["motif_positions"].tolist()
    ((10, 12), [0, 1, 2])
    """

    name = "graph"
    model_input_names = (
        "motif_counts",
        "motif_attention_mask",
        "atom_features",
        "edge_index",
        "edge_features",
        "atom_to_motif",
        "motif_ids",
        "motif_positions",
    )
    columns = {  # of a molecule with `n` atoms, `b` bonds and `m` motifs
        "atom_features": Column("uint8", NUM_ATOM_FEATURES),  # (n, 12)
        "edge_index": Column("uint16", 2),  # (b, 2): each bond once, from its begin to its end
        "edge_features": Column("uint8", len(BOND_FEATURE_SIZES)),  # (b, 3)
        "atom_to_motif": Column("uint16"),  # (n,) in [0, m)
        "motif_ids": Column("int32"),  # (m,)
        "motif_positions": Column("uint16"),  # (m,), a permutation of [0, m)
    }

    def __init__(self, vocabulary: MotifVocabulary) -> None:
        self.fragmentation, self._find = vocabulary.fragmentation, vocabulary.ids.get

    def featurize(self, molecule: Chem.Mol) -> dict[str, np.ndarray]:
        """Make the arrays of one molecule.

        Args:
            molecule (`rdkit.Chem.Mol`): From `parse_molecule`.

        Returns:
            `dict[str, np.ndarray]`: `atom_features` (n, 12), `edge_index` (b, 2) with each bond once, `edge_features`
            (b, 3), `atom_to_motif` (n,), `motif_ids` (m,) and `motif_positions` (m,), in the types of `columns`.
        """
        record = record_of(molecule)
        partition = partition_molecule(molecule, record, self.fragmentation)
        find = self._find
        return {
            "atom_features": atom_feature_matrix(record),
            "edge_index": np.array((record.begins, record.ends), dtype=np.uint16).T,
            "edge_features": bond_feature_matrix(record),
            "atom_to_motif": np.array(partition.atom_to_motif, dtype=np.uint16),
            "motif_ids": np.array([find(label, UNKNOWN_MOTIF_ID) for label in partition.labels], dtype=np.int32),
            "motif_positions": np.array(partition.positions, dtype=np.uint16),
        }

    def collate(self, rows: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Concatenate molecules; both directions of every bond are made here.

        Args:
            rows (sequence of mappings): Arrays of `B` molecules, at least one.

        Returns:
            `dict[str, np.ndarray]`: `motif_counts` (B,), `atom_features` (N, 12), `edge_index` (2, E), `edge_features`
            (E, 3), `atom_to_motif` (N,), `motif_ids` (M,), `motif_positions` (M,), and `motif_attention_mask`
            (B, K + 1), 1 on a molecule and its motifs and 0 on padding, all of 64-bit integers.
        """
        atoms, bonds, bond_features, atom_to_motif, ids, positions = (
            [row[name] for row in rows] for name in self.columns
        )
        atom_counts = np.array([len(one) for one in atoms])
        bond_counts = np.array([len(one) for one in bonds])
        motif_counts = np.array([len(one) for one in ids])
        first_atom = np.cumsum(atom_counts) - atom_counts  # (B,)
        first_motif = np.cumsum(motif_counts) - motif_counts  # (B,)
        ends = np.concatenate(bonds).astype(np.int64).T + np.repeat(first_atom, bond_counts)  # (2, E/2)
        features = np.concatenate(bond_features).astype(np.int64)  # (E/2, 3)
        return {
            "motif_counts": motif_counts,
            "motif_attention_mask": (np.arange(motif_counts.max() + 1) <= motif_counts[:, None]).astype(np.int64),
            "atom_features": np.concatenate(atoms).astype(np.int64),
            "edge_index": np.concatenate((ends, ends[::-1]), axis=1),  # (2, E)
            "edge_features": np.concatenate((features, features)),  # (E, 3)
            "atom_to_motif": np.concatenate(atom_to_motif).astype(np.int64) + np.repeat(first_motif, atom_counts),
            "motif_ids": np.concatenate(ids).astype(np.int64),
            "motif_positions": np.concatenate(positions).astype(np.int64),
        }
