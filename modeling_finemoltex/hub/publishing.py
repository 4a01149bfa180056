"""Share model folders on the Hub: check and push one, list those that are there, describe any of them."""

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from huggingface_hub import CommitInfo, CommitOperationAdd, HfApi, ModelCard, snapshot_download
from safetensors import SafetensorError
from transformers.dynamic_module_utils import get_relative_imports

from ..embedding.fingerprint import check_same_model, take_fingerprint
from ..model.heads_finemoltex import EDITING
from ..model.weights_finemoltex import find_bad_weights
from ..processors import FineMolTexProcessor
from .cards import MODEL_TAG
from .contents import (
    CARD_FILE,
    ENDPOINT_FILES,
    GENERATOR_TOKENIZER_FOLDER,
    INDEX_FOLDER,
    INDEX_METADATA,
    TELLING_FILES,
    clean_json,
    describe_folder,
    is_dataset,
    list_published,
    read_config,
    read_head,
    read_json,
)
from .folders import POINTER_FILE, assemble_folder

ADVICE = "Write the folder with `export_folder`."


@dataclass(frozen=True)
class HubListing:
    """A model on the Hub.

    Args:
        id (`str`): Such as `"owner/name"`: what `from_pretrained` takes.
        task (`str`, *optional*): Its pipeline tag.
        downloads (`int`, *optional*): In the last 30 days.
        last_modified (`str`, *optional*): Time of the last commit, ISO 8601.
    """

    id: str
    task: str | None
    downloads: int | None
    last_modified: str | None


def push_folder(
    folder: str | Path,
    repo_id: str,
    tag: str | None = None,
    private: bool | None = None,
    commit_message: str | None = None,
    token: str | None = None,
    revision: str | None = None,
) -> CommitInfo:
    """Upload an exported folder to the Hub in one commit; without changes there is no commit.

    Model, processor with its motif vocabulary, code, card, evaluation results and endpoint go along, and an index in
    `index/`; checkpoints, prepared data and the Trainer's settings stay here. In the code blocks of the card the name
    of the model becomes `repo_id`. Files of the repository that the folder lacks stay there.

    A folder of `export_names_dataset` becomes a dataset: its card and the files that the card names go along.

    Args:
        folder (`str` or `Path`): As `export_folder` or `export_names_dataset` wrote it.
        repo_id (`str`): `"owner/name"`; made if it does not exist.
        tag (`str`, *optional*): Name for this state, for `from_pretrained(..., revision=tag)`.
        private (`bool`, *optional*): Whether a new repository is private.
        commit_message (`str`, *optional*): Title of the commit.
        token (`str`, *optional*): Hub token with write access; that of `hf auth login` or `HF_TOKEN`, if absent.
        revision (`str`, *optional*): Branch to commit to.

    Returns:
        `CommitInfo`: Its `oid` pins this state; without changes, that of the present state.

    Raises:
        ValueError: If the folder does not load or lacks a part (says which), or `tag` is taken by another state.

    Example:
    >>> push_folder("runs/demo", "my-name/my-model", tag="v1").oid  # uploads  # doctest: +SKIP
    """
    folder = Path(folder)
    with tempfile.TemporaryDirectory() as staging:
        name = folder.resolve().name
        if (folder / POINTER_FILE).is_file():  # of the checkout, without code
            folder = assemble_folder(folder, Path(staging, name))
        kind = "dataset" if is_dataset(folder) else "model"
        if kind == "model":
            check_folder(folder)
        else:
            _check_dataset(folder)
        api = HfApi(token=token)
        repo_id = api.create_repo(repo_id, private=private, exist_ok=True, repo_type=kind).repo_id
        info = api.create_commit(
            repo_id,
            list_additions(folder, repo_id),
            commit_message=commit_message or f"Upload {name}",
            revision=revision,
            repo_type=kind,
        )
    if tag is not None:
        _set_tag(api, repo_id, kind, tag, info.oid)
    return info


def check_folder(folder: Path) -> None:
    """Refuse a folder that others could not use.

    Args:
        folder (`Path`): A model folder.

    Raises:
        ValueError: If it is no model folder, lacks card, code or endpoint, does not load, or its index is of another
            model; says what to do.
    """
    fields = read_config(folder)
    _check_card(folder / CARD_FILE)
    classes = [
        *fields.get("auto_map", {}).values(),
        *(one["impl"] for one in fields.get("custom_pipelines", {}).values()),
    ]
    code = {reference.partition(".")[0] for reference in classes}
    code |= {module for file in folder.glob("*.py") for module in get_relative_imports(file)}
    needed = {*(f"{module}.py" for module in code), *ENDPOINT_FILES}
    if read_head(folder) is EDITING:
        needed.add(f"{GENERATOR_TOKENIZER_FOLDER}/tokenizer_config.json")
    missing = sorted(name for name in needed if not (folder / name).is_file())
    if missing or not code:
        raise ValueError(f"{folder} lacks {', '.join(missing) or 'the code of the model'}. {ADVICE}")
    model, processor = _load(folder)
    if (folder / INDEX_FOLDER).is_dir():
        _check_index(folder / INDEX_FOLDER, take_fingerprint(model, processor))


def list_additions(folder: Path, repo_id: str) -> list[CommitOperationAdd]:
    """List what of a folder is published, ready to commit.

    Args:
        folder (`Path`): Of a model or a dataset.
        repo_id (`str`): `"owner/name"`, for the code blocks of the card.
    """
    additions = []
    for file in list_published(folder):
        content: Any = file
        if file == folder / CARD_FILE:
            content = _address_card(file.read_text(encoding="utf-8"), repo_id).encode()
        elif file.name in TELLING_FILES:
            fields = json.loads(file.read_text(encoding="utf-8"))
            cleaned = clean_json(fields, repo_id)
            if cleaned != fields:
                content = (json.dumps(cleaned, indent=2, ensure_ascii=False) + "\n").encode()
        additions.append(CommitOperationAdd(file.relative_to(folder).as_posix(), content))
    return additions


def list_pretrained(author: str | None = None, token: str | None = None) -> list[HubListing]:
    """List the models of this package on the Hub, most downloaded first.

    Args:
        author (`str`, *optional*): User or organisation; all, if absent.
        token (`str`, *optional*): Hub token, to see private models.

    Returns:
        `list[HubListing]`.
    """
    found = HfApi(token=token).list_models(filter=MODEL_TAG, author=author, full=True)
    models = [
        HubListing(
            one.id, one.pipeline_tag, one.downloads, one.last_modified.isoformat() if one.last_modified else None
        )
        for one in found
    ]
    return sorted(models, key=lambda model: (-(model.downloads or 0), model.id))


def describe_model(name_or_path: str, revision: str | None = None) -> dict[str, Any]:
    """Say what a model is without loading its weights; of one on the Hub, only small files are downloaded.

    Args:
        name_or_path (`str`): A folder or a Hub id.
        revision (`str`, *optional*): Branch, tag or commit on the Hub.

    Returns:
        JSON-able facts: `class`, `loads_as`, `task`, `parameters` (`None` if unknown), sizes, `labels` and
        `problem_type` of a property prediction model, `evaluation`, and whether there is an `endpoint` or an `index`.

    Raises:
        ValueError: If there is no such folder or repository, it holds no model of this package, or a folder is given
            with a revision.
    """
    is_local = Path(name_or_path).is_dir()
    if is_local and revision is not None:
        raise ValueError(f"{name_or_path} is a folder, which has no revisions: leave {revision!r} out.")
    folder = Path(name_or_path) if is_local else _download_descriptions(name_or_path, revision)
    found = describe_folder(folder, name_or_path)
    card = ModelCard.load(folder / CARD_FILE).data if (folder / CARD_FILE).is_file() else None
    return {
        "name": name_or_path,
        "revision": None if is_local else folder.name,
        **found,
        "task": card and card.pipeline_tag,
        "parameters": found["parameters"] if is_local else _ask_parameters(name_or_path, revision),
        "evaluation": [
            {"task": one.task_name, "dataset": one.dataset_name, "metric": one.metric_type, "value": one.metric_value}
            for one in (card and card.eval_results) or []
        ],
        "endpoint": (folder / ENDPOINT_FILES[0]).is_file(),
        "index": (folder / INDEX_FOLDER / INDEX_METADATA).is_file(),
    }


def _check_card(file: Path) -> None:
    """Refuse a card that is missing, without metadata, or with holes in it."""
    if not file.is_file():
        raise ValueError(f"{file.parent} has no card ({file.name}). {ADVICE}")
    card = ModelCard.load(file)
    if MODEL_TAG not in (card.data.tags or []):
        raise ValueError(f"The metadata of {file} lack the tag {MODEL_TAG!r}, by which the model is found. {ADVICE}")
    hole = re.search(r"{{.*?}}|{%.*?%}", card.text)
    if hole:
        raise ValueError(f"The card {file} is not filled in: it still says {hole[0]}. {ADVICE}")


def _check_dataset(folder: Path) -> None:
    """Refuse a dataset whose card is not ready, or whose files are no Parquet."""
    _check_card(folder / CARD_FILE)
    for file in set(list_published(folder)) - {folder / CARD_FILE}:
        try:
            pq.read_metadata(file)
        except (OSError, pa.ArrowException) as error:
            raise ValueError(f"{file}, which the card names, is no Parquet file: {error}") from error


def _load(folder: Path) -> tuple[Any, Any]:
    """Load a folder as its own class, and embed a molecule.

    Raises:
        ValueError: If it does not load, or weights are missing, unknown, of another shape or not finite; lists them.
    """
    head = read_head(folder)
    model_class = getattr(import_module(f"..model.{head.module}", __package__), head.name)
    try:
        model, report = model_class.from_pretrained(folder, output_loading_info=True)
        processor = FineMolTexProcessor.from_pretrained(folder)
        with torch.inference_mode():
            embeds = model.eval().base_model.get_molecule_features(**processor(smiles=["CCO"]))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ValueError(f"{folder} does not load, so it is not pushed: {error}") from error
    problems = {part: sorted(map(str, keys)) for part, keys in report.items() if keys}
    problems |= {reason: names for reason, names in find_bad_weights(model, model.state_dict()).items()}
    if problems or not embeds.isfinite().all():
        reason = f"weights do not fit the model: {problems}" if problems else "its embeddings are not finite"
        raise ValueError(f"{folder} does not load, so it is not pushed: {reason}.")
    return model, processor


def _check_index(folder: Path, fingerprint: Mapping[str, Any]) -> None:
    """Refuse an index that is damaged or of another model."""
    try:
        metadata = read_json(folder / INDEX_METADATA)
        written = dict(metadata.get("bytes", {INDEX_METADATA: 1}))
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"The index {folder} is damaged: see {INDEX_METADATA}. Save it again.") from error
    sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
    damaged = sorted(name for name, size in written.items() if sizes.get(name) != size)
    if damaged:
        raise ValueError(f"The index {folder} is damaged: see {', '.join(damaged)}. Save it again.")
    check_same_model(metadata.get("model"), dict(fingerprint))


def _address_card(text: str, repo_id: str) -> str:
    """Let the code blocks of a card name the repository instead of the folder it was written in."""
    title = re.search(r"^# (.+)$", text, flags=re.MULTILINE)
    return text.replace(f'"{title[1].strip()}"', f'"{repo_id}"') if title else text


def _set_tag(api: HfApi, repo_id: str, kind: str, tag: str, commit: str) -> None:
    """Tag a commit; the same tag on the same commit is no error."""
    present = {one.name: one.target_commit for one in api.list_repo_refs(repo_id, repo_type=kind).tags}
    if tag not in present:
        api.create_tag(repo_id, tag=tag, revision=commit, repo_type=kind)
    elif present[tag] != commit:
        raise ValueError(
            f"The folder is pushed as commit {commit}, but the tag {tag!r} of {repo_id} stays at {present[tag]}: "
            "a tag that others rely on is not moved. Push again with another tag."
        )


def _download_descriptions(repo_id: str, revision: str | None) -> Path:
    """Download what describes a model, all but weights and code."""
    try:
        wanted = ["*.json", CARD_FILE, ENDPOINT_FILES[0]]
        return Path(snapshot_download(repo_id, revision=revision, allow_patterns=wanted))
    except (OSError, ValueError) as error:  # the errors of the Hub are among them
        raise ValueError(f"{repo_id!r} is neither a folder nor a repository that can be read: {error}") from error


def _ask_parameters(repo_id: str, revision: str | None) -> int | None:
    """Let the Hub count the parameters; `None` if it cannot be asked."""
    try:
        return sum(HfApi().get_safetensors_metadata(repo_id, revision=revision).parameter_count.values())
    except OSError:  # among them: no connection, offline mode
        return None
