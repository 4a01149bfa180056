"""Captions to tokens and back."""

import pytest

from modeling_finemoltex.captioning import tidy_caption
from modeling_finemoltex.captioning.caption_text import encode_caption, end_of, start_of


@pytest.mark.parametrize(
    ("decoded", "tidy"),
    [
        ("a 2 - hydroxy - acid .", "A 2-hydroxy-acid."),
        ("( 2 r , 3 s ) - amine", "(2 r, 3 s)-amine"),
        ("at positions 2 , 3 and 4 . it is new .", "At positions 2,3 and 4. It is new."),
        ("a 4 ' - ester [ a lactone ] ; old", "A 4'-ester [a lactone]; old"),
        ("( 1 - > 4 ) - linked", "(1->4)-linked"),
        ("", ""),
    ],
)
def test_marks_stand_where_chemists_put_them(decoded, tidy):
    assert tidy_caption(decoded) == tidy
    assert tidy_caption(tidy) == tidy


def test_captions_end_with_the_end_and_are_cut(tokenizer):
    ids = encode_caption(tokenizer, "an alcohol", 10)
    assert ids[-1] == end_of(tokenizer) == tokenizer.sep_token_id and start_of(tokenizer) == tokenizer.cls_token_id
    assert tokenizer.decode(ids[:-1]).replace(" ", "") == "analcohol"
    assert encode_caption(tokenizer, "an alcohol", 2) == ids[:2]
    assert encode_caption(tokenizer, "an\u00a0alcohol", 10) == ids


def test_a_tokenizer_without_an_end_is_refused():
    class Endless:
        eos_token_id = sep_token_id = None

    with pytest.raises(ValueError, match="Endless has neither `eos_token` nor `sep_token`"):
        end_of(Endless())
