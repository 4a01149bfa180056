"""Moves in latent space that do not read the prompt: what the generator alone makes of a disturbed latent."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from rdkit import Chem
from torch import Tensor

from ..data.identifiers import stable_hash
from ..model.chunking_finemoltex import average_tokens
from .editing_folder import EditingParts
from .edits import Candidate, Edit, EditConstraints, describe_candidates
from .latent_coder import BATCH, Latents
from .latent_editor import LatentEditor
from .text_guide import TextGuide

STRENGTHS = (1.0, 1.5, 2.0, 2.5, 3.0)  # as published
NUM_DIRECTIONS = 10  # principal components, or dimensions of highest variance, among which a molecule draws one


class LatentMoveEditor(LatentEditor):
    """Moves every token of a latent along one direction, whatever the prompt, and decodes it.

    Strength 1 is as far as molecules typically lie from their mean, so that all kinds move equally far.

    Args:
        parts, constraints, only_admissible: As of `LatentEditor`.
        kind (`str`): Key of `MOVES`: `"random"`, any direction; `"pca"`, a principal component of the latents of
            `molecules`; `"variance"`, a dimension in which these vary most.
        molecules (sequence of `str`): Tell what latents look like; at least two.
        strengths (sequence of `float`): One candidate for each.
        seed (`int`): Equal seeds give equal edits for the same molecule and prompt.

    Raises:
        ValueError: If the kind is unknown, or there are fewer than two molecules that the generator can write.
    """

    def __init__(
        self,
        parts: EditingParts,
        kind: str,
        molecules: Sequence[str],
        constraints: EditConstraints | None = None,
        only_admissible: bool = True,
        strengths: Sequence[float] = STRENGTHS,
        seed: int = 0,
    ) -> None:
        super().__init__(parts, constraints, only_admissible)
        if kind not in MOVES:
            raise ValueError(f"`kind` must be one of {', '.join(map(repr, MOVES))}: got {kind!r}.")
        self.strengths, self.seed = strengths, seed
        pooled = self._pool(molecules)  # (R, D)
        self.directions = MOVES[kind](pooled)  # (K, D), or none for any direction
        self.unit = (pooled - pooled.mean(0)).norm(dim=1).mean()

    def move(self, latents: Latents, names: Sequence[str], prompt: str, guide: TextGuide) -> Tensor:
        """Draw a direction for each molecule and prompt, and go along it by every strength: `(W, B, L, D)`."""
        moves = torch.stack([self._draw(f"{name} {prompt}", latents.states.shape[-1]) for name in names])  # (B, D)
        scaled = self.unit * latents.states.new_tensor(self.strengths)  # (W,)
        shifts = scaled[:, None, None, None] * moves.to(latents.states)[:, None]  # (W, B, 1, D)
        return latents.states + shifts * latents.attention_mask[..., None]

    def describe(self, source: Chem.Mol, candidates: Sequence[Candidate], guide: TextGuide) -> list[Edit]:
        """Describe the candidates as they come, the smallest move first."""
        return describe_candidates(candidates, source, " ".join(guide.clauses))

    def _draw(self, key: str, width: int) -> Tensor:
        """Draw a direction of length one, `(D,)`."""
        generator = np.random.default_rng(self.seed ^ stable_hash(key))
        if self.directions is None:
            drawn = torch.from_numpy(generator.standard_normal(width)).float()
            return drawn / drawn.norm()
        return self.directions[generator.integers(len(self.directions))] * float(generator.choice((-1, 1)))

    def _pool(self, molecules: Sequence[str]) -> Tensor:
        """Average the latents of molecules over their tokens, `(R, D)`; those that cannot be written are left out."""
        tokens = []
        for molecule in molecules:
            try:
                tokens.append(self.coder.tokenize(molecule))
            except ValueError:  # skipped here; `edit` raises for the requested molecules
                continue
        if len(tokens) < 2:
            raise ValueError(f"Give at least two molecules that the generator can write: got {len(tokens)}.")
        parts = [self.coder.encode(tokens[start : start + BATCH]) for start in range(0, len(tokens), BATCH)]
        return torch.cat([average_tokens(*part) for part in parts]).cpu()


def _find_components(pooled: Tensor) -> Tensor:
    """Give the first principal components, `(R, D)` -> `(K, D)`."""
    return torch.linalg.svd(pooled - pooled.mean(0), full_matrices=False).Vh[:NUM_DIRECTIONS]


def _find_dimensions(pooled: Tensor) -> Tensor:
    """Give the axes along which latents vary most, `(R, D)` -> `(K, D)`."""
    best = pooled.var(0).topk(min(NUM_DIRECTIONS, pooled.shape[1])).indices
    return torch.eye(pooled.shape[1])[best]


MOVES: dict[str, Callable[[Tensor], Tensor | None]] = {
    "random": lambda pooled: None,
    "pca": _find_components,
    "variance": _find_dimensions,
}
