"""`OnnxMoleculeTextEncoder`: what `MoleculeTextEncoder` does, by exported graphs."""

import functools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..embedding.preparation import PreparedWindow
from ..embedding.row_encoder import EmbeddedWindow, RowEncoder
from ..embedding.token_bytes import TokenArrays, pack_arrays, unpack_arrays
from ..processors.featurization_finemoltex import FineMolTexFeaturizer
from .export_folder import (
    FEATURIZER_FILE,
    MOLECULES,
    PRECISIONS,
    TEXT,
    TOKEN_SCORE,
    TOKENIZER_FILE,
    ExportFacts,
    find_file,
    read_export,
    tower_file,
)
from .onnx_tower import OnnxTower
from .text_tokenizer import OnnxProcessor, TextTokenizer

TOKEN_OUTPUTS = ("token_vectors", "molecule_of_token", "is_atom", "concept_counts")
SMALLEST = 1e-12  # length of a vector that can be scaled to one


class OnnxMoleculeTextEncoder(RowEncoder):
    """An exported model with its featuriser and tokenizer, as two functions: molecules to vectors, texts to vectors.

    It takes the place of a [`MoleculeTextEncoder`] in an index, a search and an embedding job, and loads neither
    PyTorch nor Transformers. Its vectors are those of the model within 1e-4, and so are comparable with them.

    Args:
        folder (`str` or `Path`): Written by `finemoltex export`.
        precision (`str`): `"float32"`; `"int8_text"`, with a text tower of 8 bits; or `"int8"`, with both.
        num_threads (`int`, *optional*): Threads of one call; the variable OMP_NUM_THREADS, or all cores, if absent.

    Raises:
        ImportError: If onnxruntime is not installed.
        ValueError: If the folder is no export, is not whole or of another format, or lacks that precision.
    """

    def __init__(
        self,
        folder: str | Path,
        precision: Literal["float32", "int8_text", "int8"] = "float32",
        num_threads: int | None = None,
    ) -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"`precision` must be one of {', '.join(PRECISIONS)}, got {precision!r}.")
        self.folder, self.facts, self.num_threads = Path(folder), read_export(folder), num_threads
        self._precisions = PRECISIONS[precision]
        missing = [name for name in map(self._file_of, (TEXT, MOLECULES)) if name not in self.facts.files]
        if missing:
            raise ValueError(
                f"The export {folder} has no {' and no '.join(missing)}, which `precision` {precision!r} needs. "
                "Export the model again with it, or choose another precision."
            )
        self.fingerprint = dict(self.facts.fingerprint)

    @functools.cached_property
    def processor(self) -> OnnxProcessor:  # type: ignore[override]
        """What prepares molecules and texts."""
        facts: ExportFacts = self.facts
        settings = json.loads(find_file(self.folder, facts, FEATURIZER_FILE).read_text(encoding="utf-8"))
        state = find_file(self.folder, facts, TOKENIZER_FILE).read_text(encoding="utf-8")
        tokenizer = TextTokenizer(state, facts.max_length, facts.pad_id, facts.unknown_id, facts.pad_token)
        return OnnxProcessor(FineMolTexFeaturizer(**settings), tokenizer)

    @functools.cached_property
    def text_tower(self) -> OnnxTower:
        """The graph that embeds texts; read on first use."""
        return self._open(TEXT, {"input_ids": self.facts.max_positions})

    @functools.cached_property
    def molecule_tower(self) -> OnnxTower:
        """The graph that embeds molecules; read on first use."""
        return self._open(MOLECULES)

    @functools.cached_property
    def token_tower(self) -> OnnxTower:
        """The graph that scores words with tokens; read on first use."""
        return self._open(TOKEN_SCORE)

    @property
    def model(self) -> Any:
        """There is none.

        Raises:
            ValueError: Says what to do.
        """
        raise ValueError(
            f"This needs the model itself, and {self.folder} holds its exported graphs: name the model that was "
            f"exported, {self.fingerprint.get('name_or_path')!r}."
        )

    @property
    def embedding_size(self) -> int:
        """`P`, the width of the embeddings."""
        return self.facts.embedding_size

    @property
    def token_size(self) -> int:
        """`D`, the width of token vectors; 0 where the model has no token score."""
        return self.facts.token_size

    @property
    def max_length(self) -> int:
        """Tokens per text; longer texts are cut."""
        return self.facts.max_length

    @property
    def dtype(self) -> str:
        """Type that molecules are computed in: `"float32"` or `"int8"`."""
        return self._precisions[MOLECULES]

    def embed_window(
        self, window: PreparedWindow, normalize: bool = True, with_tokens: bool = False
    ) -> EmbeddedWindow:
        """Run the graphs on one window; see [`RowEncoder`]."""
        if not window.batches:
            none = np.empty((0, self.embedding_size), dtype=np.float32)
            return EmbeddedWindow([], none, [] if with_tokens else None)
        parts: list[np.ndarray] = []
        packed: list[bytes] = []
        for batch in window.batches:
            is_text = "input_ids" in batch.inputs
            tower, name = (self.text_tower, "text_embeds") if is_text else (self.molecule_tower, "molecule_embeds")
            found = tower.run(batch.inputs, [name, *self._token_outputs(with_tokens)])
            parts.append(found[name])
            if with_tokens:
                packed += pack_arrays(self._collect_tokens(found), len(found[name]))
        embeds = np.concatenate(parts)  # (R, P), in the order of the batches
        if normalize:
            embeds = embeds / np.linalg.norm(embeds, axis=1, keepdims=True).clip(SMALLEST)
        return self._put_in_order(window, embeds, packed if with_tokens else None)

    def score_tokens(self, texts: list[str], packed: Sequence[Any]) -> np.ndarray:
        """Score texts with molecules by their token vectors; see [`RowEncoder`]."""
        self._require_tokens()
        inputs = self.processor(texts)
        tower = self.token_tower
        words = self.text_tower.run(inputs, [name for name in tower.inputs if name in self.text_tower.outputs])
        arrays = unpack_arrays(packed, self.token_size, self.facts.num_concepts)
        given = {name: array for name, array in zip(TOKEN_OUTPUTS, arrays, strict=True) if array is not None}
        given["tokens_of_molecule"] = np.bincount(arrays.molecule_of_token, minlength=len(packed))
        return tower.run({**inputs, **words, **given}, ["scores"])["scores"]  # (Q, R)

    def encode_with_tokens(
        self, smiles: Iterable[Any], on_error: Literal["raise", "skip"] = "raise", progress_bar: bool | None = None
    ) -> Any:
        """Embed molecules as wholes and token by token; see [`RowEncoder`]."""
        self._require_tokens()
        return super().encode_with_tokens(smiles, on_error, progress_bar)

    def _require_tokens(self) -> None:
        if not self.token_size:
            raise ValueError("This model has no token score. Use `encode_molecules`.")

    def _token_outputs(self, with_tokens: bool) -> list[str]:
        """Name what the molecule tower says of tokens, if that is wanted."""
        return [name for name in TOKEN_OUTPUTS if name in self.molecule_tower.outputs] if with_tokens else []

    def _collect_tokens(self, found: dict[str, np.ndarray]) -> TokenArrays:
        """Gather the tokens of a batch; a model may have none but concepts."""
        none = TokenArrays(np.empty((0, self.token_size), np.float32), np.empty(0, np.int64), np.empty(0, bool))
        given = {
            field: found[name] for field, name in zip(TokenArrays._fields, TOKEN_OUTPUTS, strict=True) if name in found
        }
        return none._replace(**given)

    def _file_of(self, tower: str) -> str:
        return tower_file(tower, self._precisions.get(tower, "float32"))

    def _open(self, tower: str, limits: dict[str, int] | None = None) -> OnnxTower:
        """Read the graph of a tower."""
        name = self._file_of(tower)
        return OnnxTower(find_file(self.folder, self.facts, name), limits, self.num_threads)
