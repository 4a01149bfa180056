"""Export a model: every file beside its place, checked against the model, then all of them in one step."""

import importlib.metadata
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._version import __version__
from ..data.atomic_files import staged_folder
from ..embedding.encoder import MoleculeTextEncoder
from ..model.molecule_encoder_finemoltex import MoleculeEncoder
from ..runtime.export_folder import (
    FACTS_FILE,
    FEATURIZER_FILE,
    MOLECULES,
    TEXT,
    TOKENIZER_FILE,
    ExportFacts,
    measure_file,
    program_file,
    tower_file,
)
from ..runtime.onnx_tower import OnnxTower
from .graphs import trace_tower, write_int8, write_onnx
from .towers import MoleculeTower, TextTower, TokenScoreTower, Tower

FORMATS = ("onnx", "int8", "program")
TOLERANCE = 1e-4  # of the largest difference between a graph and the model
EMBEDDINGS = ("text_embeds", "molecule_embeds")
LABELS = ("motif_ids",)  # of molecules: no input of an embedding
VERSIONS = ("torch", "onnx", "onnxscript", "onnxruntime")
# What the graphs are traced and checked with: rings and chains, a salt, an atom without a bond, short and long texts.
MOLECULES_TRACED = ("CC(=O)Oc1ccccc1C(=O)O", "CCO", "[Na+].[Cl-]", "Cn1c(=O)c2c(ncn2C)n(C)c1=O")
TEXTS_TRACED = ("a purine alkaloid", "no acid", "a long-chain fatty acid with two double bonds, found in fish oil")


def export_model(
    model: str | Path,
    output: str | Path,
    formats: Sequence[str] = FORMATS,
    revision: str | None = None,
    trust_remote_code: bool = False,
    report: Callable[[str], None] | None = None,
) -> Path:
    """Write a model as files that [`OnnxMoleculeTextEncoder`] and other run times read.

    Axes of any length stay so. Every graph is compared with the model before anything gets its name.

    Args:
        model (`str` or `Path`): Folder that `save_pretrained` wrote, or a Hub id.
        output (`str` or `Path`): A folder that is not there yet, or is empty.
        formats (sequence of `str`): Of `"onnx"`, the two towers and the token score; `"int8"`, the towers with weights
            of 8 bits; and `"program"`, all of them for `torch.export.load`. `"onnx"` is always written.
        revision (`str`, *optional*): Branch, tag or commit on the Hub.
        trust_remote_code (`bool`): Run the code in the folder of the model instead of the installed one.
        report (callable, *optional*): Called with a sentence on every file that is written.

    Returns:
        `Path`: The folder.

    Raises:
        ImportError: If onnx, onnxscript or onnxruntime is not installed.
        ValueError: If the model cannot be loaded, its encoder reads more than the graph, `output` holds something, a
            format is unknown, or a graph gives other numbers than the model.
        UnwrittenFileError: If the folder cannot be written.
    """
    output = Path(output)
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or isinstance(formats, str):
        raise ValueError(f"`formats` must be a list of some of {', '.join(FORMATS)}, got {formats!r}.")
    if output.exists():
        _require_empty(output)
    encoder = MoleculeTextEncoder.from_pretrained(str(model), revision, "cpu", "float32", trust_remote_code)
    beside = sorted(encoder.model.base_model.graph_encoder.needs - MoleculeEncoder.needs)
    if beside:
        raise ValueError(
            f"The encoder {encoder.model.config.graph_config.encoder!r} of {model} reads {', '.join(beside)} beside "
            "the graph, which no export holds yet. Export a model that reads the graph alone, with the encoder 'gin'."
        )
    with staged_folder(output) as staged:
        for tower, inputs in _list_towers(encoder):
            _write_tower(tower, inputs, staged, formats, report)
        _write_settings(encoder, staged)
        files = {path.name: measure_file(path) for path in sorted(staged.iterdir())}
        (staged / FACTS_FILE).write_text(_describe(encoder, files).to_json(), encoding="utf-8")
        if output.exists():  # empty: so that the new one appears in one step
            output.rmdir()
    return output


def _require_empty(output: Path) -> None:
    there = sorted(path.name for path in output.iterdir()) if output.is_dir() else [output.name]
    if there:
        raise ValueError(
            f"{output} is there and holds {', '.join(there[:5])}: an export never mixes with other files. Give a new "
            "folder, or delete it."
        )


def _list_towers(encoder: MoleculeTextEncoder) -> Iterator[tuple[Tower, dict[str, Tensor]]]:
    """Make each tower with an example of its inputs."""
    model, processor = encoder.model.base_model, encoder.processor
    text, molecules = TextTower(model), MoleculeTower(model, _molecule_inputs(processor))
    texts = dict(processor(text=list(TEXTS_TRACED), return_tensors="pt", max_length=encoder.max_length))
    graphs = dict(processor(smiles=list(MOLECULES_TRACED), return_tensors="pt"))
    yield text, texts
    yield molecules, graphs
    if encoder.token_size:
        with torch.no_grad():
            words, tokens = text.compute(texts), molecules.compute(graphs)
        given = {name: one for name, one in {**words, **tokens}.items() if name not in EMBEDDINGS}
        given |= _fill_tokens(encoder.token_size, given)
        sizes = {"attention_mask": texts["attention_mask"], "tokens_of_molecule": graphs["motif_counts"]}
        yield TokenScoreTower(model, [*sizes, *given]), {**sizes, **given}


def _fill_tokens(size: int, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Make up tokens for a model that has none but concepts: a graph is traced with some of them."""
    if "token_vectors" in given:
        return {}
    owner = torch.tensor([0, 1])
    return {"token_vectors": torch.eye(2, size), "molecule_of_token": owner, "is_atom": owner.bool()}


def _molecule_inputs(processor: Any) -> list[str]:
    return [name for name in processor.feature_extractor.model_input_names if name not in LABELS]


def _write_tower(
    tower: Tower,
    inputs: dict[str, Tensor],
    folder: Path,
    formats: Sequence[str],
    report: Callable[[str], None] | None,
) -> None:
    """Write the files of one tower, and compare the graph with it."""
    say = report or (lambda sentence: None)
    with torch.no_grad():
        expected = {name: one.numpy() for name, one in tower.compute(inputs).items()}
    program = trace_tower(tower, inputs)
    if "program" in formats:
        torch.export.save(program, folder / program_file(tower.name))
        say(f"{program_file(tower.name)}: a program of torch.export")
    path = folder / tower_file(tower.name)
    write_onnx(program, tower.inputs, list(expected), path)
    say(f"{path.name}: differs from the model by {_compare(path, inputs, expected):.0e} at most")
    if "int8" in formats and tower.name in (TEXT, MOLECULES):
        write_int8(path, folder / tower_file(tower.name, "int8"))
        say(f"{tower_file(tower.name, 'int8')}: weights of 8 bits")


def _compare(path: Path, inputs: dict[str, Tensor], expected: dict[str, np.ndarray]) -> float:
    """Tell the largest difference between a graph and what was expected of it, and refuse one that matters."""
    graph = OnnxTower(path)
    found = graph.run({name: one.numpy() for name, one in inputs.items()}, list(expected))
    pairs = [(one.astype(np.float64), found[name]) for name, one in expected.items()]
    if any(one.shape != other.shape for one, other in pairs):
        raise ValueError(f"The graph {path.name} gives other shapes than the model. Please report this.")
    worst = max(float(np.abs(one - other).max(initial=0.0)) for one, other in pairs)
    if not worst <= TOLERANCE:
        raise ValueError(
            f"The graph {path.name} differs from the model by {worst:.1e}, more than {TOLERANCE}. Nothing was "
            "written. Try other versions of torch and onnxscript."
        )
    return worst


def _write_settings(encoder: MoleculeTextEncoder, folder: Path) -> None:
    """Write tokenizer and featuriser."""
    words = json.loads(encoder.processor.tokenizer.backend_tokenizer.to_str())
    words |= {"truncation": None, "padding": None}  # of the last call
    (folder / TOKENIZER_FILE).write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")
    extractor = encoder.processor.feature_extractor
    settings = {name: getattr(extractor, name) for name in ("motif_vocab", "fragmentation", "max_atoms", "views")}
    (folder / FEATURIZER_FILE).write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")


def _describe(encoder: MoleculeTextEncoder, files: dict[str, dict[str, int]]) -> ExportFacts:
    """Say what is in the folder."""
    config, tokenizer = encoder.model.config, encoder.processor.tokenizer
    versions = {"finemoltex": __version__, **{name: importlib.metadata.version(name) for name in VERSIONS}}
    return ExportFacts(
        fingerprint=encoder.fingerprint,
        embedding_size=encoder.embedding_size,
        token_size=encoder.token_size,
        num_concepts=config.token_config.num_concepts if encoder.token_size else 0,
        max_length=encoder.max_length,
        max_positions=config.text_config.max_position_embeddings,
        pad_id=tokenizer.pad_token_id,
        unknown_id=tokenizer.unk_token_id,
        pad_token=tokenizer.pad_token,
        versions=versions,
        files=files,
    )
