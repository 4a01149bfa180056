"""Layers over words that see their neighbours by place: numbers, negations and names are said side by side."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

REACH = 2  # words to either side


class FineMolTexWordLayer(nn.Module):
    """A convolution over words with residual and LayerNorm.

    Attention of few layers has to learn first which word is the next one; here the places are given, so that "no"
    before "nitrogen" is learned from few queries. Written as one linear layer over the neighbours.

    Shapes:
        - **input:** word states `(B, T, H)`, mask `(B, T)`
        - **output:** word states `(B, T, H)`
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.expand = nn.Linear((2 * REACH + 1) * width, 2 * width)
        self.contract = nn.Linear(2 * width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, word_states: Tensor, attention_mask: Tensor) -> Tensor:
        """Run the layer; see the shapes above."""
        states = word_states * attention_mask[..., None].to(word_states)  # padding says nothing
        padded = F.pad(states, (0, 0, REACH, REACH))  # (B, T + 2 REACH, H)
        length = word_states.shape[1]
        neighbours = torch.cat([padded[:, place : place + length] for place in range(2 * REACH + 1)], dim=-1)
        return self.norm(states + self.contract(F.gelu(self.expand(neighbours))))


def put_in_a_row(is_word: Tensor) -> tuple[Tensor, Tensor]:
    """Find places for the words of all texts in one row, in which no layer sees from one text to the next.

    Args:
        is_word (`torch.BoolTensor` of shape `(B, T)`): False on padding.

    Returns:
        `torch.LongTensor` of shape `(W,)`, the place of each word, and `torch.BoolTensor` of shape `(L,)`, which
        places are taken.

    Example:
    >>> places, is_place = put_in_a_row(torch.tensor([[True, True, False], [True, True, True]]))
    >>> places.tolist(), len(is_place)
    ([0, 1, 4, 5, 6], 9)
    """
    ends = is_word * torch.arange(1, is_word.shape[1] + 1, device=is_word.device)  # (B, T)
    widths = ends.amax(1) + REACH  # (B,)
    text_of_word, place = is_word.nonzero().unbind(1)  # (W,), (W,)
    places = (widths.cumsum(0) - widths)[text_of_word] + place
    return places, is_word.new_zeros(widths.sum().item()).index_fill(0, places, True)


__all__ = ["FineMolTexWordLayer", "put_in_a_row"]
