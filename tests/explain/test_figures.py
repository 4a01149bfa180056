"""Explanations as figures."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from modeling_finemoltex.explain import (
    MaskedPrediction,
    TokenMatches,
    draw_alignment_matrix,
    draw_highlights,
    draw_masked_prediction,
)
from modeling_finemoltex.explain.figures import LINE_LETTERS, MAX_FEATURES, motif_colors


@pytest.fixture(scope="module")
def alignment(aligner):
    text = " ".join(["a benzene with aldehyde"] * (LINE_LETTERS // 40 + 1))
    return aligner.align(["c1ccccc1C=O"], [text[:100]])[0]


def test_colours_of_motifs_differ():
    colors = motif_colors(12)
    assert list(colors) == list(range(12)) and len(set(colors.values())) == 12
    assert all(0 <= channel <= 1 for color in colors.values() for channel in color)


def test_the_matrix_has_a_row_for_each_motif_and_a_column_for_each_word(alignment):
    figure = draw_alignment_matrix(alignment)
    image = figure.axes[0].images[0].get_array()
    assert image.shape == (len(alignment.motifs), len(alignment.words))
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == [word.text for word in alignment.words]


def test_by_tokens_the_colours_reach_from_0_to_1_and_a_motif_without_a_word_has_no_dot(alignment):
    words, by_atom = alignment.words, np.zeros((len(alignment.words), 8))
    by_atom[1, alignment.motifs[1].atoms] = 0.5
    matches = TokenMatches(alignment.smiles, alignment.text, words, np.ones(len(words)), 0.0, by_atom)
    axes = draw_alignment_matrix(replace(alignment, matches=matches)).axes[0]
    assert axes.images[0].get_clim() == (0, 1)
    assert [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in axes.lines] == [([1], [1])]
    assert len(draw_alignment_matrix(alignment).axes[0].lines) == len(alignment.motifs)


def test_the_sentence_keeps_its_words_in_order(alignment, word_processor):
    figure = draw_highlights(alignment, word_processor)
    assert [text.get_text() for text in figure.axes[1].texts] == [word.text for word in alignment.words]


def test_bars_are_the_strongest_effects():
    effects = [(-1) ** place * place / 10 for place in range(30)]
    names = [f"word{place}" for place in range(30)]
    prediction = MaskedPrediction("motif", "Cl", 0.5, [("Cl", 0.5), ("F", 0.2)], names, effects, 0.9)
    axes = draw_masked_prediction(prediction).axes[0]
    widths = [bar.get_width() for bar in axes.patches]
    assert len(widths) == MAX_FEATURES and widths[-1] == -2.9 and abs(widths[0]) == 1.0
    assert "Masked motif Cl: predicted Cl 50%, F 20%" in axes.get_title()
