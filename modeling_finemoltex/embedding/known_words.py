"""Which words of a text a model has never read: its tokenizer has no pieces for them."""

import re
from typing import Any

from ..processors.text_normalization_finemoltex import normalize_text

LEAST_LETTERS = 4  # of a word that counts as spelled letter by letter


def unknown_words(tokenizer: Any, text: str) -> list[str]:
    """List the words of a text that a model cannot know.

    Args:
        tokenizer (`PreTrainedTokenizer`): Of the model.
        text (`str`): A query.

    Returns:
        `list[str]`: Words with a piece that is [UNK] or spelled letter by letter; each once, in order.

    Example:
    >>> unknown_words(encoder.processor.tokenizer, "an alcohol \u4e2d")
    ['\u4e2d']
    """
    words = dict.fromkeys(re.findall(r"\w+", normalize_text(text).text))
    return [word for word in words if _is_unknown(tokenizer, word)]


def _is_unknown(tokenizer: Any, word: str) -> bool:
    """Tell whether the pieces of a word say nothing."""
    pieces = tokenizer(word, add_special_tokens=False)["input_ids"]
    return tokenizer.unk_token_id in pieces or (len(word) >= LEAST_LETTERS and len(pieces) >= len(word))
