"""Structural concepts: how often a molecule holds each group, ring and element, and what words ask of them.

A concept bottleneck (Koh et al. 2020) that both sides read: atoms add up to counts, words name concepts and say how
many of them are wanted. Axes: `B` molecules or texts, `W` words of all texts, `K` concepts, `C` counts told apart.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import initialization

from .molecules_finemoltex import Molecules
from .parts_finemoltex import Part
from .word_layers_finemoltex import FineMolTexWordLayer, put_in_a_row

SILENT = -6.0  # of an atom's logit for each concept, at first
SHARPNESS = 8.0  # of the steps between counts
TINY = 1e-6  # of probabilities under a logarithm or a fraction


class _SilentDetectors(nn.Linear):
    """One detector a concept; none fires before it is trained."""

    def reset_own_parameters(self, config: Any) -> None:
        """Start below the threshold."""
        initialization.constant_(self.bias, SILENT)


class FineMolTexMoleculeConcepts(nn.Module):
    """Count the concepts of molecules: each atom says how much of each it holds.

    Shapes:
        - **input:** atom states `(N, H_graph)`, [`Molecules`]
        - **output:** `(B, K)`, from 0 on
    """

    def __init__(self, hidden_size: int, num_concepts: int) -> None:
        super().__init__()
        self.detectors = _SilentDetectors(hidden_size, num_concepts)

    def detect(self, atom_states: Tensor) -> Tensor:
        """Tell how much of each concept each atom holds, 0 to 1, as logits. `(N, H_graph)` -> `(N, K)`."""
        return self.detectors(atom_states).float()

    def forward(self, atom_states: Tensor, molecules: Molecules) -> Tensor:
        """Add the atoms up; see the shapes above."""
        held = self.detect(atom_states).sigmoid()  # (N, K)
        return add_up_atoms(held, molecules.molecule_of_atom, molecules.num_molecules)


class FineMolTexWordConcepts(nn.Module):
    r"""Tell which concepts each word names, and which numbers of them are wanted.

    A text names concept \(k\) if any of its words does, \(A_k = 1 - \prod_t (1 - a_{tk})\), and words that name the
    same one share it: word \(t\) has the share \(A_k\, a_{tk} / \sum_{t'} a_{t'k}\).

    It reads the words themselves, not the states of the text encoder: those say more of the whole text than of their
    word.

    Shapes:
        - **input:** word embeddings `(B, T, H_text)`, mask `(B, T)`
        - **output:** shares `(W, K)`, whose sum over the words of a text is at most 1; worth of at least 1, 2, ... of
          a concept `(W, C)`, negative where so many are not wanted
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        width, sizes = config.text_config.hidden_size, config.token_config
        self.input_norm = nn.LayerNorm(width, eps=config.text_config.layer_norm_eps)
        self.layers = nn.ModuleList(FineMolTexWordLayer(width) for _ in range(sizes.num_text_layers))
        self.naming = nn.Linear(width, sizes.num_concepts + 1)  # the last one: no concept
        self.amounts = nn.Linear(width, sizes.num_concept_counts)

    def parts(self) -> dict[str, Part]:
        """Declare the layers, and what names and counts."""
        return {
            "concept_layers": Part("head", (self.input_norm, self.layers)),
            "word_concepts": Part("head", (self.naming, self.amounts)),
        }

    def forward(self, word_embeds: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Read the words; see the shapes above."""
        is_word = attention_mask.bool()
        text_of_word = is_word.nonzero()[:, 0]  # (W,)
        # All texts in one row, as far apart as the layers reach: padding would be most of the work.
        places, is_place = put_in_a_row(is_word)  # (W,), (L,)
        row = word_embeds.new_zeros(is_place.shape[0], word_embeds.shape[2])
        row = row.index_copy(0, places, self.input_norm(word_embeds[is_word]).to(row))[None]  # (1, L, H_text)
        for layer in self.layers:
            row = layer(row, is_place[None])
        states = row[0, places]  # (W, H_text)
        names = self.naming(states).float().softmax(-1)[:, :-1]  # (W, K)
        empty = names.new_zeros(is_word.shape[0], names.shape[1])  # (B, K)
        misses = empty.index_add(0, text_of_word, torch.log1p(-names.clamp(max=1 - TINY)))
        sums = empty.index_add(0, text_of_word, names).clamp(min=TINY)
        shares = names * (-torch.expm1(misses) / sums)[text_of_word]
        return shares, self.amounts(states).float()


def add_up_atoms(values: Tensor, molecule_of_atom: Tensor, num_molecules: int) -> Tensor:
    """Add values of atoms up by molecule. `(N, K)`, `(N,)`, `B` -> `(B, K)`."""
    return values.new_zeros(num_molecules, values.shape[1]).index_add(0, molecule_of_atom, values)


def reach_counts(counts: Tensor, count: int) -> Tensor:
    r"""Tell how surely there are at least so many of each concept, as a logit. `(B, K)` -> `(B, K)`.

    \(8(n_{jk} - c + \tfrac12)\).
    """
    return SHARPNESS * (counts - count + 0.5)


def collect_demands(shares: Tensor, amounts: Tensor, text_of_word: Tensor, num_texts: int) -> list[Tensor]:
    r"""Add up what the words of each text want: \(u_{ikc} = \sum_{t \in i} a_{tk} q_{tc}\).

    Args:
        shares (`torch.FloatTensor` of shape `(W, K)`), amounts (`(W, C)`): Of [`FineMolTexWordConcepts`].
        text_of_word (`torch.LongTensor` of shape `(W,)`): Text of each word.
        num_texts (`int`): `B`.

    Returns:
        `list[torch.FloatTensor]`: For each of the `C` counts one of shape `(B, K)`.
    """
    empty = shares.new_zeros(num_texts, shares.shape[1])  # (B, K)
    return [empty.index_add(0, text_of_word, shares * amount[:, None]) for amount in amounts.unbind(1)]


def score_concepts(demands: list[Tensor], counts: Tensor) -> Tensor:
    r"""Score texts with molecules: what is wanted, where it is there.

    \(\sum_{kc} u_{ikc}\,\sigma(8(n_{jk} - c + \tfrac12))\).

    Args:
        demands (`list[torch.FloatTensor]`): `C` of shape `(B_text, K)`.
        counts (`torch.FloatTensor` of shape `(B_molecule, K)`): Of [`FineMolTexMoleculeConcepts`].

    Returns:
        `torch.FloatTensor` of shape `(B_text, B_molecule)`.
    """
    parts = [demand @ reach_counts(counts, step).sigmoid().T for step, demand in enumerate(demands, start=1)]
    return torch.stack(parts).sum(0)


__all__ = [
    "FineMolTexMoleculeConcepts",
    "FineMolTexWordConcepts",
    "add_up_atoms",
    "collect_demands",
    "reach_counts",
    "score_concepts",
]
