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
        text_states (`torch.FloatTensor` of shape `(B, T, H)`): The words, likewise; when texts are given.
    """

    molecule_embeds: torch.FloatTensor | None = None
    text_embeds: torch.FloatTensor | None = None
    motif_states: torch.FloatTensor | None = None
    motif_attention_mask: torch.LongTensor | None = None
    text_states: torch.FloatTensor | None = None


@dataclass
class FineMolTexPreTrainingOutput(ModelOutput):
    """Losses, embeddings and the hits of the masked predictions.

    Args:
        loss (`torch.FloatTensor` of shape `()`): Weighted sum of the losses below.
        contrastive_loss (`torch.FloatTensor` of shape `()`): Molecule-text alignment.
        word_loss (`torch.FloatTensor` of shape `()`): Masked words; when a masked objective has a weight.
        motif_loss (`torch.FloatTensor` of shape `()`): Masked motifs; when a masked objective has a weight.
        matching_loss (`torch.FloatTensor` of shape `()`): Pairs against hard wrong ones; when it has a weight.
        molecule_embeds (`torch.FloatTensor` of shape `(B, P)`): L2-normalised, of the unmasked molecules.
        text_embeds (`torch.FloatTensor` of shape `(B, P)`): L2-normalised, of the unmasked texts.
        word_correct (`torch.LongTensor` of shape `(B,)`): Masked words predicted rightly, per pair.
        word_total (`torch.LongTensor` of shape `(B,)`): Masked words, per pair.
        motif_correct (`torch.LongTensor` of shape `(B,)`): Masked motifs predicted rightly, per pair.
        motif_total (`torch.LongTensor` of shape `(B,)`): Masked motifs, per pair.
    """

    loss: torch.FloatTensor | None = None
    contrastive_loss: torch.FloatTensor | None = None
    word_loss: torch.FloatTensor | None = None
    motif_loss: torch.FloatTensor | None = None
    matching_loss: torch.FloatTensor | None = None
    molecule_embeds: torch.FloatTensor | None = None
    text_embeds: torch.FloatTensor | None = None
    word_correct: torch.LongTensor | None = None
    word_total: torch.LongTensor | None = None
    motif_correct: torch.LongTensor | None = None
    motif_total: torch.LongTensor | None = None


@dataclass
class FineMolTexRetrievalOutput(ModelOutput):
    """Embeddings of both sides and the scores between them.

    Args:
        logits_per_text (`torch.FloatTensor` of shape `(B_text, B_molecule)`): Cosines over temperature; when both
            sides are given.
        logits_per_molecule (`torch.FloatTensor` of shape `(B_molecule, B_text)`): The same, transposed.
        molecule_embeds (`torch.FloatTensor` of shape `(B_molecule, P)`): L2-normalised; when molecules are given.
        text_embeds (`torch.FloatTensor` of shape `(B_text, P)`): L2-normalised; when texts are given.
    """

    logits_per_text: torch.FloatTensor | None = None
    logits_per_molecule: torch.FloatTensor | None = None
    molecule_embeds: torch.FloatTensor | None = None
    text_embeds: torch.FloatTensor | None = None


@dataclass
class FineMolTexMoleculeEditingOutput(ModelOutput):
    """Molecules as a generator writes them, placed in the shared space, and texts beside them.

    Args:
        similarity (`torch.FloatTensor` of shape `(B, B_text)`): Cosines; when texts are given.
        aligned_embeds (`torch.FloatTensor` of shape `(B, P)`): Molecules by way of their latents, L2-normalised.
        text_embeds (`torch.FloatTensor` of shape `(B_text, P)`): L2-normalised; when texts are given.
        latents (`torch.FloatTensor` of shape `(B, L, D)`): States of the generator's encoder.
    """

    similarity: torch.FloatTensor | None = None
    aligned_embeds: torch.FloatTensor | None = None
    text_embeds: torch.FloatTensor | None = None
    latents: torch.FloatTensor | None = None


__all__ = [
    "FineMolTexMoleculeEditingOutput",
    "FineMolTexOutput",
    "FineMolTexPreTrainingOutput",
    "FineMolTexRetrievalOutput",
]
