"""`finemoltex index`: make embeddings searchable."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from .arguments import takes


@dataclass(kw_only=True)
class IndexArguments:
    """Which embeddings, and how they are indexed."""

    embeddings: Annotated[Path, typer.Argument(help="folder that `finemoltex embed` wrote")]
    output: Annotated[Path, typer.Argument(metavar="INDEX", help="folder for the index")]
    method: Annotated[
        str, typer.Option(help="auto (chooses by size), flat (exact), ivf_flat, hnsw or ivf_pq (compressed)")
    ] = "auto"
    facts: Annotated[
        bool,
        typer.Option("--facts", help="store structural facts, so that `search` requires them at once"),
    ] = False
    num_workers: Annotated[
        int | None, typer.Option("--num_workers", help="processes that count facts", show_default="1")
    ] = None
    force: Annotated[bool, typer.Option("--force", help="replace an index that is there")] = False


@takes(IndexArguments)
def index(arguments: IndexArguments) -> None:
    """Make a searchable index of embeddings."""
    output = arguments.output
    if output.exists() and not arguments.force:
        raise ValueError(f"{output} exists: give another folder, or --force to replace the index in it.")
    from modeling_finemoltex.retrieval import MoleculeTextIndex

    made = MoleculeTextIndex.from_embeddings(arguments.embeddings, method=arguments.method)
    if arguments.facts:
        made.count_facts(arguments.num_workers)
    made.save(output)
    facts = ", with facts" if made.has_facts else ""
    size = f"{len(made):,} {made.kind}, method {made.method}, width {made.embedding_size}"
    typer.echo(f"{output}: {size}{facts}", err=True)
