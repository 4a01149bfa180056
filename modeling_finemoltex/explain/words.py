"""Words as readers see them, and the word pieces that a tokenizer makes of them."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

# Names of compounds hold hyphens, commas and brackets ("2,4-dichlorophenyl"): only the ends of a word are stripped.
_WORD = re.compile(r"[^\W_](?:\S*[^\W_])?")


class Word(NamedTuple):
    """A word and its place in the text."""

    text: str
    start: int
    end: int


def split_words(text: str) -> list[Word]:
    """Cut a text at white space; punctuation at either end belongs to no word.

    Example:
    >>> [word.text for word in split_words("An aryl sulfonamide (2,4-xylyl).")]
    ['An', 'aryl', 'sulfonamide', '2,4-xylyl']
    """
    return [Word(match.group(), *match.span()) for match in _WORD.finditer(text)]


def locate_pieces(words: Sequence[Word], offsets: Sequence[tuple[int, int]]) -> Tensor:
    """Tell which word pieces make up each word.

    Args:
        words (sequence of `Word`): `W` words.
        offsets (sequence of pairs): Start and end in the text of each of `T` pieces; empty ones stand for special
            tokens and padding.

    Returns:
        `torch.BoolTensor` of shape `(W, T)`; a row without a piece is a word that was cut off.
    """
    pieces = torch.tensor([tuple(pair) for pair in offsets]).reshape(-1, 2)  # (T, 2)
    spans = torch.tensor([(word.start, word.end) for word in words]).reshape(-1, 2)  # (W, 2)
    overlap = (pieces[:, 0] < spans[:, 1:]) & (pieces[:, 1] > spans[:, :1])  # (W, T)
    return overlap & (pieces[:, 1] > pieces[:, 0])
