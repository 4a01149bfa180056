"""What encodes rows: any number of molecules or texts, a window at a time, whatever runs the model."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from ..data.progress import progress_bar
from .preparation import BATCHES_PER_WINDOW, MoleculePreparation, PreparedWindow, TextPreparation, prepare_windows

CPU_BATCH = (
    64  # larger ones overflow the caches: a `small` model embeds 40 % fewer molecules a second in batches of 256
)
SHOW_PROGRESS_FROM = 2_000  # rows


class EncodeOptions(NamedTuple):
    """How rows are embedded; see `MoleculeTextEncoder.encode_molecules`."""

    batch_size: int | None
    normalize: bool
    output: str
    on_error: str
    progress_bar: bool | None = None
    num_workers: int = 0
    with_tokens: bool = False


class EmbeddedWindow(NamedTuple):
    """The rows of a window that were not rejected."""

    places: list[int]  # ascending
    embeds: np.ndarray  # (R, P) float32
    tokens: list[bytes] | None = None  # packed token vectors of each molecule, where asked for


class RowEncoder(ABC):
    """Two functions, molecules to vectors and texts to vectors, over a model that embeds one window.

    Attributes:
        OUTPUTS: Kinds of arrays that the functions can return.
        processor: Holds `feature_extractor` and `tokenizer`, and tokenises when called with `text`.
        fingerprint (`dict[str, str]`): What the embeddings depend on; see `take_fingerprint`.
    """

    OUTPUTS: ClassVar[tuple[str, ...]] = ("numpy",)
    processor: Any
    fingerprint: dict[str, str]

    @property
    @abstractmethod
    def embedding_size(self) -> int:
        """`P`, the width of the embeddings."""

    @property
    @abstractmethod
    def token_size(self) -> int:
        """`D`, the width of token vectors; 0 where the model has no token score."""

    @property
    @abstractmethod
    def max_length(self) -> int:
        """Tokens per text; longer texts are cut."""

    @property
    @abstractmethod
    def dtype(self) -> str:
        """Type that molecules are computed in, such as `"float32"`."""

    @property
    def device_type(self) -> str:
        """Kind of device that computes, such as `"cpu"`."""
        return "cpu"

    @property
    def default_batch_size(self) -> int:
        """Rows per batch where none are asked for."""
        return CPU_BATCH

    @abstractmethod
    def embed_window(
        self, window: PreparedWindow, normalize: bool = True, with_tokens: bool = False
    ) -> EmbeddedWindow:
        """Run the model on one window.

        Args:
            window (`PreparedWindow`): Batches of molecules or of texts.
            normalize (`bool`): Scale rows to length one.
            with_tokens (`bool`): Pack the token vectors of molecules too.

        Returns:
            [`EmbeddedWindow`] with embeddings `(R, P)`.

        Raises:
            ValueError: If the model gives a value that is not finite.
        """

    @abstractmethod
    def score_tokens(self, texts: list[str], packed: Sequence[Any]) -> np.ndarray:
        """Score texts with molecules by their token vectors.

        Args:
            texts (`list[str]`): `Q` texts.
            packed (sequence of bytes-like): `R` molecules, of `encode_with_tokens`.

        Returns:
            `np.ndarray` of shape `(Q, R)`, float32: Added to the cosines in their unit.

        Raises:
            ValueError: If the model has no token score, or the bytes are damaged.
        """

    def encode_molecules(
        self,
        smiles: Iterable[Any],
        batch_size: int | None = None,
        normalize: bool = True,
        output: Literal["numpy", "torch"] = "numpy",
        on_error: Literal["raise", "skip"] = "raise",
        progress_bar: bool | None = None,
        num_workers: int = 0,
    ) -> Any:
        """Embed molecules; they may come from a generator and are read a window at a time.

        Args:
            smiles (iterable of `str` or `rdkit.Chem.Mol`): `R` molecules: SMILES, InChI or molecules of RDKit.
            batch_size (`int`, *optional*): Molecules per batch; if absent, 64 on a CPU and 512 elsewhere.
            normalize (`bool`): Scale rows to length one; otherwise they are as the model gives them.
            output (`str`): `"numpy"` or `"torch"` (on the CPU).
            on_error (`str`): `"raise"` stops at the first molecule that cannot be embedded; `"skip"` leaves it out.
            progress_bar (`bool`, *optional*): Shown from 2,000 molecules on, if absent and their number is known.
            num_workers (`int`): Processes that featurise while this one computes.

        Returns:
            Array of shape `(R, P)`, float32, in the order of `smiles`; with `on_error="skip"` that array, with
            `(R', P)` rows, and the indices of the molecules that are in it.

        Raises:
            ValueError: If a molecule cannot be embedded (`"raise"`; says which and why), or an option is unknown.

        Example:
        >>> embeds, kept = encoder.encode_molecules(["CCO", "no molecule"], on_error="skip")
        >>> embeds.shape == (1, encoder.embedding_size), kept
        (True, [0])
        """
        options = EncodeOptions(batch_size, normalize, output, on_error, progress_bar, num_workers)
        return self._encode("Molecule", smiles, options)

    def encode_texts(
        self,
        texts: Iterable[str],
        batch_size: int | None = None,
        normalize: bool = True,
        output: Literal["numpy", "torch"] = "numpy",
        on_error: Literal["raise", "skip"] = "raise",
        progress_bar: bool | None = None,
        num_workers: int = 0,
    ) -> Any:
        """Embed texts; blank ones are errors, too long ones are cut to `max_length` tokens with one warning.

        Arguments, results and errors are those of `encode_molecules`.

        Example:
        >>> encoder.encode_texts(["an alcohol", "an arene"]).shape == (2, encoder.embedding_size)
        True
        """
        options = EncodeOptions(batch_size, normalize, output, on_error, progress_bar, num_workers)
        return self._encode("Text", texts, options)

    def encode_with_tokens(
        self, smiles: Iterable[Any], on_error: Literal["raise", "skip"] = "raise", progress_bar: bool | None = None
    ) -> Any:
        """Embed molecules as wholes and token by token, for an index that re-scores by tokens.

        Args:
            smiles (iterable of `str` or `rdkit.Chem.Mol`): `R` molecules, as for `encode_molecules`.
            on_error (`str`), progress_bar (`bool`, *optional*): As for `encode_molecules`.

        Returns:
            `np.ndarray` of shape `(R, P)`, float32, and `R` packed molecules, see `pack_tokens`; with
            `on_error="skip"` also the indices of the molecules that are in both.

        Raises:
            ValueError: If the model has no token score, or a molecule cannot be embedded; says which and why.
        """
        if not self.token_size:
            raise ValueError("This model has no token score. Use `encode_molecules`.")
        return self._encode("Molecule", smiles, EncodeOptions(None, True, "numpy", on_error, progress_bar, 0, True))

    def preparation(self, is_text: bool, batch_size: int, to_molecule: Any = None) -> Any:
        """Make the function that turns rows into batches of this model; see `prepare_windows`."""
        if is_text:
            return TextPreparation(self.processor, batch_size, self.max_length)
        return MoleculePreparation(self.processor.feature_extractor, batch_size, to_molecule)

    def _put_in_order(self, window: PreparedWindow, embeds: np.ndarray, packed: list[bytes] | None) -> EmbeddedWindow:
        """Put what a model gave, batch after batch, into the order of the window; refuse what is not finite."""
        if not np.isfinite(embeds).all():
            raise ValueError(
                f"The model gives embeddings that are not finite in {self.dtype}: train it again if its weights are "
                "damaged, or compute in float32 or bfloat16."
            )
        places = np.concatenate([batch.places for batch in window.batches])
        order = np.argsort(places)
        tokens = None if packed is None else [packed[row] for row in order]
        return EmbeddedWindow(places[order].tolist(), embeds[order], tokens)

    def _share(self) -> tuple[int, int]:
        """Number of this process and of all that share the rows."""
        return 0, 1

    def _gather(self, found: list[Any]) -> list[Any]:
        """Put the lists of all processes together."""
        return found

    def _hand_out(self, array: np.ndarray, output: str) -> Any:
        """Give an array as it was asked for."""
        return array

    def _encode(self, noun: str, rows: Iterable[Any], options: EncodeOptions) -> Any:
        """Embed this process's windows, and gather those of the others."""
        _check_choice("output", options.output, self.OUTPUTS)
        _check_choice("on_error", options.on_error, ("raise", "skip"))
        if isinstance(rows, str):
            raise ValueError(f"Give a list of strings: got the single string {rows!r:.80}. Write [string].")
        if options.batch_size is not None and options.batch_size < 1:
            raise ValueError(f"`batch_size` must be at least 1, got {options.batch_size}.")
        is_skip, (number, num_processes) = options.on_error == "skip", self._share()
        length = len(rows) if isinstance(rows, Sized) else None
        shown = (length or 0) >= SHOW_PROGRESS_FROM if options.progress_bar is None else options.progress_bar
        prepare = self.preparation(noun == "Text", options.batch_size or self.default_batch_size)
        found: list[tuple[int, list[int], EmbeddedWindow]] = []  # start of the window, indices, what was embedded
        refused: list[tuple[int, str]] = []
        windows = _cut_windows(rows, prepare.batch_size * BATCHES_PER_WINDOW)
        share = itertools.islice(windows, number, None, num_processes)
        with progress_bar(is_shown=shown and number == 0, total=length, unit=noun.lower()) as bar:
            for start, window in prepare_windows(share, prepare, options.num_workers):
                refused += [(start + place, reason) for place, reason in window.rejected.items()]
                if refused and not is_skip:
                    break
                embedded = self.embed_window(window, options.normalize, options.with_tokens)
                found.append((start, [start + place for place in embedded.places], embedded))
                bar.update(len(window.values) * num_processes)
        if num_processes > 1:
            found, refused = sorted(self._gather(found), key=lambda part: part[0]), sorted(self._gather(refused))
        if refused and not is_skip:
            raise ValueError(f"{noun} at index {refused[0][0]} cannot be embedded. {refused[0][1]}")
        none = np.empty((0, self.embedding_size), dtype=np.float32)
        array = np.concatenate([none, *(embedded.embeds for _, _, embedded in found)])  # (R, P)
        kept = [index for _, indices, _ in found for index in indices]
        if options.with_tokens:
            packed = [one for _, _, embedded in found for one in embedded.tokens or ()]
            return (array, packed, kept) if is_skip else (array, packed)
        result = self._hand_out(array, options.output)
        return (result, kept) if is_skip else result


def _cut_windows(rows: Iterable[str], size: int) -> Iterator[tuple[int, list[str]]]:
    """Cut rows into windows, each with the index of its first row."""
    iterator = iter(rows)
    for start in itertools.count(step=size):
        window = list(itertools.islice(iterator, size))
        if not window:
            return
        yield start, window


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"`{name}` must be {' or '.join(map(repr, allowed))}, got {value!r}.")
