"""Molecules with their captions, searched by structure: what a prompt quotes, and the baseline of every captioner."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rdkit import DataStructs

from ..data.atomic_files import open_atomically
from ..data.identifiers import inchikey14, try_parse
from ..data.similarity import compute_fingerprint

MEMORY_FILE = "caption_memory.jsonl.gz"  # of a captioning folder


class Neighbour(NamedTuple):
    """A molecule that has a caption, and how alike it is to the one asked for."""

    smiles: str
    caption: str
    similarity: float  # Tanimoto, ECFP4


class CaptionMemory:
    """Captions by the structure of their molecules.

    Args:
        smiles (sequence of `str`): `R` molecules, which may repeat.
        captions (sequence of `str`): Caption of each.

    Raises:
        ValueError: If there are none, the numbers differ, or a molecule cannot be parsed.

    Example:
    >>> memory = CaptionMemory(["CCO", "c1ccccc1"], ["It is an alcohol.", "It is an arene."])
    >>> memory.find("CCCO", 1)[0].caption
    'It is an alcohol.'
    """

    def __init__(self, smiles: Sequence[str], captions: Sequence[str]) -> None:
        if not smiles or len(smiles) != len(captions):
            raise ValueError(
                f"A memory needs molecules with a caption each: got {len(smiles)} molecules and {len(captions)} "
                "captions."
            )
        self.smiles, self.captions = list(smiles), list(captions)
        self._fingerprints = [_fingerprint(one) for one in self.smiles]
        self._skeletons: dict[str, str | None] = {}  # computed where they are asked for

    def __len__(self) -> int:
        """Return the number of captions."""
        return len(self.smiles)

    def find(self, smiles: str, count: int, skips_skeleton: bool = False) -> list[Neighbour]:
        """Find the captions of the molecules most similar to one; of equals, the first.

        Args:
            smiles (`str`): The molecule.
            count (`int`): Most captions; of each molecule one.
            skips_skeleton (`bool`): Leave out the molecule itself and its stereoisomers, as in training, where the
                molecules to caption are those of the memory.

        Returns:
            `list[Neighbour]`, the most similar first.

        Raises:
            ValueError: If the molecule cannot be parsed.
        """
        if count < 1:
            return []
        scores = np.array(DataStructs.BulkTanimotoSimilarity(_fingerprint(smiles), self._fingerprints))  # (R,)
        own = self._skeleton(smiles) if skips_skeleton else None
        found: dict[str, Neighbour] = {}
        for place in np.argsort(-scores, kind="stable"):
            if len(found) == count:
                break
            name = self.smiles[place]
            if name not in found and (own is None or self._skeleton(name) != own):
                found[name] = Neighbour(name, self.captions[place], float(scores[place]))
        return list(found.values())

    def save(self, folder: str | Path) -> None:
        """Write the memory into a model folder; equal memories are equal files."""
        with open_atomically(Path(folder) / MEMORY_FILE, "wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as file:
                for smiles, caption in zip(self.smiles, self.captions, strict=True):
                    file.write(json.dumps({"smiles": smiles, "text": caption}).encode() + b"\n")

    @classmethod
    def load(cls, folder: str | Path) -> "CaptionMemory":
        """Read the memory of a model folder.

        Raises:
            ValueError: If there is none, or it cannot be read.
        """
        path = Path(folder) / MEMORY_FILE
        try:
            with gzip.open(path, "rt", encoding="utf-8") as file:
                rows = [json.loads(line) for line in file]
            return cls([row["smiles"] for row in rows], [row["text"] for row in rows])
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} cannot be read ({error}): this captioner quotes the captions of similar molecules, which its "
                "folder must hold. Copy the file from where the model was trained."
            ) from error

    def _skeleton(self, smiles: str) -> str | None:
        if smiles not in self._skeletons:
            self._skeletons[smiles] = inchikey14(smiles)
        return self._skeletons[smiles]


def _fingerprint(smiles: str) -> DataStructs.ExplicitBitVect:
    molecule = try_parse(smiles)
    if molecule is None:
        raise ValueError(f"{smiles!r:.80} is no molecule that can be parsed.")
    return compute_fingerprint(molecule)
