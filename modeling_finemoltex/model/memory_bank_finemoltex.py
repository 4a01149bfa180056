"""The memory bank: learned questions that atoms and words answer alike, one vector a molecule or text."""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import initialization

from .wrapped_layers_finemoltex import input_dtype

INITIAL_LOG_SCALE = 0.07  # as published


class FineMolTexMemoryBank(nn.Module):
    r"""Ask the same learned slots about atoms and about words, and average what they answer (Song et al. 2024).

    Each slot \(m_s\) attends to the states \(x_l\) of a group, with several heads. The mean over the slots goes
    through one head that molecules and texts share:

    \(z = \mathrm{normalise}\big(h\big(\tfrac1S \sum_s \mathrm{attend}(m_s, x)\big)\big)\)

    All steps after the softmax are linear up to \(h\), so the attention weights are averaged over the slots and each
    state is read once. \(h\) is LayerNorm and a linear layer. Published, and kept with `faithful`: slot 0 is zero and
    is never learned; \(h\) is a factor \(e^t\), a linear layer, BatchNorm and tanh. There the two modalities have
    statistics of their own in training, and share one running average at test; the BatchNorm takes back the factor.

    Shapes:
        - **input:** states `(L, H)` of atoms or words, group of each `(L,)`, number of groups `G`
        - **output:** `(G, P)`, L2-normalised, float32
    """

    def __init__(
        self, hidden_size: int, embedding_size: int, num_slots: int = 28, num_heads: int = 4, faithful: bool = False
    ) -> None:
        super().__init__()
        self.num_heads, self.num_zero_slots = num_heads, int(faithful)
        self.slots = _Slots(num_slots - self.num_zero_slots, hidden_size)
        self.query = nn.Linear(hidden_size, hidden_size)
        self.key = nn.Linear(hidden_size, hidden_size)
        self.value = nn.Linear(hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)
        head = nn.Linear(hidden_size, embedding_size)
        self.head = (
            nn.Sequential(_LearnedScale(), head, _PatientBatchNorm(embedding_size), nn.Tanh())
            if faithful
            else nn.Sequential(nn.LayerNorm(hidden_size), head)
        )

    def forward(self, states: Tensor, group_of: Tensor, num_groups: int) -> Tensor:
        """Read the groups; see the shapes above."""
        states = states.to(input_dtype(self.key))  # (L, H)
        shares = self.attend(states, group_of, num_groups).mean(-1)  # (L, heads)
        values = self.value(states).unflatten(-1, (self.num_heads, -1))  # (L, heads, D)
        mixed = (shares[..., None] * values).flatten(1)  # (L, H), float32
        pooled = mixed.new_zeros(num_groups, mixed.shape[1]).index_add(0, group_of, mixed)  # (G, H)
        answers = self.output(pooled.to(input_dtype(self.output)))  # (G, H)
        return F.normalize(self.head(answers).float(), dim=-1)  # (G, P)

    def attend(self, states: Tensor, group_of: Tensor, num_groups: int) -> Tensor:
        """Compute what share of its group each slot takes from each state.

        Args:
            states (`torch.FloatTensor` of shape `(L, H)`): States of atoms or words.
            group_of (`torch.LongTensor` of shape `(L,)`): Group of each.
            num_groups (`int`): `G`.

        Returns:
            `torch.FloatTensor` of shape `(L, heads, S)`, float32; adds up to 1 over each group.
        """
        slots = F.pad(self.slots.weight, (0, 0, self.num_zero_slots, 0))  # (S, H)
        queries = self.query(slots).unflatten(-1, (self.num_heads, -1))  # (S, heads, D)
        keys = self.key(states).unflatten(-1, (self.num_heads, -1))  # (L, heads, D)
        scores = torch.einsum("lhd,shd->lhs", keys, queries) * keys.shape[-1] ** -0.5  # (L, heads, S)
        return softmax_in_groups(scores.float(), group_of, num_groups)


def softmax_in_groups(scores: Tensor, group_of: Tensor, num_groups: int) -> Tensor:
    """Normalise the exponentials of scores over the members of each group.

    Args:
        scores (`torch.FloatTensor` of shape `(L, ...)`): One or more scores of each member.
        group_of (`torch.LongTensor` of shape `(L,)`): Group of each member.
        num_groups (`int`): `G`.

    Returns:
        `torch.FloatTensor` of shape `(L, ...)`.

    Example:
    >>> softmax_in_groups(torch.tensor([1.0, 1.0, 5.0]), torch.tensor([0, 0, 1]), num_groups=2)
    tensor([0.5000, 0.5000, 1.0000])
    """
    empty = scores.new_zeros(num_groups, *scores.shape[1:])  # (G, ...)
    places = group_of.reshape(-1, *(1 for _ in scores.shape[1:])).expand_as(scores)  # (L, ...)
    peaks = empty.scatter_reduce(0, places, scores.detach(), "amax", include_self=False)  # (G, ...)
    raised = (scores - peaks[group_of]).exp()  # (L, ...)
    return raised / empty.index_add(0, group_of, raised)[group_of]


class _Slots(nn.Embedding):
    """Learned questions; an embedding, so that Muon, which is for maps, leaves them alone."""

    def reset_own_parameters(self, config: Any) -> None:
        """Start at unit scale: at the scale of other weights they would all ask for the mean."""
        initialization.normal_(self.weight, std=1.0)


class _LearnedScale(nn.Module):
    r"""A learned factor \(e^t\). `(G, H)` -> `(G, H)`."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.empty(()))

    def reset_own_parameters(self, config: Any) -> None:
        """Start the factor."""
        initialization.constant_(self.log_scale, INITIAL_LOG_SCALE)

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * self.log_scale.exp()


class _PatientBatchNorm(nn.BatchNorm1d):
    """BatchNorm that takes the running statistics for a single row, which has none. `(G, P)` -> `(G, P)`."""

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training and len(inputs) == 1:
            return F.batch_norm(inputs, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(inputs)


__all__ = ["FineMolTexMemoryBank", "softmax_in_groups"]
