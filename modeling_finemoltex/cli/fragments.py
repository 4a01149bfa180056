"""`finemoltex fragments`: what a library exchanges for what, for `finemoltex edit`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from .arguments import AsJson, MoleculeFileArguments, takes
from .tables import echo_facts

app = typer.Typer(name="fragments", no_args_is_help=True, help="Build or show the fragments that edits are made of.")


@app.callback()
def fragments() -> None:
    """Build or show the fragments that edits are made of."""


@dataclass(kw_only=True)
class BuildArguments(MoleculeFileArguments):
    """Which molecules are cut, and what is kept."""

    output: Annotated[Path, typer.Argument(metavar="OUT", help="database to write, such as fragments.db")]
    radius: Annotated[int, typer.Option(help="bonds around a fragment that must agree")] = 2
    max_fragment: Annotated[int, typer.Option("--max_fragment", help="most heavy atoms of a fragment")] = 10
    min_count: Annotated[
        int, typer.Option("--min_count", help="molecules that must have a fragment in the same surroundings")
    ] = 2
    jobs: Annotated[int, typer.Option(help="processes that cut")] = 1
    name: Annotated[str | None, typer.Option(help="of the library, as edits tell it", show_default="OUT")] = None
    force: Annotated[bool, typer.Option("--force", help="replace a database that is there")] = False


@app.command()
@takes(BuildArguments)
def build(arguments: BuildArguments) -> None:
    """Cut the molecules of a file into fragments, and keep which occur in which surroundings."""
    output = arguments.output
    if output.exists() and not arguments.force:
        raise ValueError(f"{output} exists: give another name, or --force to replace it.")
    from modeling_finemoltex.editing import build_fragment_database

    smiles = arguments.open_file(arguments.input_file).smiles()
    facts = build_fragment_database(
        smiles,
        output,
        arguments.radius,
        arguments.jobs,
        arguments.max_fragment,
        arguments.min_count,
        arguments.name,
        replace=arguments.force,
    )
    typer.echo(
        f"{output}: {facts['pairs']:,} fragments in {facts['surroundings']:,} surroundings, of {facts['molecules']:,} "
        "molecules",
        err=True,
    )


@dataclass(kw_only=True)
class InfoArguments:
    """Which database."""

    database: Annotated[
        Path | None, typer.Argument(metavar="OUT", help="database", show_default="that of the package")
    ] = None
    as_json: AsJson = False


@app.command()
@takes(InfoArguments)
def info(arguments: InfoArguments) -> None:
    """Show what a fragment database holds."""
    from modeling_finemoltex.editing import default_fragments, read_fragment_facts

    echo_facts(read_fragment_facts(arguments.database or default_fragments()), arguments.as_json)
