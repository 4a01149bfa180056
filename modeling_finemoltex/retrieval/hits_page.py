"""Hits as one HTML page: a grid of drawn molecules, in a single file that needs nothing else."""

from collections.abc import Sequence
from html import escape
from string import Template

from rdkit.Chem.Draw import rdMolDraw2D

from ..data.identifiers import parse_smiles
from .index import Hit

DRAWING = (260, 200)  # pixels; the page scales it to the width of a card

_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: #1c2430; --faint: #667085; --page: #f5f6f8; --card: #fff; --line: #dfe3e8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7eaee; --faint: #9aa4b2; --page: #14181e; --card: #1e242c; --line: #323b46; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 80rem; padding: 1rem; background: var(--page); color: var(--ink);
  font: 1rem/1.4 system-ui, sans-serif; }
h2 { margin: 1.5rem 0 .25rem; font-size: 1.25rem; overflow-wrap: anywhere; }
p { margin: 0 0 .75rem; color: var(--faint); }
ol { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(14rem, 100%), 1fr)); gap: .75rem;
  margin: 0; padding: 0; list-style: none; }
li { padding: .75rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--card);
  overflow-wrap: anywhere; }
header { display: flex; justify-content: space-between; gap: .5rem; font-weight: 600; }
header span { color: var(--faint); font-variant-numeric: tabular-nums; font-weight: 400; }
svg { display: block; width: 100%; height: auto; margin: .5rem 0; border-radius: .25rem; background: #fff; }
.query svg { max-width: 16rem; }
code { font-size: .8rem; color: var(--faint); }
</style>
</head>
<body>
$sections
</body>
</html>
""")

_SECTION = Template("""\
<section class="query">
<h2>$query</h2>
$drawing<p>$summary</p>
</section>
<ol>
$cards
</ol>""")

_CARD = Template("""\
<li><header>$rank. $id<span title="cosine">$score</span></header>$content</li>""")


def render_hits_page(
    queries: Sequence[str], results: Sequence[Sequence[Hit]], summary: str = "", queries_are_smiles: bool = False
) -> str:
    """Lay out the hits of each query as cards with drawing, score, id and SMILES.

    Args:
        queries (sequence of `str`): As they were searched: headings of the page.
        results (sequence of lists of `Hit`): As `MoleculeTextIndex.search` gives them.
        summary (`str`): A line under each heading: which index, which filters.
        queries_are_smiles (`bool`): Draw the queries too.

    Returns:
        `str`: The page. Everything that came from outside is escaped; nothing is loaded from elsewhere.
    """
    sections = [
        _SECTION.substitute(
            query=escape(query),
            drawing=_draw(query) if queries_are_smiles else "",
            summary=escape(summary),
            cards="\n".join(map(_render_card, hits)) or "<li>No hits.</li>",
        )
        for query, hits in zip(queries, results, strict=True)
    ]
    return _PAGE.substitute(title=escape(" · ".join(queries)), sections="\n".join(sections))


def _render_card(hit: Hit) -> str:
    if hit.smiles is None:
        content = f"<div>{escape(hit.text or '')}</div>"
    else:
        content = f"{_draw(hit.smiles)}<code>{escape(hit.smiles)}</code>"
    return _CARD.substitute(rank=hit.rank, id=escape(hit.id), score=f"{hit.score:.3f}", content=content)


def _draw(smiles: str) -> str:
    """Draw a molecule as an SVG element; nothing for what cannot be parsed."""
    molecule = parse_smiles(smiles)
    if molecule is None:
        return ""
    canvas = rdMolDraw2D.MolDraw2DSVG(*DRAWING)
    options = canvas.drawOptions()
    options.clearBackground = False  # type: ignore[assignment]  # the stubs of RDKit take it for another type
    rdMolDraw2D.PrepareAndDrawMolecule(canvas, molecule)
    canvas.FinishDrawing()
    drawing = canvas.GetDrawingText()
    return drawing[drawing.index("<svg") :]  # without the XML declaration, which HTML does not allow inside
