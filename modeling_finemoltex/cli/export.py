"""`finemoltex export`: a model as files that other run times read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from .arguments import takes
from .errors import quiet_loading


@dataclass(kw_only=True)
class ExportArguments:
    """What to export, and where to."""

    model: Annotated[str, typer.Argument(metavar="MODEL", help="model folder or Hub id")]
    output: Annotated[Path, typer.Argument(metavar="FOLDER", help="folder of the export; a new one, or empty")]
    formats: Annotated[
        str, typer.Option(help="what to write: onnx, int8 (with weights of 8 bits) and program (of torch.export)")
    ] = "onnx,int8,program"
    revision: Annotated[str | None, typer.Option(help="branch, tag or commit on the Hub")] = None
    trust_remote_code: Annotated[
        bool, typer.Option("--trust_remote_code", help="run the code in the model folder")
    ] = False


@takes(ExportArguments)
def export(arguments: ExportArguments) -> None:
    """Export a model to ONNX, with axes of any length, and check every graph against it.

    Name the folder as --model of search or embed, which then start without PyTorch.
    """
    from modeling_finemoltex.export import export_model

    formats = [name.strip() for name in arguments.formats.split(",")]
    with quiet_loading():
        export_model(
            arguments.model,
            arguments.output,
            formats,
            arguments.revision,
            arguments.trust_remote_code,
            report=lambda sentence: typer.echo(sentence, err=True),
        )
    typer.echo(f"{arguments.output}: exported. Use it with --model {arguments.output}.")
