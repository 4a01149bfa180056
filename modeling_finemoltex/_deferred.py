"""Registration that waits for Transformers: what does without it starts in a fraction of the time.

The Auto classes hold classes, not names, so registering loads Transformers' model code and PyTorch, seconds of work.
Nobody can miss it before Transformers itself is imported, by the user or by a module of this package.
"""

import functools
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType
from typing import Any

AWAITED = "transformers"


def register_with_transformers() -> None:
    """Register the classes of the package now, if Transformers is loaded, or else as soon as it is."""
    if AWAITED in sys.modules:
        _register()
    elif not any(isinstance(finder, _Watch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watch())


def _register() -> None:
    from .registration import register  # it imports PyTorch and Transformers

    register()


class _Watch(MetaPathFinder):
    """Finds what the other finders find, and learns when it has been loaded.

    Registration imports modules of this package. So where one of them is what imports Transformers, it waits until
    that one is whole.
    """

    def __init__(self) -> None:
        self._own = threading.local()  # modules under way, one inside the other
        self._is_due = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find Transformers and the modules of this package, as the other finders do."""
        if fullname != AWAITED and not fullname.startswith(f"{__package__}."):
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        specs = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):  # one loader a module
            execute = functools.partial(self._execute, spec.loader.exec_module)
            spec.loader.exec_module = execute  # type: ignore[method-assign]
        return spec

    def _execute(self, execute: Callable[[ModuleType], None], module: Any) -> None:
        """Load a module, and register at the end of the outermost one."""
        self._own.depth = getattr(self._own, "depth", 0) + 1
        try:
            execute(module)
            self._is_due = self._is_due or module.__name__ == AWAITED
        finally:
            self._own.depth -= 1
            if self._is_due and not self._own.depth and self in sys.meta_path:
                sys.meta_path.remove(self)
                _register()
