"""What the benchmarks run on: the settings of a run, a model, molecules, texts, and batches of them."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modeling_finemoltex import MoleculeFile, MoleculeTextEncoder, default_model, load_chemicals_pairs, load_pairs
from modeling_finemoltex.data import try_parse
from modeling_finemoltex.embedding import load_embeddings

DTYPES = ("float32", "bfloat16", "float16")


@dataclass
class Settings:
    """What a run was asked for; `run.py --help` explains each."""

    model: str = ""
    molecules: Path | None = None
    smiles_column: str | None = None
    pairs: str | None = None
    embeddings: tuple[Path, ...] = ()
    editing_model: str = ""
    export: Path | None = None
    device: str = "cpu"
    dtype: str = "float32"
    compile: bool = False
    threads: int = 1
    seed: int = 0
    repeats: int = 5
    warm_up: int = 1
    clock: str = "processor"
    smoke: bool = False
    quiet: bool = False
    sizes: tuple[int, ...] = (10_000, 250_000, 1_000_000)
    methods: tuple[str, ...] = ("flat", "hnsw", "ivf_flat", "ivf_pq")
    presets: tuple[str, ...] = ("small", "paper")
    batch_size: int | None = None

    def scale(self, number: int, smallest: int = 8) -> int:
        """Give a size, or a small one for a test."""
        return smallest if self.smoke else number

    @property
    def torch_dtype(self) -> torch.dtype:
        """The floating-point type."""
        return getattr(torch, self.dtype)

    def autocast(self) -> Any:
        """Compute a training step in the type that was asked for, with weights in float32."""
        if self.dtype == "float32":
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, self.torch_dtype)


class Inputs:
    """Loads what a benchmark asks for, once.

    Args:
        settings (`Settings`): Of the run.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def encoder(self) -> MoleculeTextEncoder:
        """The model that molecules and texts are embedded with."""
        return MoleculeTextEncoder.from_pretrained(self.model, device=self.settings.device, dtype=self.settings.dtype)

    @property
    def model(self) -> str:
        """Folder or Hub id of the model."""
        return self.settings.model or str(default_model())

    @cached_property
    def export(self) -> Path:
        """Folder of the exported model: that of the user, or a new one that goes with this object."""
        if self.settings.export is not None:
            return self.settings.export
        from modeling_finemoltex.export import export_model  # it imports onnx, which most benchmarks can do without

        self._folder = tempfile.TemporaryDirectory()
        return export_model(self.model, Path(self._folder.name, "export"), formats=("onnx",))

    @cached_property
    def pairs(self) -> Any:
        """Pairs of `smiles` and `text`: those of the user, or the names of the package `chemicals`."""
        wanted = self.settings.pairs
        return (load_chemicals_pairs(0) if wanted is None else load_pairs(wanted)).shuffle(seed=self.settings.seed)

    @cached_property
    def smiles(self) -> list[str]:
        """Molecules that RDKit parses: of the file of the user, or of the pairs."""
        found = (one for one in self._read_smiles() if try_parse(one) is not None)
        return list(itertools.islice(found, self.settings.scale(5_000, 40)))

    @property
    def source(self) -> str:
        """Name what the molecules and the texts were taken from."""
        molecules = self.settings.molecules.name if self.settings.molecules else None
        pairs = Path(self.settings.pairs).name if self.settings.pairs else "the package chemicals"
        return f"molecules of {molecules}, texts of {pairs}" if molecules else pairs

    @cached_property
    def texts(self) -> list[str]:
        """Texts of the pairs."""
        return self.pairs["text"][: self.settings.scale(2_000, 40)]

    def take_pairs(self, count: int, start: int = 0) -> tuple[list[str], list[str]]:
        """Take SMILES and texts of consecutive pairs."""
        rows = self.pairs[start : start + count]
        return rows["smiles"], rows["text"]

    def _read_smiles(self) -> Iterator[str]:
        if self.settings.molecules is None:
            return iter(self.pairs["smiles"])
        return iter(MoleculeFile(self.settings.molecules, self.settings.smiles_column).smiles())

    def read_vectors(self, folder: Path) -> np.ndarray:
        """Read the vectors `(R, P)` of an embedding folder."""
        opened = load_embeddings(folder)
        width = opened.metadata["embedding_size"]
        parts = [table["embedding"].combine_chunks().flatten().to_numpy() for table in opened.shards()]
        return np.concatenate(parts).reshape(-1, width)


def count_parameters(module: torch.nn.Module) -> int:
    """Count the numbers that a model learns."""
    return sum(one.numel() for one in module.parameters())
