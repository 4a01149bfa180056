"""Pre-training: whole molecules against whole texts, masked motifs and words, and hard pairs.

Axes as in `modeling_finemoltex.py`; `A` anchors of the matching objective, `n` negatives of each.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import initialization
from transformers.utils.generic import can_return_tuple

from .configuration_finemoltex import FineMolTexConfig
from .gin_encoder_finemoltex import locate_atoms, locate_motifs
from .losses_finemoltex import contrastive_loss, masked_prediction_loss
from .masking_finemoltex import select_masked_slots
from .matching_finemoltex import FineMolTexMatchingHead, draw_hard_negatives, match_pairs, matching_loss
from .modeling_finemoltex import FineMolTexModel, FineMolTexPreTrainedModel
from .outputs_finemoltex import FineMolTexPreTrainingOutput

UNKNOWN_MOTIF_ID = 0  # first entry of every motif vocabulary; never masked, because it names no motif


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

    def forward(self, states: Tensor, table: Tensor | None = None) -> Tensor:
        weight = self.table.weight if table is None else table  # (V, H_table)
        return F.linear(self.norm(F.gelu(self.dense(states))), weight, self.bias)


class FineMolTexForPreTraining(FineMolTexPreTrainedModel):
    r"""Contrastive alignment plus masked multimodal modelling (FineMolTex, KDD 2025).

    \(L = L_\mathrm{contrastive} + \alpha L_\mathrm{word} + \beta L_\mathrm{motif}\). The contrastive pass sees the
    pairs unmasked and without cross-attention; it gives the importances by which the second pass masks motifs and
    words, which are then predicted with cross-attention on. With `matching_loss_weight`, a third term tells
    pairs from the hardest wrong ones of the batch, for [`FineMolTexForRetrieval`] to re-rank with.
    """

    def __init__(self, config: FineMolTexConfig) -> None:
        super().__init__(config)
        width, eps = config.multimodal_config.hidden_size, config.multimodal_config.layer_norm_eps
        text, num_motifs = config.text_config, config.graph_config.motif_vocab_size
        self.finemoltex = FineMolTexModel(config)
        self.is_masked_modelling = bool(config.word_loss_weight or config.motif_loss_weight)
        if self.is_masked_modelling:
            self.word_head = FineMolTexVocabularyHead(width, text.hidden_size, text.vocab_size, False, eps)
            self.motif_head = FineMolTexVocabularyHead(width, width, num_motifs, True, eps)
        if config.matching_loss_weight:
            self.matching_head = FineMolTexMatchingHead(config)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, FineMolTexVocabularyHead):
            initialization.zeros_(module.bias)

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        motif_counts: Tensor,
        atom_features: Tensor,
        edge_index: Tensor,
        edge_features: Tensor,
        atom_to_motif: Tensor,
        motif_ids: Tensor,
        motif_positions: Tensor,
        molecule_ids: Tensor | None = None,
        text_ids: Tensor | None = None,
        mask_seeds: Tensor | None = None,
        cross_attention: bool = True,
        return_loss: bool = True,
    ) -> FineMolTexPreTrainingOutput:
        """Compute the pre-training losses of a batch of pairs.

        Args:
            input_ids, attention_mask (`torch.LongTensor` of shape `(B, T)`): Texts.
            motif_counts, atom_features, edge_index, edge_features, atom_to_motif, motif_ids, motif_positions:
                Molecules; see [`FineMolTexModel.get_molecule_features`]. `motif_ids` label the masked motifs.
            molecule_ids, text_ids (`torch.LongTensor` of shape `(B,)`, *optional*): Identities; equal ones are not
                negatives of each other.
            mask_seeds (`torch.LongTensor` of shape `(B,)`, *optional*): The masks are a function of these; drawn from
                the random generator of torch when absent.
            cross_attention (`bool`): Compute the losses that need cross-attention too: masked words and motifs,
                matching. [`FineMolTexTrainer`] does in a share of the steps, `config.cross_attention_share`.
            return_loss (`bool`): Always true; tells the Trainer that this model needs no labels.

        Returns:
            [`FineMolTexPreTrainingOutput`].
        """
        graph = {
            "motif_counts": motif_counts,
            "atom_features": atom_features,
            "edge_index": edge_index,
            "edge_features": edge_features,
            "atom_to_motif": atom_to_motif,
            "motif_ids": motif_ids,
            "motif_positions": motif_positions,
        }
        base, tensors = self.finemoltex, {name: tensor for name, tensor in graph.items() if name != "motif_ids"}
        atom_states = base.encode_atoms(**tensors)  # (N, H_graph)
        molecules = locate_atoms(motif_counts, atom_to_motif, motif_ids.shape[0])  # (N,)
        molecule_embeds = base.embed_atoms(atom_states, molecules, motif_counts.shape[0])  # (B, P)
        is_masked_modelling = cross_attention and self.is_masked_modelling
        is_matching = cross_attention and bool(self.config.matching_loss_weight)
        keep_states = is_masked_modelling or is_matching
        text_states, means = base.encode_words(input_ids, attention_mask, keep_states)  # (B, T, H), (B, H)
        text_embeds = base.embed_words(means)  # (B, P)
        loss = contrastive = contrastive_loss(
            molecule_embeds,
            text_embeds,
            base.inverse_temperature,
            self.config.contrastive_objective,
            molecule_ids,
            text_ids,
            gather=self.training,
        )
        output = FineMolTexPreTrainingOutput(
            loss=loss,
            contrastive_loss=contrastive.detach(),
            molecule_embeds=molecule_embeds,
            text_embeds=text_embeds,
        )
        if mask_seeds is None:
            mask_seeds = torch.randint(2**62, motif_counts.shape, device=motif_counts.device)
        if is_masked_modelling:
            motif_scores, word_scores = self._score_importance(output, atom_states, text_states, graph)
            inputs = (input_ids, attention_mask, graph, motif_scores, word_scores, mask_seeds)
            self._add_masked_modelling(output, *inputs)
        if is_matching:
            motifs = base.encode_motifs(atom_states, motif_counts, atom_to_motif, motif_positions)
            self._add_matching(output, *motifs, text_states, attention_mask, molecule_ids, text_ids, mask_seeds)
        return output

    @torch.no_grad()
    def _score_importance(
        self, output: FineMolTexPreTrainingOutput, atom_states: Tensor, text_states: Tensor, graph: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Score motifs `(B, K + 1)` and words `(B, T)` by their cosine with the molecule and the text they are in.

        Both are placed in the shared space as their wholes are; zeros if masks are drawn at random.
        """
        motif_counts, num_motifs = graph["motif_counts"], graph["motif_ids"].shape[0]
        motif_scores = text_states.new_zeros(
            (len(motif_counts), int(motif_counts.max()) + 1), dtype=torch.float32
        )  # (B, K + 1)
        word_scores = torch.zeros_like(text_states[..., 0], dtype=torch.float32)  # (B, T)
        if self.config.masking == "random":
            return motif_scores, word_scores
        molecule, slot = locate_motifs(motif_counts, num_motifs)  # (M,), (M,)
        motif_embeds = self.finemoltex.embed_atoms(atom_states, graph["atom_to_motif"], num_motifs)  # (M, P)
        motif_scores[molecule, slot] = (motif_embeds * output.molecule_embeds[molecule]).sum(-1)
        word_scores = (self.finemoltex.embed_words(text_states) * output.text_embeds[:, None]).sum(-1)  # (B, T)
        return motif_scores, word_scores

    def _add_matching(
        self,
        output: FineMolTexPreTrainingOutput,
        motif_states: Tensor,
        motif_mask: Tensor,
        text_states: Tensor,
        attention_mask: Tensor,
        molecule_ids: Tensor | None,
        text_ids: Tensor | None,
        seeds: Tensor,
    ) -> None:
        """Join some pairs, and each side of them with its hardest wrong partners; add the loss to `output`.

        Every n-th pair, such that as many are joined as the batch has: all `B (1 + 2 n)` would not fit.
        """
        count = self.config.matching_negatives
        anchors = torch.arange(0, len(seeds), 1 + 2 * count, device=seeds.device)  # (A,)
        is_negative = ~torch.eye(len(seeds), dtype=torch.bool, device=seeds.device)  # (B, B)
        for ids in (molecule_ids, text_ids):
            if ids is not None:
                is_negative = is_negative & (ids[:, None] != ids)
        with torch.no_grad(), torch.autocast(seeds.device.type, enabled=False):
            logits = self.finemoltex.inverse_temperature * output.text_embeds @ output.molecule_embeds.T  # (B, B)
        own = (is_negative[anchors], count, seeds[anchors])
        molecules, is_molecule = draw_hard_negatives(logits[anchors], *own, stream=2)  # (A, n), (A, n)
        texts, is_text = draw_hard_negatives(logits.T[anchors], *own, stream=3)  # (A, n), (A, n)
        repeated = anchors.repeat_interleave(molecules.shape[1])  # (A n,)
        molecule_rows = torch.cat([anchors, molecules.flatten(), repeated])  # (A + 2 A n,)
        text_rows = torch.cat([anchors, repeated, texts.flatten()])  # (A + 2 A n,)
        scores = match_pairs(
            self.finemoltex.fusion,
            self.matching_head,
            motif_states[molecule_rows],
            motif_mask[molecule_rows],
            text_states[text_rows],
            attention_mask[text_rows],
        )
        positive, *wrong = scores.split([len(anchors), molecules.numel(), texts.numel()])
        losses = [
            matching_loss(positive, negatives.view_as(rows), is_drawn)
            for negatives, rows, is_drawn in zip(wrong, (molecules, texts), (is_molecule, is_text), strict=True)
        ]
        loss = 0.5 * (losses[0] + losses[1])
        output.loss = output.loss + self.config.matching_loss_weight * loss
        output.matching_loss = loss.detach()

    def _add_masked_modelling(
        self, output, input_ids, attention_mask, graph, motif_scores, word_scores, mask_seeds
    ) -> None:
        """Mask motifs and words, predict them from both streams, and add losses and hits to `output`.

        `S` hidden words or motifs of the whole batch: only their scores are computed, as a vocabulary is long.
        """
        config = self.config
        motif_labels = self._pad_motif_ids(graph["motif_counts"], graph["motif_ids"])  # (B, K + 1)
        special = input_ids.new_tensor(list(config.special_token_ids))
        is_word = (attention_mask == 1) & ~torch.isin(input_ids, special)  # (B, T)
        # What has no weight is not hidden either: it would only make the other side's task harder.
        is_word = is_word & bool(config.word_loss_weight)
        is_motif = (motif_labels != UNKNOWN_MOTIF_ID) & bool(config.motif_loss_weight)  # (B, K + 1)
        hidden_motifs = self._draw(motif_scores, is_motif, config.motif_mask_probability, mask_seeds, stream=0)
        hidden_words = self._draw(word_scores, is_word, config.word_mask_probability, mask_seeds, stream=1)
        masked = self.finemoltex(
            input_ids=input_ids.masked_fill(hidden_words, config.mask_token_id),
            attention_mask=attention_mask,
            masked_motifs=hidden_motifs,
            cross_attention=True,
            **graph,
        )
        word_table = self.finemoltex.get_input_embeddings().weight  # (V, H_text)
        word_logits = self.word_head(masked.text_states[hidden_words], word_table)  # (S_words, V)
        motif_logits = self.motif_head(masked.motif_states[hidden_motifs])  # (S_motifs, V)
        words, motifs = input_ids[hidden_words], motif_labels[hidden_motifs]  # (S_words,), (S_motifs,)

        word_loss = masked_prediction_loss(word_logits, words, gather=self.training)
        motif_loss = masked_prediction_loss(motif_logits, motifs, gather=self.training)
        output.loss = output.loss + config.word_loss_weight * word_loss + config.motif_loss_weight * motif_loss
        output.word_loss, output.motif_loss = word_loss.detach(), motif_loss.detach()
        output.word_correct = self._count_hits(word_logits, words, hidden_words)  # (B,)
        output.word_total = hidden_words.sum(1)  # (B,)
        output.motif_correct = self._count_hits(motif_logits, motifs, hidden_motifs)  # (B,)
        output.motif_total = hidden_motifs.sum(1)  # (B,)

    def _draw(self, scores: Tensor, candidates: Tensor, probability: float, seeds: Tensor, stream: int) -> Tensor:
        """Draw the slots to mask. `(B, L)`, `(B, L)` -> true where masked, `(B, L)`."""
        scores = scores / self.config.importance_temperature  # (B, L)
        slots, is_masked = select_masked_slots(scores, candidates, probability, seeds, stream)  # (B, S), (B, S)
        return torch.zeros_like(candidates).scatter(1, slots, is_masked)

    @staticmethod
    def _pad_motif_ids(motif_counts: Tensor, motif_ids: Tensor) -> Tensor:
        """Lay the motif ids out like the motif tokens, [UNK] elsewhere. `(B,)`, `(M,)` -> `(B, K + 1)`."""
        molecule, slot = locate_motifs(motif_counts, motif_ids.shape[0])  # (M,), (M,)
        padded = motif_ids.new_full((motif_counts.shape[0], int(motif_counts.max()) + 1), UNKNOWN_MOTIF_ID)
        padded[molecule, slot] = motif_ids
        return padded

    @staticmethod
    def _count_hits(logits: Tensor, labels: Tensor, is_hidden: Tensor) -> Tensor:
        """Count the right predictions of every pair. `(S, V)`, `(S,)`, `(B, L)` -> `(B,)`."""
        hits = torch.zeros_like(is_hidden)
        hits[is_hidden] = logits.argmax(-1) == labels
        return hits.sum(1)


__all__ = ["FineMolTexForPreTraining"]
