"""`finemoltex convert`: published weights into a model folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from .arguments import AsJson, takes
from .errors import quiet_loading
from .tables import echo_facts


@dataclass(kw_only=True)
class ConvertArguments:
    """Which files, and what they do not tell."""

    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="folder with the .pth or .safetensors files of FineMolTex or MoleculeSTM, or the file of a GIN",
        ),
    ]
    target: Annotated[Path, typer.Argument(metavar="OUT", help="model folder to write")]
    checkpoint: Annotated[
        str | None, typer.Option(help="end of the names, such as 10 in molecule_model_10.pth", show_default="the only")
    ] = None
    config: Annotated[Path | None, typer.Option(help="published config.json, if it is not the one of the paper")] = (
        None
    )
    text_config: Annotated[
        Path | None, typer.Option("--text_config", help="config.json of the text encoder, if it is no BERT-base")
    ] = None
    tokenizer: Annotated[
        str | None, typer.Option(help="folder or Hub id of the tokenizer, such as allenai/scibert_scivocab_uncased")
    ] = None
    motif_vocab: Annotated[
        Path | None, typer.Option("--motif_vocab", help="text file with the names of the motifs, as vocab2.txt")
    ] = None
    as_json: AsJson = False


@takes(ConvertArguments)
def convert(arguments: ConvertArguments) -> None:
    """Convert published weights of FineMolTex, MoleculeSTM or a GIN to a model folder with the published forward pass.

    Nothing in the files is executed. A weight that is unknown, missing or of another shape stops the conversion.
    """
    from modeling_finemoltex.hub import convert_checkpoint

    with quiet_loading():
        converted = convert_checkpoint(
            arguments.source,
            arguments.target,
            checkpoint=arguments.checkpoint,
            config=arguments.config,
            text_config=arguments.text_config,
            tokenizer=arguments.tokenizer,
            motif_vocab=arguments.motif_vocab,
        )
    facts = {
        "folder": str(arguments.target),
        "class": type(converted.model).__name__,
        "weights": len(converted.weights),
        "parameters": sum(one.numel() for one in converted.weights.values()),
        "left_out": converted.unused,
        "untrained": converted.untrained,
    }
    echo_facts(facts, arguments.as_json)
    if arguments.tokenizer is None:
        typer.echo("Without --tokenizer the folder has no words: it embeds molecules, not texts.", err=True)
