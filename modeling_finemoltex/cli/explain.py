"""`finemoltex explain`: which words of a text go with which motifs of a molecule."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .errors import plain_errors, quiet_loading

if TYPE_CHECKING:
    from ..explain import Alignment

WORDS_PER_MOTIF = 4


def register_explain(app: typer.Typer) -> None:
    """Add the command to the others."""
    app.command()(explain)


def explain(
    smiles: Annotated[str, typer.Argument(metavar="SMILES", help="molecule")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="what is said of it, in quotes")],
    model: Annotated[str, typer.Option(help="model folder or Hub id")],
    html: Annotated[Path | None, typer.Option(help="also write the coloured molecule and text to this page")] = None,
    figure: Annotated[
        Path | None,
        typer.Option(help="also draw them as .svg or .png; .matrix.svg or .matrix.png draws motifs against words"),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            help="similarity (in the shared space), context (likewise, of words as in the text), attention or combined"
        ),
    ] = "similarity",
    as_json: Annotated[
        bool, typer.Option("--json", help="print JSON, with both matrices, instead of a table")
    ] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust_remote_code", help="run the code in the model folder")
    ] = False,
) -> None:
    """Show which words go with which motifs of a molecule."""
    with plain_errors():
        from ..embedding import MoleculeTextEncoder
        from ..explain import MotifWordAligner, write_alignment

        for file, endings in ((html, (".html",)), (figure, (".svg", ".png"))):
            if file is not None and file.suffix.lower() not in endings:
                raise ValueError(f"{file}: give a file that ends in {' or '.join(endings)}.")
        with quiet_loading():  # the heads of pre-training, also in the folder, are not needed here
            encoder = MoleculeTextEncoder.from_pretrained(model, trust_remote_code=trust_remote_code)
        (alignment,) = MotifWordAligner(encoder).align([smiles], [text])
        typer.echo(json.dumps(alignment.to_dict(), indent=2) if as_json else _format(alignment, by))
        for file in (html, figure):
            if file is not None:
                write_alignment(file, alignment, encoder.processor, by)
                typer.echo(f"{file}: {len(alignment.motifs)} motifs, {len(alignment.words)} words drawn", err=True)


def _format(alignment: "Alignment", by: str) -> str:
    """One line per motif: what it is, and its best words."""
    width = max(len(motif.smiles) for motif in alignment.motifs)
    lines = []
    for place, motif in enumerate(alignment.motifs):
        words = "  ".join(f"{word} {value:.2f}" for word, value in alignment.best_words(place, WORDS_PER_MOTIF, by))
        lines.append(f"{place:>3}  {motif.smiles:<{width}}  {words}")
    return "\n".join(lines)
