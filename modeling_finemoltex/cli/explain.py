"""`finemoltex explain`: which words of a text go with which motifs of a molecule."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .arguments import EncoderOptions, takes
from .errors import check_ending
from .tables import echo_json

if TYPE_CHECKING:
    from modeling_finemoltex.explain import Alignment

WORDS_PER_MOTIF = 4


@dataclass(kw_only=True)
class ExplainArguments(EncoderOptions):
    """What to explain, by which scores, and where to draw it."""

    smiles: Annotated[str, typer.Argument(metavar="SMILES", help="molecule")]
    text: Annotated[str, typer.Argument(metavar="TEXT", help="what is said of it, in quotes")]
    html: Annotated[Path | None, typer.Option(help="also write the coloured molecule and text to this page")] = None
    figure: Annotated[
        Path | None,
        typer.Option(help="also draw them as .svg or .png; .matrix.svg or .matrix.png draws motifs against words"),
    ] = None
    kind: Annotated[
        str | None,
        typer.Option(
            "--by",
            help="tokens (what words find and add to the score, if the model has a token score: then the default), "
            "similarity (in the shared space: else the default), context (the same, of words in their text), "
            "attention or combined",
            show_default=False,
        ),
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, with all matrices, instead of a table")] = False


@takes(ExplainArguments)
def explain(arguments: ExplainArguments) -> None:
    """Show which words go with which motifs of a molecule."""
    check_ending(arguments.html, ".html")
    check_ending(arguments.figure, ".svg", ".png")
    from modeling_finemoltex.explain import MotifWordAligner, write_alignment

    encoder = arguments.load_encoder()
    (alignment,) = MotifWordAligner(encoder).align([arguments.smiles], [arguments.text])
    if arguments.as_json:
        echo_json(alignment.to_dict())
    else:
        typer.echo(_format_alignment(alignment, arguments.kind))
    for file in filter(None, (arguments.html, arguments.figure)):
        write_alignment(file, alignment, encoder.processor, arguments.kind)
        typer.echo(f"{file}: {len(alignment.motifs)} motifs, {len(alignment.words)} words drawn", err=True)


def _format_alignment(alignment: "Alignment", kind: str | None) -> str:
    """One line per motif: what it is, and its best words."""
    width = max(len(motif.smiles) for motif in alignment.motifs)
    lines = []
    for place, motif in enumerate(alignment.motifs):
        words = "  ".join(f"{word} {value:.2f}" for word, value in alignment.best_words(place, WORDS_PER_MOTIF, kind))
        lines.append(f"{place:>3}  {motif.smiles:<{width}}  {words or '-'}")
    return "\n".join(lines)
