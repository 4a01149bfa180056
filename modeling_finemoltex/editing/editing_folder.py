"""One folder with all that latent editing needs: model, generator, alignment, processor and both tokenizers."""

from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from transformers import AutoModelForSeq2SeqLM, AutoProcessor, AutoTokenizer

from ..hub.contents import GENERATOR_TOKENIZER_FOLDER
from ..hub.folders import export_folder
from ..model.editing_finemoltex import FineMolTexForMoleculeEditing


class EditingParts(NamedTuple):
    """What an editing folder holds; the processor has the tokenizer of the texts."""

    model: FineMolTexForMoleculeEditing
    processor: Any
    generator_tokenizer: Any


def save_editing_folder(
    parts: EditingParts, folder: str | Path, card_fields: dict[str, Any] | None = None, half_precision: bool = False
) -> Path:
    """Save the parts into one folder with its card, ready for `push_folder`; see `export_folder`.

    Args:
        parts ([`EditingParts`]): What to save.
        folder (`str` or `Path`): Made if needed.
        card_fields (`dict`, *optional*): Facts for the card.
        half_precision (`bool`): Store the weights in float16.

    Returns:
        `Path`: The folder.
    """
    return export_folder(*parts[:2], folder, card_fields, half_precision, parts.generator_tokenizer)


def load_editing_folder(name_or_path: str, device: Any = None) -> EditingParts:
    """Load what `save_editing_folder` wrote, from a folder or the Hub.

    Args:
        name_or_path (`str`): Folder or Hub id.
        device (`str` or `torch.device`, *optional*): Where to put the model.

    Raises:
        ValueError: If there is no such folder, or it holds no model with a generator.
    """
    try:
        model = FineMolTexForMoleculeEditing.from_pretrained(name_or_path).eval()
        processor = AutoProcessor.from_pretrained(name_or_path)
        tokenizer = load_generator_tokenizer(name_or_path)
        model.require_weights("latent editing")
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ValueError(
            f"{name_or_path!r} cannot be loaded for latent editing: {error} `examples/train_editing_alignment.py` "
            "makes such folders."
        ) from error
    return EditingParts(model if device is None else model.to(device), processor, tokenizer)


def load_generator_tokenizer(name_or_path: str) -> Any:
    """Load the tokenizer of the generator from an editing folder."""
    return AutoTokenizer.from_pretrained(name_or_path, subfolder=GENERATOR_TOKENIZER_FOLDER)


def load_generator(name_or_path: str) -> tuple[Any, Any]:
    """Load a generator and its tokenizer, any encoder-decoder of Transformers.

    Raises:
        ValueError: If there is no such folder, or it holds no encoder-decoder with a tokenizer.
    """
    try:
        generator = AutoModelForSeq2SeqLM.from_pretrained(name_or_path).eval()
        return generator, AutoTokenizer.from_pretrained(name_or_path)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ValueError(
            f"{name_or_path!r} cannot be loaded as a generator: {error} Give a folder of "
            "`examples/train_generator.py`, or any encoder-decoder over SMILES with its tokenizer."
        ) from error
