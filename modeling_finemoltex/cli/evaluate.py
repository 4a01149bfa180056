"""`finemoltex evaluate`: published protocols, one command each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from .arguments import AsJson, FactsOption, LoadingOptions, SmilesColumn, check_facts, load_encoder, takes
from .tables import echo_json

app = typer.Typer(name="evaluate", no_args_is_help=True, help="Measure a model by a published protocol.")


@app.callback()
def evaluate() -> None:
    """Measure a model by a published protocol."""


@dataclass(kw_only=True)
class StructureQueriesArguments(LoadingOptions):
    """Which model, which molecules, which queries."""

    model: Annotated[str, typer.Argument(metavar="MODEL", help="model folder or Hub id")]
    pool: Annotated[Path, typer.Argument(metavar="POOL", help="file of molecules to search")]
    queries: Annotated[
        Path, typer.Argument(metavar="QUERIES", help="JSON list of wordings and the SMARTS that say what is right")
    ]
    limit: Annotated[int, typer.Option(help="molecules of the pool, drawn at random")] = 10_000
    scores: Annotated[
        str | None,
        typer.Option(
            metavar="pooled|tokens|both", help="which scores rank", show_default="both, if the model has both"
        ),
    ] = None
    facts: FactsOption = "off"
    smiles_column: SmilesColumn = None
    as_json: AsJson = False


@app.command("structure-queries")
@takes(StructureQueriesArguments)
def structure_queries(arguments: StructureQueriesArguments) -> None:
    """Ask for structures in words, and count how many of the best molecules have them.

    P@10 is the share of right ones among the ten best, R-precision among as many as there are right ones (50 at most).
    The figures are those of the model alone, unless --facts says otherwise: `require` leaves out the molecules that
    contradict what is understood of a query, `mark` tells how many of the ten best do.
    """
    check_facts(arguments.facts)
    from modeling_finemoltex.evaluation import structure_queries as protocol

    queries = protocol.load_structure_queries(arguments.queries)
    encoder = load_encoder(arguments.model, device=arguments.device, trust_remote_code=arguments.trust_remote_code)
    pool = protocol.load_structure_pool(arguments.pool, queries, arguments.limit, arguments.smiles_column)
    score = protocol.score_by_model(encoder, pool.smiles, arguments.scores)
    if arguments.facts == "require":
        score = protocol.require_facts(score, pool.smiles)
    figures = protocol.evaluate_structure_queries(pool, score, marks_facts=arguments.facts == "mark")
    if arguments.as_json:
        echo_json(figures)
        return
    title = {"off": "model alone", "mark": "model alone", "require": "facts required"}[arguments.facts]
    typer.echo(protocol.format_structure_table(figures, title))
    typer.echo(f"{len(pool.queries)} of {len(queries)} queries count in {len(pool.smiles):,} molecules.", err=True)
