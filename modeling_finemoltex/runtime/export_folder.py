"""The folder of an exported model: what lies in it, and reading it with all checks.

A folder holds

    export.json          format, model fingerprint, sizes, limits, and name, size and checksum of the files below
    text.onnx            word ids -> embeddings, and states of words where the model has a token score
    molecules.onnx       graphs -> embeddings, and tokens where the model has a token score
    token_score.onnx     states of words and tokens of molecules -> scores, where the model has a token score
    text.int8.onnx       the towers with weights of 8 bits, where they were asked for
    molecules.int8.onnx
    text.pt2             the towers as programs of `torch.export`, where they were asked for
    molecules.pt2
    tokenizer.json       texts -> word ids
    featurizer.json      molecules -> graphs: the motif vocabulary and its settings
"""

import json
import mmap
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path

FORMAT = 1
FACTS_FILE, TOKENIZER_FILE, FEATURIZER_FILE = "export.json", "tokenizer.json", "featurizer.json"
TEXT, MOLECULES, TOKEN_SCORE = "text", "molecules", "token_score"
PRECISIONS = {  # which precision of each tower
    "float32": {TEXT: "float32", MOLECULES: "float32"},
    "int8_text": {TEXT: "int8", MOLECULES: "float32"},
    "int8": {TEXT: "int8", MOLECULES: "int8"},
}
EXPORT_AGAIN = "Export the model again: finemoltex export MODEL FOLDER."


@dataclass(frozen=True)
class ExportFacts:
    """What `export.json` says.

    Args:
        fingerprint (`dict[str, str]`): Of the model, as [`MoleculeTextEncoder`] has it.
        embedding_size (`int`): `P`.
        token_size (`int`): `D`; 0 without a token score.
        num_concepts (`int`): `K`; 0 without structural concepts.
        max_length (`int`): Word ids per text; longer texts are cut.
        max_positions (`int`): Word ids per text that the text tower can take at all.
        pad_id, unknown_id (`int`): Of the tokenizer.
        pad_token (`str`): Of the tokenizer.
        versions (`dict[str, str]`): Of what wrote the folder.
        files (`dict[str, dict]`): Name -> `bytes` and `crc32`.
        format (`int`): Of the folder.
    """

    fingerprint: dict[str, str]
    embedding_size: int
    token_size: int
    num_concepts: int
    max_length: int
    max_positions: int
    pad_id: int
    unknown_id: int
    pad_token: str
    versions: dict[str, str] = field(default_factory=dict)
    files: dict[str, dict[str, int]] = field(default_factory=dict)
    format: int = FORMAT

    def to_json(self) -> str:
        """Write the facts as JSON."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


def tower_file(tower: str, precision: str = "float32") -> str:
    """Name the file of a tower.

    Example:
    >>> tower_file("text"), tower_file("molecules", "int8")
    ('text.onnx', 'molecules.int8.onnx')
    """
    return f"{tower}.onnx" if precision == "float32" else f"{tower}.{precision}.onnx"


def program_file(tower: str) -> str:
    """Name the file of a tower as a program of `torch.export`."""
    return f"{tower}.pt2"


def measure_file(path: Path) -> dict[str, int]:
    """Take size and checksum of a file."""
    size = path.stat().st_size
    if not size:  # cannot be mapped
        return {"bytes": 0, "crc32": 0}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return {"bytes": size, "crc32": zlib.crc32(data)}


def is_export_folder(path: str | Path) -> bool:
    """Tell whether a folder was written by `finemoltex export`.

    Args:
        path (`str` or `Path`): A folder, or any other name of a model.

    Example:
    >>> is_export_folder(folder)
    False
    """
    return (Path(path) / FACTS_FILE).is_file()


def read_export(folder: str | Path) -> ExportFacts:
    """Read what an export folder says of itself.

    Args:
        folder (`str` or `Path`): Written by `finemoltex export`.

    Returns:
        [`ExportFacts`]

    Raises:
        ValueError: If it is no export folder, of another format, or incomplete; says which and what to do.
    """
    folder = Path(folder)
    try:
        facts = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        what = "holds no export" if folder.is_dir() else "is not there"
        raise ValueError(f"{folder} {what}: there is no {FACTS_FILE}. {EXPORT_AGAIN}") from error
    except ValueError as error:
        raise ValueError(f"{folder / FACTS_FILE} is damaged: {error}. {EXPORT_AGAIN}") from error
    found = facts.get("format") if isinstance(facts, dict) else None
    if found != FORMAT:
        by = (facts.get("versions") or {}).get("finemoltex", "another version") if isinstance(facts, dict) else "?"
        raise ValueError(
            f"{folder} is an export of format {found}, written by finemoltex {by}; this version reads format "
            f"{FORMAT}. {EXPORT_AGAIN}"
        )
    try:
        facts = ExportFacts(**facts)
    except TypeError as error:
        raise ValueError(f"{folder / FACTS_FILE} is damaged: {error}. {EXPORT_AGAIN}") from error
    missing = [name for name in facts.files if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"The export {folder} is not whole: {', '.join(missing)} is missing. {EXPORT_AGAIN}")
    return facts


def find_file(folder: Path, facts: ExportFacts, name: str) -> Path:
    """Find a file of an export, and make sure that it is the one that was written.

    Args:
        folder (`Path`): The export.
        facts ([`ExportFacts`]): What it says.
        name (`str`): The file.

    Returns:
        `Path`

    Raises:
        ValueError: If the export has no such file, or it is not the one that was written: one of another model, or
            damaged.
    """
    if name not in facts.files:
        raise ValueError(f"The export {folder} has no {name}: it holds {', '.join(facts.files)}. {EXPORT_AGAIN}")
    found = measure_file(folder / name)
    if found != facts.files[name]:
        raise ValueError(
            f"{folder / name} is not the file that was exported: it has {found['bytes']:,} bytes and checksum "
            f"{found['crc32']}, {FACTS_FILE} says {facts.files[name]['bytes']:,} and {facts.files[name]['crc32']}. It "
            f"is damaged or of another model. {EXPORT_AGAIN}"
        )
    return folder / name
