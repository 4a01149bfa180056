"""Training that stops when it has failed, and that goes on with the rows it was started with."""

import hashlib
import itertools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from torch import Tensor, nn

ROWS_FILE = "training_rows.json"  # in every checkpoint
_HASHED_IDS = ("pair_ids", "molecule_ids", "text_ids")
_IDENTIFYING = (*_HASHED_IDS, "input_ids", "atom_features", "motif_ids", "labels", "smiles", "text")
_SHOWN_ROWS = 32


class GuardedTraining:
    """Mix into a `Trainer`, before it. Rows are named by their `pair_ids`, if they have some.

    A loss, a gradient or a weight that is not finite stops training before it reaches the weights or a checkpoint, so
    the checkpoints that are there stay good. A checkpoint knows the rows of its run, and refuses to go on with others.
    """

    _step_rows: list[int]

    def training_step(self, model: nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Tensor:
        """Run a batch forward and backward, and check its loss."""
        rows = inputs.get("pair_ids")
        rows = [] if rows is None else rows.tolist()
        self._step_rows = [*getattr(self, "_step_rows", []), *rows]
        loss = super().training_step(model, inputs, *args, **kwargs)  # type: ignore[misc]
        if not bool(torch.isfinite(loss)):
            self._stop(f"the loss is {float(loss)}, not a finite number", rows)
        return loss

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        """Check the gradients of all batches of a step, before the optimizer uses them."""
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)  # type: ignore[misc]
        rows, self._step_rows = self._step_rows, []
        # In float16 the loss scale is lowered by such steps, which the optimizer leaves out.
        if norm is not None and not math.isfinite(norm) and self.accelerator.scaler is None:
            self._stop(f"the norm of the gradient is {float(norm)}, not a finite number", rows)
        return norm

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Save, unless the weights are damaged."""
        state = itertools.chain(self.model.named_parameters(), self.model.named_buffers())
        damaged = [name for name, one in state if one.is_floating_point() and not bool(one.isfinite().all())]
        if damaged:
            shown = ", ".join(damaged[:3])
            self._stop(f"{len(damaged)} weights are not finite (NaN or infinite): {shown}", [], done=True)
        super()._save_checkpoint(model, trial)  # type: ignore[misc]

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None) -> None:
        """Save, and note the rows of the run."""
        super()._save(output_dir, state_dict)  # type: ignore[misc]
        if self.args.should_save and self.train_dataset is not None:
            folder = Path(output_dir if output_dir is not None else self.args.output_dir)
            if folder.name.startswith("checkpoint-"):
                (folder / ROWS_FILE).write_text(json.dumps(hash_rows(self.train_dataset)) + "\n", encoding="utf-8")

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        """Load the weights to go on with, after a look at the rows."""
        file = Path(resume_from_checkpoint, ROWS_FILE)
        if file.is_file() and self.train_dataset is not None:  # earlier versions wrote none
            known, found = json.loads(file.read_text(encoding="utf-8")), hash_rows(self.train_dataset)
            if found["rows"] is not None and known != found:
                raise ValueError(
                    f"The training data changed: {resume_from_checkpoint} was trained on {known['rows']} rows with "
                    f"the hash {known['hash']}, these are {found['rows']} rows with the hash {found['hash']}. Go on "
                    "with the old data, or start a new run in another output folder."
                )
        super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]

    def _stop(self, what: str, rows: list[int], done: bool = False) -> None:
        step = self.state.global_step + (not done)
        shown = ", ".join(map(str, rows[:_SHOWN_ROWS])) + (", ..." if len(rows) > _SHOWN_ROWS else "")
        raise ValueError(
            f"Training stopped in step {step}: {what}. "
            + (f"The pairs of the batch are rows {shown} of the training data. " if rows else "")
            + f"No weight was saved since; the checkpoints in {self.args.output_dir} are as they were. Go on from the "
            "last one with a lower learning rate, or without rows that are at fault."
        )


def hash_rows(rows: Any) -> dict[str, Any]:
    """Count and hash training rows by what identifies them.

    Args:
        rows (`datasets.Dataset` or sequence of `dict`): `R` rows.

    Returns:
        `dict`: `rows`, their number, and `hash`; both `None` for a stream, which cannot be read twice.

    Example:
    >>> hash_rows([{"text": "an alcohol"}]) == hash_rows([{"text": "an acid"}])
    False
    """
    if not hasattr(rows, "__len__") or not hasattr(rows, "__getitem__"):
        return {"rows": None, "hash": None}
    digest = hashlib.sha256(str(len(rows)).encode())
    if isinstance(rows, datasets.Dataset):
        names = [name for name in _IDENTIFYING if name in rows.column_names]
        own = [name for name in names if name in _HASHED_IDS] or names  # these are hashes themselves
        for name in own:
            for batch in rows.select_columns([name]).with_format("arrow").iter(10_000):
                digest.update(repr(batch.column(name).to_pylist()).encode())
    else:
        for row in rows:
            facts = {name: row[name] for name in _IDENTIFYING if isinstance(row, Mapping) and name in row}
            digest.update(repr({name: np.asarray(one).tolist() for name, one in facts.items()}).encode())
    return {"rows": len(rows), "hash": digest.hexdigest()[:16]}


__all__ = ["ROWS_FILE", "GuardedTraining", "hash_rows"]
