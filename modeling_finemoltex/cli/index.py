"""`finemoltex index`: make embeddings searchable."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .arguments import takes

if TYPE_CHECKING:
    from modeling_finemoltex.retrieval import MoleculeTextIndex


@dataclass(kw_only=True)
class IndexArguments:
    """Which embeddings, and how they are indexed."""

    embeddings: Annotated[
        str, typer.Argument(help="folder that `finemoltex embed` wrote; for .lance also one of `embed_with_ray.py`")
    ]
    output: Annotated[
        str,
        typer.Argument(metavar="INDEX", help="folder for the index; path or URL that ends in .lance: one on LanceDB"),
    ]
    method: Annotated[
        str,
        typer.Option(
            help="auto (chooses by size), flat (exact), ivf_flat, hnsw or ivf_pq (compressed); "
            "for .lance: lance (exact) or lance_ivf_pq"
        ),
    ] = "auto"
    descriptors: Annotated[
        list[str] | None,
        typer.Option("--descriptor", help="of RDKit, such as MolWt: a column of an index on LanceDB; repeatable"),
    ] = None
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
    output, taken = arguments.output, "exists: give another folder, or --force to replace the index in it."
    from modeling_finemoltex.retrieval import MoleculeTextIndex
    from modeling_finemoltex.retrieval.locations import is_lance

    if is_lance(output):
        made = _index_at(output, arguments, taken)
    else:
        if Path(output).exists() and not arguments.force:
            raise ValueError(f"{output} {taken}")
        descriptors = arguments.descriptors or ()
        made = MoleculeTextIndex.from_embeddings(arguments.embeddings, arguments.method, descriptors=descriptors)
        if arguments.facts:
            made.count_facts(arguments.num_workers)
        made.save(output)
    facts = ", with facts" if made.has_facts else ""
    size = f"{len(made):,} {made.kind}, method {made.method}, width {made.embedding_size}"
    typer.echo(f"{output}: {size}{facts}", err=True)


def _index_at(location: str, arguments: IndexArguments, taken: str) -> "MoleculeTextIndex":
    """Make an index on LanceDB."""
    from modeling_finemoltex.retrieval import MoleculeTextIndex
    from modeling_finemoltex.retrieval.lance_tables import is_there

    if arguments.facts:
        raise ValueError("--facts is for an index in a folder: one on LanceDB stores columns, see --descriptor.")
    if not arguments.force and is_there(location):
        raise ValueError(f"{location} {taken}")
    # What a killed process left is no index, and is replaced.
    return MoleculeTextIndex.from_embeddings(
        arguments.embeddings, arguments.method, location, arguments.descriptors or (), overwrite=True
    )
