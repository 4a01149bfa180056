"""Molecules and texts to model inputs. Users import these names from `modeling_finemoltex`."""

from .atom_features_finemoltex import ATOM_FEATURE_SIZES, BOND_FEATURE_SIZES
from .data_collator_finemoltex import FineMolTexDataCollator
from .feature_extraction_finemoltex import VIEWS, FineMolTexFeatureExtractor
from .motif_drawing_finemoltex import Motif
from .motif_vocabulary_finemoltex import MotifVocabulary, train_motif_vocab
from .motifs_finemoltex import FRAGMENTATIONS, MASK_MOTIF_ID, UNKNOWN_MOTIF_ID
from .processing_finemoltex import FineMolTexProcessor
from .smiles_finemoltex import parse_molecule, spell_molecule, try_parse
from .text_normalization_finemoltex import NormalizedText, normalize_text
from .views_finemoltex import Column, MoleculeFeatures, View

__all__ = [
    "ATOM_FEATURE_SIZES",
    "BOND_FEATURE_SIZES",
    "FRAGMENTATIONS",
    "MASK_MOTIF_ID",
    "UNKNOWN_MOTIF_ID",
    "VIEWS",
    "Column",
    "FineMolTexDataCollator",
    "FineMolTexFeatureExtractor",
    "FineMolTexProcessor",
    "MoleculeFeatures",
    "Motif",
    "MotifVocabulary",
    "NormalizedText",
    "View",
    "normalize_text",
    "parse_molecule",
    "spell_molecule",
    "train_motif_vocab",
    "try_parse",
]
