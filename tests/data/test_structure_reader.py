"""Reading word by word: counts, lists and negations."""

import pytest

from modeling_finemoltex.data.structure_reader import read_mentions
from modeling_finemoltex.data.structure_tokens import cut_tokens


def bounds(text: str) -> list[tuple[int, int | None]]:
    mentions, _ = read_mentions(cut_tokens(text))
    return [term[1:] for mention in mentions for term in mention.terms]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("an amide", (1, None)),
        ("a single amide", (1, 1)),
        ("two amides", (2, 2)),
        ("exactly 2 amides", (2, 2)),
        ("at least two amides", (2, None)),
        ("two or more amides", (2, None)),
        ("more than two amides", (3, None)),
        ("several amides", (2, None)),
        ("up to two amides", (0, 2)),
        ("no more than two amides", (0, 2)),
        ("fewer than two amides", (0, 1)),
        ("between two and four amides", (2, 4)),
        ("2-4 amides", (2, 4)),
        ("one or two amides", (1, 2)),
        ("a couple of amides", (2, 2)),
        ("zero amides", (0, 0)),
        ("not more than one amide", (0, 1)),
        ("does not contain two or more amides", (0, 1)),
        ("two unusual amides", (2, 2)),
    ],
)
def test_counts(text, expected):
    assert bounds(text) == [expected]


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("without an ester, an amide or a ketone", [True, True, True]),
        ("no ester and an amide", [True, False]),
        ("lacking an ester and an amide", [True, True]),
        ("has no ester but has an amide", [True, False]),
        ("an amide, not an ester", [False, True]),
        ("an ester without amides, with a ketone", [False, True, False]),
        ("is not an ester. Contains an amide", [True, False]),
        ("ester-free amide", [True, False]),
        ("free of esters and amides", [True, True]),
        ("instead of an ester", [True]),
        ("not only an ester but also an amide", [False, False]),
    ],
)
def test_negations(text, denied):
    assert [most == 0 for _, most in bounds(text)] == denied


def test_alternatives():
    def alternatives(text):
        return [mention.is_alternative for mention in read_mentions(cut_tokens(text))[0]]

    assert alternatives("an ester, an amide or a ketone") == [False, True, True]
    assert alternatives("an ester, an amide and a ketone") == [False, False, False]
    assert alternatives("an ester and an amide or a ketone") == [False, False, True]
    assert alternatives("no ester or amide") == [False, False]
