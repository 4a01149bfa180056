"""An alignment: its matrices, and what is read off them."""

import numpy as np
import pytest

from modeling_finemoltex.explain import AlignedMotif, Alignment, Word
from modeling_finemoltex.explain.alignment import word_strengths


def test_strengths_and_standardised_rows():
    eye = np.eye(2)
    words = [Word("one", 0, 3), Word("two", 4, 7)]
    alignment = Alignment(
        "CO", "one two", [AlignedMotif("C", [0]), AlignedMotif("O", [1])], words, eye, 0 * eye[0], eye, eye, 1 - eye
    )
    assert alignment.best_words(0, 1) == [("one", 1.0)] and alignment.best_words(0, 1, "attention") == [("two", 1.0)]
    assert not alignment.combined.any()  # one says the opposite of the other
    motifs, strengths = word_strengths(np.array([[0.1, 0.9], [0.2, 0.3]]))
    assert motifs == [1, 0] and strengths.tolist() == [0, 1]


def test_unknown_kinds_are_refused(aligner):
    with pytest.raises(ValueError, match="`kind` must be one of"):
        aligner.align(["C"], ["a"])[0].matrix("both")
