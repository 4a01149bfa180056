"""Turn rows into batches for the model: in order, a bounded number of rows ahead, in worker processes if asked."""

import functools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from ..processors.smiles_finemoltex import spell_molecule
from ..processors.text_normalization_finemoltex import normalize_text

BATCHES_PER_WINDOW = 8  # sorted by size together: more save little padding and hold more rows in memory
WINDOWS_AHEAD = 2  # prepared for each worker before they are needed
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
        feature_extractor (`FineMolTexFeatureExtractor`): Its `featurize` and `collate` are used.
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
            inputs = self.feature_extractor.collate([rows[place] for place in places], return_tensors="np")
            batches.append(PreparedBatch(places, dict(inputs)))
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
    under_way: deque[Tag] = deque()

    def values_of_windows() -> Iterator[list[Any]]:
        """Hand out the values of each window, and remember its tag."""
        for tag, values in windows:
            under_way.append(tag)
            yield values

    end, farewell = multiprocessing.Pipe(duplex=False)
    loader = DataLoader(
        _Prepared(prepare),
        batch_size=None,
        sampler=values_of_windows(),
        num_workers=num_workers,
        collate_fn=_as_it_is,
        worker_init_fn=functools.partial(_end_in_time, end),
        prefetch_factor=WINDOWS_AHEAD if num_workers else None,
        generator=torch.Generator(),  # otherwise every loader draws a number from the global generator
    )
    try:
        for prepared in loader:
            yield under_way.popleft(), prepared
    finally:
        farewell.send_bytes(b".")
        del loader
        farewell.close()
        end.close()


class _Prepared(Dataset):
    """Look a window up by its values: what a data loader calls an index is whatever its sampler yields."""

    def __init__(self, prepare: Callable[[Sequence[Any]], PreparedWindow]) -> None:
        self.prepare = prepare

    def __getitem__(self, values: Sequence[Any]) -> PreparedWindow:
        return self.prepare(values)


def _as_it_is(prepared: PreparedWindow) -> PreparedWindow:
    """Keep numpy arrays, which the default would turn into tensors in shared memory."""
    return prepared


def _end_in_time(end: Connection, worker: int) -> None:
    """End this worker as soon as nobody wants its work: its parent is gone, killed or not, or says so through a pipe.

    The loader's own watch notices too, but then waits for a pipe to be emptied that nobody reads any more, or for five
    seconds. Ctrl-C, which a terminal sends to all processes, is the parent's to answer.
    """

    def wait_for_end() -> None:
        """Sleep until then; what the pipe holds stays there for the other workers."""
        parent = multiprocessing.parent_process()
        wait([end] if parent is None else [end, parent.sentinel])
        os._exit(0 if end.poll() else 1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=wait_for_end, daemon=True).start()


def _cut(places: list[int], size: int) -> list[list[int]]:
    """Cut a list into pieces of `size`, the last one shorter."""
    return [places[start : start + size] for start in range(0, len(places), size)]
