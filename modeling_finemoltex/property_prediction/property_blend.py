"""A fitted blend with the model of its embeddings, as one function and as one folder without a pickle."""

import functools
import json
import logging
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rdkit
import sklearn

from ..data.atomic_files import staged_file, staged_folder, write_text
from ..data.molecule_filters import DESCRIPTORS
from ..data.property_tables import PROBLEM_TYPES
from ..embedding import MoleculeTextEncoder
from ..embedding.preparation import PreparedWindow
from .blend import Blend, Member
from .fingerprints import TrainingFingerprints, compute_counts
from .molecule_features import compare_with_texts, fill_descriptors, pool_tokens
from .predictor import BLEND_FILE
from .tempering import temper

logger = logging.getLogger(__name__)

ESTIMATORS, MODEL = "property_blend.skops", "embedding_model"
FORMAT = 1
# Parts of scikit-learn, beyond those that skops trusts, that our estimators hold. Nothing else is ever made of a file.
TRUSTED = [
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.tree._tree.Tree",
]


class PropertyBlend:
    """Predicts calibrated probabilities or numbers by a blend on descriptors, counts and frozen embeddings.

    Args:
        blend ([`Blend`]): Fitted.
        encoder ([`MoleculeTextEncoder`]): Of the embeddings; its model stays as it is.
        columns (sequence of `str`): `K` tasks, or classes.
        temperature (`float`): Of the probabilities, see [`choose_temperature`].
        fingerprints ([`TrainingFingerprints`], *optional*): Of the molecules that the blend was fitted to.
        descriptors (sequence of `str`, *optional*): Those of the fit; all that this RDKit has, if absent.

    Raises:
        ValueError: If there is not one name for each output.

    Example:
    >>> molecules = ["CCO", "c1ccccc1"]
    >>> blend = Blend([Member("extra_trees", ("embedding", "descriptors"))], "binary", 1)
    >>> features = {"embedding": encoder.encode_molecules(molecules), "descriptors": fill_descriptors(molecules)}
    >>> predictor = PropertyBlend(blend.fit(features, np.array([[1.0], [0.0]]), seed=0), encoder, ["alcohol"])
    >>> predictor.predict(["CCO", "c1ccccc1", "CCCO"]).shape
    (3, 1)
    """

    def __init__(
        self,
        blend: Blend,
        encoder: MoleculeTextEncoder,
        columns: Sequence[str],
        temperature: float = 1.0,
        fingerprints: TrainingFingerprints | None = None,
        descriptors: Sequence[str] | None = None,
    ) -> None:
        if len(columns) != blend.num_outputs:
            raise ValueError(f"A blend of {blend.num_outputs} outputs needs as many names: got {len(columns)}.")
        self.blend, self.encoder, self.columns, self.temperature = blend, encoder, list(columns), temperature
        self.fingerprints = fingerprints
        self.descriptors = list(DESCRIPTORS if descriptors is None else descriptors)

    @property
    def processor(self) -> Any:
        """The processor of the embedding model."""
        return self.encoder.processor

    @property
    def problem_type(self) -> str:
        """Name of the task type in Transformers."""
        return PROBLEM_TYPES[self.blend.task_type]

    def embed(self, smiles: Sequence[str]) -> np.ndarray:
        """Embed molecules by the frozen model. `R` SMILES -> `(R, P)` float32.

        Raises:
            ValueError: If a molecule cannot be embedded; names its index.
        """
        return self.encoder.encode_molecules(list(smiles), progress_bar=False)

    def predict(self, smiles: Sequence[str]) -> np.ndarray:
        """Predict a batch of molecules.

        Args:
            smiles (sequence of `str`): `R` molecules.

        Returns:
            `np.ndarray` of shape `(R, K)`, float32: Calibrated probabilities, or numbers in their own units.

        Raises:
            ValueError: If a molecule cannot be embedded; names its index.
        """
        return self._predict(list(smiles), self.embed(smiles))

    def predict_window(self, window: PreparedWindow) -> np.ndarray:
        """Predict one prepared window. -> `(W, K)`, NaN for the rows that were rejected."""
        predictions = np.full((len(window.values), len(self.columns)), np.nan, dtype=np.float32)
        embedded = self.encoder.embed_window(window)
        smiles = [window.values[place] for place in embedded.places]
        predictions[embedded.places] = self._predict(smiles, embedded.embeds)
        return predictions

    def save(self, folder: str | Path) -> None:
        """Write facts, estimators, the embedding model and the training fingerprints.

        Args:
            folder (`str` or `Path`): Created if needed.

        Raises:
            ImportError: If skops is not installed.
        """
        skops = import_skops()
        folder = Path(folder)
        with staged_folder(folder / MODEL) as staged:
            self.encoder.model.save_pretrained(staged)
            self.processor.save_pretrained(staged)
        with staged_file(folder / ESTIMATORS) as file:
            skops.dump(self.blend.fitted, file, compression=zipfile.ZIP_DEFLATED)
        if self.fingerprints is not None:
            self.fingerprints.save(folder)
        write_text(folder / BLEND_FILE, json.dumps(self._describe(), indent=1) + "\n")

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, device: str | None = None, trust_remote_code: bool = False
    ) -> "PropertyBlend":
        """Load what [`save`] wrote.

        Args:
            folder (`str` or `Path`): The folder.
            device (`str`, *optional*): Where to embed; the fastest, if absent.
            trust_remote_code (`bool`): Run the code in the embedding model's folder instead of the installed one.

        Raises:
            ImportError: If skops is not installed.
            ValueError: If a file is missing, damaged, of another version, or holds what our estimators do not; if
                this RDKit lacks a descriptor.
        """
        folder = Path(folder)
        facts = _read_facts(folder / BLEND_FILE)
        lacking = [name for name in facts["descriptors"] if name not in DESCRIPTORS]
        if lacking:
            raise ValueError(
                f"{folder} was fitted with descriptors of RDKit {facts['rdkit']}, of which this release "
                f"({rdkit.__version__}) lacks {lacking[:3]}. Install that release, or fit again."
            )
        members = [Member(one["estimator"], tuple(one["blocks"])) for one in facts["members"]]
        fitted = _read_estimators(folder / ESTIMATORS, facts)
        blend = Blend(members, facts["task_type"], len(facts["columns"]), fitted, facts["answers"])
        encoder = MoleculeTextEncoder.from_pretrained(
            str(folder / MODEL), device=device, trust_remote_code=trust_remote_code
        )
        if encoder.fingerprint["weights"] != facts["model_weights"]:
            raise ValueError(f"{folder / MODEL} holds other weights than those that the blend was fitted with.")
        near = TrainingFingerprints.load(folder)
        return cls(blend, encoder, facts["columns"], facts["temperature"], near, facts["descriptors"])

    def _predict(self, smiles: list[str], embeds: np.ndarray) -> np.ndarray:
        """Predict embedded molecules, `(R, K)` float32."""
        if not smiles:
            return np.empty((0, len(self.columns)), dtype=np.float32)
        blocks = {"embedding": embeds}
        if "texts" in self.blend.blocks:
            blocks["texts"] = compare_with_texts(self.encoder.model, embeds)
        if "descriptors" in self.blend.blocks:
            blocks["descriptors"] = fill_descriptors(smiles, self.descriptors)
        if "pools" in self.blend.blocks:
            blocks["pools"] = pool_tokens(self.encoder, smiles)
        if "counts" in self.blend.blocks:
            blocks["counts"] = compute_counts(smiles)
        found = temper(self.blend.predict(blocks), self.temperature, self.blend.task_type)
        return found.astype(np.float32)

    def _describe(self) -> dict[str, Any]:
        """Say what the other files do not, ready for JSON."""
        return {
            "format": FORMAT,
            "task_type": self.blend.task_type,
            "columns": self.columns,
            "members": [member._asdict() for member in self.blend.members],
            "answers": self.blend.answers,
            "temperature": self.temperature,
            "descriptors": self.descriptors,
            "model_weights": self.encoder.fingerprint["weights"],
            "scikit-learn": sklearn.__version__,
            "rdkit": rdkit.__version__,
        }


@functools.cache
def import_skops() -> Any:
    """Import the library that writes and reads estimators without a pickle.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        from skops import io
    except ImportError as error:
        raise ImportError('A blend is saved by skops: pip install "finemoltex[properties]".') from error
    return io


def _read_facts(file: Path) -> dict[str, Any]:
    """Read and check the facts of a folder."""
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        missing = {"task_type", "columns", "members", "answers", "temperature", "descriptors"} - set(facts)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{file} cannot be read: {error}") from error
    if facts.get("format") != FORMAT or missing:
        raise ValueError(
            f"{file} is of format {facts.get('format')!r}, this version reads {FORMAT}. Fit the blend again."
        )
    return facts


def _read_estimators(file: Path, facts: dict[str, Any]) -> list[list[Any]]:
    """Read the estimators of a folder; only parts of scikit-learn that a blend has are ever made."""
    skops = import_skops()
    made_with = facts["scikit-learn"]
    if made_with != sklearn.__version__:
        logger.warning("%s was saved by scikit-learn %s, this is %s.", file, made_with, sklearn.__version__)
    try:
        foreign = sorted(set(skops.get_untrusted_types(file=file)) - set(TRUSTED))
        if foreign:
            raise ValueError(f"it holds {foreign[:3]}, which no blend does; it was not loaded")
        return skops.load(file, trusted=TRUSTED)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{file} cannot be read: {error}. It was saved by scikit-learn {made_with}, this is {sklearn.__version__}."
        ) from error
