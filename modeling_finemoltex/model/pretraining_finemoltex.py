"""Pre-training: the objectives by name, and their weighted sum.

Axes as in `modeling_finemoltex.py`.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn
from transformers.utils.generic import can_return_tuple

from .blend_objective_finemoltex import BlendObjective
from .configuration_finemoltex import FineMolTexConfig
from .contrastive_objective_finemoltex import ContrastiveObjective
from .critic_objective_finemoltex import CriticObjective
from .grounding_objective_finemoltex import GroundingObjective
from .late_interaction_objective_finemoltex import LateInteractionObjective
from .masked_objective_finemoltex import MaskedModellingObjective
from .matching_objective_finemoltex import MatchingObjective
from .memory_bank_objective_finemoltex import MemoryBankObjective
from .migration_finemoltex import V1_KEYS
from .mini_batches_finemoltex import encode_in_mini_batches
from .modeling_finemoltex import FineMolTexModel, FineMolTexPreTrainedModel
from .molecules_finemoltex import Molecules, takes_molecules
from .momu_objective_finemoltex import MoMuObjective
from .objectives_finemoltex import EncodedPairs, Objective, PairBatch, Queries, Terms, encode_pairs, read_options
from .outputs_finemoltex import FineMolTexPreTrainingOutput
from .parts_finemoltex import Part
from .recording_finemoltex import records_states
from .second_order_objective_finemoltex import SecondOrderObjective
from .smiles_reconstruction_objective_finemoltex import SmilesReconstructionObjective
from .soft_target_objective_finemoltex import SoftTargetObjective
from .transport_objective_finemoltex import TransportObjective

# A dict and no decorator: the Hub loader finds a file by the line that imports it.
OBJECTIVES: dict[str, type[Objective]] = {
    "contrastive": ContrastiveObjective,
    "masked_modelling": MaskedModellingObjective,
    "matching": MatchingObjective,
    "soft_target": SoftTargetObjective,
    "late_interaction": LateInteractionObjective,
    "grounding": GroundingObjective,
    "transport": TransportObjective,
    "momu": MoMuObjective,
    "memory_bank": MemoryBankObjective,
    "second_order": SecondOrderObjective,
    "critic": CriticObjective,
    "blend": BlendObjective,
    "smiles_reconstruction": SmilesReconstructionObjective,
}


class FineMolTexForPreTraining(FineMolTexPreTrainedModel):
    r"""The base model with the objectives of `config.objectives`: \(L = \sum_o w_o L_o\).

    By default those of FineMolTex (KDD 2025): alignment of wholes, and masked motifs and words.

    Example:
    >>> batch = processor(smiles=["CCO", "C"], text=["an alcohol", "a gas"], padding=True, return_tensors="pt")
    >>> output = model(**batch)
    >>> sorted(output.losses)
    ['contrastive', 'motif', 'word']
    """

    _own_key_mapping = V1_KEYS

    def __init__(self, config: FineMolTexConfig) -> None:
        super().__init__(config)
        self.finemoltex = FineMolTexModel(config)
        self.objectives = nn.ModuleDict(build_objectives(config))
        # Written out, so that a checkpoint says what it was trained with whatever the defaults become.
        config.objectives = {name: asdict(one.options) for name, one in self.objectives.items()}
        self.post_init()

    @property
    def reads_texts(self) -> bool:
        """Whether an objective needs texts."""
        return any(one.reads_texts for one in self.objectives.values())

    def parts(self) -> dict[str, Part]:
        """Declare the base model's parts and those of the objectives."""
        own = {
            f"{name}.{part}".rstrip("."): value
            for name, objective in self.objectives.items()
            for part, value in objective.parts().items()
        }
        return {**self.finemoltex.parts(), **own}

    def resize_token_embeddings(self, *args: Any, **kwargs: Any) -> nn.Embedding:
        """Resize the word embeddings, and what the objectives keep per word; arguments as in Transformers."""
        table = super().resize_token_embeddings(*args, **kwargs)
        for objective in self.objectives.values():
            objective.resize_vocabulary(table.num_embeddings)
        return table

    @can_return_tuple
    @records_states
    @takes_molecules
    def forward(
        self,
        molecules: Molecules | None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        molecule_ids: Tensor | None = None,
        text_ids: Tensor | None = None,
        fact_counts: Tensor | None = None,
        conditions: Tensor | None = None,
        query_input_ids: Tensor | None = None,
        query_attention_mask: Tensor | None = None,
        query_conditions: Tensor | None = None,
        pair_similarities: Tensor | None = None,
        seeds: Tensor | None = None,
        costly: bool = True,
        mini_batch_size: int | None = None,
        return_loss: bool = True,
    ) -> FineMolTexPreTrainingOutput:
        """Compute the pre-training losses of a batch of pairs.

        Args:
            molecules ([`Molecules`]): Or the tensors of a processor. `motif_ids` label the hidden motifs.
            input_ids, attention_mask (`torch.LongTensor` of shape `(B, T)`): Texts, unless no objective reads any.
            molecule_ids, text_ids (`torch.LongTensor` of shape `(B,)`, *optional*): Equal ones are no negatives.
            fact_counts (`torch.Tensor` of shape `(B, F)`, *optional*): Structural facts of the molecules.
            conditions (`torch.LongTensor` of shape `(B, C, 3)`, *optional*): What the texts ask of them.
            query_input_ids, query_attention_mask (`(Q, T)`), query_conditions (`(Q, C, 3)`): Further queries.
            pair_similarities (`(B,)`, *optional*): Of each molecule with the one its text was written about, or 1.
            seeds (`torch.LongTensor` of shape `(B,)`, *optional*): What objectives draw is a function of these.
            costly (`bool`): Compute the costly objectives too; [`FineMolTexTrainer`] does so in a share of the steps.
            mini_batch_size (`int`, *optional*): Pairs that encoders take at once for the gradient of the whole batch.
            return_loss (`bool`): Always true; tells the Trainer that this model needs no labels.

        Returns:
            [`FineMolTexPreTrainingOutput`].

        Raises:
            ValueError: If molecules or texts are missing, or an objective cannot be computed in mini-batches.
        """
        if molecules is None or (input_ids is None and self.reads_texts):
            raise ValueError("Pre-training needs pairs: give `smiles` and `text` to the processor, one text each.")
        if attention_mask is None and input_ids is not None:
            attention_mask = torch.ones_like(input_ids)
        if seeds is None:
            seeds = torch.randint(2**62, (len(molecules),), device=molecules.motif_counts.device)
        queries = None if query_input_ids is None else Queries(query_input_ids, query_attention_mask, query_conditions)
        ids, truth = (molecule_ids, text_ids), (fact_counts, conditions, queries, pair_similarities)
        batch = PairBatch(molecules, input_ids, attention_mask, seeds, *ids, *truth)
        due = [one for one in self.objectives.values() if costly or not one.is_costly]
        pairs = self._encode(batch, {name for one in due for name in one.reads}, mini_batch_size)
        terms = merge_terms([one(self.finemoltex, pairs, batch) for one in due])
        molecule_embeds, text_embeds = self._embeds_to_rank(pairs, batch)
        return FineMolTexPreTrainingOutput(
            loss=add_up(terms, pairs.molecule_embeds),
            losses={name: loss.detach() for name, loss in terms.losses.items()},
            molecule_embeds=molecule_embeds,
            text_embeds=text_embeds,
            counts=terms.counts or None,
        )

    def _encode(self, batch: PairBatch, reads: set[str], mini_batch_size: int | None) -> EncodedPairs:
        """Encode the pairs at once, or a few at a time."""
        if mini_batch_size is None or not torch.is_grad_enabled() or len(batch.molecules) <= mini_batch_size:
            return encode_pairs(self.finemoltex, batch, reads)
        check_mini_batches(self.objectives)
        return encode_in_mini_batches(self.finemoltex, batch, reads, mini_batch_size)

    def _embeds_to_rank(self, pairs: EncodedPairs, batch: PairBatch) -> tuple[Tensor, Any]:
        """Give the embeddings `(B, P)` of both sides: losses compare what is trained, rankings all that there is."""
        if self.training or pairs.text_embeds is None:
            return pairs.molecule_embeds, pairs.text_embeds
        return (
            self.finemoltex.fitted.complete_molecules(pairs.molecule_embeds, batch.molecules),
            self.finemoltex.fitted.complete_texts(pairs.text_embeds, batch.input_ids, batch.attention_mask),
        )


def build_objectives(config: FineMolTexConfig) -> dict[str, Objective]:
    """Build the objectives that a configuration names, in its order.

    Args:
        config ([`FineMolTexConfig`]): `config.objectives` holds names and options.

    Raises:
        ValueError: If there are none, or a name or an option is unknown; lists what is known.
    """
    unknown = sorted(set(config.objectives) - set(OBJECTIVES))
    if unknown or not config.objectives:
        raise ValueError(
            f"`objectives` must name at least one of {', '.join(OBJECTIVES)}: got {', '.join(unknown) or 'none'}."
        )
    return {
        name: OBJECTIVES[name](config, read_options(name, OBJECTIVES[name], options))
        for name, options in config.objectives.items()
    }


def check_mini_batches(objectives: Iterable[str]) -> None:
    """Refuse objectives whose memory grows with the batch, however few pairs the encoders take at once.

    Raises:
        ValueError: Names them.
    """
    greedy = [name for name in objectives if OBJECTIVES[name].encodes_more]
    if greedy:
        raise ValueError(
            f"`mini_batch_size` saves no memory with {', '.join(greedy)}, which encode the whole batch once more: "
            "leave those objectives out, or take a smaller batch and `gradient_accumulation_steps`."
        )


def check_without_texts(objectives: Iterable[str]) -> None:
    """Refuse objectives that read texts, for molecules that have none.

    Raises:
        ValueError: Names them, and those that read molecules alone.
    """
    readers = [name for name in objectives if OBJECTIVES[name].reads_texts]
    if readers:
        able = ", ".join(name for name, one in OBJECTIVES.items() if not one.reads_texts)
        raise ValueError(
            f"`without_texts` gives molecules alone, and {', '.join(readers)} would learn from texts: leave those "
            f"objectives out (`--objective {readers[0]}=none`), or give texts. Molecules are enough for {able}."
        )


def merge_terms(terms: list[Terms]) -> Terms:
    """Put the terms of all objectives side by side.

    Raises:
        ValueError: If two objectives give the same name to a loss.
    """
    merged = Terms({}, {})
    for one in terms:
        repeated = merged.losses.keys() & one.losses.keys()
        if repeated:
            raise ValueError(f"Two objectives name a loss {sorted(repeated)[0]!r}: give every loss a name of its own.")
        merged.losses.update(one.losses)
        merged.weights.update(one.weights)
        merged.counts.update(one.counts)
    return merged


def add_up(terms: Terms, like: Tensor) -> Tensor:
    """Add the losses up by their weights, in their order. -> `()`; 0 where no objective is due, as in a cheap step."""
    total = None
    for name, loss in terms.losses.items():
        weighted = terms.weights[name] * loss
        total = weighted if total is None else total + weighted
    return like.sum() * 0.0 if total is None else total


__all__ = ["OBJECTIVES", "FineMolTexForPreTraining", "build_objectives", "check_mini_batches", "check_without_texts"]
