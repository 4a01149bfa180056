"""`finemoltex vocab`: train a motif vocabulary, or show one."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from .arguments import AsJson, LayoutOptions, takes
from .tables import echo_facts

SHOWN_MOTIFS = 12


@dataclass(kw_only=True)
class VocabArguments(LayoutOptions):
    """What to train on or to show."""

    source: Annotated[
        str,
        typer.Argument(
            help="file of molecules to train on, as for embed; or a .json vocabulary, model folder, Hub id"
        ),
    ]
    output: Annotated[Path | None, typer.Option(help="write the vocabulary to this .json file")] = None
    fragmentation: Annotated[str, typer.Option(help="functional, paper or published")] = "functional"
    min_count: Annotated[int, typer.Option("--min_count", help="motifs seen less often are unknown")] = 5
    max_size: Annotated[int | None, typer.Option("--max_size", help="keep at most so many, the most frequent")] = None
    as_json: AsJson = False


@takes(VocabArguments)
def vocab(arguments: VocabArguments) -> None:
    """Train a motif vocabulary on molecules, or show that of a model."""
    vocabulary = _load_vocabulary(arguments)
    if arguments.output is not None:
        text = json.dumps(vocabulary, indent=1, ensure_ascii=False)
        from modeling_finemoltex.data import write_text

        write_text(arguments.output, text + "\n")
        typer.echo(f"{arguments.output}: {len(vocabulary['motifs'])} motifs", err=True)
    echo_facts(_summarize(vocabulary), arguments.as_json)


def _load_vocabulary(arguments: VocabArguments) -> dict[str, Any]:
    """Read a vocabulary, train one on a file of molecules, or take that of a model."""
    from modeling_finemoltex.data.molecule_files import has_format
    from modeling_finemoltex.processors import FineMolTexFeatureExtractor, train_motif_vocab

    path = Path(arguments.source)
    if path.is_file() and path.suffix == ".json":
        known = json.loads(path.read_text(encoding="utf-8"))
        known = known.get(arguments.fragmentation, known) if isinstance(known, dict) else known
        return FineMolTexFeatureExtractor(known).motif_vocab  # refuses what is no vocabulary
    if path.is_file() or has_format(path):
        smiles = arguments.open_file(path).smiles()
        return train_motif_vocab(smiles, arguments.fragmentation, arguments.min_count, arguments.max_size)
    return FineMolTexFeatureExtractor.from_pretrained(arguments.source).motif_vocab


def _summarize(vocabulary: dict[str, Any]) -> dict[str, Any]:
    """Say how much of the molecules a vocabulary names, and its most frequent motifs."""
    total = vocabulary.get("num_motif_tokens")
    return {
        "fragmentation": vocabulary["fragmentation"],
        "motifs": len(vocabulary["motifs"]),
        "molecules": vocabulary.get("num_molecules"),
        "min_count": vocabulary.get("min_count"),
        "coverage": round(sum(vocabulary["motifs"].values()) / total, 4) if total else None,
        # A vocabulary in a folder may have been written in another order: saving sorts keys.
        "most_frequent": dict(sorted(vocabulary["motifs"].items(), key=lambda one: (-one[1], one[0]))[:SHOWN_MOTIFS]),
    }
