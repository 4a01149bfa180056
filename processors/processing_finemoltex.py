"""The processor: molecules and texts -> one batch of model inputs."""

from collections.abc import Sequence
from typing import Any

from rdkit import Chem
from transformers import BatchEncoding, BatchFeature, ProcessorMixin
from transformers.utils import logging

from .conformer_view_finemoltex import CONFORMER
from .feature_extraction_finemoltex import FineMolTexFeatureExtractor
from .text_normalization_finemoltex import normalize_text

logger = logging.get_logger(__name__)


# Options of the tokenizer that change `input_ids` and `attention_mask`, all that the model reads.
TOKENIZER_OPTIONS = ("add_special_tokens", "pad_to_multiple_of", "padding_side", "verbose")


class FineMolTexProcessor(ProcessorMixin):
    """Feature extractor for molecules and tokenizer for texts, as one object that is saved and loaded together.

    Args:
        feature_extractor (`FineMolTexFeatureExtractor`, *optional*): The molecule side; the default one if absent.
        tokenizer (`PreTrainedTokenizerBase`): The text side, any BERT-like tokenizer.

    Example:
    >>> batch = processor(smiles=["CCO", "c1ccccc1"], text=["an alcohol", "an arene"])
    >>> batch["motif_counts"].tolist(), len(batch["input_ids"])
    ([1, 1], 2)
    """

    def __init__(self, feature_extractor=None, tokenizer=None, **kwargs):
        if tokenizer is None:
            raise ValueError(
                "`FineMolTexProcessor` needs a `tokenizer`: pass one, for example AutoTokenizer.from_pretrained(...)."
            )
        super().__init__(feature_extractor or FineMolTexFeatureExtractor(), tokenizer, **kwargs)

    @property
    def model_input_names(self) -> list[str]:
        """Names of the tensors a batch with both sides holds, in their order."""
        return ["input_ids", "attention_mask", *self.feature_extractor.model_input_names]

    def __call__(
        self,
        smiles: str | Sequence[str] | None = None,
        text: str | Sequence[str] | None = None,
        return_tensors: str | None = "pt",
        padding: bool | str = True,
        truncation: bool | str = True,
        max_length: int | None = None,
        on_error: str = "raise",
        **kwargs,
    ) -> BatchFeature:
        """Prepare molecules, texts or pairs of both.

        Args:
            smiles (`str` or sequence of `str` or `rdkit.Chem.Mol`, *optional*): `B` molecules; a single one is a
                batch of one.
            text (`str` or `Sequence[str]`, *optional*): `B` texts; a string is a batch of one.
            return_tensors (`str`, *optional*, defaults to `"pt"`): `"pt"`, `"np"` or `None`.
            padding (`bool` or `str`, *optional*, defaults to `True`): As in tokenizers.
            truncation (`bool` or `str`, *optional*, defaults to `True`): As in tokenizers; one warning if it happens.
            max_length (`int`, *optional*): Tokens per text; the tokenizer's `model_max_length` if absent.
            on_error (`str`, *optional*, defaults to `"raise"`): `"skip"` leaves out molecules that cannot be
                featurised together with their texts, and adds the list `kept_indices`.
            kwargs: Passed to the tokenizer; `TOKENIZER_OPTIONS` lists what is allowed.

        Returns:
            `BatchFeature`: `input_ids` and `attention_mask` (B, T) if texts are given, then the molecule tensors of
            `FineMolTexFeatureExtractor.collate` if molecules are given.

        Raises:
            TypeError: If an argument is unknown.
            ValueError: If neither side is given, their numbers differ, or an entry is bad.
        """
        _check_options(kwargs)
        if smiles is None and text is None:
            raise ValueError("Nothing to process: pass `smiles`, `text`, or both.")
        texts = None if text is None else _check_texts(text)
        molecules: dict[str, Any] = {}
        if smiles is not None:
            smiles = [smiles] if isinstance(smiles, str | Chem.Mol) else smiles
            if texts is not None and hasattr(smiles, "__len__") and len(smiles) != len(texts):
                raise ValueError(
                    f"`smiles` and `text` must have the same length to form pairs, got {len(smiles)} molecules and "
                    f"{len(texts)} texts. Leave one out to process a single side."
                )
            rows, kept = self.feature_extractor.featurize_batch(smiles, on_error=on_error)
            molecules = dict(self.feature_extractor.collate(rows, return_tensors=return_tensors))
            if on_error == "skip":
                molecules["kept_indices"] = kept
                texts = None if texts is None else [texts[index] for index in kept]
        data: dict[str, Any] = {}
        if texts is not None:
            data = self._tokenize(
                texts, truncation, max_length, padding=padding, return_tensors=return_tensors, **kwargs
            )
        return BatchFeature({**data, **molecules})

    def use_conformers(self, wanted: bool) -> None:
        """Read molecules with a conformer from now on, or without; saved with the processor.

        Args:
            wanted (`bool`): Compute a conformer of each molecule, for a model whose encoder reads one.

        Example:
        >>> own = FineMolTexProcessor(FineMolTexFeatureExtractor(views=["graph", "paths"]), processor.tokenizer)
        >>> own.use_conformers(True)
        >>> own(smiles=["CCO"])["has_conformer"].tolist()
        [1]
        """
        kept = [name for name in self.feature_extractor.views if name != CONFORMER]
        self.feature_extractor = self.feature_extractor.with_views([*kept, *([CONFORMER] if wanted else [])])

    def tokenize_texts(self, texts: Sequence[str], **kwargs) -> BatchEncoding:
        """Tokenise texts after `normalize_text`, as every text that a model reads.

        Args:
            texts (sequence of `str`): `B` texts.
            kwargs: Passed to the tokenizer.

        Returns:
            `BatchEncoding`: What the tokenizer returns; an `offset_mapping` points into the normalised texts.

        Example:
        >>> plain, copied = processor.tokenize_texts(["beta-lactam", "\u03b2\u2010lactam"])["input_ids"]
        >>> plain == copied
        True
        """
        return self.tokenizer([normalize_text(text).text for text in texts], **kwargs)

    def decode_motifs(self, *args, **kwargs) -> list[str]:
        """Translate motif ids to labels; see `FineMolTexFeatureExtractor.decode_motifs`."""
        return self.feature_extractor.decode_motifs(*args, **kwargs)

    def draw_motifs(self, *args, **kwargs) -> str | bytes:
        """Draw the motifs of a molecule; see `FineMolTexFeatureExtractor.draw_motifs`."""
        return self.feature_extractor.draw_motifs(*args, **kwargs)

    def _tokenize(self, texts: list[str], truncation: bool | str, max_length: int | None, **kwargs) -> dict[str, Any]:
        """`input_ids` and `attention_mask` of shape (B, T); the model has no token types."""
        encoded = self.tokenize_texts(
            texts,
            truncation=truncation,
            max_length=max_length,
            return_token_type_ids=False,
            return_attention_mask=True,
            **kwargs,
        )
        encodings = getattr(encoded, "encodings", None) or ()
        num_truncated = sum(bool(encoding.overflowing) for encoding in encodings)
        if num_truncated:
            logger.warning_once(
                f"At least one text is longer than {max_length or self.tokenizer.model_max_length} tokens and was "
                "truncated. This is said once."
            )
        return {name: encoded[name] for name in ("input_ids", "attention_mask")}


def _check_options(options: dict[str, Any]) -> None:
    """Refuse what the tokenizer would ignore, or what would not reach the model."""
    unknown = sorted(set(options) - set(TOKENIZER_OPTIONS))
    if unknown:
        raise TypeError(
            f"The processor takes no argument {', '.join(unknown)}. Beside its own it passes "
            f"{', '.join(TOKENIZER_OPTIONS)} to the tokenizer."
        )


def _check_texts(text: Any) -> list[str]:
    """Take one text for a batch of one."""
    if isinstance(text, str):
        return [text]
    if isinstance(text, bytes | dict) or not hasattr(text, "__iter__"):
        raise ValueError(f"`text` must be a string or a sequence of strings, got {type(text).__name__}.")
    texts = list(text)
    if not texts:
        raise ValueError("No text given: pass a string or a non-empty list of strings.")
    for index, one in enumerate(texts):
        if not isinstance(one, str):
            raise ValueError(f"Each text must be a string, got {type(one).__name__} {one!r:.80} at index {index}.")
    return texts
