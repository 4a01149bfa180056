"""Layers that are computed again in the backward pass, so that what is inside them is not kept (Chen et al. 2016)."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

_KEEPS_LITTLE: ContextVar[bool] = ContextVar("keeps_little", default=False)
_IS_AGAIN: ContextVar[bool] = ContextVar("is_again", default=False)


@contextmanager
def keep_little() -> Iterator[None]:
    """Keep nothing of the layers that [`run_layer`] runs in this block but what they give."""
    with _set(_KEEPS_LITTLE):
        yield


def run_layer(layer: Callable[..., Any], *inputs: Any) -> Any:
    """Run a layer; inside [`keep_little`] it is run again in the backward pass."""
    if torch.compiler.is_compiling() or not _KEEPS_LITTLE.get() or not torch.is_grad_enabled():
        return layer(*inputs)  # a compiler cannot ask, and saves memory in its own way
    return recompute(layer, *inputs)


def recompute(function: Callable[..., Any], *inputs: Any) -> Any:
    """Run a function, and run it again in the backward pass with the same random numbers."""
    return checkpoint(function, *inputs, use_reentrant=False, context_fn=_contexts)


def is_computed_again() -> bool:
    """Tell whether a layer is being run again: running statistics have seen its inputs already."""
    return not torch.compiler.is_compiling() and _IS_AGAIN.get()


@contextmanager
def _set(flag: ContextVar[bool]) -> Iterator[None]:
    token = flag.set(True)
    try:
        yield
    finally:
        flag.reset(token)


def _contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Make the contexts of the first run and of the second."""
    return nullcontext(), _set(_IS_AGAIN)


__all__ = ["is_computed_again", "keep_little", "recompute", "run_layer"]
