"""Molecules and texts, any number of them, to embeddings in one space."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import gather_object, parse_flag_from_env
from safetensors import SafetensorError
from transformers import AutoModel, AutoProcessor

from ..model.tokens_finemoltex import MoleculeTokens, score_tokens, weigh_texts
from .fingerprint import take_fingerprint
from .preparation import PreparedWindow
from .row_encoder import EmbeddedWindow, RowEncoder
from .token_vectors import pack_tokens, unpack_tokens

EMBEDDING_METHODS = ("get_molecule_features", "get_text_features")
PROCESSOR_PARTS = ("feature_extractor", "tokenizer")
ACCELERATOR_BATCH = 512
# Processes wait for each other at the end only; the slowest may be hours behind, the default patience is minutes.
PATIENCE = timedelta(days=14)


def get_processes() -> PartialState:
    """Tell how many processes `accelerate launch` or `torchrun` started, and which of them this is.

    Asked without `cpu`, Accelerate takes processes on a machine without an accelerator for strangers to each other.
    """
    has_accelerator = torch.accelerator.is_available()
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU") or not has_accelerator, timeout=PATIENCE)


class MoleculeTextEncoder(RowEncoder):
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

    OUTPUTS: ClassVar[tuple[str, ...]] = ("numpy", "torch")

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
        return super().default_batch_size if self.device_type == "cpu" else ACCELERATOR_BATCH

    @property
    def device_type(self) -> str:
        """Kind of device that computes, such as `"cpu"`."""
        return self.model.device.type

    @property
    def dtype(self) -> str:
        """Floating-point type to compute in."""
        return str(self.model.dtype).removeprefix("torch.")

    @property
    def max_length(self) -> int:
        """Tokens per text that both the tokenizer and the text encoder allow; longer texts are cut."""
        return min(self.processor.tokenizer.model_max_length, self.model.config.text_config.max_position_embeddings)

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
        return self._put_in_order(window, embeds.cpu().numpy(), packed if with_tokens else None)

    def _share(self) -> tuple[int, int]:
        processes = get_processes()
        return processes.process_index, processes.num_processes

    def _gather(self, found: list[Any]) -> list[Any]:
        return gather_object(found)

    def _hand_out(self, array: np.ndarray, output: str) -> Any:
        return torch.from_numpy(array) if output == "torch" else array


def _check_parts(owner: Any, names: tuple[str, ...], advice: str) -> None:
    """Raise a `TypeError` for the first attribute that is missing."""
    for name in names:
        if not hasattr(owner, name):
            raise TypeError(f"A {type(owner).__name__} has no `{name}`: {advice}.")


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
