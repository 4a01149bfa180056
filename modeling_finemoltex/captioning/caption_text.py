"""Captions between text and the tokens of a writer."""

import re
from typing import Any

from ..processors.text_normalization_finemoltex import normalize_text

# A word-piece tokenizer splits at every mark, and its decoder cannot know where blanks stood. In chemistry there are
# none around hyphens and primes, inside brackets, nor between the numbers of a list of positions.
_TIDY = (
    (re.compile(r"\s*([-'\u2019])\s*"), r"\1"),
    (re.compile(r"->\s*"), "->"),
    (re.compile(r"([(\[{])\s+"), r"\1"),
    (re.compile(r"\s+([)\]},.:;%])"), r"\1"),
    (re.compile(r"(?<=\d)\s*([,:+/])\s*(?=\d)"), r"\1"),
    (re.compile(r"(?<=-)([A-Za-z0-9])\s*,\s*(?=[A-Za-z0-9]-)"), r"\1,"),
    (re.compile(r"(?<=[)\]])(?=[a-z]{2})"), " "),
)
_SENTENCE = re.compile(r"(?:^|(?<=[.!?]\s))([a-z])")


def tidy_caption(text: str) -> str:
    """Write the output of a word-piece decoder as people write: marks at their words, sentences with a capital.

    Args:
        text (`str`): Words and marks with blanks between them.

    Example:
    >>> tidy_caption("the molecule is 2 - hydroxy - 3 ' - dione ( an acid ) . it is new .")
    "The molecule is 2-hydroxy-3'-dione (an acid). It is new."
    """
    for pattern, replacement in _TIDY:
        text = pattern.sub(replacement, text)
    return _SENTENCE.sub(lambda found: found[1].upper(), " ".join(text.split()))


def encode_caption(tokenizer: Any, text: str, max_length: int) -> list[int]:
    """Turn a caption into tokens that end with the token that ends a text; without the one that starts it.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): Of the writer.
        text (`str`): The caption.
        max_length (`int`): Most tokens; a longer caption is cut, and does not end.

    Returns:
        `list[int]` of at most `max_length` ids.
    """
    plain = normalize_text(text).text
    ids = tokenizer(plain, add_special_tokens=False, truncation=False, padding=False, verbose=False)["input_ids"]
    return [*ids, end_of(tokenizer)][:max_length]


def start_of(tokenizer: Any) -> int:
    """Give the token with which a writer starts: [CLS] of a BERT, the padding of a T5."""
    found = tokenizer.cls_token_id if tokenizer.cls_token_id is not None else tokenizer.bos_token_id
    return tokenizer.pad_token_id if found is None else found


def end_of(tokenizer: Any) -> int:
    """Give the token that ends a text: [SEP] of a BERT, the end of a T5.

    Raises:
        ValueError: If the tokenizer has none.
    """
    found = tokenizer.sep_token_id if tokenizer.eos_token_id is None else tokenizer.eos_token_id
    if found is None:
        raise ValueError(
            f"A {type(tokenizer).__name__} has neither `eos_token` nor `sep_token`: a caption cannot end."
        )
    return found
