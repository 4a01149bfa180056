"""`finemoltex caption`: what a molecule is, in words."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .arguments import AsJson, LayoutOptions, takes
from .errors import quiet_loading
from .tables import echo_json

if TYPE_CHECKING:
    from modeling_finemoltex.captioning import Caption, Captioner


@dataclass(kw_only=True)
class CaptionArguments(LayoutOptions):
    """What to describe, with which model, and how."""

    smiles: Annotated[
        str, typer.Argument(metavar="SMILES|FILE", help="molecule to describe, or a file of them, with --output")
    ]
    model: Annotated[str, typer.Option(help="folder or Hub id of a captioner, see examples/train_captioning.py")]
    output: Annotated[
        Path | None, typer.Option(help="csv file to write the captions of a file to; an interrupted job goes on")
    ] = None
    num_beams: Annotated[
        int, typer.Option("--num_beams", help="captions followed at once, of which the likeliest is kept; 1: greedy")
    ] = 1
    sample: Annotated[bool, typer.Option("--sample", help="draw words by their probability")] = False
    seed: Annotated[int, typer.Option(help="of the draws: equal seeds give equal captions")] = 0
    max_new_tokens: Annotated[
        int | None,
        typer.Option("--max_new_tokens", help="longest caption, in tokens", show_default="that of the training"),
    ] = None
    quote: Annotated[
        bool,
        typer.Option(
            "--quote",
            help="write nothing: give the caption of a molecule of the training that fits best, and say whose",
        ),
    ] = False
    check: Annotated[
        bool, typer.Option("--check", help="mark what a caption says about the structure and is false")
    ] = False
    batch_size: Annotated[int, typer.Option("--batch_size", help="molecules the model takes at once")] = 16
    device: Annotated[str | None, typer.Option(help="such as cpu or cuda:1", show_default="the CPU")] = None
    as_json: AsJson = False


@takes(CaptionArguments)
def caption(arguments: CaptionArguments) -> None:
    """Describe a molecule, or the molecules of a file, in sentences."""
    from modeling_finemoltex.data.molecule_files import has_format

    if has_format(arguments.smiles):
        _caption_file(arguments)
        return
    if arguments.output is not None:
        raise ValueError(f"--output is for a file of molecules, such as library.csv; got {arguments.smiles!r:.80}.")
    found = _load(arguments).write([arguments.smiles])[0]
    if arguments.as_json:
        echo_json(found.to_dict())
    else:
        typer.echo(_format_caption(found))


def _caption_file(arguments: CaptionArguments) -> None:
    """Describe the molecules of a file into a table."""
    from modeling_finemoltex.captioning import caption_file

    if arguments.output is None:
        raise ValueError(f"{arguments.smiles} is a file of molecules: give --output OUT.csv for their captions.")
    if arguments.as_json:
        raise ValueError("--json is for one molecule: the captions of a file go to --output.")
    source = arguments.open_file(Path(arguments.smiles))
    counts = caption_file(source, arguments.output, _load(arguments), arguments.model, arguments.batch_size)
    checked = ""
    if arguments.check:
        checked = f" {counts['num_false']} of {counts['num_statements']} statements about structure are false."
    typer.echo(
        f"{arguments.output}: {counts['num_rows']} rows, {counts['num_errors']} of them without a caption (see "
        f"`error`).{checked}"
    )


def _load(arguments: CaptionArguments) -> "Captioner":
    """Load the captioner; the settings are looked at first."""
    from modeling_finemoltex.captioning import Captioner, CaptionSettings

    settings = CaptionSettings(
        arguments.num_beams, arguments.sample, arguments.seed, arguments.max_new_tokens, arguments.quote
    )
    with quiet_loading():
        return Captioner.from_pretrained(arguments.model, settings, arguments.check, arguments.device)


def _format_caption(found: "Caption") -> str:
    """Write a caption, and below it what was checked."""
    lines = [found.text]
    if found.source is not None:
        lines.append(f"  of {found.source.smiles}, similarity {found.source.similarity:.2f}")
    for one in found.statements or ():
        meaning = f"  ({one.meaning})" if one.meaning else ""
        lines.append(f"  {one.verdict:<11}  {one.start:>4}-{one.end:<4} {one.text}{meaning}")
    return "\n".join(lines)
