"""`finemoltex search`: the molecules or texts of a file or an index that fit best."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .arguments import (
    AsJson,
    FactsOption,
    FilterOptions,
    Precision,
    RowOptions,
    check_facts,
    load_any_encoder,
    takes,
)
from .tables import echo_json

if TYPE_CHECKING:
    from modeling_finemoltex.explain import TokenMatches
    from modeling_finemoltex.retrieval import Hit, MoleculeTextIndex


@dataclass(kw_only=True)
class SearchArguments(FilterOptions, RowOptions):
    """What to look for, and where."""

    library: Annotated[
        str,
        typer.Argument(metavar="LIBRARY", help="file of molecules, as for embed, or folder or URL that index wrote"),
    ]
    queries: Annotated[list[str], typer.Argument(help="texts, each in quotes; SMILES with --smiles")]
    k: Annotated[int, typer.Option("-k", help="hits per query")] = 10
    smiles: Annotated[bool, typer.Option("--smiles", help="the queries are molecules")] = False
    rescored: Annotated[
        int | None, typer.Option(min=0, help="order so many of the nearest again, word by motif; 0: none")
    ] = None
    explain: Annotated[
        bool, typer.Option("--explain", help="say for each hit which words found which of its atoms, and draw them")
    ] = False
    without: Annotated[str | None, typer.Option(help="what hits should not be like, in quotes")] = None
    facts: FactsOption = "mark"
    where: Annotated[
        str | None, typer.Option(help="condition in SQL on the columns of an index that ends in .lance")
    ] = None
    model: Annotated[
        str | None,
        typer.Option(help="model or export folder, or Hub id", show_default="the shipped model, or that of the index"),
    ] = None
    precision: Precision = None
    as_json: AsJson = False
    html: Annotated[Path | None, typer.Option(help="also write the hits, drawn, to this HTML file")] = None


@takes(SearchArguments)
def search(arguments: SearchArguments) -> None:
    """Find the molecules (or texts) that fit best.

    The first search of a file embeds and indexes it into the cache of the user; later ones open that index at once.
    """
    check_facts(arguments.facts)
    queries, k, filters = arguments.queries, arguments.k, arguments.make_filter(arguments.where)
    library = _open_index(arguments) if _is_index(arguments.library) else _index_file(arguments)
    kind = "smiles" if arguments.smiles else "texts"
    wanted = {"k": k, "filters": filters, "rescored": arguments.rescored}
    wanted |= {"facts": arguments.facts, "without": arguments.without}
    results = library.search(**{kind: queries}, **wanted)  # type: ignore[arg-type]
    notes = [_describe_query(library, query, arguments) for query in queries]
    matches = _match(arguments, library, results) if arguments.explain else [[None] * len(hits) for hits in results]
    if arguments.as_json:
        echo_json(
            [
                {"query": query, **note, "hits": [_show(*pair) for pair in zip(hits, found, strict=True)]}
                for query, note, hits, found in zip(queries, notes, results, matches, strict=True)
            ]
        )
    else:
        typer.echo("\n\n".join(map(_format_hits, queries, notes, results, matches)))
    if any(len(hits) < k for hits in results):  # said here: the log of the package speaks of Python
        reason = "pass the filter" if filters else "are there"
        reason = "are as the query requires" if arguments.facts == "require" and not filters else reason
        typer.echo(f"Fewer than {k} hits: no more of the {len(library):,} {library.kind} {reason}.", err=True)
    if arguments.html is not None:
        from modeling_finemoltex.retrieval import render_hits_page

        summary = f"{k} best of {len(library):,} {library.kind}{' that pass the filter' if filters else ''}"
        from modeling_finemoltex.data import write_text

        atoms = [[one.highlighted() for one in found] for found in matches] if arguments.explain else None
        write_text(arguments.html, render_hits_page(queries, results, summary, arguments.smiles, atoms))
        typer.echo(f"{arguments.html}: {sum(map(len, results))} hits drawn", err=True)


def _is_index(library: str) -> bool:
    """Tell whether a library is an index; else it is a file."""
    return "://" in library or Path(library).is_dir()


def _open_index(arguments: SearchArguments) -> "MoleculeTextIndex":
    """Open an index with the model given, else with the one that it was made with."""
    given = [field.name for field in fields(RowOptions) if getattr(arguments, field.name) is not None]
    if given:
        raise ValueError(f"`{given[0]}` is for a file: {arguments.library} is a folder, whose rows are read already.")
    from modeling_finemoltex.retrieval import MoleculeTextIndex

    library = MoleculeTextIndex.load(arguments.library)
    made_with = library.model or {}
    name = arguments.model or made_with.get("name_or_path")
    if not name:
        raise ValueError("The index does not tell where its model is: name the folder with --model.")
    try:
        revision = None if arguments.model else made_with.get("revision") or None
        library.encoder = load_any_encoder(name, arguments.precision, revision=revision)
    except ValueError as error:
        hint = "" if arguments.model else " If the index's model moved, name its folder with --model."
        raise ValueError(f"{error}{hint}") from error
    return library


def _index_file(arguments: SearchArguments) -> "MoleculeTextIndex":
    """Make a file searchable, or open the index that an earlier search made of it."""
    from modeling_finemoltex.data.molecule_files import FORMATS, has_format
    from modeling_finemoltex.retrieval import CachedIndex

    file = Path(arguments.library)
    if not (file.exists() or has_format(file)):
        raise ValueError(
            f"{file} is not there. Give a file of molecules ({', '.join(FORMATS)}), or a folder that "
            "`finemoltex index` wrote."
        )
    cached = CachedIndex(arguments.open_rows(file), load_any_encoder(arguments.model, arguments.precision))
    what = "its index is in" if cached.is_there else "embedded and indexed, once, into"
    typer.echo(f"{file}: {what} {cached.folder}", err=True)
    library = cached.open()
    if cached.rejected_file is not None:
        typer.echo(f"{file}: some rows cannot be searched, see {cached.rejected_file}", err=True)
    return library


def _match(
    arguments: SearchArguments, library: "MoleculeTextIndex", results: "Sequence[Sequence[Hit]]"
) -> "list[list[TokenMatches]]":
    """Find for each hit what the words of its query found in it."""
    if arguments.smiles or library.kind != "molecules":
        raise ValueError("--explain is for queries in words to an index of molecules. Leave it out.")
    from modeling_finemoltex.explain import match_tokens

    return [
        match_tokens(library.encoder, [hit.smiles for hit in hits], query)  # type: ignore[misc]
        for query, hits in zip(arguments.queries, results, strict=True)
    ]


def _show(hit: "Hit", found: "TokenMatches | None") -> dict[str, Any]:
    """Give a hit for JSON, with what the words found."""
    explanation = {} if found is None else {name: found.to_dict()[name] for name in ("words", "highlighted_atoms")}
    return {**hit.to_dict(), **explanation}


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


def _format_hits(
    query: str, note: dict[str, Any], hits: "Sequence[Hit]", matches: "Sequence[TokenMatches | None]"
) -> str:
    """Lay out the hits of one query as a table."""
    lines = [query]
    lines += [f"{name}: {value if isinstance(value, str) else ', '.join(value)}" for name, value in note.items()]
    if not hits:
        return "\n".join([*lines, "no hits"])
    width = max(len(hit.id) for hit in hits)
    lines += [f"{'rank':>4}  score  {'id':<{width}}  {'text' if hits[0].text else 'SMILES'}"]
    for hit, found in zip(hits, matches, strict=True):
        contradicts = f"  (contradicts: {', '.join(hit.contradicts)})" if hit.contradicts else ""
        lines.append(f"{hit.rank:>4}  {hit.score:5.3f}  {hit.id:<{width}}  {hit.smiles or hit.text}{contradicts}")
        if found is not None:
            words = [(found.words[word].text, found.atoms_of(word)) for word in found.telling_words()]
            named = [f"{word}: {_list_atoms(atoms)}" for word, atoms in words]
            lines.append(f"{'':>11}{'':<{width}}    {'; '.join(named) or 'no word in particular'}")
    return "\n".join(lines)


def _list_atoms(atoms: Sequence[int]) -> str:
    """Name atoms by their numbers in the SMILES, from 0."""
    return f"atoms {' '.join(map(str, atoms))}" if atoms else "no single atoms"
