"""Molecules -> flat tensors with motifs: the molecule half of the processor."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from rdkit import Chem
from transformers import BatchFeature, FeatureExtractionMixin

from .atom_features_finemoltex import record_of
from .featurization_finemoltex import DEFAULT_VIEWS, FineMolTexFeaturizer
from .graph_view_finemoltex import GraphView
from .motif_drawing_finemoltex import Motif, draw_motifs
from .motifs_finemoltex import UNKNOWN_MOTIF_ID, partition_molecule
from .smiles_finemoltex import DEFAULT_MAX_ATOMS, parse_molecule

_DERIVED = ("_vocabulary", "_views", "model_input_names")  # attributes that are made from the others


class FineMolTexFeatureExtractor(FineMolTexFeaturizer, FeatureExtractionMixin):
    """Turn molecules into atom, bond and motif tensors.

    A molecule is a SMILES or InChI string, or a molecule of RDKit. The tensors of a batch are concatenated over
    molecules, so their first axis is not the batch: nothing may slice them along axis 0 (data-parallel scatter,
    dispatching data loaders). Let every process make its own batches.

    Args:
        motif_vocab (`dict`, *optional*): Vocabulary from `train_motif_vocab`; the one shipped with the package if
            absent. It is saved with the feature extractor.
        fragmentation (`str`, *optional*): `"paper"` or `"functional"`; that of `motif_vocab`, or the default.
        max_atoms (`int`, *optional*, defaults to 2000): Larger molecules are refused.
        views (sequence of `str`, *optional*): Keys of `VIEWS`: what the model's encoder reads; `["graph"]` if absent.

    Raises:
        ValueError: If `fragmentation` or a view is unknown, the fragmentation is not that of `motif_vocab`, or no
            vocabulary is at hand.

    Example:
    >>> extractor = FineMolTexFeatureExtractor(fragmentation="functional")
    >>> batch = extractor(["CC(=O)Oc1ccccc1C(=O)O", "CCO"])
    >>> batch["motif_counts"].tolist()
    [4, 1]
    """

    model_input_names = list(GraphView.model_input_names)  # those of the chosen views, once made

    def __init__(
        self,
        motif_vocab: dict[str, Any] | None = None,
        fragmentation: str | None = None,
        max_atoms: int = DEFAULT_MAX_ATOMS,
        views: Sequence[str] = DEFAULT_VIEWS,
        **kwargs,
    ):
        FeatureExtractionMixin.__init__(self, **kwargs)
        FineMolTexFeaturizer.__init__(self, motif_vocab, fragmentation, max_atoms, views)

    def collate(self, rows: Sequence[Mapping[str, np.ndarray]], return_tensors: str | None = "pt") -> BatchFeature:
        """Join molecules to one batch.

        Args:
            rows (sequence of `MoleculeFeatures`): `B` molecules, at least one.
            return_tensors (`str`, *optional*, defaults to `"pt"`): `"pt"`, `"np"` or `None` (numpy arrays).

        Returns:
            `BatchFeature`: The tensors of every view, all of 64-bit integers; those of the graph view are
            `motif_counts` (B,), `atom_features` (N, 12), `edge_index` (2, E), `edge_features` (E, 3), `atom_to_motif`
            (N,), `motif_ids` (M,) and `motif_positions` (M,).

        Raises:
            ValueError: If there is no molecule.
        """
        return BatchFeature(self.join(rows), tensor_type=return_tensors)

    def __call__(
        self, smiles: str | Sequence[str], return_tensors: str | None = "pt", on_error: str = "raise", **kwargs
    ) -> BatchFeature:
        """Featurise one molecule or several to one batch.

        Args:
            smiles (`str` or sequence of `str` or `rdkit.Chem.Mol`): `B` molecules; a single one is a batch of one.
            return_tensors (`str`, *optional*, defaults to `"pt"`): `"pt"`, `"np"` or `None`.
            on_error (`str`, *optional*, defaults to `"raise"`): `"skip"` leaves out molecules that cannot be
                featurised, logs how many and adds the list `kept_indices`.
            kwargs: Accepted and ignored, as every feature extractor does.

        Returns:
            `BatchFeature`: The tensors of `collate`.

        Raises:
            ValueError: As `featurize_batch`.
        """
        rows, kept = self.featurize_batch(smiles, on_error=on_error)
        batch = self.collate(rows, return_tensors=return_tensors)
        if on_error == "skip":
            batch["kept_indices"] = kept
        return batch

    def with_views(self, views: Sequence[str]) -> "FineMolTexFeatureExtractor":
        """Copy the feature extractor with other views: to read molecules with conformers or without, for example.

        Args:
            views (sequence of `str`): Keys of `VIEWS`.

        Example:
        >>> extractor = FineMolTexFeatureExtractor(views=["graph", "paths", "conformer"])
        >>> extractor.with_views(["graph", "paths"])(["CCO"]).path_lengths.shape
        torch.Size([1, 3, 3])
        """
        settings = {name: getattr(self, name) for name in ("motif_vocab", "fragmentation", "max_atoms")}
        return type(self)(**settings, views=views)

    def motifs(self, smiles: str) -> list[Motif]:
        """List the motifs of a molecule, by position in its motif tree.

        Args:
            smiles (`str`): The molecule.

        Returns:
            `list[Motif]`: Label, atoms (indices in the order of `smiles`), id and position; the atoms partition the
            molecule.

        Example:
        >>> [motif.label for motif in FineMolTexFeatureExtractor().motifs("CC(=O)Oc1ccccc1")]
        ['C', 'O=CO', 'c1ccccc1']
        """
        return self._list_motifs(parse_molecule(smiles, max_atoms=self.max_atoms))

    def decode_motifs(self, ids: int | Iterable[int]) -> list[str]:
        """Translate motif ids to labels.

        Args:
            ids (`int` or `Iterable[int]`): Motif ids, for example a row of predictions or a tensor of shape `(M,)`.

        Returns:
            `list[str]`: One label per id.

        Raises:
            ValueError: If an id is not in the vocabulary.

        Example:
        >>> FineMolTexFeatureExtractor().decode_motifs([0, 1])
        ['[UNK]', '[MASK]']
        """
        return self._vocabulary.decode(ids)

    def draw_motifs(
        self,
        smiles: str,
        size: tuple[int, int] = (480, 360),
        format: str = "svg",
        colors: Mapping[int, tuple[float, ...]] | None = None,
        notes: Mapping[int, str] | None = None,
    ) -> str | bytes:
        """Draw a molecule with each motif in its own colour; a legend names them.

        Args:
            smiles (`str`): The molecule.
            size (`tuple[int, int]`, *optional*, defaults to `(480, 360)`): Width and height in pixels.
            format (`str`, *optional*, defaults to `"svg"`): `"svg"` or `"png"`.
            colors (`Mapping[int, tuple]`, *optional*): Position of a motif -> red, green and blue, each from 0 to 1.
            notes (`Mapping[int, str]`, *optional*): Position of a motif -> what to write there, instead of it.

        Returns:
            `str` (SVG text) or `bytes` (PNG file).

        Raises:
            ValueError: If `format` is unknown or `smiles` is bad.
        """
        molecule = parse_molecule(smiles, max_atoms=self.max_atoms)
        return draw_motifs(molecule, self._list_motifs(molecule), size, format, colors, notes)

    def to_dict(self) -> dict[str, Any]:
        """State as JSON-able values; look-up tables and views are made anew from them."""
        return {name: value for name, value in super().to_dict().items() if name not in _DERIVED}

    def __getstate__(self) -> dict[str, str]:
        """Pickle as JSON with sorted keys: equal extractors then hash equally, which dataset caches rely on."""
        return {"json": self.to_json_string()}

    def __setstate__(self, state: dict[str, str]) -> None:
        """Rebuild everything from the JSON text."""
        self.__init__(**json.loads(state["json"]))  # type: ignore[misc]

    def __repr__(self) -> str:
        """Say the settings, not the thousands of vocabulary entries."""
        return (
            f"{type(self).__name__}(fragmentation={self.fragmentation!r}, motif_vocab_size={self.motif_vocab_size}, "
            f"max_atoms={self.max_atoms}, views={self.views})"
        )

    def _list_motifs(self, molecule: Chem.Mol) -> list[Motif]:
        """List the motifs of a parsed molecule by position."""
        partition = partition_molecule(molecule, record_of(molecule), self.fragmentation)
        atoms: list[list[int]] = [[] for _ in partition.labels]
        for atom, motif in enumerate(partition.atom_to_motif):
            atoms[motif].append(atom)
        found = zip(partition.labels, atoms, partition.positions, strict=True)
        motifs = [
            Motif(label, own, self._vocabulary.ids.get(label, UNKNOWN_MOTIF_ID), position)
            for label, own, position in found
        ]
        return sorted(motifs, key=lambda motif: motif.position)
