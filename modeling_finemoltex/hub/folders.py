"""Assemble Hub folders: weights and vocabularies with the code, the endpoint and the card that others need."""

import inspect
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel, PreTrainedTokenizerBase, ProcessorMixin
from transformers.utils import SAFE_WEIGHTS_NAME

from ..data.atomic_files import copy_file, staged_folder, write_text
from ..model.heads_finemoltex import BASE, EDITING, Head
from ..model.remote_code_finemoltex import CODE_FILES, copy_code, map_auto_classes
from ..processors import FineMolTexFeatureExtractor, FineMolTexProcessor
from .cards import FACTS_FILE, build_model_card, find_template, save_facts
from .contents import (
    CARD_FILE,
    CONFIG_FILE,
    ENDPOINT_FILES,
    GENERATOR_TOKENIZER_FOLDER,
    MODULES_FILE,
    PROCESSOR_FILE,
    TOKENIZER_FILE,
    list_published,
    read_head,
    read_json,
)

# Code of a folder in the checkout, which imports the classes from this package instead of copies of their files.
POINTER_FILE = "installed_finemoltex.py"
MODEL_CODE = Path(inspect.getfile(Head)).parent
PROCESSOR_CODE = Path(inspect.getfile(FineMolTexProcessor)).parent
# What sentence-transformers makes of a folder: one module, in the root, of the installed package. By its name, for the
# library is an extra; `SentenceTransformer.save_pretrained` writes the same.
ROUTER = "modeling_finemoltex.hub.sentence_transformers.MoleculeTextRouter"
MODULES = [{"idx": 0, "name": "0", "path": "", "type": ROUTER}]
PROCESSOR_CLASSES = {"AutoProcessor": FineMolTexProcessor, "AutoFeatureExtractor": FineMolTexFeatureExtractor}


def assemble_folder(source: str | Path, target: str | Path | None = None) -> Path:
    """Make a folder that works for everybody: as a Hub repository, and where this package is absent.

    Weights, configuration, vocabularies and figures come from `source`, unchanged. Code, the names of its classes,
    endpoint and card are written anew. A card that has no facts beside it was written by hand, and stays.

    Args:
        source (`str` or `Path`): Folder with a model and its processor, as `save_pretrained` writes them.
        target (`str` or `Path`, *optional*): Folder to write; without it, `source` is completed in place.

    Returns:
        `Path`: The folder, ready for `push_folder`, `from_pretrained` and an inference endpoint.

    Raises:
        ValueError: If `source` holds no model of this package, or no processor.

    Example:
    >>> assemble_folder("hub_cards/finemoltex-small", "build/hub/finemoltex-small")  # writes  # doctest: +SKIP
    """
    source = Path(source)
    target = Path(target) if target is not None else source
    head = read_head(source)
    if "feature_extractor" not in read_json(source / PROCESSOR_FILE):
        raise ValueError(f"{source} has no {PROCESSOR_FILE} of a processor: save that of the model there too.")
    if target.resolve() != source.resolve():
        for file in list_published(source):
            copy = target / file.relative_to(source)
            copy_file(file, copy)
    for file in target.glob(CODE_FILES):  # of another version, or a pointer to the installed package
        file.unlink()
    copy_code(MODEL_CODE, target)
    copy_code(PROCESSOR_CODE, target)
    for name in ENDPOINT_FILES:
        copy_file(find_template(name), target / name)
    _name_classes(target, head)
    if (target / FACTS_FILE).is_file() or not (target / CARD_FILE).is_file():
        write_text(target / CARD_FILE, str(build_model_card(target)))
    return target


def export_folder(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    folder: str | Path,
    card_fields: dict[str, Any] | None = None,
    half_precision: bool = False,
    generator_tokenizer: PreTrainedTokenizerBase | None = None,
) -> Path:
    """Save everything another person needs to use the model, with or without this package installed.

    Args:
        model (`PreTrainedModel`): Any FineMolTex model; saved as safetensors with its code.
        processor (`FineMolTexProcessor`): Its tokenizer and motif vocabulary go along.
        folder (`str` or `Path`): Created if needed; other files in it stay.
        card_fields (`dict`, *optional*): Facts for the card, see `save_facts`.
        half_precision (`bool`): Store the weights in float16, half as large; they are loaded as float32 all the same.
        generator_tokenizer (`PreTrainedTokenizerBase`, *optional*): Of the generator of an editing model, which
            cannot be used without.

    Returns:
        `Path`: The folder; see `assemble_folder`.

    Raises:
        ValueError: If an editing model comes without the tokenizer of its generator, a weight is too large for
            float16, or a fact is unknown.
    """
    folder = Path(folder)
    if type(model).__name__ == EDITING.name and generator_tokenizer is None:
        raise ValueError(
            "An editing model is exported with the tokenizer of its generator: give `generator_tokenizer`, or use "
            "`save_editing_folder`."
        )
    with staged_folder(folder) as staged:  # a full disk or a kill leaves what was there
        model.save_pretrained(staged)
        if half_precision:
            _halve_weights(staged / SAFE_WEIGHTS_NAME)
        processor.save_pretrained(staged)
        if generator_tokenizer is not None:
            generator_tokenizer.save_pretrained(staged / GENERATOR_TOKENIZER_FOLDER)
    save_facts(folder, card_fields or {})
    return assemble_folder(folder)


def _name_classes(folder: Path, head: Head) -> None:
    """Write into the JSON files of a folder which class of its code loads them, and which pipelines it serves."""
    fields = read_json(folder / CONFIG_FILE)
    fields["auto_map"] = map_auto_classes(MODEL_CODE, head.name)
    fields["custom_pipelines"] = _list_pipelines(head)
    _write_json(folder / CONFIG_FILE, fields)
    classes = {
        name: f"{found.__module__.rpartition('.')[2]}.{found.__name__}" for name, found in PROCESSOR_CLASSES.items()
    }
    own = {"AutoProcessor": classes["AutoProcessor"]}
    processor = read_json(folder / PROCESSOR_FILE)
    processor["auto_map"], processor["feature_extractor"]["auto_map"] = own, classes
    _write_json(folder / PROCESSOR_FILE, processor)
    _write_json(folder / TOKENIZER_FILE, read_json(folder / TOKENIZER_FILE) | {"auto_map": own})
    if head.embeds:
        _write_json(folder / MODULES_FILE, MODULES)


def _list_pipelines(head: Head) -> dict[str, dict[str, Any]]:
    """List the pipelines that the code of a folder serves, as `custom_pipelines` has them."""
    code = f"{MODEL_CODE.name}."
    return {
        task: {"impl": reference.removeprefix(code), "pt": [one.remote_auto_class], "type": "multimodal"}
        for one in ([BASE] if head.embeds else []) + [head]
        for task, reference in one.pipelines.items()
        if reference.startswith(code)
    }


def _write_json(file: Path, fields: Any) -> None:
    write_text(file, json.dumps(fields, indent=2, ensure_ascii=False) + "\n")


def _halve_weights(file: Path) -> None:
    """Rewrite float32 weights as float16; `config.json` goes on saying float32, which loading obeys.

    Raises:
        ValueError: If a weight is too large for float16.
    """
    weights = load_file(file)
    for name, weight in weights.items():
        if weight.dtype == torch.float32:
            weights[name] = weight.half()
            if not weights[name].isfinite().all():
                raise ValueError(
                    f"The weight {name} reaches {weight.abs().max():.3g}, beyond float16. Export full precision."
                )
    save_file(weights, file, metadata={"format": "pt"})
