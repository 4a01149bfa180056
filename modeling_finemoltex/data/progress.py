"""Progress bars, whose library is loaded where one is shown: it takes a tenth of a second, much of a short search."""

from collections.abc import Iterable, Iterator
from typing import Any


def progress_bar(items: Iterable[Any] | None = None, is_shown: bool | None = True, **options: Any) -> Any:
    """Make a bar as `tqdm` does, or something that looks like one and shows nothing.

    Args:
        items (iterable, *optional*): What it counts; otherwise it is a context, and its `update` counts.
        is_shown (`bool`, *optional*): If `None`, it is shown at a terminal.
        options: Of `tqdm`.

    Example:
    >>> with progress_bar(is_shown=False) as bar:
    ...     bar.update(2)
    >>> list(progress_bar("ab", is_shown=False))
    ['a', 'b']
    """
    if is_shown is False:
        return _HiddenBar(() if items is None else items)
    from tqdm.auto import tqdm

    return tqdm(items, disable=None if is_shown is None else False, **options)


class _HiddenBar:
    """A bar that is not shown."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def __enter__(self) -> "_HiddenBar":
        return self

    def __exit__(self, *error: Any) -> None:
        """Leave errors alone."""

    def update(self, count: int) -> None:
        """Count for nobody."""
