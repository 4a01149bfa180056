"""What the words of a prompt say: whether a model knows any of them, and which properties they name."""

import re
from typing import Any

from ..processors.text_normalization_finemoltex import normalize_text

# Letters for each piece, from which on a word counts as read: 'asp' + '##irin' is, 'nic' + '##e' is not.
LEAST_PIECE = 3.0
# Words that say nothing about a molecule by themselves.
FUNCTION_WORDS = frozenset(
    """
    a about add also an and any are as at be become been being better but by can change compound compounds contain
    contains contained could decrease decreased did different do does each even fewer for from gain get give good great
    greater had has have having high higher i if in increase increased into is it its just keep large larger less like
    likes little look looks low lower made make makes many me molecule molecules more most much must my need no nor not
    of on one or other our please properties property remove replace same shall she should show shows so some such than
    that the their them then there these they thing this those to too two up very want was we were what when which
    while will with without worse would you your
    """.split()
)
# Descriptor -> how its name in a prompt begins.
_NAMED = {
    "MolLogP": r"solub|insolub|lipophil|hydrophil|hydrophob|log ?p\b|water|greas",
    "TPSA": r"permea|imperm|polar|nonpolar|tpsa|psa\b",
    "qed": r"drug|qed",
    "NumHAcceptors": r"accept",
    "NumHDonors": r"donor|donat",
    "MolWt": r"weigh|heav|light|mass\b|small|large|big",
    "NumRotatableBonds": r"rotat|flexib|rigid",
    "RingCount": r"rings?\b|(?:mono|bi|tri|poly)?cycl|ring",
    "NumAromaticRings": r"aromatic",
}
NAMED_PROPERTIES = {name: re.compile(rf"\b(?:{words})", re.IGNORECASE) for name, words in _NAMED.items()}


def find_named_properties(prompt: str) -> list[str]:
    """List the descriptors that a prompt names, which an answer shows first; they guide nothing.

    Example:
    >>> find_named_properties("This molecule is soluble in water and has more hydrogen bond donors.")
    ['MolLogP', 'NumHDonors']
    """
    return [name for name, words in NAMED_PROPERTIES.items() if words.search(prompt)]


def has_known_word(tokenizer: Any, sentence: str) -> bool:
    """Tell whether a model can know what a sentence asks for: whether it reads a word that says something.

    Args:
        tokenizer (`PreTrainedTokenizer`): Of the model.
        sentence (`str`): A clause of a prompt.

    Returns:
        `bool`: `True` if a word, other than those of every sentence, is one piece of the tokenizer or a few long ones.

    Example:
    >>> [has_known_word(processor.tokenizer, text) for text in ("It is an alcohol.", "It is blorpish.")]
    [True, False]
    """
    words = re.findall(r"[^\W_]+", normalize_text(sentence).text)
    return any(_is_read(tokenizer, word) for word in words if word.lower() not in FUNCTION_WORDS)


def _is_read(tokenizer: Any, word: str) -> bool:
    """Tell whether the pieces of a word are more than letters."""
    pieces = tokenizer(word, add_special_tokens=False)["input_ids"]
    if not pieces or tokenizer.unk_token_id in pieces:
        return False
    return len(word) > 1 if len(pieces) == 1 else len(word) / len(pieces) >= LEAST_PIECE
