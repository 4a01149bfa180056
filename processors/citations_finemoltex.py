"""Citations as databases write them into descriptions: "[A12, L34]", "(PMID: 12345678)", "toxic.[1]", "(ref. 4)".

They say nothing about the molecule, and half of the databases leave them out. But chemistry is full of brackets and
numbers. What might be a locant, an isotope, a ring descriptor, a numbered compound or a part of the sentence is no
citation here.
"""

import functools
import re

# Articles, links and textbooks of DrugBank and T3DB. Files have more digits than an isotope, "[F18]".
_CODE = r"(?:[ALT]\d{1,6}|F\d{3,6}|(?:FDA )?Label|Wikipedia)"
_NUMBERS = r"\d{1,3}(?: ?(?:[,-]|and|&) ?\d{1,3})*"
_PUBMED = (
    r"(?:(?:(?i:pmids?|pubmed(?: ids?)?) ?: ?\d+|(?i:pmids?|pubmed ids?) \d{4,})(?:, ?\d{4,})*"
    r"|(?i:pmcid: ?)?PMC\d{6,})(?!\w)"
)
_DOI = r"(?i:doi): ?10\.\d{4,9}/(?:\([^\s()]*\)|[^\s()\[\],;])+"
_REFERENCE = rf"[Rr]ef(?:s?\. ?|s? |erences? ){_NUMBERS}"  # "(ref6)" is a fluoride in lower case
_NAMED = rf"(?:{_PUBMED}|{_DOI}|{_REFERENCE})"
_AND = r"(?: ?[,;&-] ?| and )"

_MORE_CODES = rf"\[{_CODE}(?:{_AND}(?:{_CODE}|{_NAMED}|\d{{1,3}}))*\]"
_CODES = rf"(?=\[{_CODE})(?=[^\]]{{0,60}}(?:\d\d|Label|Wikipedia)){_MORE_CODES}"  # "[A1]" may be a name
_NAMES = rf"\[{_NAMED}(?:{_AND}(?:{_CODE}|{_NAMED}))*\]"
_ROUND = rf"\((?:see |see also |cf\. )?(?:{_NAMED}|{_CODES})(?:{_AND}(?:{_NAMED}|{_CODES}))*\)"
_ONE = rf"(?:{_CODES}|{_NAMES}|{_ROUND}|\{{ECO:[^{{}}]*\}}|\[citation needed\]|(?<![\w/:|-]){_PUBMED})"
_SEVERAL = rf"{_ONE}(?:{_MORE_CODES}|[,;]?\s?{_ONE})*(?=[\s.,;:!?]|(?<=\])\)|\Z)"
_NUMBERED = rf"\[{_NUMBERS}\](?:,? ?\[{_NUMBERS}\])*"
_NEXT_SENTENCE = r"(?=\s+[A-Z\d(\"']|\s*\Z)"


def _not_after(*words: str) -> str:
    return "".join(rf"(?<!{word})" for word in words)


# After one of these words a citation is a part of the sentence: "compound 3 of PMID:123".
_GOVERNORS = ("of", "from", "in", "by", "to", "as", "at", "with", "and", "or", "see", "per", "the")
_FREE = _not_after(r"[\s(\[{=/+#:-]", *(rf"\b{word}" for word in _GOVERNORS))
# After one of these words numbers are locants, sizes or names; so they are after a prefix, "pyrazolo [1,2]".
_NUMBERED_WORDS = (
    "o ane ene crown ring rings bond bonds atom atoms carbon carbons position positions locant locants compound "
    "compounds molecule molecules structure structures number numbers type types scheme figure table unit units"
).split()

_HINT = r"(?:[\[({]|[Pp][MmUu])"  # without one of these there is no citation
_START = rf"(?=\s{{0,9}}{_HINT})"  # fails at once almost everywhere
_SOME_HINT = re.compile(_HINT)


def has_citation(text: str) -> bool:
    """Tell whether there is a citation in a text.

    Example:
    >>> has_citation("It is toxic [A12, L34]."), has_citation("spiro[4.5]decane")
    (True, False)
    """
    return _SOME_HINT.search(text) is not None and citation_pattern().search(text) is not None


@functools.cache
def citation_pattern() -> re.Pattern[str]:
    """Make the pattern of a citation with what goes with it; a tenth of a second, which most queries do not need."""
    return re.compile(f"{_START}(?:{'|'.join(_list_cases())})")


def _list_cases() -> tuple[str, ...]:
    """List where citations stand."""
    return (
        rf"\A\s*{_SEVERAL}[.,;:]?\s*",
        rf"(?<=[.!?])\s*{_SEVERAL}[.,;]?",
        rf"(?<=[,;])\s*{_SEVERAL}[,;]?",
        rf"{_FREE}\s*{_SEVERAL}",
        rf"(?<=[.!?])\s?\({_CODE}(?:, ?(?:{_CODE}|\d{{1,4}}))*\)\.?{_NEXT_SENTENCE}",
        rf"(?<=[a-z)%][.!?])(?<!delta\.){_NUMBERED}{_NEXT_SENTENCE}",
        rf"(?<=[a-z]{{3}}){_FREE}{_not_after(*_NUMBERED_WORDS)} {_NUMBERED}(?=\.(?:\s|\Z))",
    )
