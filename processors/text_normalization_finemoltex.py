"""One spelling for every text: what papers, web pages and databases write in several ways becomes plain characters.

Texts of training, embedding, search and explanation all pass through here, in `FineMolTexProcessor`. Plain ASCII text
stays as it is, but for HTML tags, HTML entities, control characters and the citations of databases.
"""

import html
import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from .citations_finemoltex import citation_pattern, has_citation

_UNUSUAL = re.compile(r"[^\t\n\r -~]|[<&]")  # a text without any of these is plain
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_BLOCKS = r"br|dd|div|dl|dt|h[1-6]|hr|li|ol|p|sec|table|td|th|title|tr|ul"
_SPANS = (
    r"a|abbr|b|bold|big|cite|code|del|dfn|em|font|i|inf|ins|italic|kbd|mark|math|mi|mn|mo|mrow|ms[uo][bp]|q|s|sc|scp|"
    r"small|span|strike|strong|sub|sup|tt|u|var"
)
_ATTRIBUTE = r"""\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]+)"""
_TAG = re.compile(
    rf"<!--.*?-->|</?(?:[a-z]+:)?(?:{_BLOCKS}|{_SPANS})(?:{_ATTRIBUTE})*\s*/?>", re.IGNORECASE | re.DOTALL
)
_BLOCK = re.compile(rf"</?(?:[a-z]+:)?(?:{_BLOCKS})\b", re.IGNORECASE)
# Controls, format characters (zero-width ones, soft hyphen, byte-order mark), lone surrogates, variation selectors.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffc\ud800-\udfff\U000e0000-\U000e0fff]"
)
_CLUSTER = re.compile("(?s:.)[\u0300-\u036f\u20d0-\u20f0]+|[^\x00-\x7f]")  # a letter with its accents
_GREEK_LETTER = re.compile("([\u0370-\u03ff\u1f00-\u1fff])[\u0300-\u036f]*")
_GREEK_NAME = re.compile(
    "GREEK (SMALL|CAPITAL) LETTER (?:FINAL )?(ALPHA|BETA|GAMMA|DELTA|EPSILON|ZETA|ETA|THETA|IOTA|KAPPA|LAMDA|MU|NU|XI|"
    r"OMICRON|PI|RHO|SIGMA|TAU|UPSILON|PHI|CHI|PSI|OMEGA)\b"
)
_MICRO = re.compile("\u03bc(?=(?:mol|[AFJLMNVWglms])(?![A-Za-z]))")  # before a unit, "u" as in "5 uM"
# What compatibility composition leaves, or would spell otherwise.
_PLAIN = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u02d7\ufe58\ufe63\uff0d\u2e3a\u2e3b", "-"),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2035\u2039\u203a\u02b9\u02bb\u02bc\u00b4\uff07", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02", '"'),
    **dict.fromkeys("\u2033\u2036\u02ba", "''"),
    **dict.fromkeys("\u0085\u2028\u2029", " "),
    **dict.fromkeys("\u2122\u00ae", ""),
    "\u2034": "'''", "\u2044": "/", "\u00ba": "\u00b0", "\u00d7": "x", "\u00b1": "+/-", "\u2264": "<=", "\u2265": ">=",
    "\u2192": "->", "\u2190": "<-", "\u2194": "<->",
}  # fmt: skip
_PLAIN_CHARACTER = re.compile(f"[{re.escape(''.join(_PLAIN))}]")


class NormalizedText(NamedTuple):
    """A plain text, and where each of its characters comes from."""

    text: str
    offsets: tuple[tuple[int, int], ...] | None  # start and end in the original of each character; None: unchanged

    def locate(self, start: int, end: int) -> tuple[int, int]:
        """Find a piece of the plain text in the original.

        Args:
            start (`int`): Where the piece starts.
            end (`int`): Where it ends; later than `start`.

        Returns:
            `tuple[int, int]`: Start and end in the original.

        Example:
        >>> normalize_text("a \u03b2-lactam").locate(2, 13)
        (2, 10)
        """
        if self.offsets is None:
            return start, end
        return self.offsets[start][0], self.offsets[end - 1][1]


def normalize_text(text: str) -> NormalizedText:
    """Write a text in plain characters.

    Greek letters become their names, HTML tags go and entities become characters; sub- and superscripts, full-width
    and compatibility characters, dashes, primes, quotes and blanks become those of ASCII; invisible characters go.
    Letters with accents stay. Citations such as "[A12, L34]" and "(PMID: 12345678)" go, unless there is nothing else.

    Args:
        text (`str`): Any text.

    Returns:
        `NormalizedText`: Text and offsets. A normalised text stays as it is when it is normalised again.

    Example:
    >>> normalize_text("5-hydroxy-2<i>H</i>-pyran").text, normalize_text("CO\u2082 &amp; \u03b1-\u200bpinene").text
    ('5-hydroxy-2H-pyran', 'CO2 & alpha-pinene')
    >>> normalize_text("Spiro[4.5]decane is toxic [A12, L34].").text
    'Spiro[4.5]decane is toxic.'
    """
    if not _UNUSUAL.search(text) and not has_citation(text):
        return NormalizedText(text, None)
    draft = _Draft(text)
    _write_plainly(draft)
    while has_citation(draft.text) and citation_pattern().sub("", draft.text).strip():
        draft.replace(citation_pattern(), lambda _: "")
        _write_plainly(draft)  # what a citation held apart
    return NormalizedText(draft.text, None if draft.text == text else tuple(draft.offsets))


def _write_plainly(draft: "_Draft") -> None:
    """Replace what is no plain character."""
    if not _UNUSUAL.search(draft.text):
        return
    for _ in range(2):  # some exports escape twice: "&amp;alpha;"
        draft.replace(_ENTITY, html.unescape)
    draft.replace(_TAG, lambda tag: " " if _BLOCK.match(tag) else "")
    draft.replace(_INVISIBLE, lambda _: "")
    draft.replace(_PLAIN_CHARACTER, _PLAIN.__getitem__)
    draft.replace(_CLUSTER, lambda cluster: unicodedata.normalize("NFKC", cluster))
    draft.replace(_PLAIN_CHARACTER, _PLAIN.__getitem__)  # those that hid in a compatibility character
    draft.replace(_MICRO, lambda _: "u")
    draft.replace(_GREEK_LETTER, _name_greek)


class _Draft:
    """A text under way, with the place in the original of each character."""

    def __init__(self, text: str) -> None:
        self.text, self.offsets = text, [(place, place + 1) for place in range(len(text))]

    def replace(self, pattern: re.Pattern[str], function: Callable[[str], str]) -> None:
        """Replace every match; the new characters come from all of it."""
        parts, offsets, done = [], [], 0
        for match in pattern.finditer(self.text):
            start, end = match.span()
            new = function(match[0])
            parts += [self.text[done:start], new]
            offsets += self.offsets[done:start]
            offsets += [(self.offsets[start][0], self.offsets[end - 1][1])] * len(new)
            done = end
        if parts:
            self.text = "".join((*parts, self.text[done:]))
            self.offsets = offsets + self.offsets[done:]


def _name_greek(letter: str) -> str:
    """Name a Greek letter: "alpha", "Delta"; accents do not count."""
    found = _GREEK_NAME.match(unicodedata.name(letter[0], ""))
    if found is None:
        return letter
    name = found[2].lower().replace("lamda", "lambda")
    return name.capitalize() if found[1] == "CAPITAL" else name
