"""Hits as one HTML page: a grid of drawn molecules, in a single file that needs nothing else."""

from collections.abc import Sequence

from ..drawing.molecule_page import Card, Section, draw_molecule, render_page
from .index_rows import Hit

FOUND_COLOR = (1.0, 0.8, 0.35)  # red, green, blue


def render_hits_page(
    queries: Sequence[str],
    results: Sequence[Sequence[Hit]],
    summary: str = "",
    queries_are_smiles: bool = False,
    found: Sequence[Sequence[Sequence[int]]] | None = None,
) -> str:
    """Lay out the hits of each query as cards with drawing, score, id and SMILES.

    Args:
        queries (sequence of `str`): As they were searched: headings of the page.
        results (sequence of lists of `Hit`): As `MoleculeTextIndex.search` gives them.
        summary (`str`): A line under each heading: which index, which filters.
        queries_are_smiles (`bool`): Draw the queries too.
        found (sequence of lists of lists of `int`, *optional*): Atoms of each hit that the words of the query found;
            they are coloured.

    Returns:
        `str`: The page. Everything that came from outside is escaped; nothing is loaded from elsewhere.
    """
    sections = [
        Section(
            query,
            list(map(_make_card, hits, atoms)),
            summary,
            draw_molecule(query) if queries_are_smiles else "",
        )
        for query, hits, atoms in zip(queries, results, found or [[()] * len(hits) for hits in results], strict=True)
    ]
    return render_page(sections, "cosine", "No hits.")


def _make_card(hit: Hit, found: Sequence[int]) -> Card:
    title, score = f"{hit.rank}. {hit.id}", f"{hit.score:.3f}"
    if hit.contradicts:
        score = f"{score}, contradicts {', '.join(hit.contradicts)}"
    if hit.smiles is None:
        return Card(title, score, text=hit.text or "")
    return Card(title, score, draw_molecule(hit.smiles, dict.fromkeys(found, FOUND_COLOR)), hit.smiles)
