"""Perturbed training batches: bonds moved, atoms and words hidden, so that no single one can be relied on."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..model.configuration_finemoltex import FineMolTexConfig
from ..model.encoders_finemoltex import MOLECULE_ENCODERS
from ..model.graph_views_finemoltex import ViewDraw, check_views, mask_attributes, perturb_edges
from ..model.masking_finemoltex import hash_uniform
from ..model.molecules_finemoltex import MOLECULE_TENSORS, Molecules

BOND_STREAM, ATOM_STREAM, WORD_STREAM = 32, 33, 34  # of the draws


@dataclass(frozen=True)
class PerturbationShares:
    """Shares of what is changed in a training batch.

    Args:
        bonds (`float`): Of the bonds of a molecule that are moved elsewhere.
        atoms (`float`): Of the atoms whose features are hidden.
        words (`float`): Of the words that are hidden.

    Raises:
        ValueError: If a share does not lie in [0, 1).
    """

    bonds: float = 0.0
    atoms: float = 0.0
    words: float = 0.0

    def __post_init__(self) -> None:
        """Check the shares."""
        for name, share in vars(self).items():
            if not 0 <= share < 1:
                raise ValueError(f"The share of perturbed {name} must lie in [0, 1): got {share}.")

    def __bool__(self) -> bool:
        """Whether anything is changed."""
        return any(vars(self).values())


class Perturbation:
    """Change the molecules and texts of a training batch.

    What is changed follows from the seeds, which follow from pair and step alone: several processes and a resumed run
    do the same. The ways of changing a molecule are those of `graph_views_finemoltex`.

    Args:
        shares ([`PerturbationShares`]): How much is changed.
        config ([`FineMolTexConfig`]): Of the model: its atom features and its [MASK] word.

    Raises:
        ValueError: If molecules are to be changed for an encoder that reads more than atoms and bonds.
    """

    def __init__(self, shares: PerturbationShares, config: FineMolTexConfig) -> None:
        graph = config.graph_config
        if shares.bonds or shares.atoms:
            check_views(graph.encoder, MOLECULE_ENCODERS[graph.encoder].needs)
        self.shares = shares
        self.mask_row = tuple(size - 1 for size in (*graph.atom_feature_sizes, *graph.rare_feature_sizes))
        self.mask_token_id, self.special_token_ids = config.mask_token_id, list(config.special_token_ids)

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Change a batch.

        Args:
            inputs (`dict`): `B` pairs with `seeds (B,)`.

        Returns:
            `dict`: The batch with other `edge_index`, `atom_features` and `input_ids`, of the same shapes.
        """
        seeds, changed = inputs["seeds"], dict(inputs)
        if self.shares.bonds or self.shares.atoms:
            molecules = Molecules.from_tensors(**{name: inputs.get(name) for name in MOLECULE_TENSORS})
            molecules = perturb_edges(molecules, self.shares.bonds, ViewDraw(seeds, BOND_STREAM))
            molecules = mask_attributes(molecules, self.shares.atoms, ViewDraw(seeds, ATOM_STREAM, self.mask_row))
            changed |= {name: getattr(molecules, name) for name in ("edge_index", "atom_features")}
        if self.shares.words:
            changed["input_ids"] = self._hide_words(inputs["input_ids"], seeds)
        return changed

    def _hide_words(self, input_ids: Tensor, seeds: Tensor) -> Tensor:
        """Replace words by [MASK]. `(B, T)`, `(B,)` -> `(B, T)`."""
        is_drawn = hash_uniform(seeds, input_ids.shape[1], WORD_STREAM) < self.shares.words  # (B, T)
        is_word = ~torch.isin(input_ids, input_ids.new_tensor(self.special_token_ids))  # (B, T)
        return torch.where(is_drawn & is_word, self.mask_token_id, input_ids)


__all__ = ["Perturbation", "PerturbationShares"]
