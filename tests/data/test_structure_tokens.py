"""Words of a query: where they are cut, and what stands between them."""

import pytest

from modeling_finemoltex.data.structure_tokens import cut_tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("furan-2(5H)-one", ["furan", "2(5h)", "one"]),
        ("imidazo[1,2-a]pyridine", ["imidazo[1,2", "a]pyridine"]),
        ("(an ester), 'an amide'.", ["an", "ester", "an", "amide"]),
        ("ketone,ester", ["ketone", "ester"]),
        ("alpha,beta-unsaturated", ["alpha,beta", "unsaturated"]),
        ("w/o rings and/or esters", ["w/o", "rings", "and/or", "esters"]),
    ],
)
def test_words(text, words):
    assert [token.key for token in cut_tokens(text)] == words


def test_places_are_those_of_the_text():
    text = "  A  2-chloro-pyridine; (no ester/amide) "
    tokens = cut_tokens(text)
    assert all(text[token.start : token.end] == token.text for token in tokens)
    assert [token.glue for token in tokens] == [".", " ", "-", "-", ".", " ", "/"]
