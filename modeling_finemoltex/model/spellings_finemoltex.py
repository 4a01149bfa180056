"""How molecules are spelled: the tokens of their SMILES, as a view of the processor fills them.

Axes: `B` molecules, `L` tokens of the longest SMILES, `N` atoms of the whole batch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

PAD_ID, UNKNOWN_ID, FIRST_ID, LAST_ID, MASK_ID, RING_ID = range(6)  # as in the vocabulary of the processor
FIRST_RING_ID, END_RING_ID = 6, 36  # ring numbers
VOCABULARY_SIZE = 296
NO_ATOM = -1
PARTS = ("smiles_ids", "smiles_ends", "smiles_places")
OTHER, TARGET = "other_", "target_smiles_ids"
SPELLING_TENSORS = (*PARTS, *(f"{OTHER}{name}" for name in PARTS), TARGET)


@dataclass(frozen=True)
class Spelling:
    """Tokens of the SMILES of `B` molecules.

    Args:
        ids (`torch.LongTensor` of shape `(B, L)`): Tokens. `[CLS]` comes first, padding last.
        ends (`torch.LongTensor` of shape `(B, L, 2)`): The atoms that each token is about, numbered over the batch:
            twice the same of an atom, both ends of a bond, ring closure or branch, -1 where there is none.
        places (`torch.LongTensor` of shape `(N,)`): The token of each atom, numbered over the `B * L` slots.
    """

    ids: Tensor
    ends: Tensor
    places: Tensor

    @property
    def is_atom(self) -> Tensor:
        """Whether a token stands for an atom, `(B, L)`; of the parts of a bracket atom, the element does."""
        flat = torch.zeros(self.ids.numel(), dtype=torch.bool, device=self.ids.device)
        return flat.index_fill(0, self.places, True).view(self.ids.shape)

    def touches(self, atoms: Tensor) -> Tensor:
        """Tell which tokens are about some atoms. `(N,)` bool -> `(B, L)` bool."""
        return torch.nn.functional.pad(atoms, (0, 1))[self.ends].any(-1)  # number -1 is the last: no atom

    def select(self, rows: Tensor, atoms: Tensor, row_of_atom: Tensor, shifts: Tensor) -> "Spelling":
        """Take some molecules.

        Args:
            rows (`torch.LongTensor` of shape `(R,)`): Numbers of the molecules.
            atoms (`torch.LongTensor` of shape `(N',)`): Their atoms, molecule by molecule.
            row_of_atom (`torch.LongTensor` of shape `(N',)`): The place in `rows` of each.
            shifts (`torch.LongTensor` of shape `(R,)`): What is added to the numbers of the atoms of each molecule.
        """
        ends = self.ends[rows]  # (R, L, 2)
        moved = (row_of_atom - rows[row_of_atom]) * self.ids.shape[1]  # (N',)
        return Spelling(
            self.ids[rows],
            torch.where(ends == NO_ATOM, ends, ends + shifts[:, None, None]),
            self.places[atoms] + moved,
        )

    def leave_out(self, keeps: Tensor) -> "Spelling":
        """Leave atoms out, with every token about them; their slots become padding.

        Args:
            keeps (`torch.BoolTensor` of shape `(N,)`): Atoms that stay, and are numbered anew.
        """
        goes = self.touches(~keeps)  # (B, L)
        numbers = torch.nn.functional.pad(keeps.cumsum(0) - 1, (0, 1), value=NO_ATOM)  # (N + 1,)
        return Spelling(
            self.ids.masked_fill(goes, PAD_ID),
            numbers[self.ends].masked_fill(goes[..., None], NO_ATOM),
            self.places[keeps],
        )

    def to(self, device: torch.device | str) -> "Spelling":
        """Copy to a device."""
        return Spelling(self.ids.to(device), self.ends.to(device), self.places.to(device))


def read_spellings(views: Mapping[str, Tensor | None]) -> dict[str, Any]:
    """Pack the tensors of spellings among those of all views, as far as they are given.

    Args:
        views (mapping of `str` to `torch.Tensor`): Of the canonical SMILES `smiles_ids` (B, L), `smiles_ends` (B, L,
            2) and `smiles_places` (N,); the same after `other_` of random ones; and `target_smiles_ids` (B, L').

    Returns:
        `dict`: `spelling` and `other_spelling`, each a [`Spelling`] or `None`, `target_ids`, and whatever else `views`
        holds.

    Raises:
        ValueError: If a part of a spelling is missing.
    """
    spelling, other_spelling = (_pack(*(views.get(f"{prefix}{name}") for name in PARTS)) for prefix in ("", OTHER))
    others = {name: tensor for name, tensor in views.items() if name not in SPELLING_TENSORS}
    return {**others, "spelling": spelling, "other_spelling": other_spelling, "target_ids": views.get(TARGET)}


def _pack(ids: Tensor | None, ends: Tensor | None, places: Tensor | None) -> Spelling | None:
    if ids is None and ends is None and places is None:
        return None
    if ids is None or ends is None or places is None:
        raise ValueError(
            "The SMILES of a batch are `smiles_ids`, `smiles_ends` and `smiles_places`, and some of them are missing. "
            "Give all that the processor returns for `smiles`."
        )
    return Spelling(ids, ends, places)


__all__ = ["SPELLING_TENSORS", "Spelling", "read_spellings"]
