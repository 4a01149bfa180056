"""The late-interaction objective: words against motifs and atoms, beside the wholes."""

from typing import Any

import torch

from .answers_finemoltex import mark_answers
from .losses_finemoltex import multi_positive_nce
from .objectives_finemoltex import EncodedPairs, Objective, ObjectiveOptions, PairBatch, Terms
from .tokens_finemoltex import score_tokens


class LateInteractionObjective(Objective):
    """Rank by the sum of the pooled score and the token score; needs `config.token_config.size`.

    Molecules and texts of one rank are compared: tokens are too many to be gathered. Use it beside the contrastive
    objective, which keeps the pooled score good enough to choose the candidates that the tokens then order.
    """

    reads = frozenset({"tokens"})

    def __init__(self, config: Any, options: ObjectiveOptions) -> None:
        super().__init__(config, options)
        if not config.token_config.size:
            raise ValueError(
                "The objective 'late_interaction' needs token vectors: set `token_config={'size': 64}`, or leave the "
                "objective out."
            )
        if config.token_config.levels == "none":
            raise ValueError(
                "The objective 'late_interaction' needs token vectors, and `token_config.levels` is 'none': set it to "
                "'both', 'motif' or 'atom', or leave the objective out."
            )

    def forward(self, model: Any, pairs: EncodedPairs, batch: PairBatch) -> Terms:
        """Compare all molecules with all texts of the batch."""
        num_pairs = len(batch.input_ids)
        token_scores = score_tokens(*pairs.tokens, num_pairs, num_pairs)  # (B, B), texts by molecules
        with torch.autocast(token_scores.device.type, enabled=False):
            logits = token_scores + model.inverse_temperature * pairs.text_embeds @ pairs.molecule_embeds.T  # (B, B)
            fits, excluded = mark_answers(batch)  # (B, B), (B, B)
            loss = 0.5 * (
                multi_positive_nce(logits, fits, excluded) + multi_positive_nce(logits.T, fits.T, excluded.T)
            )
        return Terms({"late_interaction": loss}, {"late_interaction": self.options.weight})


__all__ = ["LateInteractionObjective"]
