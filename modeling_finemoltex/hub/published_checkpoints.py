"""Files of a published checkpoint -> a model folder of this package."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from ..data.atomic_files import staged_folder, write_text
from ..processors import FineMolTexFeatureExtractor, FineMolTexProcessor
from .checkpoint_files import find_checkpoint, read_tensors
from .checkpoint_keys import SPARE_ROWS
from .contents import CARD_FILE, CONFIG_FILE
from .conversion import Converted, convert_tensors

SYSTEMS = {
    "finemoltex": "FineMolTex (KDD 2025, arXiv:2409.14106)",
    "moleculestm": "MoleculeSTM (Nature Machine Intelligence 2023, arXiv:2212.10789)",
    "gin": "a molecule encoder (GIN, Hu et al. 2020, or GraphMVP)",
}
VIEWS = {"finemoltex": ("graph_2",), "moleculestm": ("graph_9",)}
# Of a GIN, by its encoder: GraphMVP reads the features of the Open Graph Benchmark.
GIN_VIEWS = {"ogb_gin": ("graph_9",), "self_loop_gin": ("graph_2",)}
FRAGMENTATIONS = {"finemoltex": "published"}
OTHER_FRAGMENTATION = "paper"  # of models that read no motifs
CARD = """---
license: other
library_name: transformers
tags: [finemoltex, chemistry, converted]
---

# {name}

Weights of {system}, converted to the package finemoltex. They are the work of their authors and stand under the
licence of the original, which may forbid commercial use or passing them on: read it before you share this folder.

The forward pass is the published one. {untrained}
"""


def convert_checkpoint(
    source: str | Path,
    target: str | Path,
    checkpoint: str | None = None,
    config: Mapping[str, Any] | str | Path | None = None,
    text_config: Mapping[str, Any] | str | Path | None = None,
    tokenizer: str | Path | None = None,
    motif_vocab: str | Path | None = None,
) -> Converted:
    """Convert a published checkpoint to a model folder, in the configuration whose forward pass is the published one.

    Three kinds are known: FineMolTex (files `molecule`, `mol2latent`, `multi`, `frag`), MoleculeSTM with graphs
    (`molecule`, `mol2latent`, `text`, `text2latent`), and the file of a GIN of pretrain-gnns or GraphMVP. Nothing in
    the files is executed.

    Args:
        source (`str` or `Path`): Folder of the files, or the file of a GIN.
        target (`str` or `Path`): Folder to write.
        checkpoint (`str`, *optional*): Which set of files, by the end of their names, such as `"10"`.
        config (`dict`, `str` or `Path`, *optional*): The published `config.json`, or its fields: heads and depths,
            which the weights do not tell. The published values, if absent.
        text_config (`dict`, `str` or `Path`, *optional*): The same of the text encoder.
        tokenizer (`str` or `Path`, *optional*): Folder or Hub id of the tokenizer of the text encoder, which is not in
            the files. Without it, the folder embeds molecules alone.
        motif_vocab (`str` or `Path`, *optional*): Text file with the names of the motifs in the order of the motif
            head, one a line, as the published code has one. Without it, motifs have no names.

    Returns:
        [`Converted`]: The model, and which weights were left out.

    Raises:
        ValueError: If the files are incomplete, of another architecture, hold more than tensors, or a weight is
            unknown, missing, of another shape or not finite; lists them. Nothing is written then.

    Example:
    >>> convert_checkpoint("checkpoints/run", "finemoltex-published")  # needs published weights  # doctest: +SKIP
    """
    target = Path(target)
    if (target / CONFIG_FILE).exists():
        raise ValueError(f"{target} holds a model already: give another folder to write.")
    kind, files = find_checkpoint(source, checkpoint)
    tensors = {part: read_tensors(file) for part, file in files.items()}
    converted = convert_tensors(kind, tensors, _read_settings(config), _read_settings(text_config))
    model = converted.model
    words = None if tokenizer is None else _load_tokenizer(str(tokenizer), model.config.text_config.vocab_size)
    if words is not None and words.mask_token_id is not None:
        model.config.mask_token_id, model.config.special_token_ids = words.mask_token_id, list(words.all_special_ids)
    views = VIEWS.get(kind) or GIN_VIEWS[model.config.graph_config.encoder]
    vocabulary = _make_vocabulary(kind, motif_vocab, model.config.motif_config.vocab_size - SPARE_ROWS)
    extractor = FineMolTexFeatureExtractor(vocabulary, views=views)
    with staged_folder(target) as staged:
        model.save_pretrained(staged, state_dict=dict(converted.weights))  # which is emptied
        processing: Any = extractor if words is None else FineMolTexProcessor(extractor, words)
        processing.save_pretrained(staged)
        write_text(staged / CARD_FILE, _write_card(target.resolve().name, kind, converted))
    return converted


def _make_vocabulary(kind: str, file: str | Path | None, num_motifs: int) -> dict[str, Any]:
    """Make the motif vocabulary: of the names in a file, as far as the motif head knows them, or empty."""
    labels: list[str] = []
    if file is not None:
        try:
            labels = list(dict.fromkeys(Path(file).read_text(encoding="utf-8").split()))  # repeated ones once
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{file} cannot be read as a list of motifs: {error}") from error
        if kind != "finemoltex" or len(labels) < num_motifs:
            raise ValueError(
                f"{file} names {len(labels)} motifs, the motif head of this checkpoint ({kind}) knows "
                f"{num_motifs if kind == 'finemoltex' else 'none'}: leave `motif_vocab` out, or give the list of it."
            )
    ranked = {label: num_motifs - rank for rank, label in enumerate(labels[:num_motifs])}  # stand for counts
    return {"version": 1, "fragmentation": FRAGMENTATIONS.get(kind, OTHER_FRAGMENTATION), "motifs": ranked}


def _read_settings(given: Mapping[str, Any] | str | Path | None) -> dict[str, Any]:
    """Read fields of a configuration from a JSON file, or take them as they are."""
    if given is None or isinstance(given, Mapping):
        return dict(given or {})
    file = Path(given)
    file = file / CONFIG_FILE if file.is_dir() else file
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} cannot be read as the JSON file of a configuration: {error}") from error
    if not isinstance(fields, dict):
        raise ValueError(f"{file} is no configuration: it holds {type(fields).__name__}, not fields by name.")
    return fields


def _load_tokenizer(name: str, num_words: int) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"The tokenizer {name!r} cannot be loaded: give `tokenizer`, a folder with its vocab.txt. {error}"
        ) from error
    if len(tokenizer) > num_words:
        raise ValueError(
            f"The tokenizer {name!r} has {len(tokenizer)} words, the text encoder of the checkpoint {num_words}: give "
            "that of its text encoder."
        )
    return tokenizer


def _write_card(name: str, kind: str, converted: Converted) -> str:
    """Write a card that stays when the folder is completed: its licence is not that of this package."""
    parts = sorted({weight.split(".")[0].replace("_", " ") for weight in converted.untrained})
    untrained = (
        f"The checkpoint does not hold these parts, which start untrained: {', '.join(parts)}." if parts else ""
    )
    return CARD.format(name=name, system=SYSTEMS[kind], untrained=untrained).rstrip() + "\n"


__all__ = ["convert_checkpoint"]
