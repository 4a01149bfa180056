"""Which words of a query found which atoms of a molecule, by the token score."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..embedding.encoder import MoleculeTextEncoder
from ..model.molecules_finemoltex import Molecules
from ..model.tokens_finemoltex import MoleculeTokens, WordTokens, count_found, score_words, score_words_by_concept
from .prepared_pairs import AlignedMotif, prepare_pairs
from .words import Word

FOUND = 0.5  # a word fires at a token from here on
TELLING = 0.25  # of the largest contribution: smaller ones are not shown
TINY = 1e-6  # of a largest contribution, in cosines


@dataclass(frozen=True, eq=False)
class TokenMatches:
    """What each word of a text adds to the score of a molecule, and where it fires.

    Args:
        smiles (`str`): The molecule.
        text (`str`): The text.
        words (list of `Word`): The `W` words that the model read.
        contributions (`np.ndarray` of shape `(W,)`): What each word adds, in the unit of cosines; below 0 where it
            counts against the molecule.
        rest (`float`): What the marks at both ends of the text and its punctuation add.
        by_atom (`np.ndarray` of shape `(W, N)`): How surely each word finds each atom, 0 to 1, or its motif. Atoms
            are in the order of the SMILES.
    """

    smiles: str
    text: str
    words: list[Word]
    contributions: np.ndarray
    rest: float
    by_atom: np.ndarray

    @property
    def word_weights(self) -> np.ndarray:
        """What each word adds, as a share of the largest contribution, `(W,)`; 0 where it adds nothing or less."""
        return self.contributions.clip(min=0) / max(float(self.contributions.max(initial=0.0)), TINY)

    def telling_words(self) -> list[int]:
        """Number the words that add most, best first: those from a quarter of the largest contribution on."""
        order = np.argsort(-self.contributions, kind="stable")
        return [int(word) for word in order if self.word_weights[word] >= TELLING]

    def find_motifs(self, motifs: Sequence[AlignedMotif]) -> np.ndarray:
        """Tell how surely each word finds an atom of each of `K` motifs, `(K, W)` from 0 to 1."""
        return np.stack([self.by_atom[:, motif.atoms].max(axis=1) for motif in motifs])

    def atoms_of(self, word: int) -> list[int]:
        """List the atoms that a word finds."""
        return np.flatnonzero(self.by_atom[word] >= FOUND).tolist()

    def highlighted(self) -> list[int]:
        """List the atoms that any telling word finds."""
        return sorted({atom for word in self.telling_words() for atom in self.atoms_of(word)})

    def to_dict(self) -> dict[str, Any]:
        """Give words, contributions and atoms as JSON-able values."""
        return {
            "smiles": self.smiles,
            "text": self.text,
            "words": [
                {**word._asdict(), "contribution": round(float(value), 4), "atoms": self.atoms_of(place)}
                for place, (word, value) in enumerate(zip(self.words, self.contributions, strict=True))
            ],
            "highlighted_atoms": self.highlighted(),
        }


@torch.inference_mode()
def match_tokens(encoder: MoleculeTextEncoder, smiles: Sequence[str], text: str) -> list[TokenMatches]:
    """Tell for each molecule which words of a text found which of its atoms.

    Args:
        encoder (`MoleculeTextEncoder`): Of a model with a token score.
        smiles (sequence of `str`): Molecules.
        text (`str`): One text for all of them.

    Returns:
        `list[TokenMatches]`, one a molecule.

    Raises:
        ValueError: If the model has no token score, a molecule cannot be parsed, or the text has no words.
    """
    model = encoder.model.base_model
    pairs = prepare_pairs(encoder.processor, smiles, [text] * len(smiles), encoder.max_length)
    inputs = {name: tensor.to(model.device) for name, tensor in pairs.inputs.items()}
    input_ids, mask = inputs.pop("input_ids")[:1], inputs.pop("attention_mask")[:1]  # (1, T) each
    molecules = Molecules.from_tensors(**inputs)
    tokens = model.tokenize_molecules(model.encode_atoms(molecules), molecules)
    states, _ = model.encode_words(input_ids, mask)  # (1, T, H)
    pieces = model.tokenize_words(states, input_ids, mask)  # T
    added = score_words(pieces.vectors, pieces.thresholds, pieces.weights, tokens, len(smiles))  # (T, B)
    places = torch.arange(len(pieces.vectors), device=model.device)  # every piece by itself
    added = added + score_words_by_concept(pieces, tokens, places, len(places))
    added = model.config.token_config.weight * added / model.inverse_temperature
    of_words = pairs.pieces[0][:, : mask.shape[1]].to(added)  # (W, T)
    contributions = (of_words @ added).cpu().numpy()  # (W, B)
    rest = (added.sum(0) - (of_words @ added).sum(0)).tolist()  # (B,)
    fires = _fire(model, pieces, tokens, molecules)  # (T, N)
    by_atom = torch.stack([(fires * row[:, None]).amax(0) for row in of_words]).cpu().numpy()  # (W, N)
    owner = molecules.molecule_of_atom.cpu().numpy()
    return [
        TokenMatches(molecule, text, pairs.words[0], contributions[:, row], rest[row], by_atom[:, owner == row])
        for row, molecule in enumerate(smiles)
    ]


def _fire(model: Any, pieces: WordTokens, tokens: MoleculeTokens, molecules: Molecules) -> torch.Tensor:
    """Tell how surely each word piece finds each atom: `(T, N)`.

    A piece that names structural concepts finds the motifs of atoms without which there is one fewer of them; another
    one finds atoms by their vectors, or else the motifs.
    """
    by_vector = _fire_by_vector(pieces, tokens, molecules)
    if pieces.shares is None:
        return by_vector
    missed = _miss_atoms(model, molecules, tokens.concepts)  # (N, K)
    owner = molecules.atom_to_motif[:, None].expand_as(missed)
    by_motif = missed.new_zeros(molecules.num_motifs, missed.shape[1]).scatter_reduce(0, owner, missed, "amax")
    shares = pieces.shares  # (T, K); words that share a concept all find it
    names = shares / shares.amax(0).clamp(min=1e-6) * shares.sum(0)
    by_concept = (names @ by_motif[molecules.atom_to_motif].T).clamp(max=1)
    return torch.where(names.amax(1, keepdim=True) >= FOUND, by_concept, by_vector)


def _fire_by_vector(pieces: WordTokens, tokens: MoleculeTokens, molecules: Molecules) -> torch.Tensor:
    """Tell how surely each word piece finds each atom by its vector, or its motif: `(T, N)`."""
    fires = count_found(tokens.vectors @ pieces.vectors.T, pieces.thresholds).T  # (T, U)
    by_motif, by_atom = fires[:, ~tokens.is_atom], fires[:, tokens.is_atom]  # either may have no columns
    if not fires.shape[1]:
        return fires.new_zeros(len(fires), len(molecules.molecule_of_atom))
    if not by_motif.shape[1]:
        return by_atom
    of_motifs = by_motif[:, molecules.atom_to_motif]  # (T, N)
    if not by_atom.shape[1]:
        return of_motifs
    owner = molecules.molecule_of_atom.expand_as(by_atom)
    best = by_atom.new_zeros(len(by_atom), molecules.num_molecules).scatter_reduce(1, owner, by_atom, "amax")
    return torch.where(best.gather(1, owner) >= FOUND, by_atom, of_motifs)


def _miss_atoms(model: Any, molecules: Molecules, counts: torch.Tensor) -> torch.Tensor:
    """Tell how much of each concept is gone where an atom is hidden, at most 1: `(N, K)`."""
    gone = []
    for row, size in enumerate(molecules.molecule_of_atom.bincount(minlength=len(molecules)).tolist()):
        copies = molecules.select(torch.full((size,), row, device=counts.device))
        hidden = torch.eye(size, dtype=torch.bool, device=counts.device).flatten()  # one atom of each copy
        left = model.tokenize_molecules(model.graph_encoder(copies, hidden), copies).concepts  # (size, K)
        gone.append((counts[row] - left).clamp(0, 1))
    return torch.cat(gone)


__all__ = ["TokenMatches", "match_tokens"]
