"""Batches of rows of about equal length, in an order that a resumed run finds again."""

from collections.abc import Callable, Iterator

import torch
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices


class LengthSampler(Sampler[int]):
    """Draws rows such that those of a batch are about equally long; every epoch has an order of its own.

    The order depends on the seed and the step alone, so that a resumed run goes on exactly.
    """

    def __init__(self, lengths: list[int], batch_size: int, seed: int, current_step: Callable[[], int]) -> None:
        self.lengths, self.batch_size, self.seed, self.current_step = lengths, batch_size, seed, current_step

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """Draw the rows of the epoch that the training has reached."""
        epoch = self.current_step() // -(-len(self.lengths) // self.batch_size)
        generator = torch.Generator().manual_seed(self.seed + epoch)
        return iter(get_length_grouped_indices(self.lengths, self.batch_size, generator=generator))
