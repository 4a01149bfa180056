"""Molecules and texts to model inputs. Users import these names from `modeling_finemoltex`."""

from .atom_features_finemoltex import ATOM_FEATURE_SIZES, BOND_FEATURE_SIZES
from .data_collator_finemoltex import FineMolTexDataCollator
from .feature_extraction_finemoltex import FineMolTexFeatureExtractor, MoleculeGraph, Motif
from .motifs_finemoltex import FRAGMENTATIONS, MASK_MOTIF_ID, UNKNOWN_MOTIF_ID, train_motif_vocab
from .processing_finemoltex import FineMolTexProcessor

__all__ = [
    "ATOM_FEATURE_SIZES",
    "BOND_FEATURE_SIZES",
    "FRAGMENTATIONS",
    "MASK_MOTIF_ID",
    "UNKNOWN_MOTIF_ID",
    "FineMolTexDataCollator",
    "FineMolTexFeatureExtractor",
    "FineMolTexProcessor",
    "MoleculeGraph",
    "Motif",
    "train_motif_vocab",
]
