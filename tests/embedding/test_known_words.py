"""Words that a tokenizer has no pieces for."""

from modeling_finemoltex.embedding import unknown_words


def test_unknown_words_are_listed_once(tokenizer):
    assert unknown_words(tokenizer, "an alcohol \u4e2d \u4e2d acid") == ["\u4e2d"]
    assert unknown_words(tokenizer, "zxqv alcohol") == ["zxqv"]  # letter by letter
    assert unknown_words(tokenizer, "") == []


def test_texts_are_normalised_first(tokenizer):
    assert unknown_words(tokenizer, "a\u200bcid <b>alcohol</b>") == []
