"""`finemoltex info`: what a model is."""

from dataclasses import dataclass
from typing import Annotated

import typer

from .arguments import AsJson, takes
from .tables import echo_facts


@dataclass(kw_only=True)
class InfoArguments:
    """Which model."""

    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="model folder or Hub id", show_default="the shipped model")
    ] = None
    revision: Annotated[str | None, typer.Option(help="branch, tag or commit on the Hub")] = None
    as_json: AsJson = False


@takes(InfoArguments)
def info(arguments: InfoArguments) -> None:
    """Say what a model is: class, sizes, labels, measured figures; its weights are not downloaded."""
    from modeling_finemoltex.hub import default_model, describe_model

    echo_facts(describe_model(arguments.model or default_model(), arguments.revision), arguments.as_json)
