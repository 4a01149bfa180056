"""The critic: molecules should look like texts to a network that learns to tell them apart."""

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.func import functional_call

from .chunking_finemoltex import average_tokens
from .masking_finemoltex import hash_uniform
from .molecule_encoder_finemoltex import pool_atoms
from .objectives_finemoltex import EncodedPairs, Objective, ObjectiveOptions, PairBatch, Terms
from .parts_finemoltex import Part
from .wrapped_layers_finemoltex import input_dtype

SLOPE = 0.2  # of LeakyReLU below zero
STREAM = 4  # of the draws of a seed; masks and hard negatives take those before


@dataclass
class CriticOptions(ObjectiveOptions):
    """Options of the critic.

    Args:
        weight (`float`): Weight of what the molecules learn from it; its own loss has none.
        hidden_sizes (`list[int]`): Widths of its hidden layers.
        penalty (`float`): Weight of the gradient penalty in its own loss.
    """

    weight: float = 2e-4
    hidden_sizes: list[int] = field(default_factory=lambda: [512, 256])
    penalty: float = 10.0

    def __post_init__(self) -> None:
        """Check the widths and the penalty."""
        self.hidden_sizes = list(self.hidden_sizes)
        if not self.hidden_sizes or min(self.hidden_sizes) < 1:
            raise ValueError(f"`hidden_sizes` must name a positive width a layer: got {self.hidden_sizes}.")
        if self.penalty < 0:
            raise ValueError(f"`penalty` must not be negative: got {self.penalty}.")


class FineMolTexCritic(nn.Module):
    """Score how much inputs look like texts: linear layers with LeakyReLU between. `(R, H)` -> `(R,)`."""

    def __init__(self, input_size: int, hidden_sizes: list[int]) -> None:
        super().__init__()
        sizes = [input_size, *hidden_sizes]
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in zip(sizes, sizes[1:], strict=False))
        self.score = nn.Linear(sizes[-1], 1, bias=False)  # a constant would cancel: only differences count

    def forward(self, inputs: Tensor) -> Tensor:
        """Score; see the shapes above."""
        for layer in self.layers:
            inputs = F.leaky_relu(layer(inputs), SLOPE)
        return self.score(inputs)[:, 0]

    def differentiate(self, inputs: Tensor) -> Tensor:
        r"""Compute the gradient of each score by its input, as a function of the weights.

        \(W_1^\top D_1 W_2^\top D_2 w\) with the slopes \(D_k\) of LeakyReLU, which are constant almost everywhere. Its
        gradient is that of a double backward pass, but it needs none: it is a forward pass like any other, also in
        evaluation, in data-parallel training and in compiled graphs.

        Args:
            inputs (`torch.FloatTensor` of shape `(R, H)`): Inputs.

        Returns:
            `torch.FloatTensor` of shape `(R, H)`.
        """
        slopes = []
        for layer in self.layers:
            states = layer(inputs)
            slopes.append(torch.where(states > 0, 1.0, SLOPE).to(states.dtype))
            inputs = states * slopes[-1]
        gradients = self.score.weight  # (1, H_last)
        for layer, slope in zip(reversed(self.layers), reversed(slopes), strict=True):
            gradients = (gradients * slope) @ layer.weight  # (R, ...)
        return gradients


class CriticObjective(Objective):
    r"""Let molecules deceive a critic that learns to tell them from texts: a Wasserstein GAN with gradient penalty.

    With the means \(t\) of the word states and \(m\) of the atom states, brought to the width of words by the
    projection that makes motif tokens of them (Song et al. 2024, Gulrajani et al. 2017):

    - `critic`: \(-\mathrm{mean}\,D(t) + \mathrm{mean}\,D(m) + \lambda\,\mathrm{mean}(|\nabla D(\hat x)| - 1)^2\) with
      \(\hat x = \epsilon t + (1 - \epsilon) m\), one \(\epsilon\) a pair; it trains \(D\) alone
    - `generator`: \(-\mathrm{mean}\,D(m)\); it trains the molecule side alone

    A constant \(D\) gives \(\lambda\) and 0. One backward pass of the sum gives each side the gradient of its own
    loss, because the inputs of the first and the weights of the second are detached. Both sides step at once. As a
    part of kind `"adversary"`, the critic has a rate and a norm of gradient of its own in [`FineMolTexTrainer`]. It
    compares whole batches, not pairs: use it beside an objective that compares pairs.
    """

    Options = CriticOptions
    reads = frozenset({"word_states"})

    def __init__(self, config: Any, options: CriticOptions) -> None:
        super().__init__(config, options)
        self.critic = FineMolTexCritic(config.multimodal_config.hidden_size, options.hidden_sizes)

    def forward(self, model: Any, pairs: EncodedPairs, batch: PairBatch) -> Terms:
        """Compute both losses from the pairs of this rank, whose mean over the ranks is that of all pairs."""
        molecules = batch.molecules
        means = pool_atoms(pairs.atom_states.float(), molecules.molecule_of_atom, molecules.num_molecules)
        projection, dtype = model.motif_tower.projection, input_dtype(self.critic.score)
        with torch.autocast(means.device.type, enabled=False):
            real = average_tokens(pairs.word_states, batch.attention_mask).detach().to(dtype)  # (B, H)
            fake = projection(means.to(input_dtype(projection))).to(dtype)  # (B, H)
            losses = {
                "critic": self._judge(real, fake.detach(), hash_uniform(batch.seeds, 1, STREAM).to(dtype)),
                "generator": -self._score_as_constant(fake).float().mean(),
            }
        return Terms(losses, {"critic": 1.0, "generator": self.options.weight})

    def parts(self) -> dict[str, Part]:
        """Declare the critic, which minimises a loss of its own."""
        return {"": Part("adversary", (self,))}

    def _judge(self, real: Tensor, fake: Tensor, shares: Tensor) -> Tensor:
        """Compute the loss of the critic. `(B, H)`, `(B, H)`, `(B, 1)` -> `()`."""
        mixed = shares * real + (1 - shares) * fake  # (B, H)
        penalty = (self.critic.differentiate(mixed).float().norm(dim=-1) - 1).square().mean()
        return self.critic(fake).float().mean() - self.critic(real).float().mean() + self.options.penalty * penalty

    def _score_as_constant(self, fake: Tensor) -> Tensor:
        """Score by weights that get no gradient. `(B, H)` -> `(B,)`."""
        weights = {name: one.detach() for name, one in self.critic.named_parameters()}
        return functional_call(self.critic, weights, (fake,))


__all__ = ["CriticObjective", "CriticOptions", "FineMolTexCritic"]
