"""What a model folder holds: its class, its sizes, and the files that others need of it."""

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCard
from safetensors import safe_open
from transformers.dynamic_module_utils import get_relative_import_files

from ..model.configuration_finemoltex import FineMolTexConfig
from ..model.heads_finemoltex import HEADS, PROPERTY_PREDICTION, Head

CARD_FILE = "README.md"
CONFIG_FILE, PROCESSOR_FILE, TOKENIZER_FILE = "config.json", "processor_config.json", "tokenizer_config.json"
MODULES_FILE = "modules.json"  # of sentence-transformers
# What an inference endpoint runs, and what it installs first.
ENDPOINT_FILES = ("handler.py", "requirements.txt")
INDEX_FOLDER = "index"  # a `MoleculeTextIndex` beside the model, for retrieval by the endpoint
GENERATOR_TOKENIZER_FOLDER = "generator_tokenizer"  # of an editing model
# What a model folder is made of. Everything else in it is somebody's own: notes, checkpoints, settings of a run.
WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors", "model.safetensors.index.json")
TOKENIZER = (
    *("tokenizer.json", TOKENIZER_FILE, "special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json"),
    *("merges.txt", "spm.model", "chat_template.jinja"),
)
MODEL_FILES = (
    *WEIGHTS,
    *TOKENIZER,
    *(CONFIG_FILE, "generation_config.json", PROCESSOR_FILE, "preprocessor_config.json", MODULES_FILE),
    *("training_fingerprints.fps", "conformal.json", "caption_memory.jsonl.gz", "caption_memory.npz"),
    *("*_finemoltex.py", *ENDPOINT_FILES, CARD_FILE, "LICENSE", "card_facts.yaml", "evaluation_results.json"),
    *("training_log.json", "alignment_report.json", "generator_report.json", "results.json", "test_results.json"),
    "captioning_report.json",
)
INDEX_METADATA = "metadata.json"
INDEX_SUFFIXES = (".arrow", ".npy", ".faiss")
# Files that a program wrote about its run; vocabularies hold SMILES, which look like paths.
TELLING_FILES = (
    *(CONFIG_FILE, TOKENIZER_FILE, INDEX_METADATA, "evaluation_results.json", "training_log.json"),
    *("alignment_report.json", "generator_report.json", "results.json", "test_results.json"),
    "captioning_report.json",
)
PLACE_FIELDS = ("name_or_path", "_name_or_path")
LOCAL_PATH = re.compile(r"(?:/|~/|[A-Za-z]:[\\/])[\w .+@-]+(?:[\\/][\w .+@-]+)+[\\/]?")
IMAGES = re.compile(r"[\w.-]+\.(?:png|svg)")  # of the card, as it names them


def list_published(folder: Path) -> list[Path]:
    """List the files that make up a folder: nothing private, nothing that lies there by chance, no links.

    Args:
        folder (`Path`): Of a model or a dataset.

    Returns:
        `list[Path]`: Paths below `folder`, sorted.
    """
    if is_dataset(folder):
        return sorted(filter(_is_own, {folder / CARD_FILE, *_list_data(folder)}))
    own = {path for pattern in MODEL_FILES for path in folder.glob(pattern)}
    modules = [folder / f"{module}.py" for module in _list_modules(folder)]
    own |= {*modules, *(Path(one) for file in modules if file.is_file() for one in get_relative_import_files(file))}
    card = folder / CARD_FILE
    own |= {folder / name for name in IMAGES.findall(card.read_text(encoding="utf-8"))} if card.is_file() else set()
    own |= {folder / GENERATOR_TOKENIZER_FOLDER / name for name in TOKENIZER}
    own |= {folder / INDEX_FOLDER / name for name in list_index_files(folder / INDEX_FOLDER)}
    return sorted(filter(_is_own, own))


def is_dataset(folder: Path) -> bool:
    """Tell a dataset folder from that of a model: its card names the files of the splits."""
    return not (folder / CONFIG_FILE).exists() and bool(_list_data(folder))


def _list_data(folder: Path) -> set[Path]:
    """List the files below a folder that its card names as the splits of a dataset."""
    card = folder / CARD_FILE
    configs = DatasetCard.load(card).data.get("configs") or [] if card.is_file() else []
    patterns = {str(one["path"]) for config in configs for one in config.get("data_files", [])}
    below = [one for one in patterns if not any(part.startswith((".", "/")) for part in Path(one).parts)]
    return {path for pattern in below for path in folder.glob(pattern)}


def list_index_files(folder: Path) -> list[str]:
    """List the files of a search index, as its metadata name them; none, if it is no index."""
    try:
        named = read_json(folder / INDEX_METADATA)["bytes"]
    except (ValueError, KeyError, TypeError):
        return []
    names = [name for name in named if Path(name).name == name and Path(name).suffix in INDEX_SUFFIXES]
    return [INDEX_METADATA, *names]


def _list_modules(folder: Path) -> set[str]:
    """List the modules of code that `config.json` names, such as an objective of one's own."""
    fields = read_json(folder / CONFIG_FILE)
    named = [
        *fields.get("auto_map", {}).values(),
        *(one.get("impl", "") for one in fields.get("custom_pipelines", {}).values()),
    ]
    return {name.partition(".")[0] for name in named if isinstance(name, str) and "--" not in name} - {""}


def _is_own(path: Path) -> bool:
    """Tell whether a path is a file that belongs to its folder and is not hidden."""
    return path.is_file() and not path.name.startswith(".") and not _is_foreign(path)


def _is_foreign(path: Path) -> bool:
    """Tell whether a path leads out of its folder: a link may show anything. Those of the Hub's own cache are fine."""
    if not path.is_symlink() and not path.parent.is_symlink():
        return False
    target = path.resolve()
    is_cached = target.parent.name == "blobs" and target.parent.parent in path.absolute().parents
    return not is_cached


def clean_json(fields: Any, name: str) -> Any:
    """Replace what tells of the machine that a file was written on.

    Args:
        fields: As read from JSON.
        name (`str`): Stands for a model that was named by its folder.

    Returns:
        The same, with `name` as the place of the model, and the last part of each absolute path.

    Example:
    >>> clean_json({"name_or_path": "runs/a", "log": "/home/me/project/log.txt", "smiles": "C/C=C/C"}, "me/model")
    {'name_or_path': 'me/model', 'log': 'log.txt', 'smiles': 'C/C=C/C'}
    """
    if isinstance(fields, dict):
        return {
            key: name if key in PLACE_FIELDS and isinstance(value, str) else clean_json(value, name)
            for key, value in fields.items()
        }
    if isinstance(fields, list):
        return [clean_json(one, name) for one in fields]
    if isinstance(fields, str) and LOCAL_PATH.fullmatch(fields):
        return re.split(r"[\\/]", fields.rstrip("\\/"))[-1]
    return fields


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
