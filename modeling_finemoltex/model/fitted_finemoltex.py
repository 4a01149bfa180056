"""What completes the learned embeddings: solved for after a training instead of learned by it.

Axes: `B` molecules or texts, `T` words, `P'` size of a learned embedding, `P` size of a complete one.
"""

from typing import Any

from torch import Tensor, nn

from .counts_finemoltex import FineMolTexCounts
from .local_scaling_finemoltex import FineMolTexLocalScaling
from .molecules_finemoltex import Molecules
from .parts_finemoltex import Part


class FineMolTexFitted(nn.Module):
    """Complete the learned embeddings, by a count embedding and by local scaling, as the configuration says.

    Without either, embeddings stay as they are.

    Shapes:
        - **input:** learned embeddings `(B, P')`, L2-normalised, and the molecules or texts themselves
        - **output:** `(B, P)`, L2-normalised
    """

    def __init__(self, config: Any, with_text: bool = True) -> None:
        super().__init__()
        size, scaling = config.encoder_size + config.count_config.size, config.scaling_config
        self.counts = FineMolTexCounts(config, with_text) if config.count_config.size else None
        self.scaling = None
        if scaling.num_centres:
            self.scaling = FineMolTexLocalScaling(size, scaling.num_centres, scaling.num_neighbours)

    def parts(self) -> dict[str, Part]:
        """Declare what there is."""
        parts: dict[str, Part] = {}
        for module in (self.counts, self.scaling):
            parts |= {} if module is None else module.parts()
        return parts

    def complete_molecules(self, embeds: Tensor, molecules: Molecules) -> Tensor:
        """Complete the embeddings of molecules; see the shapes above."""
        if self.counts is not None:
            embeds = self.counts.join_molecules(embeds, molecules)
        return embeds if self.scaling is None else self.scaling.widen_molecules(embeds)

    def complete_texts(self, embeds: Tensor, input_ids: Tensor | None, attention_mask: Tensor | None = None) -> Tensor:
        """Complete the embeddings of texts, `(B, T)` word ids; see the shapes above.

        Raises:
            ValueError: If there are no word ids whose letters could be counted.
        """
        if self.counts is not None:
            embeds = self.counts.join_texts(embeds, input_ids, attention_mask)
        return embeds if self.scaling is None else self.scaling.widen_texts(embeds)


__all__ = ["FineMolTexFitted"]
