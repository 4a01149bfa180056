"""What a model folder holds: its class, its sizes, and the files that others need of it."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors import safe_open

from ..model.configuration_finemoltex import FineMolTexConfig
from ..model.heads_finemoltex import HEADS, PROPERTY_PREDICTION, Head

CONFIG_FILE, PROCESSOR_FILE, TOKENIZER_FILE = "config.json", "processor_config.json", "tokenizer_config.json"
# What an inference endpoint runs, and what it installs first.
ENDPOINT_FILES = ("handler.py", "requirements.txt")
INDEX_FOLDER = "index"  # a `MoleculeTextIndex` beside the model, for retrieval by the endpoint
GENERATOR_TOKENIZER_FOLDER = "generator_tokenizer"  # of an editing model
PUBLISHED_FOLDERS = (INDEX_FOLDER, GENERATOR_TOKENIZER_FOLDER)
PUBLISHED_SUFFIXES = (".json", ".safetensors", ".fps", ".py", ".txt", ".md", ".yaml", ".png", ".svg")
# Written by the Trainer. They tell the paths of the machine; the card says what they say of the training.
KEPT_PRIVATE = ("training_args.json", "trainer_state.json", "training_rows.json")


def list_published(folder: Path) -> list[Path]:
    """List the files of a folder that others need: no checkpoints, no prepared data, nothing private.

    Args:
        folder (`Path`): A model folder.

    Returns:
        `list[Path]`: Paths below `folder`, sorted.
    """
    files = [path for path in folder.iterdir() if path.suffix in PUBLISHED_SUFFIXES and path.name not in KEPT_PRIVATE]
    for name in PUBLISHED_FOLDERS:
        files += (folder / name).glob("*")
    return sorted(path for path in files if path.is_file() and not path.name.startswith((".", "_")))


def read_json(file: Path) -> dict[str, Any]:
    """Read a JSON file; nothing, if there is none."""
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def read_config(folder: Path, name: str | None = None) -> dict[str, Any]:
    """Read the fields of `config.json`, as they stand there.

    Args:
        folder (`Path`): A model folder.
        name (`str`, *optional*): What a message calls it, for a folder in the cache of the Hub.

    Raises:
        ValueError: If there is no such file, or it is of another kind of model.
    """
    fields, name = read_json(folder / CONFIG_FILE), name or str(folder)
    if not fields:
        raise ValueError(f"{name} is no model folder: it has no {CONFIG_FILE}. Write it with `export_folder`.")
    if fields.get("model_type") != FineMolTexConfig.model_type:
        raise ValueError(f"{name} is a model of the type {fields.get('model_type')!r}, not of this package.")
    return fields


def read_head(folder: Path) -> Head:
    """Look up the class that a folder was saved from.

    Raises:
        ValueError: If the folder is no model folder of this package, or names a class without a record in `HEADS`.
    """
    name = (read_config(folder).get("architectures") or [None])[0]
    if name not in HEADS:
        raise ValueError(f"{folder}/{CONFIG_FILE} names the class {name!r}; known are {', '.join(sorted(HEADS))}.")
    return HEADS[name]


def describe_folder(folder: Path, name: str | None = None) -> dict[str, Any]:
    """Say what a model is without loading it.

    Args:
        folder (`Path`): A model folder; weights may be missing.
        name (`str`, *optional*): What a message calls it, for a folder in the cache of the Hub.

    Returns:
        JSON-able facts: `class`, `loads_as`, `parameters` (`None` without weights), sizes, and `labels` and
        `problem_type` of a property prediction model.

    Raises:
        ValueError: If the folder is no model folder of this package.
    """
    fields = read_config(folder, name)
    config: Any = FineMolTexConfig.from_pretrained(folder)
    class_name = (fields.get("architectures") or [None])[0]
    is_property = class_name == PROPERTY_PREDICTION.name
    return {
        "class": class_name,
        "loads_as": sorted(fields.get("auto_map", {}).keys() - {"AutoConfig"}),
        "parameters": count_parameters(folder.glob("*.safetensors")),
        "embedding_size": config.embedding_size,
        "words": config.text_config.vocab_size,
        "motifs": config.motif_config.vocab_size,
        "fragmentation": read_json(folder / PROCESSOR_FILE).get("feature_extractor", {}).get("fragmentation"),
        "labels": list(config.id2label.values()) if is_property else None,
        "problem_type": config.problem_type if is_property else None,
    }


def count_parameters(files: Iterable[Path]) -> int | None:
    """Count the parameters in safetensors files by their headers; `None` if there are none."""
    total = 0
    for file in files:
        with safe_open(file, framework="np") as weights:
            total += sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
    return total or None
