"""Molecules and texts, any number of them, to embeddings in one space."""

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from datetime import timedelta
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import gather_object, parse_flag_from_env
from safetensors import SafetensorError
from tqdm.auto import tqdm
from transformers import AutoModel, AutoProcessor

from ..model.tokens_finemoltex import MoleculeTokens, score_tokens, weigh_texts
from .fingerprint import take_fingerprint
from .preparation import BATCHES_PER_WINDOW, MoleculePreparation, PreparedWindow, TextPreparation, prepare_windows
from .token_vectors import pack_tokens, unpack_tokens

EMBEDDING_METHODS = ("get_molecule_features", "get_text_features")
PROCESSOR_PARTS = ("feature_extractor", "tokenizer")
CPU_BATCH = (
    64  # larger ones overflow the caches: a `small` model embeds 40 % fewer molecules a second in batches of 256
)
ACCELERATOR_BATCH = 512
SHOW_PROGRESS_FROM = 2_000  # rows
# Processes wait for each other at the end only; the slowest may be hours behind, the default patience is minutes.
PATIENCE = timedelta(days=14)


def get_processes() -> PartialState:
    """Tell how many processes `accelerate launch` or `torchrun` started, and which of them this is.

    Asked without `cpu`, Accelerate takes processes on a machine without an accelerator for strangers to each other.
    """
    has_accelerator = torch.accelerator.is_available()
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU") or not has_accelerator, timeout=PATIENCE)


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


class MoleculeTextEncoder:
    """A model with its processor, as two functions: molecules to vectors, and texts to vectors.

    Under several processes each encodes its share of the rows, and every process gets all embeddings.

    Args:
        model (`PreTrainedModel`): Has `get_molecule_features` and `get_text_features`; moved, and put in eval mode.
        processor (`FineMolTexProcessor`): The one the model was trained with.
        device (`str` or `torch.device`, *optional*): Where to compute; where the model is, if absent.
        dtype (`str` or `torch.dtype`, *optional*): Floating-point type to compute in, for example `"bfloat16"`; that
            of the weights, if absent. Embeddings are float32 in any case.

    Raises:
        TypeError: If the model or the processor cannot embed molecules and texts.
        ValueError: If `device` or `dtype` is unknown.

    Example:
    >>> encoder = MoleculeTextEncoder.from_pretrained(folder)
    >>> molecules = encoder.encode_molecules(["CCO", "c1ccccc1"])
    >>> (molecules @ encoder.encode_texts(["an alcohol"]).T).shape  # cosines
    (2, 1)
    """

    def __init__(
        self,
        model: Any,
        processor: Any,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
    ) -> None:
        _check_parts(model, EMBEDDING_METHODS, "give a `FineMolTexModel`, or another that embeds molecules and texts")
        _check_parts(processor, PROCESSOR_PARTS, "give the `FineMolTexProcessor` of the model")
        self.processor = processor
        # Before the conversion: the same weights are the same model in any type.
        self.fingerprint = take_fingerprint(model, processor)
        self.model = model.to(device=_check_device(device), dtype=_check_dtype(dtype)).eval()

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str,
        revision: str | None = None,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        trust_remote_code: bool = False,
    ) -> "MoleculeTextEncoder":
        """Load model and processor from a folder or the Hub.

        Args:
            name_or_path (`str`): Folder that `save_pretrained` wrote, or a Hub id.
            revision (`str`, *optional*): Branch, tag or commit on the Hub.
            device (`str` or `torch.device`, *optional*): Where to compute; the device of this process, if absent.
            dtype (`str` or `torch.dtype`, *optional*): Floating-point type to compute in; that of the weights, if
                absent.
            trust_remote_code (`bool`): Run the code in the folder instead of the installed one.

        Raises:
            ValueError: If there is no such folder, it does not hold a model that embeds molecules and texts, or
                weights for that are missing or not finite; lists them.
        """
        options = {"revision": revision or "main", "trust_remote_code": trust_remote_code}
        try:
            model = AutoModel.from_pretrained(name_or_path, **options)
            _check_parts(model, EMBEDDING_METHODS, "it is another kind of model")  # before its processor is missed
            processor = AutoProcessor.from_pretrained(name_or_path, **options)
            _check_parts(processor, PROCESSOR_PARTS, "`save_pretrained` of the processor writes what is missing")
            if hasattr(model, "require_weights"):
                model.require_weights("embedding molecules and texts", *model.base_model.EMBEDDING_PARTS)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise ValueError(f"{name_or_path!r} cannot be loaded as a model with its processor: {error}") from error
        encoder = cls(model, processor, get_processes().device if device is None else device, dtype)
        if revision is not None:
            encoder.fingerprint["revision"] = revision
        return encoder

    @property
    def embedding_size(self) -> int:
        """`P`, the width of the embeddings."""
        return self.model.config.embedding_size

    @property
    def token_size(self) -> int:
        """`D`, the width of token vectors; 0 where the model has no token score."""
        config = getattr(self.model.config, "token_config", None)
        return 0 if config is None or not hasattr(self.model.base_model, "embed_with_tokens") else config.size

    @property
    def default_batch_size(self) -> int:
        """Rows per batch where none are asked for."""
        return CPU_BATCH if self.model.device.type == "cpu" else ACCELERATOR_BATCH

    @property
    def max_length(self) -> int:
        """Tokens per text that both the tokenizer and the text encoder allow; longer texts are cut."""
        return min(self.processor.tokenizer.model_max_length, self.model.config.text_config.max_position_embeddings)

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

    @torch.inference_mode()
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
        model, device = self.model.base_model, self.model.device
        inputs = self.processor(text=texts, return_tensors="pt", padding=True, max_length=self.max_length).to(device)
        states, _ = model.encode_words(inputs["input_ids"], inputs["attention_mask"])  # (Q, T, H)
        words = model.tokenize_words(states, inputs["input_ids"], inputs["attention_mask"])
        tokens = unpack_tokens(packed, self.token_size, model.config.token_config.num_concepts)
        tokens = MoleculeTokens(*(one if one is None else one.to(device) for one in tokens))
        scores = score_tokens(words, tokens, len(texts), len(packed))  # (Q, R)
        weights = weigh_texts(words, len(texts), model.config.token_config)  # (Q, 1)
        return (weights * scores / model.inverse_temperature).cpu().numpy()

    def preparation(self, is_text: bool, batch_size: int, to_molecule: Any = None) -> Any:
        """Make the function that turns rows into batches of this model; see `prepare_windows`."""
        if is_text:
            return TextPreparation(self.processor, batch_size, self.max_length)
        return MoleculePreparation(self.processor.feature_extractor, batch_size, to_molecule)

    @torch.inference_mode()
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
        if not window.batches:
            none = np.empty((0, self.embedding_size), dtype=np.float32)
            return EmbeddedWindow([], none, [] if with_tokens else None)
        parts, packed = [], []
        for batch in window.batches:
            inputs = {name: torch.from_numpy(array).to(self.model.device) for name, array in batch.inputs.items()}
            if with_tokens:
                embeds, tokens = self.model.base_model.embed_with_tokens(**inputs)
                packed += pack_tokens(tokens, len(embeds))
            else:
                embed = self.model.get_text_features if "input_ids" in inputs else self.model.get_molecule_features
                embeds = embed(**inputs)
            parts.append(embeds)
        embeds = torch.cat(parts).float()  # (R, P), in the order of the batches
        if normalize:
            embeds = torch.nn.functional.normalize(embeds, dim=-1)
        if not torch.isfinite(embeds).all():
            raise ValueError(
                f"The model gives embeddings that are not finite in {self.model.dtype}: train it again if its weights "
                "are damaged, or compute in float32 or bfloat16."
            )
        places = np.concatenate([batch.places for batch in window.batches])
        order = np.argsort(places)
        tokens = [packed[row] for row in order] if with_tokens else None
        return EmbeddedWindow(places[order].tolist(), embeds.cpu().numpy()[order], tokens)

    def _encode(self, noun: str, rows: Iterable[Any], options: "EncodeOptions") -> Any:
        """Embed this process's windows, and gather those of the others."""
        _check_choice("output", options.output, ("numpy", "torch"))
        _check_choice("on_error", options.on_error, ("raise", "skip"))
        if isinstance(rows, str):
            raise ValueError(f"Give a list of strings: got the single string {rows!r:.80}. Write [string].")
        is_skip, processes = options.on_error == "skip", get_processes()
        length = len(rows) if isinstance(rows, Sized) else None
        shown = (length or 0) >= SHOW_PROGRESS_FROM if options.progress_bar is None else options.progress_bar
        prepare = self.preparation(noun == "Text", options.batch_size or self.default_batch_size)
        found: list[tuple[int, list[int], EmbeddedWindow]] = []  # start of the window, indices, what was embedded
        refused: list[tuple[int, str]] = []
        windows = _cut_windows(rows, prepare.batch_size * BATCHES_PER_WINDOW)
        share = itertools.islice(windows, processes.process_index, None, processes.num_processes)
        with tqdm(total=length, unit=noun.lower(), disable=not (shown and processes.is_main_process)) as bar:
            for start, window in prepare_windows(share, prepare, options.num_workers):
                refused += [(start + place, reason) for place, reason in window.rejected.items()]
                if refused and not is_skip:
                    break
                embedded = self.embed_window(window, options.normalize, options.with_tokens)
                found.append((start, [start + place for place in embedded.places], embedded))
                bar.update(len(window.values) * processes.num_processes)
        if processes.num_processes > 1:
            found, refused = sorted(gather_object(found), key=lambda part: part[0]), sorted(gather_object(refused))
        if refused and not is_skip:
            raise ValueError(f"{noun} at index {refused[0][0]} cannot be embedded. {refused[0][1]}")
        none = np.empty((0, self.embedding_size), dtype=np.float32)
        array = np.concatenate([none, *(embedded.embeds for _, _, embedded in found)])  # (R, P)
        kept = [index for _, indices, _ in found for index in indices]
        if options.with_tokens:
            packed = [one for _, _, embedded in found for one in embedded.tokens or ()]
            return (array, packed, kept) if is_skip else (array, packed)
        result = torch.from_numpy(array) if options.output == "torch" else array
        return (result, kept) if is_skip else result


def _cut_windows(rows: Iterable[str], size: int) -> Iterator[tuple[int, list[str]]]:
    """Cut rows into windows, each with the index of its first row."""
    iterator = iter(rows)
    for start in itertools.count(step=size):
        window = list(itertools.islice(iterator, size))
        if not window:
            return
        yield start, window


def _check_parts(owner: Any, names: tuple[str, ...], advice: str) -> None:
    """Raise a `TypeError` for the first attribute that is missing."""
    for name in names:
        if not hasattr(owner, name):
            raise TypeError(f"A {type(owner).__name__} has no `{name}`: {advice}.")


def _check_choice(name: str, value: str, allowed: tuple[str, str]) -> None:
    if value not in allowed:
        raise ValueError(f"`{name}` must be {allowed[0]!r} or {allowed[1]!r}, got {value!r}.")


def _check_device(device: str | torch.device | None) -> torch.device | None:
    try:
        return None if device is None else torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"`device` {device!r} is unknown: {error}") from error


def _check_dtype(dtype: str | torch.dtype | None) -> torch.dtype | None:
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if dtype is not None and not (isinstance(found, torch.dtype) and found.is_floating_point):
        raise ValueError(f"`dtype` must be a floating-point type such as 'float32' or 'bfloat16', got {dtype!r}.")
    return found
