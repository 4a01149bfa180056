"""Rows of the feature cache, or raw pairs -> one batch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from .processing_finemoltex import FineMolTexProcessor
from .views_finemoltex import Column

_ID_COLUMNS = ("pair_ids", "molecule_ids", "text_ids")
_RAW_MOLECULE, _RAW_TEXT = "smiles", "text"


class FineMolTexDataCollator:
    """Collate rows: reshape and join molecules, pad texts to the longest of the batch.

    Rows of `featurize_pairs` are ready; raw rows with `smiles` and `text` are featurised and tokenised here, which
    costs as much as the forward pass of a small model: cache them for training.

    Args:
        processor (`FineMolTexProcessor`): Gives the padding token and side, and joins molecules.
        pad_to_multiple_of (`int`, *optional*): Round the text length up, for tensor cores or static shapes.

    Example:
    >>> batch = FineMolTexDataCollator(processor)([{"smiles": "CCO", "text": "an alcohol"}])
    >>> batch["motif_counts"].tolist(), tuple(batch["atom_features"].shape)
    ([1], (3, 12))
    """

    def __init__(self, processor: FineMolTexProcessor, pad_to_multiple_of: int | None = None):
        self.processor = processor
        self.pad_to_multiple_of = pad_to_multiple_of

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Make one batch.

        Args:
            rows (`list[dict]`): `B` rows with the flat columns of the feature extractor (`atom_features`,
                `edge_index`, `edge_features`, `atom_to_motif`, `motif_ids`, `motif_positions`) or `smiles`, and/or
                with `input_ids` or `text`; optionally `pair_ids`, `molecule_ids`, `text_ids`, `labels`, and of
                structure queries `facts` (flat pairs of fact and count) and `conditions` (flat triples of fact, least
                and most). Other columns are dropped.

        Returns:
            `dict[str, torch.Tensor]`: `input_ids` and `attention_mask` (B, T), the molecule tensors, ids (B,) of
            64-bit integers, and `labels` (B,) or (B, K), float with NaN for missing if any label is a float; with
            facts `fact_counts` (B, F), and with queries `conditions` (B, C, 3), -1 where nothing is known or asked.

        Raises:
            ValueError: If there is no row, a molecule is bad, or the rows hold neither molecules nor texts.
        """
        if not rows:
            raise ValueError("Cannot collate an empty list of rows.")
        extractor = self.processor.feature_extractor
        batch: dict[str, torch.Tensor] = {}
        if "input_ids" in rows[0]:
            batch.update(self._pad_texts([np.asarray(row["input_ids"], dtype=np.int64) for row in rows]))
        elif _RAW_TEXT in rows[0]:
            tokens = self.processor.tokenize_texts([row[_RAW_TEXT] for row in rows], truncation=True)["input_ids"]
            batch.update(self._pad_texts([np.asarray(ids, dtype=np.int64) for ids in tokens]))
        columns = extractor.columns
        if any(name in rows[0] for name in columns):
            batch.update(extractor.collate([_restore(row, columns) for row in rows], return_tensors="pt"))
        elif _RAW_MOLECULE in rows[0]:
            found = [extractor.featurize(row[_RAW_MOLECULE], place) for place, row in enumerate(rows)]
            batch.update(extractor.collate(found, return_tensors="pt"))
        if not batch:
            raise ValueError(
                f"The rows have neither molecules nor texts: their columns are {', '.join(rows[0]) or 'none'}. Make "
                "them with `featurize_pairs`, or give `smiles` and `text`. A `Trainer` drops raw columns unless it "
                "has `remove_unused_columns=False`."
            )
        for name in _ID_COLUMNS:
            if name in rows[0]:
                batch[name] = torch.tensor([int(row[name]) for row in rows], dtype=torch.long)
        batch.update(_lay_out_facts(rows))
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


def _restore(row: Mapping[str, Any], columns: Mapping[str, Column]) -> dict[str, np.ndarray]:
    """Give the flat columns of a cached molecule their types and widths back."""
    missing = [name for name in columns if name not in row]
    if missing:
        raise ValueError(
            f"The rows lack the columns {', '.join(missing)} of a molecule; they have {', '.join(row)}. Make them "
            "with `featurize_pairs` of this version and the processor's views."
        )
    return {
        name: np.asarray(row[name], dtype=dtype).reshape((-1,) if width is None else (-1, width))
        for name, (dtype, width) in columns.items()
    }


def _lay_out_facts(rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """Lay out facts `(B, F)` int16 and conditions `(B, C, 3)` long, if any; -1 where a row has none."""
    known, asked = (
        [np.asarray(row.get(name) if row.get(name) is not None else (), dtype=np.int64) for row in rows]
        for name in ("facts", "conditions")
    )
    known, asked = [one.reshape(-1, 2) for one in known], [one.reshape(-1, 3) for one in asked]
    last = [int(table[:, 0].max()) for table in (*known, *asked) if len(table)]
    if all(row.get(name) is None for row in rows for name in ("facts", "conditions")):
        return {}
    counts = torch.full((len(rows), max(last, default=0) + 1), -1, dtype=torch.int16)
    conditions = torch.full((len(rows), max(map(len, asked)), 3), -1, dtype=torch.long)
    for place, (row, pairs, triples) in enumerate(zip(rows, known, asked, strict=True)):
        if row.get("facts") is not None:
            counts[place] = 0
            counts[place, pairs[:, 0]] = torch.from_numpy(pairs[:, 1]).short()
        conditions[place, : len(triples)] = torch.from_numpy(triples)
    return {"fact_counts": counts} | ({"conditions": conditions} if conditions.shape[1] else {})


def _stack_labels(labels: list[Any]) -> torch.Tensor:
    """Labels as (B,) or (B, K): long if all are whole numbers, else float with NaN where a label is missing."""
    plain = [label.tolist() if hasattr(label, "tolist") else label for label in labels]  # arrays, tensors, scalars
    stacked = np.array(plain, dtype=object)
    if all(isinstance(one, int) for one in stacked.reshape(-1)):
        return torch.from_numpy(stacked.astype(np.int64))
    return torch.from_numpy(stacked.astype(np.float32))  # None becomes NaN
