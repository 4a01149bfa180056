"""Turn rows into batches for the model: in order, a bounded number of rows ahead, in worker processes if asked."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..processors.smiles_finemoltex import spell_molecule
from ..processors.text_normalization_finemoltex import normalize_text

BATCHES_PER_WINDOW = 8  # sorted by size together: more save little padding and hold more rows in memory
Tag = TypeVar("Tag")


class PreparedBatch(NamedTuple):
    """Rows of similar size, as the model takes them."""

    places: list[int]  # (b,) of its rows in the window
    inputs: dict[str, np.ndarray]


class PreparedWindow(NamedTuple):
    """Consecutive rows in batches."""

    batches: list[PreparedBatch]
    values: list[Any]  # SMILES or texts; rejected ones as they came
    rejected: dict[int, str]  # place -> reason, in ascending order


class MoleculePreparation:
    """Featurise molecules and sort them by size.

    Args:
        feature_extractor (`FineMolTexFeaturizer`): Its `featurize` and `join` are used.
        batch_size (`int`): Molecules per batch.
        to_molecule (callable, *optional*): Makes a SMILES or a molecule of RDKit of each value, or raises a
            `ValueError`.
    """

    def __init__(
        self, feature_extractor: Any, batch_size: int, to_molecule: Callable[[str], Any] | None = None
    ) -> None:
        self.feature_extractor, self.batch_size, self.to_molecule = feature_extractor, batch_size, to_molecule

    def __call__(self, values: Sequence[Any]) -> PreparedWindow:
        """Prepare one window."""
        values = list(values)
        rows, rejected = {}, {}
        for place, value in enumerate(values):
            try:
                if self.to_molecule is not None and isinstance(value, str):
                    value = self.to_molecule(value)
                rows[place] = self.feature_extractor.featurize(value)
                values[place] = spell_molecule(value)
            except ValueError as error:
                rejected[place] = str(error)
        # Attention pays for the padding of motifs, message passing for atoms: neither needs the order of the window.
        order = sorted(rows, key=lambda place: (len(rows[place]["motif_ids"]), len(rows[place]["atom_features"])))
        batches = []
        for places in _cut(order, self.batch_size):
            inputs = self.feature_extractor.join([rows[place] for place in places])
            batches.append(PreparedBatch(places, inputs))
        return PreparedWindow(batches, values, rejected)


class TextPreparation:
    """Tokenise texts and sort them by size.

    Args:
        processor (`FineMolTexProcessor`): Called with `text`.
        batch_size (`int`): Texts per batch.
        max_length (`int`): Longer texts are cut to this many tokens.
    """

    def __init__(self, processor: Any, batch_size: int, max_length: int) -> None:
        self.processor, self.batch_size, self.max_length = processor, batch_size, max_length

    def __call__(self, values: Sequence[Any]) -> PreparedWindow:
        """Prepare one window."""
        values, rejected = list(values), {}
        for place, value in enumerate(values):
            if not isinstance(value, str):
                rejected[place] = f"A text must be a string, got {type(value).__name__} {value!r:.80}."
            elif not normalize_text(value).text.strip():
                rejected[place] = f"A text must not be blank, got {value!r:.80}."
        usable = [place for place in range(len(values)) if place not in rejected]
        batches = []
        for places in _cut(sorted(usable, key=lambda place: len(values[place])), self.batch_size):
            texts = [values[place] for place in places]
            inputs = self.processor(text=texts, return_tensors="np", padding=True, max_length=self.max_length)
            batches.append(PreparedBatch(places, dict(inputs)))
        return PreparedWindow(batches, values, rejected)


def prepare_windows(
    windows: Iterable[tuple[Tag, list[Any]]],
    prepare: Callable[[Sequence[Any]], PreparedWindow],
    num_workers: int,
) -> Iterator[tuple[Tag, PreparedWindow]]:
    """Prepare windows of rows while the caller computes.

    Only arrays travel between the processes, through pipes: nothing is left in shared memory when one of them dies.
    Workers end by themselves when this process is killed, and a killed worker is an error here.

    Args:
        windows (iterable of tag and values): Read in this process, no further ahead than the workers are.
        prepare (callable): `MoleculePreparation` or `TextPreparation`.
        num_workers (`int`): Processes; with 0 the work is done here, between the caller's steps.

    Yields:
        The tag and the `PreparedWindow` of each window, in order.
    """
    if num_workers:
        from .worker_windows import prepare_in_workers  # PyTorch's loader, which takes seconds to import

        yield from prepare_in_workers(windows, prepare, num_workers)
        return
    for tag, values in windows:
        yield tag, prepare(values)


def _cut(places: list[int], size: int) -> list[list[int]]:
    """Cut a list into pieces of `size`, the last one shorter."""
    return [places[start : start + size] for start in range(0, len(places), size)]
