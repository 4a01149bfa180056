"""The token score: how the words of a text find the motifs and atoms of a molecule, one by one.

Axes: `B` molecules or texts, `W` words of all texts, `U` tokens (motifs, then atoms) of all molecules, `D` token size,
`F` features of a word, `K` structural concepts, `C` counts told apart.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import initialization

from .concepts_finemoltex import (
    FineMolTexMoleculeConcepts,
    FineMolTexWordConcepts,
    collect_demands,
    score_concepts,
)
from .gin_encoder_finemoltex import FineMolTexGraphLayer
from .molecules_finemoltex import Molecules, count_members
from .parts_finemoltex import Part
from .readout_finemoltex import FineMolTexReadout
from .recomputing_finemoltex import recompute, run_layer

STEEPNESS = 24.0  # of the smooth maximum of cosines
THRESHOLD = 0.5  # cosine from which on a word counts a token, at first
SHARPNESS = 12.0  # of that threshold
STEP_SHARPNESS = 6.0  # of the steps between counts
START = 8.0  # weight of the best cosine at first, in logits
FALL = 3  # power of the length by which the token score of a long text falls
CONCEPT_WORTH = 16.0  # of one condition that is met, in logits
EPS = 1e-12  # of a molecule without tokens
MAX_ENTRIES = 2**26  # of a word-by-token table; larger ones are computed in chunks of words


class MoleculeTokens(NamedTuple):
    """Token vectors of molecules.

    Args:
        vectors (`torch.FloatTensor` of shape `(U, D)`): Of motifs, then of atoms; L2-normalised.
        molecule_of_token (`torch.LongTensor` of shape `(U,)`): Molecule of each.
        is_atom (`torch.BoolTensor` of shape `(U,)`): Atoms and motifs are counted apart.
        concepts (`torch.FloatTensor` of shape `(B, K)`, *optional*): Counts of the structural concepts.
    """

    vectors: Tensor
    molecule_of_token: Tensor
    is_atom: Tensor
    concepts: Tensor | None = None


class WordTokens(NamedTuple):
    """What the words of texts look for; padding is left out.

    Args:
        vectors (`torch.FloatTensor` of shape `(W, D)`): Direction of the tokens that a word means; L2-normalised.
        thresholds (`torch.FloatTensor` of shape `(W,)`): Cosine from which on a token is counted.
        weights (`torch.FloatTensor` of shape `(W, F)`): What the word adds to the score for each of its features;
            negative under a negation.
        text_of_word (`torch.LongTensor` of shape `(W,)`): Text of each word.
        shares (`torch.FloatTensor` of shape `(W, K)`, *optional*): Which structural concepts the word names.
        amounts (`torch.FloatTensor` of shape `(W, C)`, *optional*): How many of it are wanted.
    """

    vectors: Tensor
    thresholds: Tensor
    weights: Tensor
    text_of_word: Tensor
    shares: Tensor | None = None
    amounts: Tensor | None = None


class FineMolTexMoleculeTokens(nn.Module):
    """Make the token vectors of molecules from their atom states, after layers of their own.

    Shapes:
        - **input:** atom states `(N, H_graph)`, [`Molecules`]
        - **output:** [`MoleculeTokens`]
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        hidden_size, sizes = config.graph_config.hidden_size, config.token_config
        self.levels, self.size = sizes.levels, sizes.size
        self.layers = nn.ModuleList(
            FineMolTexGraphLayer(config.graph_config, is_last=True) for _ in range(sizes.num_graph_layers)
        )
        self.norm = nn.LayerNorm(hidden_size)
        has_vectors = sizes.levels != "none"
        self.atom_projection = nn.Linear(hidden_size, sizes.size) if has_vectors else None
        self.motif_readout = FineMolTexReadout(hidden_size, sizes.size) if has_vectors else None
        self.concepts = FineMolTexMoleculeConcepts(hidden_size, sizes.num_concepts) if sizes.num_concepts else None

    def parts(self) -> dict[str, Part]:
        """Declare the layers with their read-outs, and the detectors."""
        readouts = () if self.atom_projection is None else (self.atom_projection, self.motif_readout)
        parts = {"molecule_tokens": Part("readout", (self.layers, self.norm, *readouts))}
        return parts if self.concepts is None else parts | {"molecule_concepts": Part("head", (self.concepts,))}

    def forward(self, atom_states: Tensor, molecules: Molecules) -> MoleculeTokens:
        """Make the tokens; see the shapes above."""
        states = self.refine(atom_states, molecules)  # (N, H_graph)
        concepts = None if self.concepts is None else self.concepts(states, molecules)  # (B, K)
        if self.atom_projection is None or self.motif_readout is None:
            nobody = molecules.molecule_of_atom[:0]  # (0,)
            return MoleculeTokens(states.new_zeros(0, self.size).float(), nobody, nobody.bool(), concepts)
        motifs = self.motif_readout(states, molecules.atom_to_motif, molecules.num_motifs).float()  # (M, D)
        atoms = self.atom_projection(states).float()  # (N, D)
        motifs, atoms = F.normalize(motifs, dim=-1), F.normalize(atoms, dim=-1)
        owners = (molecules.molecule_of_motif, molecules.molecule_of_atom)
        if self.levels != "both":
            kept = 0 if self.levels == "motif" else 1
            vectors, owner = (motifs, atoms)[kept], owners[kept]
            return MoleculeTokens(vectors, owner, torch.full_like(owner, bool(kept), dtype=torch.bool), concepts)
        owner = torch.cat(owners)  # (U,)
        is_atom = torch.arange(owner.shape[0], device=owner.device) >= motifs.shape[0]
        return MoleculeTokens(torch.cat([motifs, atoms]), owner, is_atom, concepts)

    def detect_concepts(self, atom_states: Tensor, molecules: Molecules) -> Tensor:
        """Detect the structural concepts of a model that has them, as logits. `(N, H_graph)` -> `(N, K)`."""
        return self.concepts.detect(self.refine(atom_states, molecules))

    def refine(self, atom_states: Tensor, molecules: Molecules) -> Tensor:
        """Run the own layers, each added to what it reads, and normalise. `(N, H_graph)` -> `(N, H_graph)`."""
        bonds = self.layers[0].bond_embedding.indicate(molecules.edge_features) if self.layers else None  # (E, R)
        for layer in self.layers:
            atom_states = atom_states + run_layer(layer, atom_states, molecules.edge_index, bonds)
        return self.norm(atom_states)


class _StartsAtZero(nn.Linear):
    """A linear layer that says nothing before it is trained: every word counts the same, by its best cosine."""

    def reset_own_parameters(self, config: Any) -> None:
        """Start at 0."""
        initialization.zeros_(self.weight)


class FineMolTexWordTokens(nn.Module):
    """Make of every word what it looks for, and what finding it is worth.

    The weights of a word are its share in the text, a softmax over the words, times a number for each of its features.

    Shapes:
        - **input:** word states `(B, T, H)`, mask `(B, T)`, word embeddings `(B, T, H_text)`
        - **output:** [`WordTokens`]
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        hidden_size, sizes = config.multimodal_config.hidden_size, config.token_config
        self.size, self.learns_weights = sizes.size, sizes.learned_weights
        self.projection = nn.Linear(hidden_size, sizes.size + 1)
        self.weighting = _StartsAtZero(hidden_size, 1 + count_features(sizes))
        self.concepts = FineMolTexWordConcepts(config) if sizes.num_concepts else None

    def parts(self) -> dict[str, Part]:
        """Declare the projection, what weighs words, and what reads concepts.

        A matrix of numbers that are added up is no map between states: it is trained as a head is.
        """
        parts = {
            "word_tokens": Part("readout", (self.projection,)),
            "word_weights": Part("head", (self.weighting,)),
        }
        return parts if self.concepts is None else parts | self.concepts.parts()

    def forward(self, word_states: Tensor, attention_mask: Tensor, word_embeds: Tensor) -> WordTokens:
        """Make the words; see the shapes above."""
        is_word = attention_mask.bool()
        text_of_word = is_word.nonzero()[:, 0]  # (W,)
        projected = self.projection(word_states[is_word]).float()  # (W, D + 1)
        weighting = self.weighting(word_states).float() * self.learns_weights  # (B, T, 1 + F)
        shares = weighting[..., 0].masked_fill(~is_word, float("-inf")).softmax(1)  # (B, T)
        values = weighting[..., 1:]  # (B, T, F)
        values = torch.cat([values[..., :1] + START, values[..., 1:]], dim=-1)
        return WordTokens(
            F.normalize(projected[:, : self.size], dim=-1),
            projected[:, self.size] + THRESHOLD,
            (shares[..., None] * values)[is_word],
            text_of_word,
            *(() if self.concepts is None else self.concepts(word_embeds, attention_mask)),
        )


def count_features(config: Any) -> int:
    """Number of features of a word, `F`: its best cosine, and at least 1, 2, ... of the motifs and of the atoms."""
    return 1 + 2 * config.num_counts


def score_tokens(words: WordTokens, tokens: MoleculeTokens, num_texts: int, num_molecules: int) -> Tensor:
    r"""Score all texts with all molecules, word by token.

    \(s_{ij} = \sum_{t \in i} w_t \cdot \phi(t, j)\). With the cosine \(c_{tu}\) of word \(t\) and token \(u\) of
    molecule \(j\), \(\phi\) holds the smooth maximum \(\tfrac1{24} \log \sum_u e^{24 c_{tu}}\), which is late
    interaction (Khattab and Zaharia 2020), and whether the word finds at least \(k\) motifs and at least \(k\) atoms,
    \(\sigma(6(n_{tj} - k + \tfrac12))\) with \(n_{tj} = \sum_u \sigma(12(c_{tu} - b_t))\). The counts, and weights
    below 0, let "two" and "no" mean something. With structural concepts, [`score_concepts`] is added.

    Args:
        words ([`WordTokens`]): `W` words of the texts.
        tokens ([`MoleculeTokens`]): `U` tokens of the molecules.
        num_texts, num_molecules (`int`): `B_text` and `B_molecule`.

    Returns:
        `torch.FloatTensor` of shape `(B_text, B_molecule)`.
    """
    of_words = (words.vectors, words.thresholds, words.weights)
    if torch.compiler.is_exporting():  # of any size, and so in one piece
        by_word = score_words(*of_words, tokens, num_molecules)
    else:
        rows = max(1, MAX_ENTRIES // max(1, len(tokens.vectors)))
        parts = list(zip(*(one.split(rows) for one in of_words), strict=True))
        scored = [_score_part(part, tokens, num_molecules, len(parts)) for part in parts]
        by_word = torch.cat(scored)  # (W, B_molecule)
    scores = by_word.new_zeros(num_texts, num_molecules).index_add(0, words.text_of_word, by_word)
    return scores + score_words_by_concept(words, tokens, words.text_of_word, num_texts)


def _score_part(part: tuple[Tensor, ...], tokens: MoleculeTokens, num_molecules: int, num_parts: int) -> Tensor:
    """Score some of the words; of several parts, the backward pass keeps the table of one at a time. -> `(w, B)`."""
    if num_parts == 1 or not torch.is_grad_enabled():
        return score_words(*part, tokens, num_molecules)
    return recompute(score_words, *part, tokens, num_molecules)


def weigh_texts(words: WordTokens, num_texts: int, sizes: Any) -> Tensor:
    """Say what the token score of each text is worth beside the pooled one.

    A long text says most in words that the token score has not learned, and the few that it has must not decide.

    Args:
        words ([`WordTokens`]): Words of the texts.
        num_texts (`int`): `B_text`.
        sizes ([`FineMolTexTokenConfig`]): `weight`, and `full_words`, up to which a text has it.

    Returns:
        `torch.FloatTensor` of shape `(B_text, 1)`.
    """
    weights = words.vectors.new_full((num_texts, 1), float(sizes.weight))
    if not sizes.full_words:
        return weights
    num_words = count_members(words.text_of_word, num_texts).clamp(min=1)[:, None]  # (B_text, 1)
    return weights * (sizes.full_words / num_words).clamp(max=1.0) ** FALL


def score_words_by_concept(words: WordTokens, tokens: MoleculeTokens, group_of_word: Tensor, num_groups: int) -> Any:
    """Score groups of words, texts or single words, by the structural concepts that they name.

    Args:
        words ([`WordTokens`]): `W` words.
        tokens ([`MoleculeTokens`]): Of `B` molecules.
        group_of_word (`torch.LongTensor` of shape `(W,)`): Group of each word.
        num_groups (`int`): `G`.

    Returns:
        `torch.FloatTensor` of shape `(G, B)`, or 0 if the model has no concepts.
    """
    if words.shares is None or words.amounts is None or tokens.concepts is None:
        return 0.0
    demands = collect_demands(words.shares, words.amounts, group_of_word, num_groups)  # C of (G, K)
    return CONCEPT_WORTH * score_concepts(demands, tokens.concepts)


def score_words(
    vectors: Tensor, thresholds: Tensor, weights: Tensor, tokens: MoleculeTokens, num_molecules: int
) -> Tensor:
    """Score single words with molecules.

    Args:
        vectors (`torch.FloatTensor` of shape `(W, D)`), thresholds (`(W,)`), weights (`(W, F)`): Of the words.
        tokens ([`MoleculeTokens`]): `U` tokens.
        num_molecules (`int`): `B`.

    Returns:
        `torch.FloatTensor` of shape `(W, B)`.
    """
    # Tokens in rows: adding rows up by molecule is cheap.
    cosines = tokens.vectors @ vectors.T  # (U, W)
    sums = cosines.new_zeros(num_molecules, vectors.shape[0])  # (B, W)
    owner, is_atom = tokens.molecule_of_token, tokens.is_atom
    # The largest terms are e^24: far from what float32 holds.
    best = sums.index_add(0, owner, (STEEPNESS * cosines).exp()).clamp(min=EPS).log() / STEEPNESS  # (B, W)
    score = weights[:, 0] * best
    num_counts = (weights.shape[1] - 1) // 2
    if num_counts:
        # Motifs and atoms are counted apart, in two rows a molecule.
        found = count_found(cosines, thresholds)  # (U, W)
        counted = cosines.new_zeros(2 * num_molecules, vectors.shape[0])
        counted = counted.index_add(0, 2 * owner + is_atom, found)  # (2B, W)
        for level, counts in enumerate(counted.view(num_molecules, 2, -1).unbind(1)):  # (B, W) each
            for step in range(num_counts):
                reached = (STEP_SHARPNESS * (counts - step - 0.5)).sigmoid()  # (B, W)
                score = score + weights[:, 1 + level * num_counts + step] * reached
    return score.T


def count_found(cosines: Tensor, thresholds: Tensor) -> Tensor:
    """Tell how surely each word finds each token, 0 to 1. `(U, W)`, `(W,)` -> `(U, W)`."""
    return (SHARPNESS * (cosines - thresholds)).sigmoid()


__all__ = [
    "FineMolTexMoleculeTokens",
    "FineMolTexWordTokens",
    "MoleculeTokens",
    "WordTokens",
    "count_found",
    "score_tokens",
    "score_words",
    "score_words_by_concept",
    "weigh_texts",
]
