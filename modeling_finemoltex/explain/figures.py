"""Explanations as figures of matplotlib: `figure.savefig("name.svg")`, or `.png`."""

import colorsys
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from rdkit.Chem.Draw import rdMolDraw2D
from rdkit.Geometry import Point2D

from ..data.identifiers import try_parse
from .alignment import Alignment
from .masked_prediction import MaskedPrediction
from .token_map import TokenMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MISSING = 'Drawing figures needs matplotlib: pip install "finemoltex[explain]"'
MOTIF_PIXELS = (330, 210)
MOLECULE_PIXELS = (1200, 620)
CELL = (0.42, 0.85)  # inches of a word and of a motif
LINE_LETTERS = 88  # of the coloured sentence
MAX_FEATURES = 20  # of a bar chart
RAISES, LOWERS = "#c8553d", "#3d6fc8"


def motif_colors(count: int) -> dict[int, tuple[float, float, float]]:
    """Give each motif a colour; steps of the golden ratio keep neighbouring hues far apart."""
    return {place: colorsys.hls_to_rgb(place * 0.618034 % 1, 0.78, 0.75) for place in range(count)}


def draw_alignment_matrix(alignment: Alignment, kind: str | None = None) -> "Figure":
    """Draw the matrix of one pair: the drawn motifs down the side, the words along the top.

    Args:
        alignment (`Alignment`): Of `MotifWordAligner.align`.
        kind (`str`, *optional*): One of the alignment's `kinds`; its `default_kind`, if absent.

    Raises:
        ValueError: If the kind is unknown, or the model has no token score.
        ImportError: If matplotlib is absent.
    """
    kind = alignment.choose_kind(kind)
    matrix = alignment.matrix(kind)
    rows, columns = matrix.shape
    figure = _new_figure(2.6 + CELL[0] * max(columns, 6), 1.6 + CELL[1] * rows)
    grid = figure.add_gridspec(rows, 2, width_ratios=[1.5, CELL[0] * max(columns, 6)])
    axes = figure.add_subplot(grid[:, 1])
    image = axes.imshow(matrix, aspect="auto", cmap="viridis")
    if kind == "tokens":
        image.set_clim(0, 1)
    axes.set_xticks(range(columns), [word.text for word in alignment.words], rotation=60, ha="left")
    axes.tick_params(axis="x", top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.set_yticks([])
    for row, motif in enumerate(alignment.motifs):
        for best in alignment.rank_words(row, 1, kind):
            axes.plot(best, row, marker="o", markersize=5, color="white", markeredgecolor="black")
        side = figure.add_subplot(grid[row, 0])
        side.axis("off")
        side.imshow(_draw_motif(motif.smiles))
    figure.colorbar(image, ax=axes, shrink=0.8, label=f"{kind} (dot: best word of a motif)")
    return figure


def draw_highlights(alignment: Alignment, processor: Any, kind: str | None = None) -> "Figure":
    """Draw the molecule with each motif in a colour, and the text with each word in that of its motif.

    Args:
        alignment (`Alignment`): Of `MotifWordAligner.align`.
        processor (`FineMolTexProcessor`): That of the model.
        kind (`str`, *optional*): One of the alignment's `kinds`; its `default_kind`, if absent.

    Raises:
        ValueError: If the kind is unknown, or the model has no token score.
        ImportError: If matplotlib is absent.
    """
    colors = motif_colors(len(alignment.motifs))
    motif_of_word, strengths = alignment.color_words(kind)
    lines, used = [[0]], 0
    for place, word in enumerate(alignment.words):
        used += len(word.text) + 2
        if place and used > LINE_LETTERS:
            lines.append([place])
            used = len(word.text) + 2
        elif place:
            lines[-1].append(place)
    height = 0.34 * len(lines) + 0.2
    figure = _new_figure(9, 4.6 + height)
    top, bottom = figure.subplots(2, 1, height_ratios=[4.6, height])
    drawing = processor.draw_motifs(alignment.smiles, size=MOLECULE_PIXELS, format="png", colors=colors)
    top.imshow(_read_image(drawing))
    top.axis("off")
    bottom.set(xlim=(0, LINE_LETTERS), ylim=(len(lines), 0))
    bottom.axis("off")
    for row, places in enumerate(lines):
        letter = 0
        for place in places:
            box = {"boxstyle": "round,pad=0.15", "linewidth": 0, "alpha": float(strengths[place])}
            box["facecolor"] = colors[motif_of_word[place]]
            text = alignment.words[place].text
            bottom.text(letter, row + 0.5, text, family="monospace", fontsize=11, va="center", bbox=box)
            letter += len(text) + 2
    return figure


def draw_masked_prediction(prediction: MaskedPrediction) -> "Figure":
    """Draw as bars what the words (or motifs) of the other side add to a masked prediction, the strongest first."""
    order = np.argsort(-np.abs(prediction.effects), kind="stable")[:MAX_FEATURES][::-1]
    effects = [prediction.effects[place] for place in order]
    figure = _new_figure(7, 1.6 + 0.28 * len(order))
    axes = figure.add_subplot()
    axes.barh(range(len(order)), effects, color=[RAISES if effect > 0 else LOWERS for effect in effects])
    axes.set_yticks(range(len(order)), [prediction.features[place] for place in order])
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel("log-probability that it adds")
    best = ", ".join(f"{name} {share:.0%}" for name, share in prediction.predictions[:3])
    axes.set_title(
        f"Masked {prediction.kind} {prediction.target}: predicted {best}\n"
        f"(its own probability {prediction.probability:.1%}; effects explain {prediction.fit:.0%})",
        fontsize=9,
    )
    return figure


def draw_token_map(token_map: TokenMap, names: Mapping[str, str] | None = None) -> "Figure":
    """Draw motifs and words as labelled points of one plane.

    Args:
        token_map (`TokenMap`): Of `map_tokens`.
        names (mapping of `str` to `str`, *optional*): What to write instead of the SMILES of a motif.
    """
    figure = _new_figure(11, 8.5)
    axes = figure.add_subplot()
    for is_motif, marker, color, noun in ((True, "o", RAISES, "motif"), (False, "^", LOWERS, "word")):
        chosen = token_map.is_motif == is_motif
        x, y = token_map.points[chosen].T
        axes.scatter(x, y, marker=marker, color=color, label=noun, s=22)
    for label, is_motif, point in zip(token_map.labels, token_map.is_motif, token_map.points, strict=True):
        axes.annotate(
            (names or {}).get(label, label),
            point,
            xytext=(4, 3),
            textcoords="offset points",
            fontsize=8,
            color=RAISES if is_motif else LOWERS,
        )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.margins(0.12)
    axes.legend(loc="best")
    return figure


def _new_figure(width: float, height: float) -> "Figure":
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(MISSING) from error
    return Figure(figsize=(width, height), layout="constrained", dpi=150)


def _draw_motif(smiles: str) -> np.ndarray:
    """Draw a motif, or write its SMILES where RDKit does not take it for a molecule: `(height, width, 4)`."""
    molecule = try_parse(smiles)
    canvas = rdMolDraw2D.MolDraw2DCairo(*MOTIF_PIXELS)
    if molecule is None:
        width, height = MOTIF_PIXELS
        canvas.DrawString(smiles, Point2D(width / 2, height / 2), rawCoords=True)
    else:
        options: Any = canvas.drawOptions()
        options.fixedBondLength = 55  # as for all motifs: a lone atom would fill the canvas
        options.fixedFontSize = 26
        rdMolDraw2D.PrepareAndDrawMolecule(canvas, molecule, kekulize=False)
    canvas.FinishDrawing()
    return _read_image(canvas.GetDrawingText())


def _read_image(png: bytes) -> np.ndarray:
    from matplotlib.image import imread

    return imread(io.BytesIO(png))
