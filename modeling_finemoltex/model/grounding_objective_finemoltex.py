"""The grounding objective: atoms and words learn structural concepts from their exact truth."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from .answers_finemoltex import UNKNOWN
from .concepts_finemoltex import TINY, add_up_atoms, collect_demands, reach_counts
from .objectives_finemoltex import EncodedPairs, Objective, ObjectiveOptions, PairBatch, Terms


@dataclass
class GroundingOptions(ObjectiveOptions):
    """Options of the grounding objective.

    Args:
        weight (`float`): Weight of both losses.
        molecule_weight (`float`): Weight of that of the molecules beside that of the words.
    """

    molecule_weight: float = 0.1


class GroundingObjective(Objective):
    """Teach the counts of each molecule and what each query asks; needs `config.token_config.num_concepts`.

    Concept `k` is structural fact `k` of the batch. Rows without facts, and texts that are no queries, say nothing.
    """

    Options = GroundingOptions

    def __init__(self, config: Any, options: GroundingOptions) -> None:
        super().__init__(config, options)
        self.num_concepts = config.token_config.num_concepts
        if not (config.token_config.size and self.num_concepts):
            raise ValueError(
                "The objective 'grounding' needs structural concepts: set `token_config={'size': 64, 'num_concepts': "
                "F}` with as many as the data have facts, or leave the objective out."
            )

    def forward(self, model: Any, pairs: EncodedPairs, batch: PairBatch) -> Terms:
        """Compare counts with facts, and what words want with conditions; of the rows that have them alone."""
        nothing = pairs.molecule_embeds.sum() * 0.0
        return self._name(self._count(model, pairs, batch, nothing), self._ask(model, batch, nothing))

    def _count(self, model: Any, pairs: EncodedPairs, batch: PairBatch, nothing: Tensor) -> Tensor:
        """Judge the counts of the molecules whose facts are known. -> `()`."""
        if batch.fact_counts is None:
            return nothing
        facts = self._widen(batch.fact_counts)  # (B, K)
        is_counted = facts[:, 0] != UNKNOWN  # (B,)
        if not is_counted.any():
            return nothing
        atom_states = pairs.atom_states[is_counted[batch.molecules.molecule_of_atom]]
        molecules, facts = batch.molecules.select(is_counted.nonzero()[:, 0]), facts[is_counted]
        held = model.molecule_tokens.detect_concepts(atom_states, molecules)  # (N_counted, K)
        with torch.autocast(held.device.type, enabled=False):
            return detection_loss(
                held, molecules.molecule_of_atom, facts, model.config.token_config.num_concept_counts
            )

    def _ask(self, model: Any, batch: PairBatch, nothing: Tensor) -> Tensor:
        """Judge what the queries of the rows and those beside them want. -> `()`."""
        asked = []
        if batch.conditions is not None:
            is_query = (batch.conditions[..., 0] != UNKNOWN).any(1)  # (B,)
            asked = [(batch.input_ids[is_query], batch.attention_mask[is_query], batch.conditions[is_query])]
        if batch.queries is not None:
            asked = [*asked, batch.queries]
        asked = [(len(texts), self._judge(model, texts, *rest)) for texts, *rest in asked if len(texts)]
        total = sum(size for size, _ in asked)
        return sum((size / total * loss for size, loss in asked), nothing)

    def _judge(self, model: Any, input_ids: Tensor, attention_mask: Tensor, conditions: Tensor) -> Tensor:
        """Judge what `Q` queries want. `(Q, T)`, `(Q, T)`, `(Q, C, 3)` -> `()`."""
        words = model.get_input_embeddings()(input_ids)  # (Q, T, H_text)
        shares, amounts = model.word_tokens.concepts(words, attention_mask)  # (W, K), (W, C)
        with torch.autocast(shares.device.type, enabled=False):
            return meaning_loss(shares, amounts, attention_mask.nonzero()[:, 0], conditions)

    def _widen(self, fact_counts: Tensor) -> Tensor:
        """Add the last facts, which no molecule of the batch has. `(B, F)` -> `(B, K)`."""
        missing = self.num_concepts - fact_counts.shape[1]
        if missing < 0:
            raise ValueError(
                f"The molecules have facts up to number {fact_counts.shape[1] - 1}, the model has "
                f"{self.num_concepts} concepts: set `token_config.num_concepts` to the number of facts."
            )
        is_known = (fact_counts[:, :1] != UNKNOWN).to(fact_counts)  # (B, 1)
        return torch.cat([fact_counts, (is_known - 1).expand(-1, missing)], dim=1)

    def _name(self, counting: Tensor, meaning: Tensor) -> Terms:
        weight = self.options.weight
        return Terms(
            {"concept": counting, "meaning": meaning},
            {"concept": weight * self.options.molecule_weight, "meaning": weight},
        )


def detection_loss(held: Tensor, molecule_of_atom: Tensor, fact_counts: Tensor, num_counts: int) -> Tensor:
    """Judge what atoms hold by what their molecules do: [`count_loss`] and [`presence_loss`].

    Args:
        held (`torch.FloatTensor` of shape `(N, K)`): How much of each concept each atom holds, as logits.
        molecule_of_atom (`torch.LongTensor` of shape `(N,)`): Molecule of each.
        fact_counts (`torch.Tensor` of shape `(B, K)`): The truth.
        num_counts (`int`): Numbers told apart.

    Returns:
        `torch.FloatTensor` of shape `()`: The mean over molecules.
    """
    size = len(fact_counts)
    counts = add_up_atoms(held.sigmoid(), molecule_of_atom, size)  # (B, K)
    absence = add_up_atoms(-F.softplus(held), molecule_of_atom, size)  # (B, K)
    return count_loss(counts, fact_counts, num_counts) + presence_loss(absence, fact_counts)


def count_loss(counts: Tensor, fact_counts: Tensor, num_counts: int) -> Tensor:
    """Judge the counts of each concept: is it there once, twice, ...; a sum over concepts and numbers.

    Args:
        counts (`torch.FloatTensor` of shape `(B, K)`): What the atoms add up to.
        fact_counts (`torch.Tensor` of shape `(B, K)`): The truth.
        num_counts (`int`): Numbers told apart.

    Returns:
        `torch.FloatTensor` of shape `()`: The mean over molecules.
    """
    losses = [
        F.binary_cross_entropy_with_logits(
            reach_counts(counts, step), (fact_counts >= step).float(), reduction="none"
        ).sum(1)
        for step in range(1, num_counts + 1)
    ]
    return torch.stack(losses).sum(0).mean()


def presence_loss(absence: Tensor, fact_counts: Tensor) -> Tensor:
    r"""Judge whether each concept is found at all, \(p = 1 - \prod_i (1 - h_i)\); a sum over concepts.

    Its gradient at an atom of a molecule that holds a concept is the atom's share of what is found, however little
    that is: a rare concept, whose detector the other molecules have silenced, is still learned.

    Args:
        absence (`torch.FloatTensor` of shape `(B, K)`): \(\log \prod_i (1 - h_i)\) over the atoms.
        fact_counts (`torch.Tensor` of shape `(B, K)`): The truth.

    Returns:
        `torch.FloatTensor` of shape `()`: The mean over molecules.
    """
    found = torch.log(-torch.expm1(absence.clamp(max=-TINY)))  # (B, K)
    return -torch.where(fact_counts >= 1, found, absence).sum(1).mean()


def meaning_loss(shares: Tensor, amounts: Tensor, text_of_word: Tensor, conditions: Tensor) -> Tensor:
    r"""Judge which concepts each query names, and how many of them it wants.

    The concepts of its conditions must be named and no other, \(-\sum_{k \in i} \log A_{ik} - \sum_{k \notin i}
    \log(1 - A_{ik})\). Of each concept named, the worth of at least 1, 2, ... of it, averaged over the words by their
    shares, must be 1 where the condition starts to hold, -1 where it ends, and 0 elsewhere: a squared error.

    Args:
        shares (`torch.FloatTensor` of shape `(W, K)`), amounts (`(W, C)`): Of [`FineMolTexWordConcepts`].
        text_of_word (`torch.LongTensor` of shape `(W,)`): Text of each of the `W` words of `B` texts.
        conditions (`torch.LongTensor` of shape `(B, C, 3)`): Concept, least and most; `UNKNOWN` pads.

    Returns:
        `torch.FloatTensor` of shape `()`: The mean over queries; 0 without any.
    """
    num_texts, num_counts = len(conditions), amounts.shape[1]
    concepts, least, most = conditions.unbind(-1)  # (B, C) each
    is_condition = concepts != UNKNOWN  # (B, C)
    is_query = is_condition.any(1).float()  # (B,)
    columns = concepts.clamp(min=0)
    empty = torch.zeros(num_texts, shares.shape[1], device=shares.device)  # (B, K)
    is_named = empty.scatter_add(1, columns, is_condition.float()).clamp(max=1)

    names = empty.index_add(0, text_of_word, shares)  # (B, K)
    naming = F.binary_cross_entropy(names.clamp(TINY, 1 - TINY), is_named, reduction="none").sum(1)  # (B,)

    amount = torch.zeros_like(naming)  # (B,)
    demands = collect_demands(shares, amounts, text_of_word, num_texts)
    for step, demand in enumerate(demands, start=1):
        last = step == num_counts  # which stands for all larger numbers
        starts = (least >= step) if last else (least == step)  # (B, C)
        target = starts.float() - (most + 1 == step).float()  # (B, C)
        worth = demand.gather(1, columns) / names.gather(1, columns).clamp(min=TINY)  # (B, C)
        amount = amount + ((worth - target).square() * is_condition).sum(1)
    return ((naming + amount) * is_query).sum() / is_query.sum().clamp(min=1)


__all__ = ["GroundingObjective", "count_loss", "detection_loss", "meaning_loss", "presence_loss"]
