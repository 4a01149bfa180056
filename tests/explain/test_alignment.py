"""An alignment: its matrices, and what is read off them."""

import numpy as np
import pytest

from modeling_finemoltex.explain import AlignedMotif, Alignment, TokenMatches, Word

WORDS = [Word("one", 0, 3), Word("two", 4, 7), Word("six", 8, 11)]


def make_alignment(atoms: list[list[int]], similarity: np.ndarray, matches: TokenMatches | None = None) -> Alignment:
    motifs = [AlignedMotif("C" * len(numbers), numbers) for numbers in atoms]
    words = WORDS[: similarity.shape[1]]
    embeds = np.eye(similarity.shape[1])
    zeros = np.zeros(similarity.shape[1])
    return Alignment("CO", "one two six", motifs, words, similarity, zeros, embeds, embeds, 1 - similarity, matches)


def make_matches(contributions: list[float], by_atom: list[list[float]]) -> TokenMatches:
    return TokenMatches("CO", "one two six", WORDS, np.array(contributions), 0.0, np.array(by_atom))


def test_words_by_similarity_and_standardised_rows():
    alignment = make_alignment([[0], [1]], np.eye(2))
    assert alignment.default_kind == "similarity" and alignment.tokens is None
    assert alignment.best_words(0, 1) == [("one", 1.0)] and alignment.best_words(0, 1, "attention") == [("two", 1.0)]
    assert not alignment.combined.any()  # one says the opposite of the other
    motifs, strengths = make_alignment([[0], [1]], np.array([[0.1, 0.9], [0.2, 0.3]])).color_words()
    assert motifs == [1, 0] and strengths.tolist() == [0, 1]


def test_tokens_are_what_a_word_finds_times_its_share_of_the_largest_contribution():
    by_atom = [[1.0, 0.2, 0.4], [1.0, 1.0, 1.0], [0.5, 0.0, 0.9]]
    alignment = make_alignment([[0], [1, 2]], np.ones((2, 3)), make_matches([2.0, -3.0, 1.0], by_atom))
    np.testing.assert_allclose(alignment.matrix(), [[1, 0, 0.25], [0.4, 0, 0.45]])
    assert alignment.default_kind == "tokens" and alignment.matrix("similarity").tolist() == np.ones((2, 3)).tolist()
    assert alignment.best_words(1) == [("six", pytest.approx(0.45)), ("one", pytest.approx(0.4))]  # "two" adds nothing
    motifs, strengths = alignment.color_words()
    assert (motifs[0], motifs[2]) == (0, 1) and strengths.tolist() == pytest.approx([1, 0, 0.45])
    assert alignment.to_dict()["tokens"] == [[1, 0, 0.25], [0.4, 0, 0.45]]


def test_of_equal_motifs_the_largest_gives_the_colour_and_no_word_need_have_any():
    alignment = make_alignment([[0], [1, 2]], np.ones((2, 3)), make_matches([2, 1, 1], np.ones((3, 3)).tolist()))
    assert alignment.color_words()[0] == [1, 1, 1] == alignment.color_words("similarity")[0]
    nothing = make_alignment([[0], [1, 2]], np.ones((2, 3)), make_matches([-1, 0, -2], np.ones((3, 3)).tolist()))
    assert not nothing.tokens.any() and not nothing.color_words()[1].any() and nothing.best_words(0) == []


def test_kinds_that_are_not_there_are_refused():
    alignment = make_alignment([[0], [1]], np.eye(2))
    with pytest.raises(ValueError, match="`kind` must be one of 'similarity', 'context'.*: got 'both'.$"):
        alignment.matrix("both")
    with pytest.raises(ValueError, match="got 'tokens'. 'tokens' takes a model with a token score"):
        alignment.best_words(0, kind="tokens")
    assert "tokens" not in alignment.to_dict()
    without = make_alignment([[0], [1]], np.ones((2, 2)))  # no attention anywhere
    assert without.kinds == ("similarity", "context")
    with pytest.raises(ValueError, match="got 'attention'. 'attention' takes a model with co-attention"):
        without.matrix("attention")
