"""MoMu: two views of each molecule against two texts of it (Su et al. 2022).

Axes as in `modeling_finemoltex.py`.
"""

from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from .answers_finemoltex import UNKNOWN
from .contrastive_objective_finemoltex import contrast
from .encoders_finemoltex import MOLECULE_ENCODERS
from .graph_views_finemoltex import GRAPH_VIEWS, VIEW_RATES, ViewDraw, check_views
from .losses_finemoltex import CONTRASTIVE_LOSSES, contrastive_loss
from .masking_finemoltex import hash_uniform
from .objectives_finemoltex import EncodedPairs, Objective, ObjectiveOptions, PairBatch, Terms, check_choice

TEXT_STREAM, FIRST_VIEW_STREAM = 16, 17  # of the draws; each view has a stream of its own


@dataclass
class MoMuOptions(ObjectiveOptions):
    """Options of MoMu.

    Args:
        weight (`float`): Weight in the loss.
        views (`list[str]`): Views of each molecule, of `GRAPH_VIEWS`; one may stand there twice.
        rates (`dict[str, float]`): Share of atoms or bonds that a view takes away or changes; published ones by
            default.
        num_texts (`int`): 1 for the text of the pair, 2 for a second text of the molecule beside it.
        graph_self (`bool`): Compare the views with each other too.
        loss (`str`): As in the contrastive objective.
        faithful (`bool`): Dropped atoms stay as atoms without bonds, as in the published code.
    """

    views: list[str] = field(default_factory=lambda: ["drop_nodes", "walk_subgraph"])
    rates: dict[str, float] = field(default_factory=dict)
    num_texts: int = 2
    graph_self: bool = True
    loss: str = "info_nce"
    faithful: bool = False

    def __post_init__(self) -> None:
        """Check the names and ranges, and write all rates out."""
        self.views = list(self.views)
        for name in (*self.views, *self.rates):
            check_choice("views" if name in self.views else "rates", name, GRAPH_VIEWS)
        self.rates = {**VIEW_RATES, **self.rates}
        for name, rate in self.rates.items():
            if not 0 <= rate < 1:
                raise ValueError(f"`rates` must be at least 0 and less than 1: got {rate} for {name!r}.")
        if len(self.views) < 1 + self.graph_self:
            raise ValueError(
                f"`views` must name at least {1 + self.graph_self}: got {self.views}. With `graph_self=False`, one is "
                "enough."
            )
        check_choice("num_texts", self.num_texts, (1, 2))
        check_choice("loss", self.loss, CONTRASTIVE_LOSSES)


class MoMuObjective(Objective):
    r"""Bring views of a molecule near its texts, and near each other.

    \(L = \mathrm{mean}(S(g_1, t_1), S(g_1, t_2), S(g_2, t_1), S(g_2, t_2), S(g_1, g_2))\), with \(S\) the mean of both
    directions of InfoNCE; the last term only with `graph_self`. Equal embeddings give `log(B)`.

    The first text is that of the pair. The second is another text of the molecule in the batch, drawn by seed; where
    there is none, the second half of the words. `texts_together` of the training arguments makes the texts of a
    molecule meet. Prefer the contrastive objective where time counts: this one encodes every molecule three times.
    """

    Options = MoMuOptions
    encodes_more = True

    def __init__(self, config: Any, options: MoMuOptions) -> None:
        super().__init__(config, options)
        graph = config.graph_config
        check_views(graph.encoder, MOLECULE_ENCODERS[graph.encoder].needs)
        self.mask_row = tuple(size - 1 for size in (*graph.atom_feature_sizes, *graph.rare_feature_sizes))

    def forward(self, model: Any, pairs: EncodedPairs, batch: PairBatch) -> Terms:
        """Encode the views and the second texts, and compare."""
        options = self.options
        views = [self._embed_view(model, batch, place) for place in range(len(options.views))]  # (B, P) each
        texts = [(pairs.text_embeds, batch)]
        if options.num_texts == 2:
            texts.append(embed_second_texts(model, pairs.text_embeds, batch))
        cross = [
            contrast(view, text, model.inverse_temperature, text_batch, options.loss, gather=self.training)
            for view in views
            for text, text_batch in texts
        ]
        own = [
            contrastive_loss(
                one, other, model.inverse_temperature, options.loss, batch.molecule_ids, gather=self.training
            )
            for one, other in combinations(views if options.graph_self else (), 2)
        ]
        terms = {"momu_text": cross, "momu_graph": own}
        total = len(cross) + len(own)
        return Terms(
            {name: torch.stack(losses).mean() for name, losses in terms.items() if losses},
            {name: options.weight * len(losses) / total for name, losses in terms.items() if losses},
        )

    def _embed_view(self, model: Any, batch: PairBatch, place: int) -> Tensor:
        """Draw and embed one view of the molecules. -> `(B, P)`."""
        name = self.options.views[place]
        draw = ViewDraw(batch.seeds, FIRST_VIEW_STREAM + place, self.mask_row, self.options.faithful)
        view = GRAPH_VIEWS[name](batch.molecules, self.options.rates[name], draw)
        return model.place_molecules(model.encode_atoms(view), view)


def embed_second_texts(model: Any, text_embeds: Tensor, batch: PairBatch) -> tuple[Tensor, PairBatch]:
    """Embed a second text of each molecule: another one of the batch, or the second half of the words.

    Half a query asks something else: without another text, a query stands for itself.

    Args:
        model ([`FineMolTexModel`]): Encodes the halves.
        text_embeds (`torch.FloatTensor` of shape `(B, P)`): Of the texts of the batch.
        batch ([`PairBatch`]): `B` pairs.

    Returns:
        `torch.FloatTensor` of shape `(B, P)`, L2-normalised, and the batch with the identities and conditions of the
        second texts.
    """
    rows, is_alone = draw_other_texts(batch)  # (B,), (B,)
    embeds = text_embeds[rows]  # (B, P)
    halved = is_alone
    if batch.conditions is not None:
        halved = is_alone & (batch.conditions[..., 0] == UNKNOWN).all(1)  # (B,)
    halved = halved.nonzero()[:, 0]  # (h,)
    if len(halved):
        mask = keep_second_half(batch.attention_mask[halved])  # (h, T)
        _, means = model.encode_words(batch.input_ids[halved], mask, keep_states=False)  # (h, H)
        embeds = embeds.index_copy(0, halved, model.place_words(means))
    others = {name: getattr(batch, name) for name in ("text_ids", "conditions")}
    return embeds, batch._replace(**{name: one[rows] for name, one in others.items() if one is not None})


def draw_other_texts(batch: PairBatch) -> tuple[Tensor, Tensor]:
    """Draw another text of the same molecule from the batch, by the seed of each row.

    Args:
        batch ([`PairBatch`]): `B` pairs.

    Returns:
        `torch.LongTensor` of shape `(B,)`: row of the other text, the own one where there is none; and
        `torch.BoolTensor` of shape `(B,)`: there is none.
    """
    num_pairs, device = len(batch.seeds), batch.seeds.device
    rows, is_other = torch.arange(num_pairs, device=device), torch.zeros(num_pairs, num_pairs, device=device).bool()
    if batch.molecule_ids is not None:
        is_other = (batch.molecule_ids[:, None] == batch.molecule_ids) & (rows[:, None] != rows)  # (B, B)
        if batch.text_ids is not None:
            is_other = is_other & (batch.text_ids[:, None] != batch.text_ids)
    keys = hash_uniform(batch.seeds, num_pairs, TEXT_STREAM).masked_fill(~is_other, 0.0)  # (B, B)
    is_alone = ~is_other.any(1)  # (B,)
    return torch.where(is_alone, rows, keys.argmax(1)), is_alone


def keep_second_half(attention_mask: Tensor) -> Tensor:
    """Hide the first half of the words; the tokens that begin and end a text stay.

    Args:
        attention_mask (`torch.LongTensor` of shape `(B, T)`): 1 on tokens, 0 on padding on either side.

    Returns:
        `torch.LongTensor` of shape `(B, T)`.

    Example:
    >>> keep_second_half(torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]]))
    tensor([[1, 0, 0, 1, 1, 1],
            [1, 1, 1, 0, 0, 0]])
    """
    places = attention_mask.cumsum(1)  # (B, T), from 1 on
    num_words = attention_mask.sum(1, keepdim=True) - 2  # (B, 1)
    return attention_mask * ((places == 1) | (places >= 2 + num_words // 2))


__all__ = ["MoMuObjective", "MoMuOptions", "draw_other_texts", "embed_second_texts", "keep_second_half"]
