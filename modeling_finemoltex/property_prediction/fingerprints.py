"""ECFP4 fingerprints: features of the baselines, and how near a molecule is to those a model was trained on."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from rdkit import DataStructs
from rdkit.Chem import rdFingerprintGenerator

from ..data.atomic_files import write_text
from ..data.identifiers import try_parse
from ..evaluation.retrieval_baselines import FINGERPRINT_BITS, FINGERPRINT_RADIUS

FILE = "training_fingerprints.fps"
_HEADER = f"#FPS1\n#num_bits={FINGERPRINT_BITS}\n#type=RDKit-Morgan radius={FINGERPRINT_RADIUS} useChirality=0\n"


def make_generator() -> rdFingerprintGenerator.FingerprintGenerator64:
    """Make the ECFP4 generator that everything here uses."""
    return rdFingerprintGenerator.GetMorganGenerator(radius=FINGERPRINT_RADIUS, fpSize=FINGERPRINT_BITS)


def compute_fingerprints(smiles: Iterable[str]) -> np.ndarray:
    """Compute ECFP4 of parsable molecules. `R` SMILES -> `(R, 2048)` uint8."""
    generator = make_generator()
    rows = [generator.GetFingerprintAsNumPy(try_parse(molecule)) for molecule in smiles]
    return np.stack(rows) if rows else np.empty((0, FINGERPRINT_BITS), dtype=np.uint8)


def compute_counts(smiles: Iterable[str]) -> np.ndarray:
    """Count the surroundings that ECFP4 notes the presence of. `R` parsable SMILES -> `(R, 2048)` uint8, 255 at most.

    Example:
    >>> compute_counts(["CCCC", "CCCCCCCC"]).max(1).tolist()
    [2, 6]
    """
    generator = make_generator()
    rows = [generator.GetCountFingerprintAsNumPy(try_parse(molecule)).clip(max=255) for molecule in smiles]
    return np.stack(rows).astype(np.uint8) if rows else np.empty((0, FINGERPRINT_BITS), dtype=np.uint8)


class TrainingFingerprints:
    """ECFP4 of the training molecules, to say how far a model is from what it has seen.

    Args:
        fingerprints (`list` of `ExplicitBitVect`): One for each distinct training molecule.

    Example:
    >>> near = TrainingFingerprints.from_smiles(["CCO", "c1ccccc1"])
    >>> near.similarity("OCC"), near.similarity("not a molecule")
    (1.0, None)
    """

    def __init__(self, fingerprints: list[DataStructs.ExplicitBitVect]) -> None:
        self.fingerprints = fingerprints
        self._generator = make_generator()

    @classmethod
    def from_smiles(cls, smiles: Iterable[str]) -> "TrainingFingerprints":
        """Compute them; what cannot be parsed is left out."""
        generator = make_generator()
        molecules = (try_parse(molecule) for molecule in dict.fromkeys(smiles))
        return cls([generator.GetFingerprint(molecule) for molecule in molecules if molecule is not None])

    @classmethod
    def load(cls, folder: str | Path) -> "TrainingFingerprints | None":
        """Read them from a model folder; `None` if it has none.

        Raises:
            ValueError: If the file is not one that `save` wrote.
        """
        file = Path(folder) / FILE
        if not file.is_file():
            return None
        text = file.read_text(encoding="ascii")
        if not text.startswith(_HEADER):
            raise ValueError(
                f"{file} holds other fingerprints than ECFP4 of {FINGERPRINT_BITS} bits. Remove the file."
            )
        return cls([DataStructs.CreateFromFPSText(line) for line in text[len(_HEADER) :].split()])

    def save(self, folder: str | Path) -> None:
        """Write them into a model folder, one line of hexadecimal digits each (the FPS format)."""
        lines = "\n".join(map(DataStructs.BitVectToFPSText, self.fingerprints))
        write_text(Path(folder) / FILE, f"{_HEADER}{lines}\n")

    def similarity(self, smiles: str) -> float | None:
        """Give the Tanimoto similarity of the nearest training molecule; `None` without a molecule to compare."""
        molecule = try_parse(smiles)
        if molecule is None or not self.fingerprints:
            return None
        return max(DataStructs.BulkTanimotoSimilarity(self._generator.GetFingerprint(molecule), self.fingerprints))
