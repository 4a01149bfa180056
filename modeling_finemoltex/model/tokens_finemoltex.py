"""The token score: how the words of a text find the motifs and atoms of a molecule, one by one.

Axes: `B` molecules or texts, `W` words of all texts, `U` tokens (motifs, then atoms) of all molecules, `D` token size,
`F` features of a word.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import initialization

from .molecules_finemoltex import Molecules
from .readout_finemoltex import FineMolTexReadout

LEVELS = ("both", "motif", "atom")
START = -2.0  # of the bias of a match: at first a word finds every eighth token
SHARPNESS = 6.0  # of the steps between counts
MAX_ENTRIES = 2**26  # of a word-by-token table; larger ones are computed in chunks of words


class MoleculeTokens(NamedTuple):
    """Token vectors of molecules.

    Args:
        vectors (`torch.FloatTensor` of shape `(U, D)`): Of motifs, then of atoms.
        molecule_of_token (`torch.LongTensor` of shape `(U,)`): Molecule of each.
        is_atom (`torch.BoolTensor` of shape `(U,)`): Atoms and motifs are counted apart.
    """

    vectors: Tensor
    molecule_of_token: Tensor
    is_atom: Tensor


class WordTokens(NamedTuple):
    """What the words of texts look for; padding is left out.

    Args:
        vectors (`torch.FloatTensor` of shape `(W, D)`): Direction of the tokens that a word means.
        biases (`torch.FloatTensor` of shape `(W,)`): How near is near enough.
        weights (`torch.FloatTensor` of shape `(W, F)`): What the word adds to the score for each of its features;
            negative under a negation.
        text_of_word (`torch.LongTensor` of shape `(W,)`): Text of each word.
    """

    vectors: Tensor
    biases: Tensor
    weights: Tensor
    text_of_word: Tensor


class FineMolTexMoleculeTokens(nn.Module):
    """Make the token vectors of molecules from their atom states.

    Shapes:
        - **input:** atom states `(N, H_graph)`, [`Molecules`]
        - **output:** [`MoleculeTokens`]
    """

    def __init__(self, hidden_size: int, config: Any) -> None:
        super().__init__()
        self.levels = config.levels
        self.norm = nn.LayerNorm(hidden_size)
        self.atom_projection = nn.Linear(hidden_size, config.size)
        self.motif_readout = FineMolTexReadout(hidden_size, config.size)

    def forward(self, atom_states: Tensor, molecules: Molecules) -> MoleculeTokens:
        """Make the tokens; see the shapes above."""
        states = self.norm(atom_states)  # (N, H_graph)
        motifs = self.motif_readout(states, molecules.atom_to_motif, molecules.num_motifs).float()  # (M, D)
        atoms = self.atom_projection(states).float()  # (N, D)
        owners = (molecules.molecule_of_motif, molecules.molecule_of_atom)
        if self.levels != "both":
            kept = 0 if self.levels == "motif" else 1
            vectors, owner = (motifs, atoms)[kept], owners[kept]
            return MoleculeTokens(vectors, owner, torch.full_like(owner, bool(kept), dtype=torch.bool))
        owner = torch.cat(owners)  # (U,)
        is_atom = torch.arange(len(owner), device=owner.device) >= len(motifs)
        return MoleculeTokens(torch.cat([motifs, atoms]), owner, is_atom)


class _StartsAtZero(nn.Linear):
    """A linear layer that says nothing before it is trained: the token score leaves the pooled score as it is."""

    def reset_own_parameters(self, config: Any) -> None:
        """Start at 0."""
        initialization.zeros_(self.weight)


class FineMolTexWordTokens(nn.Module):
    """Make of every word what it looks for, and what finding it is worth.

    Shapes:
        - **input:** word states `(B, T, H)`, mask `(B, T)`
        - **output:** [`WordTokens`]
    """

    def __init__(self, hidden_size: int, config: Any) -> None:
        super().__init__()
        self.size, self.learns_weights = config.size, config.learned_weights
        self.num_features = count_features(config)
        self.projection = nn.Linear(hidden_size, config.size + 1)
        self.weighting = _StartsAtZero(hidden_size, self.num_features)

    def forward(self, word_states: Tensor, attention_mask: Tensor) -> WordTokens:
        """Make the words; see the shapes above."""
        is_word = attention_mask.bool()
        states = word_states[is_word]  # (W, H)
        projected = self.projection(states).float()  # (W, D + 1)
        text_of_word = is_word.nonzero()[:, 0]
        if self.learns_weights:
            weights = self.weighting(states).float()  # (W, F)
        else:  # every word counts the same: whether it is found
            share = 1 / attention_mask.sum(1).float()[text_of_word]  # (W,)
            weights = F.pad(share[:, None], (0, self.num_features - 1)) * 8
        return WordTokens(projected[:, : self.size], projected[:, self.size] + START, weights, text_of_word)


def count_features(config: Any) -> int:
    """Number of features of a word, `F`: found at all, and at least 1, 2, ... times among motifs and among atoms."""
    return 1 + 2 * config.num_counts


def score_tokens(words: WordTokens, tokens: MoleculeTokens, num_texts: int, num_molecules: int) -> Tensor:
    r"""Score all texts with all molecules, word by token.

    \(s_{ij} = \sum_{t \in i} w_t \cdot \phi(t, j)\), where a word \(t\) fires at a token \(u\) with
    \(a_{tu} = \sigma(q_t z_u + b_t)\), and \(\phi\) holds whether it fires anywhere in molecule \(j\),
    \(1 - \prod_u (1 - a_{tu})\), and whether it fires at least \(k\) times among its motifs and among its atoms,
    \(\sigma(6(\sum_u a_{tu} - k + \tfrac12))\). The first is a smooth form of the maximum of late interaction
    (Khattab and Zaharia 2020); the others let "two" and "no" mean something.

    Args:
        words ([`WordTokens`]): `W` words of the texts.
        tokens ([`MoleculeTokens`]): `U` tokens of the molecules.
        num_texts, num_molecules (`int`): `B_text` and `B_molecule`.

    Returns:
        `torch.FloatTensor` of shape `(B_text, B_molecule)`.
    """
    rows = max(1, MAX_ENTRIES // max(1, len(tokens.vectors)))
    parts = [
        score_words(*part, tokens, num_molecules)
        for part in zip(words.vectors.split(rows), words.biases.split(rows), words.weights.split(rows), strict=True)
    ]
    by_word = torch.cat(parts)  # (W, B_molecule)
    return by_word.new_zeros(num_texts, num_molecules).index_add(0, words.text_of_word, by_word)


def score_words(
    vectors: Tensor, biases: Tensor, weights: Tensor, tokens: MoleculeTokens, num_molecules: int
) -> Tensor:
    """Score single words with molecules.

    Args:
        vectors (`torch.FloatTensor` of shape `(W, D)`), biases (`(W,)`), weights (`(W, F)`): Of the words.
        tokens ([`MoleculeTokens`]): `U` tokens.
        num_molecules (`int`): `B`.

    Returns:
        `torch.FloatTensor` of shape `(W, B)`.
    """
    # Tokens in rows: adding rows up by molecule is cheap.
    matches = torch.addmm(biases, tokens.vectors, vectors.T)  # (U, W)
    sums = matches.new_zeros(num_molecules, len(vectors))  # (B, W)
    owner, is_atom = tokens.molecule_of_token, tokens.is_atom
    missed = sums.index_add(0, owner, F.softplus(matches))  # minus the logarithm of the chance that no token is found
    score = weights[:, 0] * -torch.expm1(-missed)  # (B, W)
    num_counts = (weights.shape[1] - 1) // 2
    if num_counts:
        # Motifs and atoms are counted apart: the atoms' counts are rows B and on.
        fired = matches.new_zeros(2 * num_molecules, len(vectors))
        fired = fired.index_add(0, owner + num_molecules * is_atom, matches.sigmoid())  # (2B, W)
        for level, counts in enumerate(fired.chunk(2)):
            for step in range(num_counts):
                reached = (SHARPNESS * (counts - step - 0.5)).sigmoid()  # (B, W)
                score = score + weights[:, 1 + level * num_counts + step] * reached
    return score.T


__all__ = [
    "LEVELS",
    "FineMolTexMoleculeTokens",
    "FineMolTexWordTokens",
    "MoleculeTokens",
    "WordTokens",
    "score_tokens",
    "score_words",
]
