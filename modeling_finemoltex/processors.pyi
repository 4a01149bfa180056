"""What type checkers and the reference see: the folder `processors/` of the checkout, under its name there."""

from processors import ATOM_FEATURE_SIZES as ATOM_FEATURE_SIZES
from processors import BOND_FEATURE_SIZES as BOND_FEATURE_SIZES
from processors import FRAGMENTATIONS as FRAGMENTATIONS
from processors import MASK_MOTIF_ID as MASK_MOTIF_ID
from processors import UNKNOWN_MOTIF_ID as UNKNOWN_MOTIF_ID
from processors import VIEWS as VIEWS
from processors import Column as Column
from processors import FineMolTexDataCollator as FineMolTexDataCollator
from processors import FineMolTexFeatureExtractor as FineMolTexFeatureExtractor
from processors import FineMolTexProcessor as FineMolTexProcessor
from processors import MoleculeFeatures as MoleculeFeatures
from processors import Motif as Motif
from processors import MotifVocabulary as MotifVocabulary
from processors import NormalizedText as NormalizedText
from processors import View as View
from processors import normalize_text as normalize_text
from processors import parse_molecule as parse_molecule
from processors import spell_molecule as spell_molecule
from processors import train_motif_vocab as train_motif_vocab
from processors import try_parse as try_parse
