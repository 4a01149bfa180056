"""Texts to word ids, as the processor of the model makes them, by the library `tokenizers` alone."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from ..processors.text_normalization_finemoltex import normalize_text

logger = logging.getLogger(__name__)


class TextTokenizer:
    """The tokenizer of an exported model.

    Args:
        state (`str`): What `tokenizer.json` holds.
        max_length (`int`): Longer texts are cut to so many ids.
        pad_id, unknown_id (`int`), pad_token (`str`): Of the tokenizer.
    """

    def __init__(self, state: str, max_length: int, pad_id: int, unknown_id: int, pad_token: str) -> None:
        self._tokenizer, self.max_length, self.unk_token_id = Tokenizer.from_str(state), max_length, unknown_id
        self._words = Tokenizer.from_str(state)  # never cuts
        self._tokenizer.enable_truncation(max_length)
        self._tokenizer.enable_padding(pad_id=pad_id, pad_token=pad_token)
        self._has_warned = False

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        """Cut one text into pieces, as it is: neither normalised nor shortened.

        Args:
            text (`str`): A text or a word.
            add_special_tokens (`bool`): Put it between the tokens that begin and end a text.
        """
        return {"input_ids": self._words.encode(text, add_special_tokens=add_special_tokens).ids}

    def tokenize_texts(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """Normalise texts and turn them into word ids.

        Args:
            texts (sequence of `str`): `B` texts, at least one.

        Returns:
            `dict[str, np.ndarray]`: `input_ids` and `attention_mask`, (B, T) int64 each.

        Raises:
            ValueError: If there is no text.
        """
        if not texts:
            raise ValueError("No text given: pass a non-empty list of strings.")
        encoded = self._tokenizer.encode_batch([normalize_text(text).text for text in texts])
        if not self._has_warned and any(one.overflowing for one in encoded):
            self._has_warned = True
            logger.warning(
                "At least one text is longer than %d tokens and was truncated. This is said once.", self.max_length
            )
        return {
            "input_ids": np.array([one.ids for one in encoded], dtype=np.int64),
            "attention_mask": np.array([one.attention_mask for one in encoded], dtype=np.int64),
        }


class OnnxProcessor:
    """What prepares inputs, under the names that [`FineMolTexProcessor`] has for them.

    Args:
        feature_extractor (`FineMolTexFeaturizer`): The molecule side.
        tokenizer ([`TextTokenizer`]): The text side.
    """

    def __init__(self, feature_extractor: Any, tokenizer: TextTokenizer) -> None:
        self.feature_extractor, self.tokenizer = feature_extractor, tokenizer

    def __call__(self, text: Sequence[str], **kwargs: Any) -> dict[str, np.ndarray]:
        """Turn texts into word ids, padded and cut to the tokenizer's `max_length`; other options play no part."""
        return self.tokenizer.tokenize_texts(text)
