"""Molecules as one HTML page: sections with cards, in a single file that needs nothing else."""

from collections.abc import Mapping, Sequence
from html import escape
from string import Template
from typing import NamedTuple

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

from ..data.identifiers import try_parse

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
<li><header>$title<span title="$score_name">$score</span></header>$content</li>""")


class Card(NamedTuple):
    """One molecule (or text): what stands above it, its score, and its drawing with a line below, or a text."""

    title: str
    score: str
    drawing: str = ""
    code: str = ""
    text: str = ""


class Section(NamedTuple):
    """A heading, a drawing beside it if there is one, a line below it, the cards, and what their scores are."""

    title: str
    cards: Sequence[Card]
    summary: str = ""
    drawing: str = ""
    score_name: str = ""


def render_page(sections: Sequence[Section], score_name: str, no_cards: str) -> str:
    """Lay out sections of cards.

    Args:
        sections (sequence of `Section`): Drawings are SVG elements of `draw_molecule`; everything else is escaped.
        score_name (`str`): What the scores are, shown when one points at them, where a section does not say it.
        no_cards (`str`): What a section without cards says.

    Returns:
        `str`: The page; nothing is loaded from elsewhere.
    """
    parts = [
        _SECTION.substitute(
            query=escape(section.title),
            drawing=section.drawing,
            summary=escape(section.summary),
            cards="\n".join(_render_card(card, section.score_name or score_name) for card in section.cards)
            or f"<li>{escape(no_cards)}</li>",
        )
        for section in sections
    ]
    title = escape(" · ".join(section.title for section in sections))
    return _PAGE.substitute(title=title, sections="\n".join(parts))


def draw_molecule(molecule: Chem.Mol | str, highlight: Mapping[int, tuple[float, float, float]] | None = None) -> str:
    """Draw a molecule, or a SMILES, as an SVG element; nothing for what cannot be parsed.

    Args:
        molecule (`rdkit.Chem.Mol` or `str`): Drawn as it lies, if it has coordinates.
        highlight (mapping of `int` to RGB, *optional*): Colours of atoms.

    Returns:
        `str`: The element, without the XML declaration, which HTML does not allow inside.
    """
    parsed = try_parse(molecule) if isinstance(molecule, str) else molecule
    if parsed is None:
        return ""
    canvas = rdMolDraw2D.MolDraw2DSVG(*DRAWING)
    options = canvas.drawOptions()
    options.clearBackground = False  # type: ignore[assignment]  # the stubs of RDKit take it for another type
    colors = dict(highlight or {})
    rdMolDraw2D.PrepareAndDrawMolecule(canvas, parsed, highlightAtoms=list(colors), highlightAtomColors=colors)
    canvas.FinishDrawing()
    drawing = canvas.GetDrawingText()
    return drawing[drawing.index("<svg") :]


def _render_card(card: Card, score_name: str) -> str:
    content = f"{card.drawing}<code>{escape(card.code)}</code>" if card.code else ""
    content += f"<div>{escape(card.text)}</div>" if card.text else ""
    return _CARD.substitute(
        title=escape(card.title), score=escape(card.score), score_name=escape(score_name), content=content
    )
