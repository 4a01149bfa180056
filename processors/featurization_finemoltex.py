"""Molecules to arrays: what the molecule half of the processor does, without PyTorch and Transformers.

[`FineMolTexFeatureExtractor`] is this with what Transformers asks for: saving, loading, and batches as tensors. A
service that runs an exported model uses it as it is.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from rdkit import Chem

from .conformer_view_finemoltex import ConformerView
from .graph_view_finemoltex import GraphView
from .motif_vocabulary_finemoltex import MotifVocabulary
from .paths_view_finemoltex import PathsView
from .published_graph_finemoltex import NineColumnView, TwoColumnView
from .smiles_finemoltex import DEFAULT_MAX_ATOMS, RDKIT_ERRORS, SHOWN_CHARACTERS, parse_molecule
from .smiles_view_finemoltex import SmilesView
from .views_finemoltex import Column, MoleculeFeatures, View

logger = logging.getLogger(__name__)

# Name in the processor's JSON -> class, which is made with the motif vocabulary.
VIEWS: dict[str, type[View]] = {
    view.name: view for view in (GraphView, TwoColumnView, NineColumnView, PathsView, ConformerView, SmilesView)
}
DEFAULT_VIEWS = (GraphView.name,)
_MOST_ATOMS = np.iinfo(np.uint16).max  # atom and motif numbers are stored as uint16
_LOGGED_INDICES = 20


class FineMolTexFeaturizer:
    """Turn molecules into numpy arrays, one by one, and join them to batches.

    Args:
        motif_vocab (`dict`, *optional*): Vocabulary from `train_motif_vocab`; the one shipped with the package if
            absent.
        fragmentation (`str`, *optional*): `"paper"` or `"functional"`; that of `motif_vocab`, or the default.
        max_atoms (`int`, *optional*, defaults to 2000): Larger molecules are refused.
        views (sequence of `str`, *optional*): Keys of `VIEWS`: what the model's encoder reads; `["graph"]` if absent.

    Raises:
        ValueError: If `fragmentation` or a view is unknown, the fragmentation is not that of `motif_vocab`, or no
            vocabulary is at hand.

    Example:
    >>> featurizer = FineMolTexFeaturizer(fragmentation="functional")
    >>> rows, _ = featurizer.featurize_batch(["CC(=O)Oc1ccccc1C(=O)O", "CCO"])
    >>> featurizer.join(rows)["motif_counts"].tolist()
    [4, 1]
    """

    def __init__(
        self,
        motif_vocab: dict[str, Any] | None = None,
        fragmentation: str | None = None,
        max_atoms: int = DEFAULT_MAX_ATOMS,
        views: Sequence[str] = DEFAULT_VIEWS,
    ) -> None:
        self._vocabulary = MotifVocabulary(motif_vocab, fragmentation)
        if not 1 <= max_atoms <= _MOST_ATOMS:
            raise ValueError(f"`max_atoms` must be between 1 and {_MOST_ATOMS}, got {max_atoms}.")
        unknown = [name for name in views if name not in VIEWS]
        if unknown or isinstance(views, str) or not views:
            raise ValueError(f"`views` must be a list of some of {sorted(VIEWS)}, got {views!r}.")
        self.motif_vocab = self._vocabulary.state
        self.fragmentation = self._vocabulary.fragmentation
        self.max_atoms = max_atoms
        self.views = list(views)
        self._views = [VIEWS[name](self._vocabulary) for name in self.views]
        self.model_input_names = [name for view in self._views for name in view.model_input_names]

    @property
    def motif_vocab_size(self) -> int:
        """Number of motif ids, `[UNK]` and `[MASK]` included."""
        return len(self._vocabulary)

    @property
    def columns(self) -> dict[str, Column]:
        """Name, type and width of each array of a molecule: what a cache of features holds."""
        return {name: column for view in self._views for name, column in view.columns.items()}

    def featurize(self, smiles: str | Chem.Mol, index: int | None = None) -> MoleculeFeatures:
        """Featurise one molecule.

        Args:
            smiles (`str` or `rdkit.Chem.Mol`): The molecule.
            index (`int`, *optional*): Its place in the caller's list, repeated in error messages.

        Returns:
            `MoleculeFeatures`: The arrays of every view; those of the graph view are `atom_features` (n, 12),
            `edge_index` (b, 2) with each bond once, `edge_features` (b, 3), `atom_to_motif` (n,), `motif_ids` (m,)
            and `motif_positions` (m,) for `n` atoms, `b` bonds and `m` motifs.

        Raises:
            ValueError: If `smiles` is no molecule (see `parse_molecule`), or has more than `max_atoms` atoms.

        Example:
        >>> FineMolTexFeaturizer().featurize("CC=O").edge_index.tolist()
        [[0, 1], [1, 2]]
        """
        molecule = parse_molecule(smiles, index, self.max_atoms)
        features = MoleculeFeatures()
        try:
            for view in self._views:
                features.update(view.featurize(molecule))
        except RDKIT_ERRORS as error:
            where = "" if index is None else f" at index {index}"
            raise ValueError(
                f"The molecule {str(smiles)[:SHOWN_CHARACTERS]!r}{where} cannot be featurised: {error}."
            ) from error
        return features

    def featurize_batch(
        self, smiles: str | Sequence[str], on_error: str = "raise"
    ) -> tuple[list[MoleculeFeatures], list[int]]:
        """Featurise several molecules.

        Args:
            smiles (`str` or sequence of `str` or `rdkit.Chem.Mol`): One molecule or several.
            on_error (`str`, *optional*, defaults to `"raise"`): `"skip"` leaves out what cannot be featurised.

        Returns:
            `tuple[list[MoleculeFeatures], list[int]]`: The molecules, and the index of each in `smiles`.

        Raises:
            ValueError: If `on_error` is unknown, nothing is given, a string is bad (`"raise"`) or all are (`"skip"`).

        Example:
        >>> FineMolTexFeaturizer().featurize_batch(["CCO", "no molecule", "C"], on_error="skip")[1]
        [0, 2]
        """
        if on_error not in ("raise", "skip"):
            raise ValueError(f"`on_error` must be 'raise' or 'skip', got {on_error!r}.")
        smiles = _as_list(smiles)
        rows, kept, refused = [], [], []
        for index, one in enumerate(smiles):
            try:
                rows.append(self.featurize(one, index))
                kept.append(index)
            except ValueError as error:
                if on_error == "raise":
                    raise
                refused.append((index, error))
        if not rows:
            raise ValueError(
                f"None of the {len(smiles)} SMILES can be featurised. The first reason: {refused[0][1]}"
                if smiles
                else "No SMILES given: pass a string or a non-empty list of strings."
            )
        if refused:
            shown = ", ".join(str(index) for index, _ in refused[:_LOGGED_INDICES])
            more = ", ..." if len(refused) > _LOGGED_INDICES else ""
            logger.warning(f"Skipped {len(refused)} of {len(smiles)} SMILES, at index {shown}{more}.")
        return rows, kept

    def join(self, rows: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Join molecules to one batch.

        Args:
            rows (sequence of `MoleculeFeatures`): `B` molecules, at least one.

        Returns:
            `dict[str, np.ndarray]`: The arrays of every view, all of 64-bit integers; those of the graph view are
            `motif_counts` (B,), `atom_features` (N, 12), `edge_index` (2, E), `edge_features` (E, 3), `atom_to_motif`
            (N,), `motif_ids` (M,) and `motif_positions` (M,).

        Raises:
            ValueError: If there is no molecule.
        """
        if not rows:
            raise ValueError("`collate` needs at least one molecule, got none.")
        return {name: array for view in self._views for name, array in view.collate(rows).items()}


def _as_list(smiles: Any) -> list[Any]:
    """Take one molecule for a batch of one."""
    if isinstance(smiles, str | Chem.Mol):
        return [smiles]
    if smiles is None or isinstance(smiles, bytes | dict) or not isinstance(smiles, Iterable):
        raise ValueError(
            f"SMILES must be a string or a sequence of strings, got {type(smiles).__name__} {smiles!r:.80}."
        )
    return list(smiles)
