"""`finemoltex search`: the molecules or texts of an index that fit best."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .arguments import AsJson, FactsOption, FilterOptions, check_facts, takes
from .errors import quiet_loading
from .tables import echo_json

if TYPE_CHECKING:
    from modeling_finemoltex.embedding import MoleculeTextEncoder
    from modeling_finemoltex.retrieval import Hit, MoleculeTextIndex


@dataclass(kw_only=True)
class SearchArguments(FilterOptions):
    """What to look for, and where."""

    folder: Annotated[Path, typer.Argument(metavar="INDEX", help="folder that `finemoltex index` wrote")]
    queries: Annotated[list[str], typer.Argument(help="texts, each in quotes; SMILES with --smiles")]
    k: Annotated[int, typer.Option("-k", help="hits per query")] = 10
    smiles: Annotated[bool, typer.Option("--smiles", help="the queries are molecules")] = False
    without: Annotated[str | None, typer.Option(help="what hits should not be like, in quotes")] = None
    facts: FactsOption = "mark"
    model: Annotated[str | None, typer.Option(help="model folder or Hub id, if it moved since the index")] = None
    as_json: AsJson = False
    html: Annotated[Path | None, typer.Option(help="also write the hits, drawn, to this HTML file")] = None


@takes(SearchArguments)
def search(arguments: SearchArguments) -> None:
    """Find the molecules (or texts) that fit best."""
    check_facts(arguments.facts)
    from modeling_finemoltex.retrieval import MoleculeTextIndex

    queries, k, filters = arguments.queries, arguments.k, arguments.make_filter()
    library = MoleculeTextIndex.load(arguments.folder)
    library.encoder = _load_encoder(library, arguments.model)
    kind = "smiles" if arguments.smiles else "texts"
    options = {"k": k, "filters": filters, "facts": arguments.facts, "without": arguments.without}
    results = library.search(**{kind: queries}, **options)  # type: ignore[arg-type]
    notes = [_describe_query(library, query, arguments) for query in queries]
    if arguments.as_json:
        rows = zip(queries, notes, results, strict=True)
        echo_json([{"query": query, **note, "hits": [hit.to_dict() for hit in hits]} for query, note, hits in rows])
    else:
        typer.echo("\n\n".join(map(_format_hits, queries, notes, results)))
    if any(len(hits) < k for hits in results):
        reason = "pass the filter" if filters or arguments.facts != "require" else "are as the query requires"
        typer.echo(f"Fewer than {k} hits: no more of the {len(library):,} molecules {reason}.", err=True)
    if arguments.html is not None:
        from modeling_finemoltex.retrieval import render_hits_page

        summary = f"{k} best of {len(library):,} {library.kind}{' that pass the filter' if filters else ''}"
        page = render_hits_page(queries, results, summary, arguments.smiles)
        arguments.html.write_text(page, encoding="utf-8")
        typer.echo(f"{arguments.html}: {sum(map(len, results))} hits drawn", err=True)


def _load_encoder(library: "MoleculeTextIndex", model: str | None) -> "MoleculeTextEncoder":
    """Load the model given, else the one the index was made with."""
    from modeling_finemoltex.embedding import MoleculeTextEncoder

    made_with = library.model or {}
    name = model or made_with.get("name_or_path")
    if not name:
        raise ValueError("The index does not tell where its model is: name the folder with --model.")
    try:
        with quiet_loading():
            revision = None if model else made_with.get("revision") or None
            return MoleculeTextEncoder.from_pretrained(name, revision=revision)
    except ValueError as error:
        hint = "" if model else " If the index's model moved, name its folder with --model."
        raise ValueError(f"{error}{hint}") from error


def _describe_query(library: "MoleculeTextIndex", query: str, arguments: SearchArguments) -> dict[str, Any]:
    """Tell what is understood of a query, and which words say nothing to the facts or to the model."""
    if arguments.smiles:
        return {}
    from modeling_finemoltex.embedding import unknown_words
    from modeling_finemoltex.retrieval import read_conditions

    note: dict[str, Any] = {}
    for understood in read_conditions(arguments.facts, library.kind, query, arguments.without) or ():
        name = "understood, since facts are required" if understood and understood.is_loose else "understood"
        note |= {name: str(understood) or None, "not read as structure": list(understood.unrecognised)}
    note["unknown to the model"] = unknown_words(library.encoder.processor.tokenizer, query)
    return {name: value for name, value in note.items() if value}


def _format_hits(query: str, note: dict[str, Any], hits: "Sequence[Hit]") -> str:
    """Lay out the hits of one query as a table."""
    lines = [query]
    lines += [f"{name}: {value if isinstance(value, str) else ', '.join(value)}" for name, value in note.items()]
    if not hits:
        return "\n".join([*lines, "no hits"])
    width = max(len(hit.id) for hit in hits)
    lines += [f"{'rank':>4}  score  {'id':<{width}}  {'text' if hits[0].text else 'SMILES'}"]
    for hit in hits:
        contradicts = f"  (contradicts: {', '.join(hit.contradicts)})" if hit.contradicts else ""
        lines.append(f"{hit.rank:>4}  {hit.score:5.3f}  {hit.id:<{width}}  {hit.smiles or hit.text}{contradicts}")
    return "\n".join(lines)
