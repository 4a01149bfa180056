"""One folder with all that captioning needs: model, processor, tokenizer of the writer, captions to quote."""

from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub.errors import HfHubHTTPError
from safetensors import SafetensorError
from transformers import AutoProcessor, AutoTokenizer, PreTrainedModel, T5Config, T5ForConditionalGeneration
from transformers.utils import cached_file

from ..hub.contents import GENERATOR_TOKENIZER_FOLDER, TOKENIZER_FILE
from ..hub.folders import export_folder
from ..model.captioning_finemoltex import FineMolTexForCaptioning
from .caption_memory import EMBEDS_FILE, MEMORY_FILE, CaptionMemory
from .caption_text import end_of, start_of

# Words of a T5 have a size of 1. They are the output layer too, so an untrained writer would repeat the last one.
WORD_SCALE = 0.3


class CaptioningParts(NamedTuple):
    """What a captioning folder holds."""

    model: FineMolTexForCaptioning
    processor: Any
    tokenizer: Any  # of the writer; that of the processor, unless the writer brought its own
    memory: CaptionMemory | None = None  # for prompts of captions


def build_writer(
    tokenizer: Any,
    hidden_size: int = 256,
    num_layers: int = 2,
    intermediate_size: int = 512,
    num_heads: int = 4,
    dropout: float = 0.1,
) -> T5ForConditionalGeneration:
    """Make a small untrained writer over the words of a tokenizer.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): Such as that of a [`FineMolTexProcessor`].
        hidden_size, num_layers, intermediate_size, num_heads (`int`): Sizes; as many layers read as write.
        dropout (`float`): Dropout of every layer.

    Returns:
        `T5ForConditionalGeneration`: Its positions are relative, so states and words can stand in any number.
    """
    writer = T5ForConditionalGeneration(
        T5Config(
            vocab_size=len(tokenizer),
            d_model=hidden_size,
            d_kv=hidden_size // num_heads,
            d_ff=intermediate_size,
            num_layers=num_layers,
            num_heads=num_heads,
            dropout_rate=dropout,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=end_of(tokenizer),
            decoder_start_token_id=start_of(tokenizer),
        )
    )
    writer.get_input_embeddings().weight.data.mul_(WORD_SCALE)
    return writer


def copy_word_embeddings(writer: PreTrainedModel, text_encoder: PreTrainedModel) -> bool:
    """Start the words of a writer from those of a text encoder with the same vocabulary, at the writer's scale.

    Returns:
        `bool`: Whether it was done; not, if vocabulary or width differ.
    """
    source, target = text_encoder.get_input_embeddings().weight, writer.get_input_embeddings().weight
    if source.shape != target.shape:
        return False
    words = source.detach() - source.detach().mean(0)  # what all words share would make all logits large
    target.data.copy_(words / words.std() * target.detach().std())
    return True


def save_captioning_folder(
    parts: CaptioningParts,
    folder: str | Path,
    card_fields: dict[str, Any] | None = None,
    half_precision: bool = False,
) -> Path:
    """Save the parts into one folder with its card, ready for `push_folder`; see `export_folder`.

    Args:
        parts ([`CaptioningParts`]): What to save.
        folder (`str` or `Path`): Made if needed.
        card_fields (`dict`, *optional*): Facts for the card.
        half_precision (`bool`): Store the weights in float16.

    Returns:
        `Path`: The folder.
    """
    own = None if parts.tokenizer is parts.processor.tokenizer else parts.tokenizer
    path = export_folder(parts.model, parts.processor, folder, card_fields, half_precision, own)
    if parts.memory is not None:
        parts.memory.save(path)
    return path


def load_captioning_folder(name_or_path: str, device: Any = None) -> CaptioningParts:
    """Load what `save_captioning_folder` wrote, from a folder or the Hub.

    Args:
        name_or_path (`str`): Folder or Hub id.
        device (`str` or `torch.device`, *optional*): Where to put the model.

    Raises:
        ValueError: If there is no such folder, or it holds no captioning model.
    """
    try:
        model = FineMolTexForCaptioning.from_pretrained(name_or_path).eval()
        processor = AutoProcessor.from_pretrained(name_or_path)
        model.require_weights("captioning")
        tokenizer = load_writer_tokenizer(name_or_path) or processor.tokenizer
        memory = load_memory(name_or_path) if model.config.captioning_config.prompt == "captions" else None
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ValueError(
            f"{name_or_path!r} cannot be loaded for captioning: {error} `examples/train_captioning.py` makes such "
            "folders."
        ) from error
    return CaptioningParts(model if device is None else model.to(device), processor, tokenizer, memory)


def load_writer_tokenizer(name_or_path: str) -> Any | None:
    """Load the tokenizer that a writer brought along; `None` if it writes the words of the processor."""
    if _find_file(name_or_path, f"{GENERATOR_TOKENIZER_FOLDER}/{TOKENIZER_FILE}") is None:
        return None
    return AutoTokenizer.from_pretrained(name_or_path, subfolder=GENERATOR_TOKENIZER_FOLDER)


def load_memory(name_or_path: str) -> CaptionMemory:
    """Load the captions that a folder holds to be quoted.

    Raises:
        ValueError: If there are none.
    """
    _find_file(name_or_path, EMBEDS_FILE)  # fetched from the Hub, it lies beside the other
    found = _find_file(name_or_path, MEMORY_FILE)
    return CaptionMemory.load(name_or_path if found is None else Path(found).parent)


def _find_file(name_or_path: str, name: str) -> str | None:
    """Find a file of a folder, or fetch it from the Hub; `None` if there is none."""
    try:
        return cached_file(
            name_or_path,
            name,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
    except (OSError, HfHubHTTPError):
        return None
