"""Muon for the matrices inside the layers, AdamW for everything else, as one optimizer."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

MUON = "muon"  # key of a parameter group: whether Muon trains it
MOMENTUM = 0.95
# Coefficients and number of the Newton-Schulz steps, and the floor of a norm, as in `torch.optim.Muon`.
COEFFICIENTS, NUM_STEPS, EPS = (3.4445, -4.775, 2.0315), 5, 1e-7


class MuonWithAdamW(Optimizer):
    r"""Two optimizers behind one: groups with `muon=True` are trained by Muon, the others by AdamW.

    Muon (Jordan et al. 2024) replaces the momentum of a matrix by the nearest orthogonal one, so that rare directions
    learn as fast as frequent ones. It is made for matrices that map states to states; embedding tables, vectors and
    vocabulary heads stay with AdamW. The steps are those of `torch.optim.Muon`, which computes in bfloat16 on every
    device: a CPU without bfloat16 instructions would spend nine tenths of a training there, so it gets float32.

    Args:
        groups (`list[dict]`): Parameter groups with `params`, `lr`, `weight_decay` and `muon`.
        betas (`tuple[float, float]`), eps (`float`): Of AdamW.

    Raises:
        ValueError: If a parameter for Muon is no matrix; names its shape.
    """

    def __init__(
        self, groups: list[dict[str, Any]], betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        super().__init__(groups, {})
        for parameter in (one for group in self._groups_of(True) for one in group["params"]):
            if parameter.ndim != 2:
                raise ValueError(f"Muon trains matrices: got a parameter of shape {tuple(parameter.shape)}.")
        self._adamw = AdamW(self._groups_of(False), betas=betas, eps=eps) if self._groups_of(False) else None
        self._share()

    def _groups_of(self, is_muon: bool) -> list[dict[str, Any]]:
        return [group for group in self.param_groups if group[MUON] == is_muon]

    def _share(self) -> None:
        """Let AdamW work on the groups and the state of the whole: schedules and checkpoints see one optimizer."""
        if self._adamw is not None:
            self._adamw.param_groups, self._adamw.state = self._groups_of(False), self.state

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Do one step of both."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self._groups_of(True):
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._step_matrix(matrix, group["lr"], group["weight_decay"])
        if self._adamw is not None:
            self._adamw.step()
        return loss

    def _step_matrix(self, matrix: Tensor, learning_rate: float, weight_decay: float) -> None:
        """Move one matrix `(m, n)` by its orthogonalised Nesterov momentum."""
        momentum = self.state[matrix].setdefault("momentum_buffer", torch.zeros_like(matrix.grad))  # (m, n)
        momentum.lerp_(matrix.grad, 1 - MOMENTUM)
        update = orthogonalize(matrix.grad.lerp(momentum, MOMENTUM))  # (m, n)
        # Tall matrices take longer steps, so that a change of the output is as large as for a square one.
        scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
        matrix.mul_(1 - learning_rate * weight_decay)
        matrix.add_(update, alpha=-learning_rate * scale)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state of both."""
        super().load_state_dict(state_dict)
        self._share()


def orthogonalize(matrix: Tensor) -> Tensor:
    r"""Replace the singular values of a matrix by values near 1: five steps \(X \leftarrow aX + (bA + cA^2)X\).

    \(A = XX^\top\), a Newton-Schulz iteration whose coefficients rise steeply at 0; the values end in 0.7 to 1.2.

    Args:
        matrix (`torch.FloatTensor` of shape `(m, n)`): Any matrix.

    Returns:
        `torch.Tensor` of shape `(m, n)`, in bfloat16 where the device has instructions for it, else in float32.
    """
    a, b, c = COEFFICIENTS
    wide = matrix.to(torch.bfloat16 if is_bf16_native(matrix.device.type) else torch.float32)
    is_tall = matrix.shape[0] > matrix.shape[1]
    if is_tall:
        wide = wide.T
    wide = wide / wide.norm().clamp(min=EPS)  # (min(m, n), max(m, n)); singular values of at most 1
    for _ in range(NUM_STEPS):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return wide.T if is_tall else wide


@functools.cache
def is_bf16_native(device_type: str) -> bool:
    """Return whether a device multiplies bfloat16 matrices faster than float32 ones."""
    if device_type != "cpu":
        return True
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


__all__ = ["MUON", "MuonWithAdamW", "is_bf16_native", "orthogonalize"]
