"""Molecules with their captions, searched by structure: what a prompt quotes, and the baseline of every captioner."""

import gzip
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rdkit import DataStructs

from ..data.atomic_files import open_atomically, staged_file
from ..data.identifiers import inchikey14, try_parse
from ..data.similarity import compute_fingerprint

MEMORY_FILE, EMBEDS_FILE = "caption_memory.jsonl.gz", "caption_memory.npz"  # of a captioning folder
POOL = 10  # similar molecules among whose captions a model chooses


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
        embeds (`np.ndarray` of shape `(R, P)`, *optional*): Embedding of each caption, of length 1; with them a model
            may choose among captions. Kept as float16.

    Raises:
        ValueError: If there are none, the numbers differ, or a molecule cannot be parsed.

    Example:
    >>> memory = CaptionMemory(["CCO", "c1ccccc1"], ["It is an alcohol.", "It is an arene."])
    >>> memory.find("CCCO", 1)[0].caption
    'It is an alcohol.'
    """

    def __init__(self, smiles: Sequence[str], captions: Sequence[str], embeds: np.ndarray | None = None) -> None:
        if not smiles or len(smiles) != len(captions):
            raise ValueError(
                f"A memory needs molecules with a caption each: got {len(smiles)} molecules and {len(captions)} "
                "captions."
            )
        if embeds is not None and len(embeds) != len(captions):
            raise ValueError(f"A memory of {len(captions)} captions needs as many embeddings: got {len(embeds)}.")
        self.embeds = None if embeds is None else np.asarray(embeds, dtype=np.float16)
        self.smiles, self.captions = list(smiles), list(captions)
        self._fingerprints = [_fingerprint(one) for one in self.smiles]
        self._skeletons: dict[str, str | None] = {}  # computed where they are asked for

    def __len__(self) -> int:
        """Return the number of captions."""
        return len(self.smiles)

    def find(
        self, smiles: str, count: int, skips_skeleton: bool = False, embed: np.ndarray | None = None
    ) -> list[Neighbour]:
        """Find the captions of the molecules most similar to one; of equals, the first.

        Args:
            smiles (`str`): The molecule.
            count (`int`): Most captions; of each molecule one.
            skips_skeleton (`bool`): Leave out the molecule itself and its stereoisomers, as in training, where the
                molecules to caption are those of the memory.
            embed (`np.ndarray` of shape `(P,)`, *optional*): Embedding of the molecule. Of the captions of the ten
                most similar molecules, those that are nearest to it come first.

        Returns:
            `list[Neighbour]`, the most similar or the nearest first.

        Raises:
            ValueError: If the molecule cannot be parsed, or the memory has no embeddings to compare with `embed`.
        """
        if count < 1:
            return []
        if embed is None:
            return self._find_similar(smiles, count, skips_skeleton)[1]
        if self.embeds is None:
            raise ValueError(
                f"The memory has no embeddings of its captions ({EMBEDS_FILE} of a folder), by which a model chooses. "
                "Make it with `embeds`, or set `captioning_config.choice` to 'structure'."
            )
        places, found = self._find_similar(smiles, max(count, POOL), skips_skeleton)
        nearest = np.argsort(-(self.embeds[places].astype(np.float32) @ embed), kind="stable")
        return [found[place] for place in nearest[:count]]

    def _find_similar(self, smiles: str, count: int, skips_skeleton: bool) -> tuple[list[int], list[Neighbour]]:
        """Find the most similar molecules, and their places in the memory."""
        scores = np.array(DataStructs.BulkTanimotoSimilarity(_fingerprint(smiles), self._fingerprints))  # (R,)
        own = self._skeleton(smiles) if skips_skeleton else None
        found: dict[str, Neighbour] = {}
        places: list[int] = []
        for place in np.argsort(-scores, kind="stable"):
            if len(found) == count:
                break
            name = self.smiles[place]
            if name not in found and (own is None or self._skeleton(name) != own):
                found[name] = Neighbour(name, self.captions[place], float(scores[place]))
                places.append(int(place))
        return places, list(found.values())

    def save(self, folder: str | Path) -> None:
        """Write the memory into a model folder; equal memories are equal files."""
        with open_atomically(Path(folder) / MEMORY_FILE, "wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as file:
                for smiles, caption in zip(self.smiles, self.captions, strict=True):
                    file.write(json.dumps({"smiles": smiles, "text": caption}).encode() + b"\n")
        if self.embeds is not None:
            with staged_file(Path(folder) / EMBEDS_FILE) as staged, staged.open("wb") as file:
                np.savez(file, embeds=self.embeds)

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
            return cls([row["smiles"] for row in rows], [row["text"] for row in rows], _load_embeds(folder))
        except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{path} cannot be read ({error}): this captioner quotes the captions of similar molecules, which its "
                "folder must hold. Copy the file from where the model was trained."
            ) from error

    def _skeleton(self, smiles: str) -> str | None:
        if smiles not in self._skeletons:
            self._skeletons[smiles] = inchikey14(smiles)
        return self._skeletons[smiles]


def _load_embeds(folder: str | Path) -> np.ndarray | None:
    """Read the embeddings of the captions, if there are any."""
    path = Path(folder) / EMBEDS_FILE
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["embeds"]


def _fingerprint(smiles: str) -> DataStructs.ExplicitBitVect:
    molecule = try_parse(smiles)
    if molecule is None:
        raise ValueError(f"{smiles!r:.80} is no molecule that can be parsed.")
    return compute_fingerprint(molecule)
