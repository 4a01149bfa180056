"""Molecules as features for scikit-learn: embeddings, descriptors, or both."""

import functools
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..data.identifiers import explain_refusal, try_parse
from ..data.molecule_filters import DESCRIPTORS
from ..embedding import MoleculeTextEncoder
from ..hub import default_model
from .descriptors import MOST, compute_descriptors
from .molecule_column import MoleculeColumn, read_molecule_column

try:
    import sklearn
    from sklearn.base import BaseEstimator, TransformerMixin

    # Before, a table made of a series had other row labels, and went beside other columns in the wrong order.
    if tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 7):
        raise ImportError(f"scikit-learn {sklearn.__version__} is installed")
except ImportError as error:
    raise ImportError('This needs scikit-learn 1.7 or later: pip install "finemoltex[properties]"') from error

logger = logging.getLogger(__name__)

FEATURES = {"embedding": ("embedding",), "descriptors": ("descriptors",), "both": ("embedding", "descriptors")}
PREFIX = "finemoltex"  # of the columns of an embedding
LOADED_MODELS = 2  # kept in a process; a transformer holds the name of its model alone


class FineMolTexTransformer(TransformerMixin, BaseEstimator):
    """Turn molecules into features, as a transformer of scikit-learn.

    It learns nothing: `transform` may be called without `fit`, which notes the model, so that another one under the
    same name is refused later. The model is loaded when it is first needed, once in a process for all copies. A pickle
    holds the parameters alone.

    Args:
        model (`str` or `Path`, *optional*): Folder or Hub id; the model that comes with the package, if absent.
        features (`str`): `"embedding"` (`P` numbers, of length one together), `"descriptors"` (the `D` of RDKit) or
            `"both"`.
        on_error (`str`): `"raise"` stops at the first row that is no molecule; `"nan"` gives it a row of NaN.
        batch_size (`int`, *optional*): Molecules per batch; that of [`MoleculeTextEncoder`], if absent.
        device (`str` or `torch.device`, *optional*): Where to compute; that of this process, if absent.

    Attributes:
        n_features_in_ (`int`): 1, the column of the molecules.
        feature_names_in_ (`np.ndarray` of shape `(1,)`): Its name, if it had one.
        fingerprint_ (`dict[str, str]`): Of the model, see `MoleculeTextEncoder.fingerprint`; empty without one.
        descriptor_names_ (`list[str]`): Of the descriptors; empty without any.

    Example:
    >>> transformer = FineMolTexTransformer(folder, features="both", on_error="nan").set_output(transform="pandas")
    >>> table = transformer.fit_transform(["CCO", "c1ccccc1", "no molecule"])
    >>> table["HeavyAtomCount"].tolist(), table["finemoltex0"].isna().tolist()
    ([3.0, 6.0, nan], [False, False, True])
    """

    def __init__(
        self,
        model: str | Path | None = None,
        features: str = "embedding",
        on_error: str = "raise",
        batch_size: int | None = None,
        device: Any = None,
    ) -> None:
        self.model, self.features, self.on_error = model, features, on_error
        self.batch_size, self.device = batch_size, device

    def fit(self, X: Any, y: Any = None) -> "FineMolTexTransformer":  # noqa: N803
        """Note the column, the model and the descriptors.

        Args:
            X: `R` molecules, as for `transform`.
            y: Not used.

        Raises:
            TypeError: If this is a single molecule or no sequence, or `model` no name.
            ValueError: If there are no rows, not one column, or numbers; if a parameter is unknown, or the model does
                not load.
        """
        self._check_parameters()
        column = read_molecule_column(X)
        self.n_features_in_ = 1
        self.__dict__.pop("feature_names_in_", None)  # of an earlier fit
        self.fingerprint_: dict[str, str] = {}
        if column.name is not None:
            self.feature_names_in_ = np.array([column.name], dtype=object)
        if self._has("embedding"):
            self.fingerprint_ = dict(self._load().fingerprint)
        self.descriptor_names_ = list(DESCRIPTORS) if self._has("descriptors") else []
        return self

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Compute the features.

        Args:
            X: `R` SMILES or molecules of RDKit: a list, an array of shape `(R,)` or `(R, 1)`, a series or a one-column
                table.

        Returns:
            `np.ndarray` of shape `(R, P)`, float32, or float64 `(R, D)` or `(R, P + D)` with descriptors. A descriptor
            that is not defined for a molecule is NaN, for an imputer; one beyond 1e12, as `Ipc` of large molecules, is
            1e12. No value is infinite.

        Raises:
            TypeError: As for `fit`.
            ValueError: As for `fit`; if a row is no molecule (`on_error="raise"`; names row and molecule); if column,
                model or descriptors are not those of `fit`.
        """
        self._check_parameters()
        column = read_molecule_column(X)
        self._check_name(column)
        blocks: list[np.ndarray] = []
        refused: dict[int, str] = {}
        if self._has("embedding"):
            blocks.append(self._embed(column, refused))
        if self._has("descriptors"):
            values = compute_descriptors(column.cells, getattr(self, "descriptor_names_", list(DESCRIPTORS)))
            blocks.append(np.clip(values, -MOST, MOST))
            parses = (row for row, cell in enumerate(column.cells) if row not in refused and try_parse(cell) is None)
            refused |= {row: explain_refusal(column.cells[row]) for row in parses}
        self._report(column, refused)
        features = np.hstack(blocks)
        features[list(refused)] = np.nan
        return features

    def get_feature_names_out(self, input_features: Iterable[str] | None = None) -> np.ndarray:
        """Name the features: `finemoltex0` and on, and the descriptors as RDKit does.

        Args:
            input_features (iterable of `str`, *optional*): The name of the column, checked against that of `fit`.

        Returns:
            `np.ndarray` of shape `(P,)`, `(D,)` or `(P + D,)` and dtype object.

        Raises:
            ValueError: If `input_features` is not the one column of `fit`.
        """
        self._check_parameters()
        given = None if input_features is None else list(input_features)
        if given is not None and (len(given) != 1 or given != list(getattr(self, "feature_names_in_", given))):
            expected = list(getattr(self, "feature_names_in_", ["one name"]))
            raise ValueError(f"`input_features` must be {expected}, the column of the molecules: got {given}.")
        names: list[str] = []
        if self._has("embedding"):
            names += [f"{PREFIX}{place}" for place in range(self._load().embedding_size)]
        if self._has("descriptors"):
            names += getattr(self, "descriptor_names_", list(DESCRIPTORS))
        return np.array(names, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that strings go in, and that no `fit` is needed."""
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = True
        tags.input_tags.allow_nan = self.on_error == "nan"
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _has(self, block: str) -> bool:
        return block in FEATURES[self.features]

    def _check_parameters(self) -> None:
        """Check what `__init__` must not, by the rules of scikit-learn."""
        for name, allowed in (("features", tuple(FEATURES)), ("on_error", ("raise", "nan"))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"`{name}` must be one of {', '.join(allowed)}: got {getattr(self, name)!r}.")
        if self.model is not None and not isinstance(self.model, str | Path):
            raise TypeError(f"`model` must be a folder or a Hub id: got a {type(self.model).__name__}.")
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f"`batch_size` must be at least 1: got {self.batch_size}.")

    def _check_name(self, column: MoleculeColumn) -> None:
        """Refuse another column than the one of `fit`."""
        fitted = getattr(self, "feature_names_in_", None)
        if fitted is not None and column.name not in (None, fitted[0]):
            raise ValueError(
                "The feature names should match those that were passed during fit: the molecules were in "
                f"{fitted[0]!r}, now in {column.name!r}. Rename the column."
            )

    def _load(self) -> MoleculeTextEncoder:
        """Give the model, which must be the one of `fit`."""
        name = default_model() if self.model is None else str(self.model)
        encoder = _load_encoder(name, None if self.device is None else str(self.device), _take_state(name))
        fitted = getattr(self, "fingerprint_", {})
        changed = [part for part in ("weights", "motif_vocab") if fitted and fitted[part] != encoder.fingerprint[part]]
        if changed:
            raise ValueError(
                f"{name!r} is not the model of `fit`: {changed[0]} {encoder.fingerprint[changed[0]]} now, "
                f"{fitted[changed[0]]} then. Fit again, or bring that model back."
            )
        return encoder

    def _embed(self, column: MoleculeColumn, refused: dict[int, str]) -> np.ndarray:
        """Embed the rows that are molecules, `(R, P)`, and note why the others are none."""
        encoder = self._load()
        embeds, kept = encoder.encode_molecules(
            column.cells, batch_size=self.batch_size, on_error="skip", progress_bar=False
        )
        full = np.full((len(column.cells), encoder.embedding_size), np.nan, dtype=np.float32)
        full[kept] = embeds
        for row in sorted(set(range(len(full))) - set(kept)):
            refused[row] = "It cannot be embedded"
            try:
                encoder.processor.feature_extractor.featurize(column.cells[row])
            except ValueError as error:
                refused[row] = str(error).split(". ")[0].rstrip(".")
        return full

    def _report(self, column: MoleculeColumn, refused: dict[int, str]) -> None:
        """Say which rows are no molecules, as an error if that is asked for."""
        if not refused:
            return
        row = min(refused)
        says = f"{column.describe_row(row)}: {refused[row]}. {len(refused)} of {len(column.cells)} rows cannot be used"
        if self.on_error == "raise":
            raise ValueError(f'{says}. Leave them out, or give `on_error="nan"` for rows of NaN.')
        logger.info("%s and are NaN.", says)


def _take_state(name: str) -> tuple[tuple[str, int, int], ...]:
    """Tell one state of a local folder from another; nothing, for a Hub id."""
    if not Path(name).is_dir():
        return ()
    found = [(entry.name, entry.stat()) for entry in os.scandir(name) if entry.is_file()]
    return tuple(sorted((file, stat.st_mtime_ns, stat.st_size) for file, stat in found))


@functools.lru_cache(maxsize=LOADED_MODELS)
def _load_encoder(name: str, device: str | None, state: tuple) -> MoleculeTextEncoder:
    """Load a model, once for each state of its folder."""
    return MoleculeTextEncoder.from_pretrained(name, device=device)
