"""The vocabulary of motif labels: trained on a stream of molecules, saved as JSON, looked up by label and by id."""

import json
import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import rdBase

from .atom_features_finemoltex import record_of
from .motifs_finemoltex import DEFAULT_FRAGMENTATION, SPECIAL_MOTIFS, check_fragmentation, partition_molecule
from .smiles_finemoltex import DEFAULT_MAX_ATOMS, RDKIT_ERRORS, parse_molecule

logger = logging.getLogger(__name__)

DEFAULT_VOCAB_FILE = Path(__file__).with_name("default_motif_vocab.json")
VOCAB_VERSION = 1


class MotifVocabulary:
    """Labels of motifs and their ids under one fragmentation.

    Args:
        motif_vocab (`dict`, *optional*): From `train_motif_vocab`; the one shipped with the package if absent.
        fragmentation (`str`, *optional*): `"paper"` or `"functional"`; that of `motif_vocab`, or the default.

    Raises:
        ValueError: If `fragmentation` is unknown or not that of `motif_vocab`, or no vocabulary is at hand.

    Example:
    >>> vocabulary = MotifVocabulary(train_motif_vocab(["CCO"], min_count=1))
    >>> vocabulary.labels, vocabulary.ids["CCO"], len(vocabulary)
    (['[UNK]', '[MASK]', 'CCO'], 2, 3)
    """

    def __init__(self, motif_vocab: dict[str, Any] | None = None, fragmentation: str | None = None) -> None:
        if motif_vocab is None:
            fragmentation = fragmentation or DEFAULT_FRAGMENTATION
            check_fragmentation(fragmentation)
            motif_vocab = _load_default_vocab(fragmentation)
        if not isinstance(motif_vocab, dict) or not {"fragmentation", "motifs"} <= set(motif_vocab):
            raise ValueError(
                f"`motif_vocab` must be a dictionary made by `train_motif_vocab`, got {type(motif_vocab).__name__} "
                "without the keys 'fragmentation' and 'motifs'."
            )
        self.fragmentation: str = fragmentation or motif_vocab["fragmentation"]
        check_fragmentation(self.fragmentation)
        if self.fragmentation != motif_vocab["fragmentation"]:
            raise ValueError(
                f"`fragmentation` is {self.fragmentation!r}, but `motif_vocab` was trained with "
                f"{motif_vocab['fragmentation']!r}. Leave `fragmentation` out, or train a vocabulary for it."
            )
        self.state = motif_vocab
        self.labels = _ordered_labels(motif_vocab)
        self.ids = {label: index for index, label in enumerate(self.labels)}

    def __len__(self) -> int:
        """Return the number of ids, `[UNK]` and `[MASK]` included."""
        return len(self.labels)

    def decode(self, ids: int | Iterable[int]) -> list[str]:
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
            if not 0 <= index < len(self.labels):
                raise ValueError(f"Motif ids lie in [0, {len(self.labels)}), got {index}.")
        return [self.labels[index] for index in indices]


def train_motif_vocab(
    smiles_iterator: Iterable[str],
    fragmentation: str = DEFAULT_FRAGMENTATION,
    min_count: int = 5,
    max_size: int | None = None,
) -> dict[str, Any]:
    """Count motif labels over a stream of SMILES and keep the frequent ones.

    The result depends on the multiset of molecules only: not on their order, and not on how their SMILES are written.
    Strings RDKit refuses are left out, and their number is logged with the first reason.

    Args:
        smiles_iterator (`Iterable[str]`): SMILES strings, read once.
        fragmentation (`str`, *optional*, defaults to `"functional"`): `"paper"` or `"functional"`.
        min_count (`int`, *optional*, defaults to 5): Motifs seen less often become `[UNK]`.
        max_size (`int`, *optional*): Keep at most so many motifs, the most frequent.

    Returns:
        `dict[str, Any]`: JSON-able vocabulary. `motifs` maps label to count, most frequent first, ties by label; the
        id of a motif is its rank in this order + 2, after `[UNK]` and `[MASK]`.

    Raises:
        ValueError: If no molecule is left; says why.

    Example:
    >>> train_motif_vocab(["CCO", "OCC", "c1ccccc1"], fragmentation="functional", min_count=2)["motifs"]
    {'CCO': 2}
    """
    check_fragmentation(fragmentation)
    counts: Counter[str] = Counter()
    num_molecules, num_refused, reason = 0, 0, ""
    for smiles in smiles_iterator:
        try:
            molecule = parse_molecule(smiles, max_atoms=DEFAULT_MAX_ATOMS)
            counts.update(partition_molecule(molecule, record_of(molecule), fragmentation).labels)
        except RDKIT_ERRORS as error:
            reason = reason or str(error)
            num_refused += 1
            continue
        num_molecules += 1
    if not num_molecules:
        raise ValueError(
            f"All {num_refused} molecules were rejected; the first reason: {reason}"
            if num_refused
            else "There are no molecules to train a motif vocabulary on: give at least one."
        )
    if num_refused:
        logger.warning(
            f"Left {num_refused} molecules that cannot be read out of the motif vocabulary; the first: {reason}"
        )
    kept = sorted((item for item in counts.items() if item[1] >= min_count), key=lambda item: (-item[1], item[0]))
    return {
        "version": VOCAB_VERSION,
        "rdkit_version": rdBase.rdkitVersion,
        "fragmentation": fragmentation,
        "min_count": min_count,
        "num_molecules": num_molecules,
        "num_motif_tokens": counts.total(),
        "motifs": dict(kept[:max_size]),
    }


def _ordered_labels(motif_vocab: dict[str, Any]) -> list[str]:
    """Labels of a vocabulary by id, special motifs first; JSON may have reordered the mapping, so it is sorted."""
    return [*SPECIAL_MOTIFS, *sorted(motif_vocab["motifs"], key=lambda label: (-motif_vocab["motifs"][label], label))]


def _load_default_vocab(fragmentation: str) -> dict[str, Any]:
    if not DEFAULT_VOCAB_FILE.is_file():
        raise ValueError(
            f"No `motif_vocab` given, and the default one is not beside this file ({DEFAULT_VOCAB_FILE.name}): code "
            "loaded from a model repository does not bring it. Load the saved processor with `from_pretrained`, pass "
            "`motif_vocab=train_motif_vocab(...)`, or install the package."
        )
    return json.loads(DEFAULT_VOCAB_FILE.read_text(encoding="utf-8"))[fragmentation]
