"""The contract of a pre-training objective, and what the encoders hand to all of them.

Axes as in `modeling_finemoltex.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

from .configuration_finemoltex import FineMolTexConfig
from .molecules_finemoltex import Molecules
from .parts_finemoltex import Part
from .tokens_finemoltex import MoleculeTokens, WordTokens

# Fields of `EncodedPairs` that are computed only if an objective reads them.
READABLE = ("word_states", "motif_states", "motif_embeds", "tokens")


class Queries(NamedTuple):
    """Texts without a molecule of their own.

    Args:
        input_ids, attention_mask (`torch.LongTensor` of shape `(Q, T)`): Texts.
        conditions (`torch.LongTensor` of shape `(Q, C, 3)`): What each asks of a molecule.
    """

    input_ids: Tensor
    attention_mask: Tensor
    conditions: Tensor


class PairBatch(NamedTuple):
    """The pairs as they came: molecule `i` belongs to text `i`.

    Args:
        molecules ([`Molecules`]): `B` molecules, with `motif_ids`.
        input_ids, attention_mask (`torch.LongTensor` of shape `(B, T)`): Texts; `None` only where no objective
            `reads_texts`.
        seeds (`torch.LongTensor` of shape `(B,)`): Whatever an objective draws is a function of these.
        molecule_ids, text_ids (`torch.LongTensor` of shape `(B,)`, *optional*): Identities. Equal molecules or texts
            are not negatives of each other.
        fact_counts (`torch.Tensor` of shape `(B, F)`, *optional*): Structural facts of each molecule.
        conditions (`torch.LongTensor` of shape `(B, C, 3)`, *optional*): What each text asks of them; with both, every
            molecule that answers a text fits it. See [`find_answers`].
        queries ([`Queries`], *optional*): Further queries.
        pair_similarities (`torch.FloatTensor` of shape `(B,)`, *optional*): How much molecule `i` resembles the one
            that text `i` was written about: below 1 where a text is borrowed.
    """

    molecules: Molecules
    input_ids: Any
    attention_mask: Any
    seeds: Tensor
    molecule_ids: Tensor | None = None
    text_ids: Tensor | None = None
    fact_counts: Tensor | None = None
    conditions: Tensor | None = None
    queries: Queries | None = None
    pair_similarities: Tensor | None = None


class EncodedPairs(NamedTuple):
    """What each encoder makes of a batch, computed once. Nothing is hidden in it.

    Args:
        atom_states (`torch.FloatTensor` of shape `(N, H_graph)`): Always there.
        molecule_embeds, text_embeds (`torch.FloatTensor` of shape `(B, P)`): L2-normalised; always there, but for
            the texts of a batch without any.
        word_states (`torch.FloatTensor` of shape `(B, T, H)`, *optional*): Before the fusion; if read.
        motif_states (`torch.FloatTensor` of shape `(B, K + 1, H)`, *optional*): Before the fusion; if read.
        motif_embeds (`torch.FloatTensor` of shape `(M, P)`, *optional*): L2-normalised; if read.
        tokens (pair of [`WordTokens`] and [`MoleculeTokens`], *optional*): Of the token score; if read.
    """

    atom_states: Tensor
    molecule_embeds: Tensor
    text_embeds: Any
    word_states: Tensor | None = None
    motif_states: Tensor | None = None
    motif_embeds: Tensor | None = None
    tokens: tuple[WordTokens, MoleculeTokens] | None = None


@dataclass
class Terms:
    """What an objective adds to the loss, and what it counted.

    Args:
        losses (`dict[str, torch.FloatTensor]`): Each of shape `()`. Logged as `<name>_loss`.
        weights (`dict[str, float]`): Weight of each loss in the sum.
        counts (`dict[str, torch.LongTensor]`): Each of shape `(B,)`, such as right predictions and predictions made,
            or `(B, C)`, such as the classes that were right. Counts of batches and processes add up, where shares
            would not.
    """

    losses: dict[str, Tensor]
    weights: dict[str, float]
    counts: dict[str, Tensor] = field(default_factory=dict)


@dataclass
class ObjectiveOptions:
    """Options that every objective has.

    Args:
        weight (`float`): Weight of the objective in the loss.
    """

    weight: float = 1.0


class Objective(nn.Module):
    """One term of the pre-training loss, with the heads it needs. See `docs/guides/add_an_objective.md`.

    Args:
        config ([`FineMolTexConfig`]): Sizes of the model.
        options (`Options`): Of this objective, from `config.objectives[name]`.

    Attributes:
        Options: Dataclass of the options, with defaults.
        reads: Optional fields of [`EncodedPairs`] that it needs, of `READABLE`.
        needs: Views of the processor that it reads beside those of the encoder.
        reads_texts: Whether it needs texts; without such an objective, molecules alone can be trained on.
        is_costly: Left out in the steps that the trainer keeps cheap.
        encodes_more: Runs encoders or the fusion on the whole batch once more, so that mini-batches save no memory.
    """

    Options: ClassVar[type[Any]] = ObjectiveOptions
    reads: ClassVar[frozenset[str]] = frozenset()
    needs: ClassVar[frozenset[str]] = frozenset()
    reads_texts: ClassVar[bool] = True
    is_costly: ClassVar[bool] = False
    encodes_more: ClassVar[bool] = False

    def __init__(self, config: FineMolTexConfig, options: Any) -> None:
        super().__init__()
        self.options = options

    def forward(self, model: Any, pairs: EncodedPairs, batch: PairBatch) -> Terms:
        """Compute the terms.

        Args:
            model ([`FineMolTexModel`]): The base model, for objectives that encode once more.
            pairs ([`EncodedPairs`]): The batch, encoded.
            batch ([`PairBatch`]): The batch itself.

        Returns:
            [`Terms`]: Losses of shape `()`, float32, and their weights.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `forward`.")

    def reset_own_parameters(self, config: FineMolTexConfig) -> None:
        """Start parameters that stand in no sub-module; those of sub-modules are started already."""

    def parts(self) -> dict[str, Part]:
        """Declare what the objective owns; by default one part, without a name of its own."""
        return {"": Part("objective", (self,))} if any(True for _ in self.parameters()) else {}

    def resize_vocabulary(self, num_words: int) -> None:
        """Follow a change of the number of words; nothing to do without a table or bias of words."""


def read_options(name: str, objective: type[Objective], given: Mapping[str, Any]) -> Any:
    """Fill the options of an objective.

    Args:
        name (`str`): Its name in the configuration.
        objective (`type[Objective]`): Its class.
        given (mapping): `config.objectives[name]`.

    Raises:
        ValueError: If an option is unknown or is refused; names it.
    """
    known = [one.name for one in fields(objective.Options)]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(f"The objective {name!r} has no option {', '.join(unknown)}: its options are {known}.")
    try:
        return objective.Options(**given)
    except ValueError as error:
        raise ValueError(f"The objective {name!r}: {error}") from error


def check_choice(name: str, value: Any, allowed: Iterable[str]) -> None:
    """Refuse an option that is none of those allowed.

    Raises:
        ValueError: Names the option, the value and what is allowed.
    """
    if value not in allowed:
        raise ValueError(f"`{name}` must be one of {tuple(allowed)}: got {value!r}.")


def encode_pairs(model: Any, batch: PairBatch, reads: Iterable[str]) -> EncodedPairs:
    """Run each encoder once, and compute what the objectives read.

    Args:
        model ([`FineMolTexModel`]): The base model.
        batch ([`PairBatch`]): Pairs.
        reads (iterable of `str`): Fields of `READABLE`.
    """
    reads, molecules = set(reads), batch.molecules
    atom_states = model.encode_atoms(molecules)  # (N, H_graph)
    molecule_embeds = model.place_molecules(atom_states, molecules)  # (B, P)
    if batch.input_ids is None:
        return EncodedPairs(atom_states, molecule_embeds, None)
    needs_words = bool(reads & {"word_states", "tokens"})
    word_states, means = model.encode_words(
        batch.input_ids, batch.attention_mask, keep_states=needs_words
    )  # (B, T, H), (B, H)
    tokens = None
    if "tokens" in reads:
        tokens = (
            model.tokenize_words(word_states, batch.input_ids, batch.attention_mask),
            model.tokenize_molecules(atom_states, molecules),
        )
    return EncodedPairs(
        atom_states=atom_states,
        molecule_embeds=molecule_embeds,
        text_embeds=model.place_words(means),  # (B, P)
        word_states=word_states if "word_states" in reads else None,
        motif_states=model.encode_motifs(atom_states, molecules) if "motif_states" in reads else None,
        motif_embeds=model.place_motifs(atom_states, molecules) if "motif_embeds" in reads else None,
        tokens=tokens,
    )


__all__ = [
    "READABLE",
    "EncodedPairs",
    "Objective",
    "ObjectiveOptions",
    "PairBatch",
    "Queries",
    "Terms",
    "check_choice",
    "encode_pairs",
    "read_options",
]
