"""What the FineMolTex models return; every field states its shape and when it is there."""

from dataclasses import dataclass

import torch
from transformers.utils import ModelOutput


@dataclass
class FineMolTexOutput(ModelOutput):
    """Embeddings and token states of both streams.

    Args:
        molecule_embeds (`torch.FloatTensor` of shape `(B, P)`): L2-normalised; when molecules are given.
        text_embeds (`torch.FloatTensor` of shape `(B, P)`): L2-normalised; when texts are given.
        motif_states (`torch.FloatTensor` of shape `(B, K + 1, H)`): Slot 0 is the molecule, slots 1 to `K` its
            motifs, padded to the largest molecule; when molecules are given. After the fusion with cross-attention,
            else before it.
        motif_attention_mask (`torch.LongTensor` of shape `(B, K + 1)`): 1 on real slots; when molecules are given.
        word_states (`torch.FloatTensor` of shape `(B, T, H)`): The words, likewise; when texts are given.
        hidden_states (`tuple(torch.FloatTensor)`): With `output_hidden_states`, the states after every layer in the
            order they ran: atoms `(N, H_graph)`, words `(B, T, H_text)`, then motifs and words in the fusion.
        attentions (`tuple(torch.FloatTensor)`): With `output_attentions`, weights `(B, heads, L, S)` of every
            attention layer in the order they ran.
    """

    molecule_embeds: torch.FloatTensor | None = None
    text_embeds: torch.FloatTensor | None = None
    motif_states: torch.FloatTensor | None = None
    motif_attention_mask: torch.LongTensor | None = None
    word_states: torch.FloatTensor | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    attentions: tuple[torch.FloatTensor, ...] | None = None


@dataclass
class FineMolTexPreTrainingOutput(ModelOutput):
    """Losses, embeddings and what the objectives counted.

    Args:
        loss (`torch.FloatTensor` of shape `()`): Weighted sum of the losses below.
        losses (`dict[str, torch.FloatTensor]`): Each term of the sum, of shape `()`, without its weight and gradient.
        molecule_embeds (`torch.FloatTensor` of shape `(B, P)`): L2-normalised, of the unmasked molecules.
        text_embeds (`torch.FloatTensor` of shape `(B, P)`): L2-normalised, of the unmasked texts.
        counts (`dict[str, torch.LongTensor]`): Each of shape `(B,)`; with masked modelling `masked_word_correct` of
            `masked_word_total` hidden words, and likewise motifs; `<what>_classes` has the shape `(B, C)`. `None` if
            no objective counts.
        hidden_states (`tuple(torch.FloatTensor)`): With `output_hidden_states`, the states after every layer in the
            order they ran: atoms `(N, H_graph)`, words `(B, T, H_text)`, then motifs and words in the fusion.
        attentions (`tuple(torch.FloatTensor)`): With `output_attentions`, weights `(B, heads, L, S)` of every
            attention layer in the order they ran.
    """

    loss: torch.FloatTensor | None = None
    losses: dict[str, torch.FloatTensor] | None = None
    molecule_embeds: torch.FloatTensor | None = None
    text_embeds: torch.FloatTensor | None = None
    counts: dict[str, torch.LongTensor] | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    attentions: tuple[torch.FloatTensor, ...] | None = None


@dataclass
class FineMolTexRetrievalOutput(ModelOutput):
    """Embeddings of both sides and the scores between them.

    Args:
        logits_per_text (`torch.FloatTensor` of shape `(B_text, B_molecule)`): Cosines over temperature, plus the
            token score of a model that has one; when both sides are given.
        logits_per_molecule (`torch.FloatTensor` of shape `(B_molecule, B_text)`): The same, transposed.
        pooled_logits, token_logits (`torch.FloatTensor` of shape `(B_text, B_molecule)`): The two parts of
            `logits_per_text`, of a model with a token score.
        molecule_embeds (`torch.FloatTensor` of shape `(B_molecule, P)`): L2-normalised; when molecules are given.
        text_embeds (`torch.FloatTensor` of shape `(B_text, P)`): L2-normalised; when texts are given.
        hidden_states (`tuple(torch.FloatTensor)`): With `output_hidden_states`, the states after every layer in the
            order they ran: atoms `(N, H_graph)`, words `(B, T, H_text)`, then motifs and words in the fusion.
        attentions (`tuple(torch.FloatTensor)`): With `output_attentions`, weights `(B, heads, L, S)` of every
            attention layer in the order they ran.
    """

    logits_per_text: torch.FloatTensor | None = None
    logits_per_molecule: torch.FloatTensor | None = None
    pooled_logits: torch.FloatTensor | None = None
    token_logits: torch.FloatTensor | None = None
    molecule_embeds: torch.FloatTensor | None = None
    text_embeds: torch.FloatTensor | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    attentions: tuple[torch.FloatTensor, ...] | None = None


@dataclass
class FineMolTexMoleculeEditingOutput(ModelOutput):
    """Molecules as a generator writes them, placed in the shared space, and texts beside them.

    Args:
        similarity (`torch.FloatTensor` of shape `(B, B_text)`): Cosines; when texts are given.
        aligned_embeds (`torch.FloatTensor` of shape `(B, P)`): Molecules by way of their latents, L2-normalised.
        text_embeds (`torch.FloatTensor` of shape `(B_text, P)`): L2-normalised; when texts are given.
        latents (`torch.FloatTensor` of shape `(B, L, D)`): States of the generator's encoder.
        hidden_states, attentions (`tuple(torch.FloatTensor)`): On request, of the generator's encoder and of the text
            encoder, layer by layer.
    """

    similarity: torch.FloatTensor | None = None
    aligned_embeds: torch.FloatTensor | None = None
    text_embeds: torch.FloatTensor | None = None
    latents: torch.FloatTensor | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    attentions: tuple[torch.FloatTensor, ...] | None = None


@dataclass
class FineMolTexCaptioningOutput(ModelOutput):
    """How likely each next token of captions is.

    Args:
        loss (`torch.FloatTensor` of shape `()`): Mean cross-entropy over the tokens; when captions are given.
        logits (`torch.FloatTensor` of shape `(B, T, V)`): Of the next token, at each place of a caption.
        hidden_states, attentions (`tuple(torch.FloatTensor)`): On request, of the molecule encoder and of the writer's
            encoder, layer by layer.
    """

    loss: torch.FloatTensor | None = None
    logits: torch.FloatTensor | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    attentions: tuple[torch.FloatTensor, ...] | None = None


__all__ = [
    "FineMolTexCaptioningOutput",
    "FineMolTexMoleculeEditingOutput",
    "FineMolTexOutput",
    "FineMolTexPreTrainingOutput",
    "FineMolTexRetrievalOutput",
]
