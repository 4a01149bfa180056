"""Rows of the feature cache -> one batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from .feature_extraction_finemoltex import MoleculeGraph
from .processing_finemoltex import FineMolTexProcessor

# Flattened columns of a cached molecule: shape of one row's array and its type.
_MOLECULE_COLUMNS = {
    "atom_features": ((-1, 9), np.uint8),
    "bond_index": ((-1, 2), np.uint16),
    "bond_features": ((-1, 3), np.uint8),
    "atom_to_motif": ((-1,), np.uint16),
    "motif_ids": ((-1,), np.int32),
    "motif_positions": ((-1,), np.uint16),
}
_ID_COLUMNS = ("pair_ids", "molecule_ids", "text_ids")


class FineMolTexDataCollator:
    """Collate cached rows: reshape and concatenate molecules, pad texts to the longest of the batch.

    Args:
        processor (`FineMolTexProcessor`): Gives the padding token and side, and joins molecules.
        pad_to_multiple_of (`int`, *optional*): Round the text length up, for tensor cores or static shapes.

    Example:
    >>> loader = DataLoader(dataset, batch_size=32, collate_fn=FineMolTexDataCollator(processor))  # doctest: +SKIP
    """

    def __init__(self, processor: FineMolTexProcessor, pad_to_multiple_of: int | None = None):
        self.processor = processor
        self.pad_to_multiple_of = pad_to_multiple_of

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Make one batch.

        Args:
            rows (`list[dict]`): `B` rows with the flat columns `atom_features`, `bond_index`, `bond_features`,
                `atom_to_motif`, `motif_ids`, `motif_positions` and/or `input_ids`; optionally `pair_ids`,
                `molecule_ids`, `text_ids`, `labels`. Other columns are dropped.

        Returns:
            `dict[str, torch.Tensor]`: `input_ids` and `attention_mask` (B, T), the molecule tensors, ids (B,) of
            64-bit integers, and `labels` (B,) or (B, K), float with NaN for missing if any label is a float.
        """
        if not rows:
            raise ValueError("Cannot collate an empty list of rows.")
        batch: dict[str, torch.Tensor] = {}
        if "input_ids" in rows[0]:
            batch.update(self._pad_texts([np.asarray(row["input_ids"], dtype=np.int64) for row in rows]))
        if "atom_features" in rows[0]:
            graphs = [_restore_graph(row) for row in rows]
            batch.update(self.processor.feature_extractor.collate(graphs, return_tensors="pt"))
        for name in _ID_COLUMNS:
            if name in rows[0]:
                batch[name] = torch.tensor([int(row[name]) for row in rows], dtype=torch.long)
        if "labels" in rows[0]:
            batch["labels"] = _stack_labels([row["labels"] for row in rows])
        return batch

    def _pad_texts(self, texts: Sequence[np.ndarray]) -> dict[str, torch.Tensor]:
        """Pad `B` token sequences to `input_ids` and `attention_mask` of shape (B, T)."""
        lengths = np.array([len(text) for text in texts])
        multiple = self.pad_to_multiple_of or 1
        width = -(-int(lengths.max()) // multiple) * multiple
        slots = np.arange(width)
        if self.processor.tokenizer.padding_side == "left":
            mask = slots >= width - lengths[:, None]  # (B, T)
        else:
            mask = slots < lengths[:, None]  # (B, T)
        input_ids = np.full(mask.shape, self.processor.tokenizer.pad_token_id, dtype=np.int64)
        input_ids[mask] = np.concatenate(texts)
        return {"input_ids": torch.from_numpy(input_ids), "attention_mask": torch.from_numpy(mask.astype(np.int64))}


def _restore_graph(row: dict[str, Any]) -> MoleculeGraph:
    return MoleculeGraph(
        *(np.asarray(row[name], dtype=dtype).reshape(shape) for name, (shape, dtype) in _MOLECULE_COLUMNS.items())
    )


def _stack_labels(labels: list[Any]) -> torch.Tensor:
    """Labels as (B,) or (B, K): long if all are whole numbers, else float with NaN where a label is missing."""
    plain = [label.tolist() if hasattr(label, "tolist") else label for label in labels]  # arrays, tensors, scalars
    stacked = np.array(plain, dtype=object)
    if all(isinstance(one, int) for one in stacked.reshape(-1)):
        return torch.from_numpy(stacked.astype(np.int64))
    return torch.from_numpy(stacked.astype(np.float32))  # None becomes NaN
