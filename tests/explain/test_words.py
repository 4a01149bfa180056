"""Words as readers see them, and the pieces that a tokenizer makes of them."""

from modeling_finemoltex.explain import Word, split_words
from modeling_finemoltex.explain.words import locate_pieces

TEXT = "a benzene (with aldehyde)."


def test_words_are_what_readers_see_and_know_their_pieces(word_processor):
    words = split_words(TEXT)
    assert [word.text for word in words] == ["a", "benzene", "with", "aldehyde"]
    assert all(TEXT[word.start : word.end] == word.text for word in words)
    assert split_words("2,4-xylyl; N-oxide -- (R)") == [
        Word("2,4-xylyl", 0, 9),
        Word("N-oxide", 11, 18),
        Word("R", 23, 24),
    ]
    encoded = word_processor.tokenizer(TEXT, return_offsets_mapping=True)
    tokens = word_processor.tokenizer.convert_ids_to_tokens(encoded["input_ids"])
    pieces = locate_pieces(words, encoded["offset_mapping"])
    merged = [[tokens[place] for place in row.nonzero()[:, 0]] for row in pieces]
    assert merged == [["a"], ["benzene"], ["with"], ["alde", "##hyde"]]


def test_a_word_without_pieces_was_cut_off():
    words = split_words("one two")
    assert locate_pieces(words, [(0, 0), (0, 3)]).any(1).tolist() == [True, False]
