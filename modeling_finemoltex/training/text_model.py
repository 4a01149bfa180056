"""The text side of a run: a tokenizer trained on the corpus, or a pretrained encoder's own."""

from collections.abc import Iterable
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from ..processors.text_normalization_finemoltex import normalize_text
from .preset_defaults import SCRATCH

SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CONTINUATION = "##"
SCRATCH_MAX_LENGTH = 512  # a position table like BERT's: later fine-tuning may use longer texts than pre-training


def train_tokenizer(texts: Iterable[str], vocab_size: int, max_length: int = 512) -> PreTrainedTokenizerFast:
    """Train a lower-casing WordPiece tokenizer; the same texts give the same vocabulary in every process.

    Punctuation and runs of digits are words of their own, so that the locants of a chemical name (`2,4-`) never melt
    into its syllables. The trainer of `tokenizers` numbers the continuation letters (`##a`) in the random order of a
    hash map and breaks ties between merges by these numbers: giving it the letters in order makes it deterministic.

    Args:
        texts (iterable of `str`): The training texts; read twice, so kept in memory.
        vocab_size (`int`): Largest number of word pieces, special tokens included.
        max_length (`int`): `model_max_length` of the tokenizer.

    Returns:
        `PreTrainedTokenizerFast` with `[CLS] text [SEP]` and a `[MASK]` token.

    Raises:
        ValueError: If there is no text to learn from.
    """
    texts = [normalize_text(text).text for text in texts]
    tokenizer = _new_tokenizer({token: number for number, token in enumerate(SPECIAL_TOKENS)})
    letters = _continuation_letters(tokenizer, texts)
    if not letters:
        raise ValueError(f"A tokenizer needs texts with words of two letters or more: got {len(texts)} texts without.")
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        special_tokens=SPECIAL_TOKENS + [CONTINUATION + letter for letter in letters],
        continuing_subword_prefix=CONTINUATION,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    # A second tokenizer with the same vocabulary: in the first one the continuation letters count as special tokens.
    return PreTrainedTokenizerFast(
        tokenizer_object=_new_tokenizer(tokenizer.get_vocab()),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=max_length,
        model_input_names=["input_ids", "attention_mask"],
    )


def build_text_model(
    text_model: str, texts: Iterable[str], vocab_size: int, max_length: int
) -> tuple[PreTrainedTokenizerBase, dict[str, Any]]:
    """Provide the tokenizer and the text configuration of a run.

    Args:
        text_model (`str`): Hub id or folder of a BERT-like encoder, or `"scratch"`.
        texts (iterable of `str`): Training texts; read only for `"scratch"`.
        vocab_size (`int`): Word pieces of a tokenizer from scratch.
        max_length (`int`): Longest text in tokens.

    Returns:
        The tokenizer, and the `text_config` for `FineMolTexConfig.from_preset`: the whole configuration of a
        pretrained encoder; from scratch, only what depends on the corpus, so that the sizes stay those of the preset.

    Raises:
        ValueError: If the encoder has no mask token or is too short for `max_length`.
    """
    if text_model == SCRATCH:
        tokenizer = train_tokenizer(texts, vocab_size, max_length)
        return tokenizer, {
            "vocab_size": len(tokenizer),
            "pad_token_id": tokenizer.pad_token_id,
            "max_position_embeddings": max(SCRATCH_MAX_LENGTH, max_length),
        }
    tokenizer = AutoTokenizer.from_pretrained(text_model)
    config = AutoConfig.from_pretrained(text_model)
    _check_text_encoder(text_model, tokenizer, config, max_length)
    return tokenizer, config.to_dict()


def _check_text_encoder(name: str, tokenizer: Any, config: Any, max_length: int) -> None:
    """Refuse encoders that cannot be trained with masked words or with texts this long."""
    if tokenizer.mask_token_id is None:
        raise ValueError(
            f"The tokenizer of {name} has no mask token, which masked words need. Choose a BERT-like encoder."
        )
    longest = getattr(config, "max_position_embeddings", max_length)
    if max_length > longest:
        raise ValueError(
            f"`max_text_length` is {max_length}, but {name} reads at most {longest} tokens. Give --max_text_length "
            f"{longest} or less."
        )


def _new_tokenizer(vocabulary: dict[str, int]) -> Tokenizer:
    """Assemble the pipeline around a vocabulary: normalise, split, WordPiece, special tokens."""
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", continuing_subword_prefix=CONTINUATION))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Digits(individual_digits=False)]
    )
    tokenizer.decoder = decoders.WordPiece(prefix=CONTINUATION)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def _continuation_letters(tokenizer: Tokenizer, texts: list[str]) -> list[str]:
    """List, sorted, the letters that occur inside words."""
    letters: set[str] = set()
    for text in texts:
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text)):
            letters.update(word[1:])
    return sorted(letters)
