"""Local scaling: some molecules lie near every text, and some texts near every molecule. Their nearness counts less.

Axes: `B` molecules or texts, `P` size of an embedding, `K` centres.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from transformers import initialization

from .parts_finemoltex import Part


class FineMolTexLocalScaling(nn.Module):
    r"""Widen embeddings, so that their products are similarities by cross-domain local scaling.

    With \(r(x)\), the mean cosine of a text with the nearest of the centres of the training molecules, and \(r(y)\) of
    a molecule with those of the training texts, the similarity is \(2 \cos(x, y) - r(x) - r(y)\) (CSLS, Conneau et al.
    2018). It depends on nothing but the two items, and is four times the product of

    \[\tfrac{1}{\sqrt 2}\Bigl(x,\ \tfrac{-r(x)}{\sqrt 2},\ \tfrac{1}{\sqrt 2},\ \sqrt{\tfrac{1 - r(x)^2}{2}},\ 0\Bigr)
    \quad\text{and}\quad \tfrac{1}{\sqrt 2}\Bigl(y,\ \tfrac{1}{\sqrt 2},\ \tfrac{-r(y)}{\sqrt 2},\ 0,\
    \sqrt{\tfrac{1 - r(y)^2}{2}}\Bigr),\]

    both of length one. So an index needs to know nothing of it. `fit_scaling` sets the centres; no training changes
    them.

    Shapes:
        - **input:** embeddings `(B, P)`, L2-normalised
        - **output:** `(B, P + 4)`, L2-normalised
    """

    def __init__(self, size: int, num_centres: int, num_neighbours: int) -> None:
        super().__init__()
        self.num_neighbours = min(num_neighbours, num_centres)
        self.molecule_centres = nn.Parameter(torch.empty(num_centres, size), requires_grad=False)
        self.text_centres = nn.Parameter(torch.empty(num_centres, size), requires_grad=False)

    def reset_own_parameters(self, config: Any) -> None:
        """Start with centres that are near to nothing, which leaves every order as it is."""
        initialization.zeros_(self.molecule_centres)
        initialization.zeros_(self.text_centres)

    def parts(self) -> dict[str, Part]:
        """Declare the centres."""
        return {"local_scaling": Part("fitted", (self,))}

    def widen_molecules(self, embeds: Tensor) -> Tensor:
        """Widen the embeddings of molecules; see the shapes above."""
        near, rest, whole, nothing = self._measure(embeds, self.text_centres)
        return torch.cat([embeds, whole, -near, nothing, rest], dim=-1) / math.sqrt(2)

    def widen_texts(self, embeds: Tensor) -> Tensor:
        """Widen the embeddings of texts; see the shapes above."""
        near, rest, whole, nothing = self._measure(embeds, self.molecule_centres)
        return torch.cat([embeds, -near, whole, rest, nothing], dim=-1) / math.sqrt(2)

    def compare_with_texts(self, widened: Tensor) -> Tensor:
        """Compare widened molecules with typical training texts: `(B, P + 4)` -> cosines `(B, K)`, float32."""
        embeds = math.sqrt(2) * widened.float()[:, : self.text_centres.shape[1]]  # (B, P)
        return embeds @ self.text_centres.float().T

    def _measure(self, embeds: Tensor, centres: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        r"""Measure \(r / \sqrt 2\), what it lacks to \(1 / \sqrt 2\), that length, and 0: `(B, 1)` each."""
        cosines = embeds @ centres.to(embeds).T  # (B, K)
        near = cosines.topk(self.num_neighbours, dim=-1).values.mean(-1, keepdim=True) / math.sqrt(2)  # (B, 1)
        nothing = torch.zeros_like(near)
        return near, (0.5 - near.square()).clamp(min=0).sqrt(), nothing + math.sqrt(0.5), nothing


__all__ = ["FineMolTexLocalScaling"]
