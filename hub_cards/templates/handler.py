"""Serves this model as an inference endpoint: JSON in, JSON out, with or without the package `finemoltex` installed.

    {"inputs": {"smiles": ["CCO"], "text": ["an alcohol", "an acid"]}, "parameters": {"task": "similarity"}}

| task | inputs | parameters | answer |
|---|---|---|---|
| `feature-extraction` (default) | `smiles`, `text` or both | | `molecule_embeds`, `text_embeds`: unit vectors |
| `similarity` | `smiles` and `text` | | `similarity`: a row of cosines per molecule |
| `zero-shot-classification` | `smiles` and `text`, the candidates | | `classification`: per molecule, best first |
| `retrieval` | `smiles` or `text`, the queries | `k` | `hits`: per query, from the folder `index/` |
| `editing` | one of `smiles`, one of `text` | `k`, `opposite` | `edits`, `note`: needs `pip install finemoltex` |
| `property-prediction` (its default) | `smiles` | | `predictions`: per molecule, of a property model |

A bad request answers `{"error": "..."}`, and so does one beyond the limits below.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoProcessor

# Limits of one request.
MAX_ITEMS = 64  # molecules, and texts
MAX_SMILES_CHARACTERS = 2_000
MAX_TEXT_CHARACTERS = 5_000  # the model reads the first few hundred words
MAX_ATOMS = 500  # in one molecule
MAX_CHARACTERS = 60_000  # of all molecules and texts together
MAX_K = 100
MAX_EDITS = 20
EDIT_CANDIDATES = 100  # analogues of a molecule that are compared
WORK_SECONDS = 20.0  # checked between steps, each far shorter
WAIT_SECONDS = 120.0  # for the requests before it

INDEX_FOLDER = "index"
# Scored at a time: bounds the memory of a search in an index of any size.
INDEX_BLOCK = 16_384


UNFORESEEN = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)
logger = logging.getLogger(__name__)


class RequestError(ValueError):
    """The request cannot be answered; the message says why."""


class Deadline:
    """Time that the work on one request may take."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    def check(self) -> None:
        """Raise a `RequestError` once the time is over."""
        if time.monotonic() > self.end:
            raise RequestError(f"Time limit of {WORK_SECONDS:g} s exceeded. Send fewer or smaller inputs.")


class PatientEncoder:
    """An encoder that embeds molecules until the time of the request is over."""

    def __init__(self, encoder: Any, deadline: Deadline) -> None:
        self.encoder, self.deadline = encoder, deadline

    def __getattr__(self, name: str) -> Any:
        """Everything else is the encoder's own."""
        return getattr(self.encoder, name)

    def encode_molecules(self, *args: Any, **kwargs: Any) -> Any:
        """Embed molecules, if there is time."""
        self.deadline.check()
        return self.encoder.encode_molecules(*args, **kwargs)


class EndpointHandler:
    """Answers requests from one thread or several; the model itself runs for one request at a time.

    Args:
        path (`str`): The folder of the model, of which this file is a part.
    """

    def __init__(self, path: str = "") -> None:
        self.folder = Path(path or ".").resolve()
        config = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        head = config.get("auto_map", {}).get(AutoModelForSequenceClassification.__name__, "").rpartition(".")[2]
        self.predicts_properties = head in config.get("architectures", [])
        auto_class = AutoModelForSequenceClassification if self.predicts_properties else AutoModel
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = auto_class.from_pretrained(self.folder, trust_remote_code=True).eval().to(device)
        if hasattr(self.model, "require_weights"):  # folders written by an earlier version have no such code
            embedding = self.model.base_model.EMBEDDING_PARTS
            wanted = ("molecule", "readout", "head") if self.predicts_properties else embedding
            self.model.require_weights("the endpoint", *wanted)
        self.processor = AutoProcessor.from_pretrained(self.folder, trust_remote_code=True)
        extractor = self.processor.feature_extractor
        extractor.max_atoms = min(extractor.max_atoms, MAX_ATOMS)
        self.index = None
        if not self.predicts_properties and (self.folder / INDEX_FOLDER).is_dir():
            width = self.model.config.embedding_size
            self.index = Index(self.folder / INDEX_FOLDER, width)
        self._editing_parts: tuple[Any, Any] | None = None  # made by the first request that edits
        self._turn = threading.Lock()  # tokenizers cannot be shared between threads, nor can a small machine's cores
        self._tasks: dict[str, Callable[[dict, dict], Any]] = {
            "feature-extraction": self._embed,
            "similarity": self._compare,
            "zero-shot-classification": self._classify,
            "retrieval": self._retrieve,
            "editing": self._edit,
        }
        if self.predicts_properties:
            self._tasks = {"property-prediction": self._predict}

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """Answer one request, see the top of this file."""
        try:
            task, inputs, parameters = self._read(data)
            return self._tasks[task](inputs, parameters)
        except RequestError as error:
            return {"error": str(error)}
        except UNFORESEEN as error:  # the trace is for who runs the endpoint
            logger.exception("A request could not be answered.")
            return {"error": f"The request could not be answered ({type(error).__name__}). Send other inputs."}

    # Tasks.

    def _embed(self, inputs: dict[str, list[str]], parameters: dict[str, Any]) -> dict[str, Any]:
        _expect(parameters)
        answer = {}
        if inputs["smiles"]:
            answer["molecule_embeds"] = self._embed_molecules(inputs["smiles"]).tolist()
        if inputs["text"]:
            answer["text_embeds"] = self._embed_texts(inputs["text"]).tolist()
        return answer

    def _compare(self, inputs: dict[str, list[str]], parameters: dict[str, Any]) -> dict[str, Any]:
        _expect(parameters)
        return {"similarity": self._score(inputs).tolist()}

    def _classify(self, inputs: dict[str, list[str]], parameters: dict[str, Any]) -> dict[str, Any]:
        _expect(parameters)
        scale = self.model.base_model.inverse_temperature.item()
        probabilities = (scale * self._score(inputs)).softmax(-1)  # (molecules, texts)
        rows = [
            sorted(
                ({"label": label, "score": score} for label, score in zip(inputs["text"], row, strict=True)),
                key=lambda one: -one["score"],
            )
            for row in probabilities.tolist()
        ]
        return {"classification": rows}

    def _retrieve(self, inputs: dict[str, list[str]], parameters: dict[str, Any]) -> dict[str, Any]:
        _expect(parameters, "k")
        if self.index is None:
            raise RequestError(f"There is nothing to search: this model has no folder {INDEX_FOLDER!r} beside it.")
        if bool(inputs["smiles"]) == bool(inputs["text"]):
            raise RequestError("Give either `smiles` or `text` as queries, not both.")
        k = _read_count(parameters, "k", 10, MAX_K)
        if inputs["smiles"]:
            queries = self._embed_molecules(inputs["smiles"])
        else:
            queries = self._embed_texts(inputs["text"])
        with self._work() as deadline:
            return {"hits": self.index.search(queries.numpy(), k, deadline)}

    def _edit(self, inputs: dict[str, list[str]], parameters: dict[str, Any]) -> dict[str, Any]:
        _expect(parameters, "k", "opposite")
        if len(inputs["smiles"]) != 1 or len(inputs["text"]) != 1:
            raise RequestError("Editing takes one molecule in `smiles` and one sentence in `text`.")
        k = _read_count(parameters, "k", 10, MAX_EDITS)
        opposite = parameters.get("opposite")
        if opposite is not None:
            if not isinstance(opposite, str):
                raise RequestError(f"`parameters.opposite` must be a sentence, got {_shorten(opposite)}.")
            _read_strings("parameters.opposite", opposite, MAX_TEXT_CHARACTERS)
        self._featurize(inputs["smiles"])  # refuses a bad molecule while others have the model
        with self._work() as deadline:
            editor = self._make_editor(deadline)
            try:
                edits = editor.edit(inputs["smiles"][0], inputs["text"][0], opposite, k)
            except RequestError:
                raise
            except ValueError as error:
                raise RequestError(str(error)) from error
        note = edits.report.explain(len(edits), k) if len(edits) < k else ""
        return {"edits": [one.to_dict() for one in edits], "note": note}

    def _make_editor(self, deadline: Deadline) -> Any:
        """Make an editor for one request: its memory of molecules and prompts ends with it."""
        try:
            from modeling_finemoltex import MoleculeTextEncoder, SearchEditor, SearchSettings
            from modeling_finemoltex.editing import CremMutations
        except ImportError as error:
            raise RequestError("Editing needs the package: add `finemoltex` to the requirements.txt.") from error
        if self._editing_parts is None:
            encoder = MoleculeTextEncoder(self.model, self.processor)
            self._editing_parts = encoder, CremMutations()
        encoder, mutations = self._editing_parts
        settings = SearchSettings(num_candidates=EDIT_CANDIDATES, num_generations=1)
        return SearchEditor(PatientEncoder(encoder, deadline), [mutations], settings=settings)

    def _predict(self, inputs: dict[str, list[str]], parameters: dict[str, Any]) -> dict[str, Any]:
        _expect(parameters)
        smiles, text = inputs["smiles"], inputs["text"]
        if not smiles:
            raise RequestError("Property prediction needs molecules: give `smiles`.")
        if self.model.config.property_config.with_text and len(text) != len(smiles):
            raise RequestError(f"This model reads a text beside each molecule: got {len(text)} for {len(smiles)}.")
        if text and not self.model.config.property_config.with_text:
            raise RequestError("This model reads molecules only: leave `text` out.")
        batch = self._featurize(smiles)
        with self._work():
            if text:
                batch |= self.processor(text=text)
            values = self.model.predict(self._run(self.model, batch).logits).tolist()
        names = self.model.config.id2label
        return {
            "predictions": [
                [{"label": names[place], "score": score} for place, score in enumerate(row)] for row in values
            ]
        }

    # Steps.

    def _score(self, inputs: dict[str, list[str]]) -> torch.Tensor:
        """Compare every molecule with every text: cosines `(molecules, texts)`."""
        if not (inputs["smiles"] and inputs["text"]):
            raise RequestError("This task compares molecules with texts: give both `smiles` and `text`.")
        return self._embed_molecules(inputs["smiles"]) @ self._embed_texts(inputs["text"]).T

    def _embed_molecules(self, smiles: list[str]) -> torch.Tensor:
        batch = self._featurize(smiles)
        with self._work():
            return self._run(self.model.get_molecule_features, batch).float().cpu()

    def _embed_texts(self, texts: list[str]) -> torch.Tensor:
        with self._work():
            batch = self.processor(text=texts)
            return self._run(self.model.get_text_features, batch).float().cpu()

    def _featurize(self, smiles: list[str]) -> dict[str, torch.Tensor]:
        """Parse molecules one by one, so that a slow request ends in time, and a bad molecule while others wait."""
        deadline, extractor, graphs = Deadline(WORK_SECONDS), self.processor.feature_extractor, []
        for place, one in enumerate(smiles):
            deadline.check()
            try:
                graphs.append(extractor.featurize(one, place))
            except ValueError as error:
                raise RequestError(str(error)) from error
        return dict(extractor.collate(graphs))

    def _run(self, function: Callable[..., Any], batch: Any) -> Any:
        with torch.inference_mode():
            return function(**{name: tensor.to(self.model.device) for name, tensor in batch.items()})

    @contextmanager
    def _work(self) -> Iterator[Deadline]:
        """Wait for the model to be free, and use it."""
        if not self._turn.acquire(timeout=WAIT_SECONDS):
            raise RequestError("The model is busy with other requests. Try again later.")
        try:
            yield Deadline(WORK_SECONDS)
        finally:
            self._turn.release()

    def _read(self, data: Any) -> tuple[str, dict[str, list[str]], dict[str, Any]]:
        """Check a request before any work is done for it."""
        if not isinstance(data, dict) or not isinstance(data.get("inputs"), dict):
            raise RequestError('Send a JSON object such as {"inputs": {"smiles": ["CCO"], "text": ["an alcohol"]}}.')
        _refuse_others("the request", data, ("inputs", "parameters"))
        _refuse_others("`inputs`", data["inputs"], ("smiles", "text"))
        parameters = data.get("parameters")
        parameters = {} if parameters is None else parameters
        if not isinstance(parameters, dict):
            raise RequestError(f"`parameters` must be a JSON object, got {_shorten(parameters)}.")
        task = parameters.get("task", next(iter(self._tasks)))
        if not isinstance(task, str) or task not in self._tasks:
            known = ", ".join(self._tasks)
            raise RequestError(f"`parameters.task` must be one of {known} for this model, got {_shorten(task)}.")
        inputs = {
            name: _read_strings(f"inputs.{name}", data["inputs"].get(name), most)
            for name, most in (("smiles", MAX_SMILES_CHARACTERS), ("text", MAX_TEXT_CHARACTERS))
        }
        size = sum(len(one) for strings in inputs.values() for one in strings)
        if size > MAX_CHARACTERS:
            raise RequestError(f"The inputs have {size:,} characters, at most {MAX_CHARACTERS:,} are taken at once.")
        if not any(inputs.values()):
            raise RequestError("There is nothing to do: give `inputs.smiles`, `inputs.text` or both.")
        return task, inputs, {name: value for name, value in parameters.items() if name != "task"}


class Index:
    """A library of molecules or texts, searched exactly; `MoleculeTextIndex.save` of the package writes the folder."""

    def __init__(self, folder: Path, embedding_size: int) -> None:
        import pyarrow as pa

        metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
        kind, names = metadata["kind"], metadata.get("files", {})
        vectors, rows = names.get("vectors.npy", "vectors.npy"), names.get("rows.arrow", "rows.arrow")
        self.vectors = np.load(folder / vectors, mmap_mode="r", allow_pickle=False)  # (R, P), of length 1
        self.rows = pa.ipc.open_file(pa.memory_map(str(folder / rows))).read_all()
        self.removed = self.rows["removed"].to_numpy()
        self.columns = ("id", "smiles" if kind == "molecules" else "text")
        if self.vectors.shape != (len(self.rows), embedding_size):
            raise ValueError(f"{folder} holds vectors {self.vectors.shape}, not {(len(self.rows), embedding_size)}.")

    def search(self, queries: np.ndarray, k: int, deadline: Deadline) -> list[list[dict[str, Any]]]:
        """Find the `k` rows of the highest cosine for each query of `(Q, P)`."""
        scores = np.empty((len(queries), 0), np.float32)
        places = np.empty((len(queries), 0), np.int64)
        for start in range(0, len(self.vectors), INDEX_BLOCK):
            deadline.check()
            block = queries @ self.vectors[start : start + INDEX_BLOCK].T  # (Q, R')
            block[:, self.removed[start : start + INDEX_BLOCK]] = -np.inf
            numbers = np.broadcast_to(np.arange(start, start + block.shape[1]), block.shape)
            scores, places = np.concatenate([scores, block], 1), np.concatenate([places, numbers], 1)
            best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            scores, places = np.take_along_axis(scores, best, 1), np.take_along_axis(places, best, 1)
        return [
            [
                {"rank": rank, "score": float(score), **self._describe(int(place))}
                for rank, (score, place) in enumerate(zip(*row, strict=True), start=1)
                if np.isfinite(score)
            ]
            for row in zip(scores, places, strict=True)
        ]

    def _describe(self, place: int) -> dict[str, str]:
        return {name: self.rows[name][place].as_py() for name in self.columns}


def _read_strings(name: str, value: Any, most: int) -> list[str]:
    """Check one side of the inputs; a string is a list of one, nothing an empty list."""
    if value is None:
        return []
    strings = [value] if isinstance(value, str) else value
    if not isinstance(strings, list):
        raise RequestError(f"`{name}` must be a string or a list of strings, got {_shorten(value)}.")
    if len(strings) > MAX_ITEMS:
        raise RequestError(f"`{name}` holds {len(strings)} entries, at most {MAX_ITEMS} are taken at once.")
    for place, one in enumerate(strings):
        if not isinstance(one, str):
            raise RequestError(f"`{name}` must hold strings, got {_shorten(one)} at index {place}.")
        if len(one) > most:
            raise RequestError(f"`{name}` has {len(one):,} characters at index {place}, at most {most:,} are taken.")
        if not one.strip():
            raise RequestError(f"`{name}` is blank at index {place}.")
        if any("\ud800" <= letter <= "\udfff" for letter in one):
            raise RequestError(f"`{name}` holds half a character (a lone surrogate) at index {place}.")
    return strings


def _read_count(parameters: dict[str, Any], name: str, default: int, most: int) -> int:
    count = parameters.get(name, default)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= most:
        raise RequestError(f"`parameters.{name}` must be a whole number from 1 to {most}, got {_shorten(count)}.")
    return count


def _expect(parameters: dict[str, Any], *names: str) -> None:
    _refuse_others("`parameters` of this task", parameters, ("task", *names))


def _refuse_others(where: str, given: dict[str, Any], names: tuple[str, ...]) -> None:
    """A misspelt name must not pass for an absent one."""
    others = [name for name in given if name not in names]
    if others:
        raise RequestError(f"{where} may hold {', '.join(names)}, got {_shorten(others[0])}.")


def _shorten(value: Any) -> str:
    """Repeat what was given, but not ten megabytes of it."""
    return f"{value!r:.80}" if isinstance(value, str | int | float | bool | None) else f"a {type(value).__name__}"
