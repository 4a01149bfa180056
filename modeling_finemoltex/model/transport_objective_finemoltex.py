"""The transport objective: words against motifs and atoms, matched by optimal transport."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .answers_finemoltex import mark_answers
from .losses_finemoltex import multi_positive_nce
from .objectives_finemoltex import EncodedPairs, Objective, ObjectiveOptions, PairBatch, Terms, check_choice
from .transport_finemoltex import align_by_transport

LEVELS = ("atom", "motif", "molecule")


@dataclass
class TransportOptions(ObjectiveOptions):
    """Options of the transport objective.

    Args:
        weight (`float`): Weight of the loss of each level.
        temperature (`float`): Of the alignment scores.
        epsilon (`float`): Regularisation of the transport, in cosines; small values need more iterations.
        num_iterations (`int`): Of Sinkhorn's scaling.
        levels (`tuple[str, ...]`): `"atom"` and `"motif"` transport words to these, `"molecule"` compares the wholes.
    """

    temperature: float = 0.07
    epsilon: float = 0.1
    num_iterations: int = 10
    levels: tuple[str, ...] = LEVELS

    def __post_init__(self) -> None:
        """Check the numbers and the levels."""
        for name in ("temperature", "epsilon"):
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` must be positive: got {getattr(self, name)}.")
        if self.num_iterations < 1:
            raise ValueError(f"`num_iterations` must be at least 1: got {self.num_iterations}.")
        self.levels = (self.levels,) if isinstance(self.levels, str) else tuple(self.levels)
        if not self.levels or len(set(self.levels)) < len(self.levels):
            raise ValueError(f"`levels` must be some of {LEVELS}, each once: got {self.levels}.")
        for level in self.levels:
            check_choice("levels", level, LEVELS)


class TransportObjective(Objective):
    r"""Contrast texts and molecules at three levels: words and atoms, words and motifs, and the wholes (as ORMA does).

    At a level, the score of a text and a molecule is that of [`align_by_transport`]: entropic optimal transport hands
    the words out to the atoms or motifs, each of which is compared with its mixture of words. The loss is InfoNCE in
    both directions; equal scores give `log(B)`. Molecules and texts of one rank are compared: their words are too many
    to be gathered. The level `"molecule"` says what the contrastive objective says; leave one of them out.

    No parameters of its own: words and motifs are read in the shared space. Prefer it to late interaction where what a
    model learns should also show in the pooled embeddings; late interaction has weights and counts of its own, and
    ranks by them.
    """

    Options = TransportOptions
    reads = frozenset({"word_states", "motif_embeds"})

    def __init__(self, config: Any, options: TransportOptions) -> None:
        super().__init__(config, options)
        self.special_token_ids = list(config.special_token_ids)

    def forward(self, model: Any, pairs: EncodedPairs, batch: PairBatch) -> Terms:
        """Compare all molecules with all texts of the batch at every level."""
        levels, molecules = self.options.levels, batch.molecules
        parts = {}  # places of the parts and the molecule of each: (U, P), (U,)
        if "atom" in levels:
            each = torch.arange(len(molecules.atom_features), device=molecules.atom_features.device)  # (N,)
            parts["atom"] = model.place_atoms(pairs.atom_states, each, len(each)), molecules.molecule_of_atom
        if "motif" in levels:
            parts["motif"] = pairs.motif_embeds, molecules.molecule_of_motif
        words = model.place_words(pairs.word_states) if parts else pairs.text_embeds  # (B, T, P)
        with torch.autocast(words.device.type, enabled=False):
            losses = {}
            for level in levels:
                if level == "molecule":
                    scores = pairs.text_embeds @ pairs.molecule_embeds.T  # (B, B)
                else:
                    scores = self._transport(words, *parts[level], batch)  # (B, B)
                losses[f"transport_{level}"] = self._contrast(scores, batch)
        return Terms(losses, dict.fromkeys(losses, self.options.weight))

    def _transport(self, words: Tensor, parts: Tensor, owner: Tensor, batch: PairBatch) -> Tensor:
        """Score texts with molecules by their parts. `(B, T, P)`, `(U, P)`, `(U,)` -> `(B, B)`."""
        epsilon, num_iterations = self.options.epsilon, self.options.num_iterations
        is_word = self._find_words(batch)  # (B, T)
        return align_by_transport(words, is_word, parts, owner, len(batch.molecules), epsilon, num_iterations)

    def _contrast(self, scores: Tensor, batch: PairBatch) -> Tensor:
        """Judge the scores in both directions. `(B, B)` -> `()`."""
        logits = scores / self.options.temperature  # (B, B)
        fits, excluded = mark_answers(batch)  # (B, B), (B, B)
        return 0.5 * (multi_positive_nce(logits, fits, excluded) + multi_positive_nce(logits.T, fits.T, excluded.T))

    def _find_words(self, batch: PairBatch) -> Tensor:
        """Mark the words that are to be handed out: all but [CLS] and the like, if there are any. -> `(B, T)`."""
        is_token = batch.attention_mask.bool()  # (B, T)
        is_word = is_token & ~torch.isin(batch.input_ids, batch.input_ids.new_tensor(self.special_token_ids))
        return torch.where(is_word.any(1, keepdim=True), is_word, is_token)


__all__ = ["LEVELS", "TransportObjective", "TransportOptions"]
