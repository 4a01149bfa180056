"""Masked modelling: hidden motifs and words, each predicted from the other modality (FineMolTex, KDD 2025)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import initialization

from .configuration_finemoltex import FineMolTexConfig
from .losses_finemoltex import masked_prediction_loss
from .masking_finemoltex import select_masked_slots
from .molecules_finemoltex import UNKNOWN_MOTIF_ID, Molecules
from .objectives_finemoltex import EncodedPairs, Objective, PairBatch, Terms, check_choice
from .parts_finemoltex import Part
from .wrapped_layers_finemoltex import read_weight


@dataclass
class MaskedModellingOptions:
    """Options of masked modelling.

    Args:
        word_weight, motif_weight (`float`): Weights in the loss (paper: 0.5 and 1). A side of weight 0 is not masked:
            that would only remove context.
        draw (`str`): `"importance"` hides tokens close to their molecule or text more often, `"random"` hides evenly.
        draw_temperature (`float`): Temperature of the softmax over the importances, which are cosines.
        word_share, motif_share (`float`): Share of the candidates that is hidden.
    """

    word_weight: float = 0.5
    motif_weight: float = 1.0
    draw: str = "importance"
    draw_temperature: float = 0.1
    word_share: float = 0.2
    motif_share: float = 0.2

    def __post_init__(self) -> None:
        """Check the choice and the ranges."""
        check_choice("draw", self.draw, ("importance", "random"))
        if self.draw_temperature <= 0:
            raise ValueError(f"`draw_temperature` must be positive: got {self.draw_temperature}.")
        if not (self.word_weight or self.motif_weight):
            raise ValueError("`word_weight` and `motif_weight` are both 0. Leave the objective out instead.")
        for name in ("word_share", "motif_share"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"`{name}` must lie between 0 and 1: got {getattr(self, name)}.")


class FineMolTexVocabularyHead(nn.Module):
    """Dense layer, GELU and LayerNorm before the scores of a vocabulary. `(..., H)` -> `(..., V)`.

    With `owns_table=False` the scores are products with an embedding table that is given at call time.
    """

    def __init__(self, hidden_size: int, table_width: int, num_entries: int, owns_table: bool, eps: float) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden_size, table_width)
        self.norm = nn.LayerNorm(table_width, eps=eps)
        self.table = nn.Linear(table_width, num_entries, bias=False) if owns_table else None
        self.bias = nn.Parameter(torch.empty(num_entries))

    def reset_own_parameters(self, config: FineMolTexConfig) -> None:
        """Start without a preference."""
        initialization.zeros_(self.bias)

    def forward(self, states: Tensor, table: Tensor | None = None) -> Tensor:
        """Score the vocabulary; see the shapes above."""
        states = self.norm(F.gelu(self.dense(states)))  # (..., H_table)
        return F.linear(states, table, self.bias) if table is not None else self.table(states) + self.bias


class FineMolTexLinearMotifHead(nn.Module):
    """Two linear layers with nothing between them, as in the published weights. `(..., H)` -> `(..., V)`."""

    def __init__(self, hidden_size: int, num_entries: int, eps: float) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden_size, hidden_size)
        self.table = nn.Linear(hidden_size, num_entries)

    def forward(self, states: Tensor) -> Tensor:
        """Score the vocabulary; see the shapes above."""
        return self.table(self.dense(states))


def _make_normed_head(hidden_size: int, num_entries: int, eps: float) -> FineMolTexVocabularyHead:
    return FineMolTexVocabularyHead(hidden_size, hidden_size, num_entries, True, eps)


# Each is made with the width, the size of the motif vocabulary and the epsilon of norms.
MOTIF_HEADS: dict[str, Callable[[int, int, float], nn.Module]] = {
    "normed": _make_normed_head,
    "linear": FineMolTexLinearMotifHead,
}


class MaskedModellingObjective(Objective):
    r"""Hide motifs and words by importance, and predict them with cross-attention.

    \(\alpha L_\mathrm{word} + \beta L_\mathrm{motif}\), each a cross-entropy over the hidden slots; uniform scores
    give `log(V)`. The first pass, unmasked, gives the importances, the cosine of a motif or word with its molecule or
    text. A second pass hides what was drawn; `motif_config.mask_level` says how much of it. It costs more than the
    contrastive objective and trains the fusion, which that one leaves untrained.
    """

    Options = MaskedModellingOptions
    reads = frozenset({"word_states"})
    is_costly = True
    encodes_more = True

    def __init__(self, config: FineMolTexConfig, options: MaskedModellingOptions) -> None:
        super().__init__(config, options)
        width, eps = config.multimodal_config.hidden_size, config.multimodal_config.layer_norm_eps
        text = config.text_config
        self.mask_token_id, self.special_token_ids = config.mask_token_id, list(config.special_token_ids)
        self.word_head = FineMolTexVocabularyHead(width, text.hidden_size, text.vocab_size, False, eps)
        motifs = config.motif_config
        check_choice("motif_config.head", motifs.head, MOTIF_HEADS)
        self.motif_head = MOTIF_HEADS[motifs.head](width, motifs.vocab_size, eps)

    def forward(self, model: Any, pairs: EncodedPairs, batch: PairBatch) -> Terms:
        """Hide, encode once more, predict.

        `S` hidden words or motifs of the whole batch: only their scores are computed, as a vocabulary is long.
        """
        options, molecules = self.options, batch.molecules
        motif_labels = molecules.pad(molecules.motif_ids, UNKNOWN_MOTIF_ID)  # (B, K + 1)
        hidden_motifs, hidden_words = self.draw(model, pairs, batch)  # (B, K + 1), (B, T)

        atom_states, visible = model.encode_visible(molecules, hidden_motifs)  # (N', H_graph)
        motif_states = model.encode_motifs(atom_states, visible, hidden_motifs)  # (B, K + 1, H)
        input_ids = batch.input_ids.masked_fill(hidden_words, self.mask_token_id)  # (B, T)
        word_states, _ = model.encode_words(input_ids, batch.attention_mask)  # (B, T, H)
        motif_states, word_states = model.fuse(motif_states, molecules, word_states, batch.attention_mask)

        word_table = read_weight(model.get_input_embeddings())  # (V, H_text)
        word_logits = self.word_head(word_states[hidden_words], word_table)  # (S_words, V)
        motif_logits = self.motif_head(motif_states[hidden_motifs])  # (S_motifs, V)
        words, motifs = batch.input_ids[hidden_words], motif_labels[hidden_motifs]  # (S_words,), (S_motifs,)
        return Terms(
            losses={
                "word": masked_prediction_loss(word_logits, words, gather=self.training),
                "motif": masked_prediction_loss(motif_logits, motifs, gather=self.training),
            },
            weights={"word": options.word_weight, "motif": options.motif_weight},
            counts={
                "masked_word_correct": _count_hits(word_logits, words, hidden_words),  # (B,)
                "masked_word_total": hidden_words.sum(1),  # (B,)
                "masked_motif_correct": _count_hits(motif_logits, motifs, hidden_motifs),  # (B,)
                "masked_motif_total": hidden_motifs.sum(1),  # (B,)
            },
        )

    @torch.no_grad()
    def draw(self, model: Any, pairs: EncodedPairs, batch: PairBatch) -> tuple[Tensor, Tensor]:
        """Draw the motifs `(B, K + 1)` and the words `(B, T)` to hide, as bool."""
        options, molecules = self.options, batch.molecules
        special = batch.input_ids.new_tensor(self.special_token_ids)
        is_word = (batch.attention_mask == 1) & ~torch.isin(batch.input_ids, special)  # (B, T)
        motif_labels = molecules.pad(molecules.motif_ids, UNKNOWN_MOTIF_ID)  # (B, K + 1)
        is_word = is_word & bool(options.word_weight)
        is_motif = (motif_labels != UNKNOWN_MOTIF_ID) & bool(options.motif_weight)  # (B, K + 1)
        motif_scores, word_scores = self._score_importance(model, pairs, molecules)
        return (
            self._draw_slots(motif_scores, is_motif, options.motif_share, batch.seeds, stream=0),
            self._draw_slots(word_scores, is_word, options.word_share, batch.seeds, stream=1),
        )

    def parts(self) -> dict[str, Part]:
        """Declare the two heads; the motif head, with a table of its own, learns at the rate of heads."""
        return {"word_head": Part("objective", (self.word_head,)), "motif_head": Part("head", (self.motif_head,))}

    def resize_vocabulary(self, num_words: int) -> None:
        """Follow a change of the number of words: new ones start without a preference."""
        old = self.word_head.bias
        bias = old.new_zeros(num_words)
        kept = min(num_words, len(old))
        bias[:kept] = old.detach()[:kept]
        self.word_head.bias = nn.Parameter(bias, requires_grad=old.requires_grad)

    def _score_importance(self, model: Any, pairs: EncodedPairs, molecules: Molecules) -> tuple[Tensor, Tensor]:
        """Score motifs `(B, K + 1)` and words `(B, T)` by their cosine with the molecule and the text they are in.

        Both are placed in the shared space as their wholes are; zeros if masks are drawn at random.
        """
        if self.options.draw == "random":
            motif_scores = pairs.molecule_embeds.new_zeros(molecules.num_molecules, molecules.num_slots)  # (B, K + 1)
            return motif_scores, torch.zeros_like(pairs.word_states[..., 0], dtype=torch.float32)
        motif_embeds = model.place_motifs(pairs.atom_states, molecules)  # (M, P)
        own = pairs.molecule_embeds[molecules.molecule_of_motif]  # (M, P)
        motif_scores = molecules.pad((motif_embeds * own).sum(-1))  # (B, K + 1)
        word_scores = (model.place_words(pairs.word_states) * pairs.text_embeds[:, None]).sum(-1)  # (B, T)
        return motif_scores, word_scores

    def _draw_slots(self, scores: Tensor, candidates: Tensor, share: float, seeds: Tensor, stream: int) -> Tensor:
        """Draw slots to hide. `(B, L)`, `(B, L)` -> true where hidden, `(B, L)`."""
        scores = scores / self.options.draw_temperature  # (B, L)
        slots, is_hidden = select_masked_slots(scores, candidates, share, seeds, stream)  # (B, S), (B, S)
        return torch.zeros_like(candidates).scatter(1, slots, is_hidden)


def _count_hits(logits: Tensor, labels: Tensor, is_hidden: Tensor) -> Tensor:
    """Count the right predictions of every pair. `(S, V)`, `(S,)`, `(B, L)` -> `(B,)`."""
    hits = torch.zeros_like(is_hidden)
    hits[is_hidden] = logits.argmax(-1) == labels
    return hits.sum(1)


__all__ = ["MOTIF_HEADS", "FineMolTexVocabularyHead", "MaskedModellingObjective", "MaskedModellingOptions"]
