"""SMILES -> flat graph tensors with motifs: the molecule half of the processor."""

import colorsys
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem.Draw import rdMolDraw2D
from transformers import BatchFeature, FeatureExtractionMixin
from transformers.utils import logging

from .atom_features_finemoltex import atom_feature_matrix, bond_feature_matrix, parse_smiles, read_molecule
from .motifs_finemoltex import (
    DEFAULT_FRAGMENTATION,
    UNKNOWN_MOTIF_ID,
    check_fragmentation,
    ordered_labels,
    partition_molecule,
)

logger = logging.get_logger(__name__)

DEFAULT_VOCAB_FILE = Path(__file__).with_name("default_motif_vocab.json")
DEFAULT_MAX_ATOMS = 2000
_MOST_ATOMS = np.iinfo(np.uint16).max  # atom and motif numbers are stored as uint16
_SHOWN_SMILES = 200  # characters of a refused string repeated in an error message
_LOGGED_INDICES = 20
_MAX_LEGEND = 110  # characters that fit under a drawing of the default size


class MoleculeGraph(NamedTuple):
    """One molecule as narrow integer arrays: `n` atoms, `b` bonds (each once), `m` motifs."""

    atom_features: np.ndarray  # (n, 9) uint8
    bond_index: np.ndarray  # (b, 2) uint16
    bond_features: np.ndarray  # (b, 3) uint8
    atom_to_motif: np.ndarray  # (n,) uint16, in [0, m)
    motif_ids: np.ndarray  # (m,) int32
    motif_positions: np.ndarray  # (m,) uint16, a permutation of [0, m)


class Motif(NamedTuple):
    """One motif of a molecule."""

    label: str
    atoms: list[int]
    id: int
    position: int


class FineMolTexFeatureExtractor(FeatureExtractionMixin):
    """Turn SMILES into atom, bond and motif tensors.

    The tensors of a batch are concatenated over molecules, so their first axis is not the batch: nothing may slice
    them along axis 0 (data-parallel scatter, dispatching data loaders). Let every process make its own batches.

    Args:
        motif_vocab (`dict`, *optional*): Vocabulary from `train_motif_vocab`; the one shipped with the package if
            absent. It is saved with the feature extractor.
        fragmentation (`str`, *optional*): `"paper"` or `"functional"`; that of `motif_vocab`, or the default.
        max_atoms (`int`, *optional*, defaults to 2000): Larger molecules are refused.

    Raises:
        ValueError: If `fragmentation` is unknown or not that of `motif_vocab`, or no vocabulary is at hand.

    Example:
    >>> extractor = FineMolTexFeatureExtractor(fragmentation="functional")
    >>> batch = extractor(["CC(=O)Oc1ccccc1C(=O)O", "CCO"])
    >>> batch["motif_counts"].tolist()
    [4, 1]
    """

    model_input_names = [
        "motif_counts",
        "atom_features",
        "edge_index",
        "edge_features",
        "atom_to_motif",
        "motif_ids",
        "motif_positions",
    ]

    def __init__(
        self,
        motif_vocab: dict[str, Any] | None = None,
        fragmentation: str | None = None,
        max_atoms: int = DEFAULT_MAX_ATOMS,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if motif_vocab is None:
            fragmentation = fragmentation or DEFAULT_FRAGMENTATION
            check_fragmentation(fragmentation)
            motif_vocab = _load_default_vocab(fragmentation)
        if not isinstance(motif_vocab, dict) or not {"fragmentation", "motifs"} <= set(motif_vocab):
            raise ValueError(
                f"`motif_vocab` must be a dictionary made by `train_motif_vocab`, got {type(motif_vocab).__name__} "
                "without the keys 'fragmentation' and 'motifs'."
            )
        fragmentation = fragmentation or motif_vocab["fragmentation"]
        check_fragmentation(fragmentation)
        if fragmentation != motif_vocab["fragmentation"]:
            raise ValueError(
                f"`fragmentation` is {fragmentation!r}, but `motif_vocab` was trained with "
                f"{motif_vocab['fragmentation']!r}. Leave `fragmentation` out, or train a vocabulary for it."
            )
        if not 1 <= max_atoms <= _MOST_ATOMS:
            raise ValueError(f"`max_atoms` must be between 1 and {_MOST_ATOMS}, got {max_atoms}.")
        self.motif_vocab = motif_vocab
        self.fragmentation = fragmentation
        self.max_atoms = max_atoms
        self._labels = ordered_labels(motif_vocab)
        self._label_to_id = {label: index for index, label in enumerate(self._labels)}

    @property
    def motif_vocab_size(self) -> int:
        """Number of motif ids, `[UNK]` and `[MASK]` included."""
        return len(self._labels)

    def featurize(self, smiles: str, index: int | None = None) -> MoleculeGraph:
        """Featurise one molecule.

        Args:
            smiles (`str`): The molecule.
            index (`int`, *optional*): Its place in the caller's list, repeated in error messages.

        Returns:
            `MoleculeGraph`: Arrays of `n` atoms, `b` bonds and `m` motifs.

        Raises:
            ValueError: If `smiles` is no string, is blank, cannot be parsed, or has more than `max_atoms` atoms.
        """
        molecule = self._parse(smiles, index)
        record = read_molecule(molecule)
        partition = partition_molecule(molecule, record, self.fragmentation)
        find = self._label_to_id.get
        return MoleculeGraph(
            atom_features=atom_feature_matrix(record),
            bond_index=np.array((record.begins, record.ends), dtype=np.uint16).T,
            bond_features=bond_feature_matrix(record),
            atom_to_motif=np.array(partition.atom_to_motif, dtype=np.uint16),
            motif_ids=np.array([find(label, UNKNOWN_MOTIF_ID) for label in partition.labels], dtype=np.int32),
            motif_positions=np.array(partition.positions, dtype=np.uint16),
        )

    def featurize_batch(
        self, smiles: str | Sequence[str], on_error: str = "raise"
    ) -> tuple[list[MoleculeGraph], list[int]]:
        """Featurise several molecules.

        Args:
            smiles (`str` or `Sequence[str]`): One molecule or several.
            on_error (`str`, *optional*, defaults to `"raise"`): `"skip"` leaves out what cannot be featurised.

        Returns:
            `tuple[list[MoleculeGraph], list[int]]`: The graphs, and the index of each in `smiles`.

        Raises:
            ValueError: If `on_error` is unknown, nothing is given, a string is bad (`"raise"`) or all are (`"skip"`).
        """
        if on_error not in ("raise", "skip"):
            raise ValueError(f"`on_error` must be 'raise' or 'skip', got {on_error!r}.")
        smiles = _as_list(smiles)
        graphs, kept, refused = [], [], []
        for index, one in enumerate(smiles):
            try:
                graphs.append(self.featurize(one, index))
                kept.append(index)
            except ValueError as error:
                if on_error == "raise":
                    raise
                refused.append((index, error))
        if not graphs:
            raise ValueError(
                f"None of the {len(smiles)} SMILES can be featurised. The first reason: {refused[0][1]}"
                if smiles
                else "No SMILES given: pass a string or a non-empty list of strings."
            )
        if refused:
            shown = ", ".join(str(index) for index, _ in refused[:_LOGGED_INDICES])
            more = ", ..." if len(refused) > _LOGGED_INDICES else ""
            logger.warning(f"Skipped {len(refused)} of {len(smiles)} SMILES, at index {shown}{more}.")
        return graphs, kept

    def collate(self, graphs: Sequence[MoleculeGraph], return_tensors: str | None = "pt") -> BatchFeature:
        """Concatenate molecules to one batch; both directions of every bond are made here.

        Args:
            graphs (`Sequence[MoleculeGraph]`): `B` molecules, at least one.
            return_tensors (`str`, *optional*, defaults to `"pt"`): `"pt"`, `"np"` or `None` (numpy arrays).

        Returns:
            `BatchFeature`: `motif_counts` (B,), `atom_features` (N, 9), `edge_index` (2, E), `edge_features` (E, 3),
            `atom_to_motif` (N,), `motif_ids` (M,), `motif_positions` (M,), all of 64-bit integers.
        """
        if not graphs:
            raise ValueError("`collate` needs at least one molecule, got none.")
        atoms, bonds, bond_features, atom_to_motif, ids, positions = (
            list(column) for column in zip(*graphs, strict=True)
        )
        atom_counts = np.array([len(one) for one in atoms])
        bond_counts = np.array([len(one) for one in bonds])
        motif_counts = np.array([len(one) for one in ids])
        first_atom = np.cumsum(atom_counts) - atom_counts  # (B,)
        first_motif = np.cumsum(motif_counts) - motif_counts  # (B,)
        ends = np.concatenate(bonds).astype(np.int64).T + np.repeat(first_atom, bond_counts)  # (2, E/2)
        features = np.concatenate(bond_features).astype(np.int64)  # (E/2, 3)
        data = {
            "motif_counts": motif_counts,
            "atom_features": np.concatenate(atoms).astype(np.int64),
            "edge_index": np.concatenate((ends, ends[::-1]), axis=1),  # (2, E)
            "edge_features": np.concatenate((features, features)),  # (E, 3)
            "atom_to_motif": np.concatenate(atom_to_motif).astype(np.int64) + np.repeat(first_motif, atom_counts),
            "motif_ids": np.concatenate(ids).astype(np.int64),
            "motif_positions": np.concatenate(positions).astype(np.int64),
        }
        return BatchFeature(data, tensor_type=return_tensors)

    def __call__(
        self, smiles: str | Sequence[str], return_tensors: str | None = "pt", on_error: str = "raise", **kwargs
    ) -> BatchFeature:
        """Featurise one molecule or several to one batch.

        Args:
            smiles (`str` or `Sequence[str]`): `B` molecules; a single string is a batch of one.
            return_tensors (`str`, *optional*, defaults to `"pt"`): `"pt"`, `"np"` or `None`.
            on_error (`str`, *optional*, defaults to `"raise"`): `"skip"` leaves out molecules that cannot be
                featurised, logs how many and adds the list `kept_indices`.
            kwargs: Accepted and ignored, as every feature extractor does.

        Returns:
            `BatchFeature`: The tensors of `collate`.

        Raises:
            ValueError: As `featurize_batch`.
        """
        graphs, kept = self.featurize_batch(smiles, on_error=on_error)
        batch = self.collate(graphs, return_tensors=return_tensors)
        if on_error == "skip":
            batch["kept_indices"] = kept
        return batch

    def motifs(self, smiles: str) -> list[Motif]:
        """List the motifs of a molecule, by position in its motif tree.

        Args:
            smiles (`str`): The molecule.

        Returns:
            `list[Motif]`: Label, atoms (indices in the order of `smiles`), id and position; the atoms partition the
            molecule.
        """
        molecule = self._parse(smiles, None)
        atom_to_motif, labels, positions = partition_molecule(molecule, read_molecule(molecule), self.fragmentation)
        atoms: list[list[int]] = [[] for _ in labels]
        for atom, motif in enumerate(atom_to_motif):
            atoms[motif].append(atom)
        found = zip(labels, atoms, positions, strict=True)
        motifs = (
            Motif(name, where, self._label_to_id.get(name, UNKNOWN_MOTIF_ID), rank) for name, where, rank in found
        )
        return sorted(motifs, key=lambda motif: motif.position)

    def decode_motifs(self, ids: int | Iterable[int]) -> list[str]:
        """Translate motif ids to labels.

        Args:
            ids (`int` or `Iterable[int]`): Motif ids, for example a row of predictions or a tensor of shape `(M,)`.

        Returns:
            `list[str]`: One label per id.

        Raises:
            ValueError: If an id is not in the vocabulary.
        """
        indices = np.atleast_1d(np.asarray(ids)).reshape(-1).tolist()
        for index in indices:
            if not 0 <= index < len(self._labels):
                raise ValueError(f"Motif ids lie in [0, {len(self._labels)}), got {index}.")
        return [self._labels[index] for index in indices]

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
        if format not in ("svg", "png"):
            raise ValueError(f"`format` must be 'svg' or 'png', got {format!r}.")
        motifs = self.motifs(smiles)
        molecule = self._parse(smiles, None)
        atom_colors, bond_colors = {}, {}
        notes = {motif.position: str(motif.position) for motif in motifs} if notes is None else notes
        for motif in motifs:
            # Steps of the golden ratio keep the hues of neighbouring positions far apart.
            own = colorsys.hls_to_rgb(motif.position * 0.618034 % 1, 0.78, 0.75)
            color = own if colors is None else colors[motif.position]
            atom_colors.update(dict.fromkeys(motif.atoms, color))
            molecule.GetAtomWithIdx(motif.atoms[0]).SetProp("atomNote", notes[motif.position])
            inside = set(motif.atoms)
            for bond in molecule.GetBonds():
                if bond.GetBeginAtomIdx() in inside and bond.GetEndAtomIdx() in inside:
                    bond_colors[bond.GetIdx()] = color
        legend = "   ".join(f"{notes[motif.position]}: {motif.label}" for motif in motifs)
        canvas = (rdMolDraw2D.MolDraw2DSVG if format == "svg" else rdMolDraw2D.MolDraw2DCairo)(*size)
        canvas.DrawMolecule(
            rdMolDraw2D.PrepareMolForDrawing(molecule, kekulize=False),
            legend=legend if len(legend) <= _MAX_LEGEND else legend[: _MAX_LEGEND - 3] + "...",
            highlightAtoms=list(atom_colors),
            highlightAtomColors=atom_colors,
            highlightBonds=list(bond_colors),
            highlightBondColors=bond_colors,
        )
        canvas.FinishDrawing()
        return canvas.GetDrawingText()

    def to_dict(self) -> dict[str, Any]:
        """State as JSON-able values; the look-up tables are rebuilt from `motif_vocab`."""
        return {name: value for name, value in super().to_dict().items() if name not in ("_labels", "_label_to_id")}

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
            f"max_atoms={self.max_atoms})"
        )

    def _parse(self, smiles: str, index: int | None) -> Chem.Mol:
        """Parse a SMILES, or raise a `ValueError` that repeats it and its index."""
        where = "" if index is None else f" at index {index}"
        if not isinstance(smiles, str):
            raise ValueError(
                f"A SMILES must be a string, got {type(smiles).__name__} {smiles!r:.{_SHOWN_SMILES}}{where}."
            )
        if not smiles.strip():
            raise ValueError(f"A SMILES must not be blank, got {smiles!r}{where}.")
        molecule = parse_smiles(smiles)
        if molecule is None:
            raise ValueError(
                f"RDKit cannot parse the SMILES {smiles[:_SHOWN_SMILES]!r}{where}: {_explain(smiles)}. Correct it, or "
                "pass on_error='skip' to leave such molecules out."
            )
        if molecule.GetNumAtoms() > self.max_atoms:
            raise ValueError(
                f"The molecule {smiles[:_SHOWN_SMILES]!r}{where} has {molecule.GetNumAtoms()} atoms, at most "
                f"{self.max_atoms} are accepted. Raise `max_atoms`, or leave it out with on_error='skip'."
            )
        return molecule


def _load_default_vocab(fragmentation: str) -> dict[str, Any]:
    if not DEFAULT_VOCAB_FILE.is_file():
        raise ValueError(
            f"No `motif_vocab` given, and the default one is not beside this file ({DEFAULT_VOCAB_FILE.name}): code "
            "loaded from a model repository does not bring it. Load the saved processor with `from_pretrained`, pass "
            "`motif_vocab=train_motif_vocab(...)`, or install the package."
        )
    return json.loads(DEFAULT_VOCAB_FILE.read_text(encoding="utf-8"))[fragmentation]


def _as_list(smiles: str | Sequence[str]) -> list[str]:
    if isinstance(smiles, str):
        return [smiles]
    if smiles is None or isinstance(smiles, bytes | dict) or not isinstance(smiles, Iterable):
        raise ValueError(
            f"SMILES must be a string or a sequence of strings, got {type(smiles).__name__} {smiles!r:.80}."
        )
    return list(smiles)


def _explain(smiles: str) -> str:
    """RDKit's reason for refusing a string."""
    with rdBase.BlockLogs():
        raw = Chem.MolFromSmiles(smiles, sanitize=False)
        if raw is None:
            return "it is not valid SMILES syntax"
        if not raw.GetNumAtoms():
            return "it has no atoms"
        problems = Chem.DetectChemistryProblems(raw)
    return problems[0].Message() if problems else "the molecule cannot be sanitised"
