"""Muon for the matrices inside the layers, AdamW for everything else, as one optimizer."""

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import AdamW, Optimizer

MUON = "muon"  # key of a parameter group: whether Muon trains it


class MuonWithAdamW(Optimizer):
    r"""Two optimizers behind one: groups with `muon=True` are trained by Muon, the others by AdamW.

    Muon (Jordan et al. 2024) replaces the momentum of a matrix by the nearest orthogonal one, so that rare directions
    learn as fast as frequent ones. It is made for matrices that map states to states; embedding tables, vectors and
    vocabulary heads stay with AdamW.

    Args:
        groups (`list[dict]`): Parameter groups with `params`, `lr`, `weight_decay` and `muon`.
        betas (`tuple[float, float]`), eps (`float`): Of AdamW.

    Raises:
        ImportError: If this version of torch has no Muon.
    """

    def __init__(
        self, groups: list[dict[str, Any]], betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        if not hasattr(torch.optim, "Muon"):
            raise ImportError(f"Muon needs torch 2.9 or newer: this is {torch.__version__}. Upgrade, or leave it out.")
        super().__init__(groups, {})
        self._parts: list[tuple[bool, Optimizer]] = []
        if self._groups_of(True):
            self._parts.append((True, torch.optim.Muon(self._groups_of(True))))
        if self._groups_of(False):
            self._parts.append((False, AdamW(self._groups_of(False), betas=betas, eps=eps)))
        self._share()

    def _groups_of(self, is_muon: bool) -> list[dict[str, Any]]:
        return [group for group in self.param_groups if group[MUON] == is_muon]

    def _share(self) -> None:
        """Let the parts work on the groups and the state of the whole: schedules and checkpoints see one optimizer."""
        for is_muon, part in self._parts:
            part.param_groups, part.state = self._groups_of(is_muon), self.state

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Do one step of both."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for _, part in self._parts:
            part.step()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state of both."""
        super().load_state_dict(state_dict)
        self._share()


__all__ = ["MUON", "MuonWithAdamW"]
