"""An alignment as one HTML page, or as a picture: the molecule and the text in matching colours."""

from html import escape
from pathlib import Path
from typing import Any

from ..data.atomic_files import write_text
from ..drawing.molecule_page import Card, Section, draw_molecule, render_page
from .alignment import Alignment
from .figures import draw_alignment_matrix, draw_highlights, motif_colors

WORDS_PER_MOTIF = 5
DRAWING = (480, 320)  # pixels; the page scales it, and its letters can still be read on a phone
MARKED_FROM = 0.5  # strength from which a word also says the number of its motif: not everybody tells colours apart
SENTENCE = (
    "max-width:44rem;margin:.5rem 0;padding:.75rem;border-radius:.5rem;background:#fff;color:#1c2430;line-height:1.9"
)


def render_alignment_page(alignment: Alignment, processor: Any, kind: str | None = None) -> str:
    """Lay out one pair: the coloured molecule, the coloured text, and for each motif the words that go with it.

    Args:
        alignment (`Alignment`): Of `MotifWordAligner.align`.
        processor (`FineMolTexProcessor`): That of the model.
        kind (`str`, *optional*): One of the alignment's `kinds`; its `default_kind`, if absent.

    Returns:
        `str`: The page; everything that came from outside is escaped, nothing is loaded from elsewhere.

    Raises:
        ValueError: If the kind is unknown, or the model has no token score.
    """
    kind = alignment.choose_kind(kind)
    colors = motif_colors(len(alignment.motifs))
    drawing = processor.draw_motifs(alignment.smiles, size=DRAWING, colors=colors)
    drawing = drawing[drawing.index("<svg") :].replace("<svg", "<svg style='max-width:40rem'", 1)
    cards = []
    for place, motif in enumerate(alignment.motifs):
        (best, value), *others = alignment.best_words(place, WORDS_PER_MOTIF, kind) or [("no word", 0.0)]
        picture = draw_molecule(motif.smiles, dict.fromkeys(range(len(motif.atoms)), colors[place]))
        further = " · ".join(f"{word} {score:.2f}" for word, score in others)
        cards.append(Card(f"{place}: {best}", f"{value:.2f}", picture, motif.smiles, further))
    summary = f"Each word has the colour of the motif that it goes best with, by {kind}; the paler, the less."
    section = Section(alignment.smiles, cards, summary, drawing + _color_text(alignment, kind, colors))
    return render_page([section], kind, "No motifs.")


def write_alignment(file: str | Path, alignment: Alignment, processor: Any, kind: str | None = None) -> None:
    """Write an alignment to a file.

    Args:
        file (`str` or `Path`): `.html` is the page, `.svg` or `.png` the coloured molecule and text, and
            `.matrix.svg` or `.matrix.png` the matrix with drawn motifs.
        alignment (`Alignment`): Of `MotifWordAligner.align`.
        processor (`FineMolTexProcessor`): That of the model.
        kind (`str`, *optional*): One of the alignment's `kinds`; its `default_kind`, if absent.

    Raises:
        ValueError: If the name of the file ends otherwise, the kind is unknown, or the model has no token score.
        ImportError: If matplotlib is absent and the file is no page.
    """
    path = Path(file)
    suffix = path.suffix.lower()
    if suffix == ".html":
        write_text(path, render_alignment_page(alignment, processor, kind))
    elif suffix in (".svg", ".png"):
        is_matrix = path.stem.lower().endswith(".matrix")
        figure = draw_alignment_matrix(alignment, kind) if is_matrix else draw_highlights(alignment, processor, kind)
        figure.savefig(path)
    else:
        raise ValueError(f"{file}: an alignment is written to a file that ends in .html, .svg or .png.")


def _color_text(alignment: Alignment, kind: str, colors: dict[int, tuple[float, float, float]]) -> str:
    """Mark each word in the colour of its motif, as strong as they go together."""
    motif_of_word, strengths = alignment.color_words(kind)
    parts, done = [], 0
    for word, motif, strength in zip(alignment.words, motif_of_word, strengths.tolist(), strict=True):
        red, green, blue = (round(255 * channel) for channel in colors[motif])
        number = f"<sub>{motif}</sub>" if strength >= MARKED_FROM else ""
        title = f' title="motif {motif}, {escape(alignment.motifs[motif].smiles)}"' if strength else ""
        parts.append(escape(alignment.text[done : word.start]))
        parts.append(
            f'<mark style="color:inherit;border-radius:.25rem;background:rgb({red} {green} {blue} / {strength:.2f})"'
            f"{title}>{escape(word.text)}{number}</mark>"
        )
        done = word.end
    parts.append(escape(alignment.text[done:]))
    return f'<div style="{SENTENCE}">{"".join(parts)}</div>'
