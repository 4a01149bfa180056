"""Retrieval: rank by the cosine of the wholes, add words against motifs, and let cross-attention re-rank the best."""

import torch
from torch import Tensor
from transformers.utils.generic import can_return_tuple

from .configuration_finemoltex import FineMolTexConfig
from .matching_finemoltex import FineMolTexMatchingHead, match_pairs
from .migration_finemoltex import RETRIEVAL_KEYS, weights_beside
from .modeling_finemoltex import FineMolTexModel, FineMolTexPreTrainedModel
from .molecules_finemoltex import Molecules, takes_molecules
from .outputs_finemoltex import FineMolTexOutput, FineMolTexRetrievalOutput
from .parts_finemoltex import Part
from .recording_finemoltex import records_states
from .tokens_finemoltex import score_tokens, weigh_texts


class FineMolTexForRetrieval(FineMolTexPreTrainedModel):
    """Dual encoder with a matching head that re-ranks.

    A checkpoint pre-trained with the matching objective brings the matching head; from any other it starts untrained,
    which Transformers reports at loading.

    Example:
    >>> retriever = FineMolTexForRetrieval(model.config).eval()
    >>> molecules, texts = processor(smiles=["CCO", "c1ccccc1"]), processor(text="an alcohol", return_tensors="pt")
    >>> retriever(**molecules, **texts).logits_per_text.shape
    torch.Size([1, 2])
    """

    _own_key_mapping = RETRIEVAL_KEYS
    _keys_to_ignore_on_load_unexpected = weights_beside("matching_head")

    def __init__(self, config: FineMolTexConfig) -> None:
        super().__init__(config)
        self.finemoltex = FineMolTexModel(config)
        self.matching_head = FineMolTexMatchingHead(config)
        self.post_init()

    def parts(self) -> dict[str, Part]:
        """Declare the base model's parts and the matching head."""
        return {**self.finemoltex.parts(), "matching_head": Part("head", (self.matching_head,))}

    @takes_molecules
    def get_molecule_features(self, molecules: Molecules) -> Tensor:
        """Embed molecules, L2-normalised `(B, P)`; see [`FineMolTexModel.get_molecule_features`]."""
        return self.finemoltex.get_molecule_features(molecules)

    def get_text_features(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Embed texts, L2-normalised `(B, P)`; see [`FineMolTexModel.get_text_features`]."""
        return self.finemoltex.get_text_features(input_ids, attention_mask)

    @can_return_tuple
    @records_states
    @takes_molecules
    def forward(
        self,
        molecules: Molecules | None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> FineMolTexRetrievalOutput:
        """Embed molecules, texts or both, which need not be pairs, and score each with each.

        Args:
            molecules ([`Molecules`], *optional*): `B_molecule` of them, or the tensors of a processor.
            input_ids, attention_mask (`torch.LongTensor` of shape `(B_text, T)`, *optional*): Texts.

        Returns:
            [`FineMolTexRetrievalOutput`]; what needs a side that was not given is `None`.

        Raises:
            ValueError: If neither side is given.
        """
        if input_ids is None and molecules is None:
            raise ValueError("Give molecules, texts or both: the batch holds neither `motif_counts` nor `input_ids`.")
        model, has_tokens = self.finemoltex, self.config.token_config.size > 0
        molecule_embeds = text_embeds = pooled = by_token = logits = None
        if molecules is not None:
            atom_states = model.encode_atoms(molecules)  # (N, H_graph)
            molecule_embeds = model.embed_molecules(atom_states, molecules)  # (B_molecule, P)
        if input_ids is not None:
            attention_mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
            word_states, means = model.encode_words(input_ids, attention_mask, keep_states=has_tokens)
            text_embeds = model.embed_texts(means, input_ids, attention_mask)  # (B_text, P)
        if molecule_embeds is not None and text_embeds is not None:
            logits = pooled = model.inverse_temperature * text_embeds @ molecule_embeds.T  # (B_text, B_molecule)
            if has_tokens:
                words = model.tokenize_words(word_states, input_ids, attention_mask)
                tokens = model.tokenize_molecules(atom_states, molecules)
                weights = weigh_texts(words, len(pooled), self.config.token_config)  # (B_text, 1)
                by_token = weights * score_tokens(words, tokens, *pooled.shape)  # (B_text, B_molecule)
                logits = pooled + by_token
        return FineMolTexRetrievalOutput(
            logits_per_text=logits,
            logits_per_molecule=None if logits is None else logits.T,
            pooled_logits=pooled if has_tokens else None,
            token_logits=by_token,
            molecule_embeds=molecule_embeds,
            text_embeds=text_embeds,
        )

    def match(self, molecules: FineMolTexOutput, texts: FineMolTexOutput, attention_mask: Tensor) -> Tensor:
        """Score pairs of molecules and texts by cross-attention and cosine together.

        The matching head and the dual encoder answer the same question from different evidence, both as logits of a
        choice among candidates; `config.retrieval_config.matching_weight` says how much the head counts.

        Args:
            molecules ([`FineMolTexOutput`]): Of the base model for `R` molecules: motif states, mask and embeddings.
            texts ([`FineMolTexOutput`]): Of the base model for `R` texts; text `i` meets molecule `i`.
            attention_mask (`torch.LongTensor` of shape `(R, T)`): Of the texts.

        Returns:
            `torch.FloatTensor` of shape `(R,)`: Logits; only their order and differences mean something.
        """
        joined = match_pairs(
            self.finemoltex.fusion,
            self.matching_head,
            molecules.motif_states,
            molecules.motif_attention_mask,
            texts.word_states,
            attention_mask,
        )
        cosine = (molecules.molecule_embeds * texts.text_embeds).sum(-1)  # (R,)
        return self.config.retrieval_config.matching_weight * joined + self.finemoltex.inverse_temperature * cosine


__all__ = ["FineMolTexForRetrieval"]
